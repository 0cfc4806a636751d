"""Text and colors for people: plurals, dates, names in a row, truncation; contrast (WCAG 2.2), and tints.

English, whatever the locale of the machine. Colors are written as #rrggbb.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
REPEATED_WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
# What is counted, for one and for many: whole, as a translator needs it.
COUNTED_NOUNS = {
    "alert": "alerts",
    "attempt": "attempts",
    "comment": "comments",
    "day": "days",
    "digest": "digests",
    "e-mail": "e-mails",
    "entry": "entries",
    "feed": "feeds",
    "fetch": "fetches",
    "hour": "hours",
    "invalid line": "invalid lines",
    "keyword": "keywords",
    "match": "matches",
    "message": "messages",
    "more author": "more authors",
    "more group": "more groups",
    "more keyword": "more keywords",
    "more line": "more lines",
    "more paper": "more papers",
    "more problem": "more problems",
    "more source": "more sources",
    "more word": "more words",
    "new paper": "new papers",
    "paper": "papers",
    "star": "stars",
    "subscriber": "subscribers",
    "template": "templates",
    "upvote": "upvotes",
}
FREQUENCY_LABELS = {
    "daily": "every day",
    "weekdays": "every weekday",
    "weekly": "once a week, on {weekdays}",
    "monthly": "once a month, on the 1st",
}
SHOWN_AUTHORS = 3  # before the last one
MAX_NAME_LENGTH = 60  # characters of one author's name
MAX_URL_LENGTH = 2000
WHITE = "#ffffff"
MIN_CONTRAST = 4.5  # of text (WCAG 2.2, 1.4.3, AA)
TINT_CONTRAST = 7.0  # of a tint: colored text looks thinner on dark pages
TINT_STEPS = 50  # from the color itself to white

# Line breaks and control characters become a space; what could turn the direction of the text around it, and halves
# of characters that have no UTF-8 form, are removed.
_LINE_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_INVISIBLE = re.compile("[\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]+")
_WEB_URL = re.compile(r"https?://[^\s<>\"'`\\^{|}]+", re.IGNORECASE)


def clean_line(text: str) -> str:
    """Return text from outside as one line. Spaces at its ends stay, as it may be a piece of a longer text."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text
    return _LINE_BREAKS.sub(" ", _INVISIBLE.sub("", text))


def truncate(text: str, limit: int = 300) -> str:
    """Return one line of at most `limit` characters, with an ellipsis where something is missing."""
    text = clean_line(text).strip()
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def safe_url(url: str | None) -> str | None:
    """Return a URL that is safe in a link: http or https and nothing that could leave an attribute; else None."""
    if not url or len(url) > MAX_URL_LENGTH or clean_line(url) != url or not _WEB_URL.fullmatch(url):
        return None
    return url


def format_number(value: int) -> str:
    """Return 1,234."""
    return f"{value:,}"


def pluralize(value: int, noun: str) -> str:
    """Return 1 paper, 2 papers, 1,234 papers; `noun` is one of COUNTED_NOUNS, or from a template of the operator."""
    return f"{format_number(value)} {noun if value == 1 else COUNTED_NOUNS.get(noun, f'{noun}s')}"


def format_day(day: date) -> str:
    """Return Thursday 30 October."""
    return f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]}"


def format_date(day: date, today: date | None = None) -> str:
    """Return 30 October 2025; without the year when it is the year of `today`."""
    year = "" if today is not None and today.year == day.year else f" {day.year}"
    return f"{day.day} {MONTHS[day.month - 1]}{year}"


def format_instant(at: datetime, today: date | None = None) -> str:
    """Return 31 July, 08:00; only the time where it is `today`, and the year where it is not that of `today`."""
    return f"{at:%H:%M}" if at.date() == today else f"{format_date(at.date(), today)}, {at:%H:%M}"


def frequency_label(frequency: str, weekday: int = 0) -> str:
    """Return how often digests come, in words; `weekday` is that of weekly ones, 0 for Monday."""
    if frequency not in FREQUENCY_LABELS:  # a form shows again what was sent, and that is no format string
        return frequency
    return FREQUENCY_LABELS[frequency].format(weekdays=REPEATED_WEEKDAYS[weekday % len(WEEKDAYS)])


def join_words(words: Sequence[str], more: int = 0, noun: str = "", *, conjunction: str = "and") -> str:
    """Return a, b and c; with `more`: a, b, c and 5 more (5 more keywords)."""
    parts = [*words]
    if more:
        parts.append(pluralize(more, f"more {noun}") if noun else f"{format_number(more)} more")
    return f"{', '.join(parts[:-1])} {conjunction} {parts[-1]}" if len(parts) > 1 else "".join(parts)


def fit_words(words: Sequence[str], *, limit: int, max_count: int) -> tuple[str, ...]:
    """Return the first words that fit into `limit` characters with commas between; one in any case."""
    fitting: list[str] = []
    for word in words[:max_count]:
        limit -= len(word) + 2
        if fitting and limit < 0:
            break
        fitting.append(word)
    return tuple(fitting)


def format_authors(authors: Sequence[str]) -> str:
    """Return all of up to four authors; else the first three, the last, and the number of those between them."""
    names = [truncate(name, MAX_NAME_LENGTH) for name in authors if name.strip()]
    hidden = len(names) - SHOWN_AUTHORS - 1
    if hidden <= 0:
        return ", ".join(names)
    return f"{', '.join(names[:SHOWN_AUTHORS])} … {names[-1]}, +{format_number(hidden)}"


def format_first_author(authors: Sequence[str]) -> str:
    """Return the short form for a row: the first author, and the number of others."""
    names = [truncate(name, MAX_NAME_LENGTH) for name in authors[:1] if name.strip()]
    if not names:
        return ""
    return names[0] if len(authors) == 1 else f"{names[0]} +{format_number(len(authors) - 1)}"


def contrast_ratio(one: str, other: str) -> float:
    """Return the contrast of two colors, from 1 to 21."""
    dark, light = sorted((_relative_luminance(one), _relative_luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def lighten(color: str, background: str, ratio: float = TINT_CONTRAST) -> str:
    """Return the first tint of `color` on its way to white that has this contrast on a dark background."""
    for step in range(TINT_STEPS):
        share = step / TINT_STEPS
        tint = "#" + "".join(f"{round(channel + (255 - channel) * share):02x}" for channel in _channels(color))
        if contrast_ratio(tint, background) >= ratio:
            return tint
    return WHITE


def _channels(color: str) -> tuple[int, int, int]:
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue


def _relative_luminance(color: str) -> float:
    # WCAG 2.2, "relative luminance".
    shares = (channel / 255 for channel in _channels(color))
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)  # noqa: PLR2004
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
