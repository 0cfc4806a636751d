"""The letters about a subscription: confirm, already, welcome, goodbye, and the link to a copy."""

from dataclasses import dataclass

from digest.letters import say
from digest.letters.marked import Piece, pieces
from digest.letters.templates import letter
from digest.letters.values import (
    AlreadyWords,
    Clock,
    ConfirmWords,
    CopyWords,
    GoodbyeWords,
    Letter,
    LetterPaper,
    WelcomeWords,
)

SHOWN = 12  # keywords named in a letter
SHOWN_LENGTH = 600  # characters of them
KEYWORD = 60  # characters of one keyword
TITLE = 200
REASONS = 3  # keywords named as the reason for one paper


@dataclass(frozen=True, slots=True)
class First:
    """One of the first papers, as the welcome shows it."""

    title: tuple[Piece, ...]
    url: str | None
    byline: str
    why: str


def confirm(words: ConfirmWords) -> Letter:
    return letter(
        "confirm",
        {
            "product": words.product,
            "confirm_url": words.confirm_url,
            "hours": words.hours,
            "postal_address": say.one_line(words.postal_address),
        },
    )


def welcome(words: WelcomeWords) -> Letter:
    first = words.first
    return letter(
        "welcome",
        {
            "product": words.product,
            "address": say.one_line(words.address),
            "often": say.often(words.frequency),
            "weekly": words.frequency == "weekly",
            "clock": clock(words.clock),
            "keywords": keywords(words.keywords),
            "more_keywords": len(words.keywords) - len(keywords(words.keywords)),
            "exclusions": keywords(words.exclusions),
            "first_on": words.first_on,
            "first": first,
            "papers": [_first(paper, words) for paper in first.papers] if first else [],
            "more": first.matched - len(first.papers) if first else 0,
            "preferences_url": words.preferences_url,
            "unsubscribe_url": words.unsubscribe_url,
            "postal_address": say.one_line(words.postal_address),
        },
    )


def _first(paper: LetterPaper, words: WelcomeWords) -> First:
    places = [(words.keywords[number], place) for number, place in paper.where if number < len(words.keywords)]
    said = [f"{say.cut(keyword, KEYWORD)} in {place}" for keyword, place in places]
    why = say.listed(said[:REASONS], max(0, len(said) - REASONS), "keyword")
    return First(
        title=pieces(paper.title, paper.title_spans, TITLE),
        url=say.web_address(paper.url),
        byline=say.byline(paper.authors),
        why=f"Matched {why}" if said else "Among the most upvoted",
    )


def already(words: AlreadyWords) -> Letter:
    return letter(
        "already",
        {
            "product": words.product,
            "preferences_url": words.preferences_url,
            "postal_address": say.one_line(words.postal_address),
        },
    )


def copy(words: CopyWords) -> Letter:
    return letter(
        "copy",
        {
            "product": words.product,
            "day": words.day,
            "view_url": words.view_url,
            "preferences_url": words.preferences_url,
            "postal_address": say.one_line(words.postal_address),
        },
    )


def goodbye(words: GoodbyeWords) -> Letter:
    return letter(
        "goodbye",
        {
            "product": words.product,
            "return_url": words.return_url,
            "days": words.days,
            "subscribe_url": words.subscribe_url,
            "postal_address": say.one_line(words.postal_address),
        },
    )


def keywords(written: tuple[str, ...]) -> tuple[str, ...]:
    """As many keywords as a letter names, each on one line and not too long."""
    return say.leading([say.short(keyword, KEYWORD) for keyword in written], limit=SHOWN_LENGTH, most=SHOWN)


def clock(when: Clock) -> str:
    """08:00 (Europe/Berlin)."""
    return f"{when.hour:02}:00 ({when.timezone.replace('_', ' ')})"
