"""Small words: plurals, dates, names in a row. English, the same on every machine whatever its locale."""

import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


OFTEN = {"daily": "every day", "weekdays": "every weekday", "weekly": "once a week"}


NAMED = 3  # authors named before the last one


MAX_NAME_LENGTH = 60  # characters of one name


# Breaks and controls become a space; what could turn the direction of the text around it, and halves of
# characters that have no UTF-8 form, go away.
_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")


_UNSEEN = re.compile("[\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]+")


_WEB = re.compile(r"https?://[^\s<>\"'`\\^{|}]+", re.IGNORECASE)


LONGEST_URL = 2000


def clean_line(text: str) -> str:
    """Text from outside as one line. Spaces at its ends stay, as it may be a piece of a longer text."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text
    return _BREAKS.sub(" ", _UNSEEN.sub("", text))


def single_line(text: str, limit: int = 300) -> str:
    return truncate(text, limit)


def truncate(text: str, limit: int) -> str:
    """At most `limit` characters, with an ellipsis where something is missing."""
    text = clean_line(text).strip()
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


# The same for what many letters name: keywords and titles.
truncate_cached = lru_cache(maxsize=8192)(truncate)


def safe_url(url: str | None) -> str | None:
    """An address that may stand in a link: http or https and nothing that could leave an attribute. Else None."""
    if not url or len(url) > LONGEST_URL or clean_line(url) != url or not _WEB.fullmatch(url):
        return None
    return url


def format_number(value: int) -> str:
    return f"{value:,}"


def pluralize(value: int, word: str) -> str:
    """1 paper, 2 papers, 1,234 papers."""
    return f"{format_number(value)} {word}{'' if value == 1 else 's'}"


def format_day(when: date) -> str:
    """Thursday 30 October."""
    return f"{WEEKDAYS[when.weekday()]} {when.day} {MONTHS[when.month - 1]}"


def format_date(when: date, today: date | None = None) -> str:
    """30 October 2025; without the year when it is the year of `today`."""
    year = "" if today is not None and today.year == when.year else f" {when.year}"
    return f"{when.day} {MONTHS[when.month - 1]}{year}"


def frequency_label(frequency: str) -> str:
    """The reader's frequency in words."""
    return OFTEN[frequency]


def join_words(words: Sequence[str], more: int = 0, noun: str = "") -> str:
    """a, b and c; with `more`: a, b, c and 5 more (5 more keywords)."""
    said = [
        *words,
        f"{format_number(more)} more {noun}{'' if more == 1 else 's'}" if noun else f"{format_number(more)} more",
    ]
    said = said if more else list(words)
    return f"{', '.join(said[:-1])} and {said[-1]}" if len(said) > 1 else "".join(said)


def fit_words(words: Sequence[str], *, limit: int, max_count: int) -> tuple[str, ...]:
    """The first words, at most `most`, that fit into `limit` characters with commas between; one in any case."""
    kept: list[str] = []
    for word in words[:max_count]:
        limit -= len(word) + 2
        if kept and limit < 0:
            break
        kept.append(word)
    return tuple(kept)


def format_authors(authors: Sequence[str]) -> str:
    """All of up to four authors; else the first three, the last, and how many between them are not named."""
    names = [truncate(name, MAX_NAME_LENGTH) for name in authors if name.strip()]
    hidden = len(names) - NAMED - 1
    if hidden <= 0:
        return ", ".join(names)
    return f"{', '.join(names[:NAMED])} … {names[-1]}, +{format_number(hidden)}"


def format_first_author(authors: Sequence[str]) -> str:
    """The short form for a row: the first author, and how many more."""
    names = [truncate(name, MAX_NAME_LENGTH) for name in authors[:1] if name.strip()]
    if not names:
        return ""
    return names[0] if len(authors) == 1 else f"{names[0]} +{format_number(len(authors) - 1)}"
