"""The letters about a subscription: confirm, already, welcome, goodbye, and the link to a copy."""

from dataclasses import dataclass

from digest.formatting import (
    fit_words,
    format_authors,
    frequency_label,
    join_words,
    safe_url,
    single_line,
    truncate,
    truncate_cached,
)
from digest.mail import EmailContent
from digest.rendering.contexts import (
    AlreadySubscribedContext,
    ConfirmContext,
    CopyLinkContext,
    GoodbyeContext,
    PaperView,
    SendTime,
    WelcomeContext,
)
from digest.rendering.paper_card import TextPart, split_text
from digest.rendering.templates import render_email

SHOWN = 12  # keywords named in a letter


SHOWN_LENGTH = 600  # characters of them


KEYWORD = 60  # characters of one keyword


TITLE = 200


REASONS = 3  # keywords named as the reason for one paper


@dataclass(frozen=True, slots=True)
class First:
    """One of the first papers, as the welcome shows it."""

    title: tuple[TextPart, ...]
    url: str | None
    byline: str
    why: str


def render_confirm(words: ConfirmContext) -> EmailContent:
    return render_email(
        "confirm",
        {
            "product": words.product,
            "confirm_url": words.confirm_url,
            "hours": words.hours,
            "postal_address": single_line(words.postal_address),
        },
    )


def render_welcome(words: WelcomeContext) -> EmailContent:
    first = words.first
    return render_email(
        "welcome",
        {
            "product": words.product,
            "address": single_line(words.address),
            "often": frequency_label(words.frequency),
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
            "postal_address": single_line(words.postal_address),
        },
    )


def _first(paper: PaperView, words: WelcomeContext) -> First:
    places = [(words.keywords[number], place) for number, place in paper.where if number < len(words.keywords)]
    said = [f"{truncate(keyword, KEYWORD)} in {place}" for keyword, place in places]
    why = join_words(said[:REASONS], max(0, len(said) - REASONS), "keyword")
    return First(
        title=split_text(paper.title, paper.title_spans, TITLE),
        url=safe_url(paper.url),
        byline=format_authors(paper.authors),
        why=f"Matched {why}" if said else "Among the most upvoted",
    )


def render_already_subscribed(words: AlreadySubscribedContext) -> EmailContent:
    return render_email(
        "already",
        {
            "product": words.product,
            "preferences_url": words.preferences_url,
            "postal_address": single_line(words.postal_address),
        },
    )


def render_copy_link(words: CopyLinkContext) -> EmailContent:
    return render_email(
        "copy",
        {
            "product": words.product,
            "day": words.day,
            "view_url": words.view_url,
            "preferences_url": words.preferences_url,
            "postal_address": single_line(words.postal_address),
        },
    )


def render_goodbye(words: GoodbyeContext) -> EmailContent:
    return render_email(
        "goodbye",
        {
            "product": words.product,
            "return_url": words.return_url,
            "days": words.days,
            "subscribe_url": words.subscribe_url,
            "postal_address": single_line(words.postal_address),
        },
    )


def keywords(written: tuple[str, ...]) -> tuple[str, ...]:
    """As many keywords as a letter names, each on one line and not too long."""
    return fit_words([truncate_cached(keyword, KEYWORD) for keyword in written], limit=SHOWN_LENGTH, max_count=SHOWN)


def clock(when: SendTime) -> str:
    """08:00 (Europe/Berlin)."""
    return f"{when.hour:02}:00 ({when.timezone.replace('_', ' ')})"
