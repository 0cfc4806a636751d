"""What people type into forms: taken as it is, read with care, told back with what is wrong.

A slip in the domain of an address: gmial.com for gmail.com. Only ever a question: whoever means it goes on. Pure.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from difflib import get_close_matches
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator

from digest.config import Settings
from digest.errors import AddressError, SubscriberError
from digest.formatting import pluralize
from digest.matching import KeywordInput
from digest.subscribers import KeywordLimits, Preferences, normalize_address, parse_keywords, timezone_names

MAX_KEYWORDS_LENGTH = 20_000  # characters in the field


REGIONS = (
    *("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"),
    "Arctic",
)


class PreferencesFields(BaseModel):
    """The fields that both forms have. All are text, so that what cannot be read can be shown again.

    An empty field is one that was not filled in: the usual value takes its place.
    """

    model_config = ConfigDict(extra="ignore")

    keywords: str = ""
    frequency: str = ""
    hour: str = ""
    timezone: str = ""
    cap: str = ""
    trending: str = ""
    summaries: str = ""

    @field_validator("*", mode="after")
    @classmethod
    def _whole(cls, value: str) -> str:
        # A body may name an encoding that gives halves of characters; no page could show them again.
        return value.encode(errors="replace").decode()


class SubscribeForm(PreferencesFields):
    """`website` is seen by programs only; a person leaves it empty. `add` and `narrow` are buttons with a keyword.

    `sure`: the address that was asked about as a probable slip; sent again, it is meant. `mended`: the button with the
    address that it was probably meant to be.
    """

    email: str = ""
    sure: str = ""
    mended: str = ""
    website: str = ""
    add: str = ""
    narrow: str = ""


class PreferencesForm(PreferencesFields):
    """`pause` is a date, YYYY-MM-DD."""

    pause: str = ""


class AnswerForm(BaseModel):
    """Which button was pressed."""

    answer: str = ""


class UnsubscribeForm(AnswerForm):
    """`one_click` is what a mail program sends (RFC 8058)."""

    one_click: str = Field(default="", alias="List-Unsubscribe")


class QuickActionForm(AnswerForm):
    """A page with one button. `undo` and `before` are signed notes of how things were: to go back, and to keep."""

    undo: str = ""
    before: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True)
class FieldError:
    """Something wrong in the field with the id `field`. `written` is the line it is in, `position` the character."""

    field: str
    message: str
    written: str = ""
    position: int = 0


@dataclass(slots=True)
class ParsedForm:
    """A form that was read. `wish` is what was asked for, as far as there are no faults. `mended`: an address that was
    probably meant, to be asked about.
    """

    wish: Preferences = field(default_factory=Preferences)
    saved: list[KeywordInput] = field(default_factory=list)
    pause: date | None = None
    mended: str = ""
    faults: list[FieldError] = field(default_factory=list)

    def of(self, name: str) -> list[str]:
        """The messages for one field."""
        return [fault.message for fault in self.at(name)]

    def at(self, name: str) -> list[FieldError]:
        """What is wrong in one field, with its places."""
        return [fault for fault in self.faults if fault.field == name]


def default_values(settings: Settings) -> dict[str, str]:
    """What the form says before anybody touched it."""
    return {
        "keywords": "",
        "email": "",
        "sure": "",
        "frequency": "daily",
        "hour": str(settings.send_hour),
        "timezone": settings.default_timezone,
        "cap": str(Preferences().cap),
        "trending": "",
        "summaries": "",
        "pause": "",
    }


def entered_values(form: PreferencesFields, settings: Settings) -> dict[str, str]:
    """What the form says now: what was typed, and the usual where nothing was."""
    said = default_values(settings)
    return said | {name: value for name, value in form.model_dump().items() if name in said and value}


def parse_subscribe_form(form: SubscribeForm, settings: Settings) -> ParsedForm:
    """The form on the front page."""
    form.email = form.mended or form.email
    read = parse_preferences_fields(form, settings)
    try:
        normalize_address(form.email)
        if form.email.strip() != form.sure.strip():
            read.mended = correct_address(form.email)
    except AddressError as error:
        message = str(error) if form.email.strip() else "Enter an e-mail address, for example ada@example.org."
        # In the order of the form: the address comes after the keywords.
        read.faults.insert(len(read.of("keywords")), FieldError("email", message))
    return read


def parse_preferences_form(form: PreferencesForm, settings: Settings, now: datetime) -> ParsedForm:
    """The form behind the link in every letter. A pause ends on a later day than today, by the reader's calendar."""
    read = parse_preferences_fields(form, settings)
    if form.pause.strip():
        try:
            read.pause = date.fromisoformat(form.pause.strip())
        except ValueError:
            read.faults.append(FieldError("pause", "Write the date like 2026-01-31, or leave it empty."))
        else:
            if read.pause <= now.astimezone(ZoneInfo(read.wish.timezone)).date():
                read.faults.append(FieldError("pause", "Choose a day after today, or leave it empty."))
    return read


def parse_preferences_fields(form: PreferencesFields, settings: Settings) -> ParsedForm:
    said = entered_values(form, settings)
    read = ParsedForm()
    _parse_keywords(said["keywords"], read, KeywordLimits.from_settings(settings))
    read.wish = Preferences(trending=bool(said["trending"]), summaries=bool(said["summaries"]))
    for name, of, convert in (
        ("frequency", "frequency", str),
        ("hour", "send_hour", _parse_number),
        ("timezone", "timezone", str),
        ("cap", "cap", _parse_number),
    ):
        try:
            change: dict[str, Any] = {of: convert(said[name].strip())}
            read.wish = replace(read.wish, **change)
        except SubscriberError as error:
            read.faults.append(FieldError(name, str(error)))
    return read


def _parse_number(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,6}", text):
        raise SubscriberError(f"Write a number in digits; {text[:20]!r} is none.")
    return int(text)


def _parse_keywords(text: str, parsed: ParsedForm, limits: KeywordLimits) -> None:
    lines = re.split(r"\r\n|\r|\n", text)
    if len(text) > MAX_KEYWORDS_LENGTH or len(lines) > 4 * limits.max_keywords:
        parsed.faults.append(
            FieldError("keywords", f"At most {pluralize(limits.max_keywords, 'keyword')}, please, one a line.")
        )
        return
    parsed.saved, misread = parse_keywords(lines, limits)
    for each in misread:
        about = f"Line {each.line}, “{each.text[:60]}”: " if each.text else ""
        parsed.faults.append(FieldError("keywords", f"{about}{each.message}", each.text, each.position))


def non_blank_lines(text: str) -> str:
    """Lines without blank ones and without spaces around them."""
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


@cache
def timezones_by_region() -> dict[str, list[str]]:
    """Time zones by part of the world, for a list to choose from. UTC stands first."""
    found: dict[str, list[str]] = {"": ["UTC"]}
    for name in sorted(timezone_names()):
        region, _, place = name.partition("/")
        if place and region in REGIONS:
            found.setdefault(region, []).append(name)
    return found


def timezones_including(chosen: str) -> dict[str, list[str]]:
    """The list, with a zone in it that somebody has chosen under an old name."""
    if any(chosen in names for names in timezones_by_region().values()) or chosen not in timezone_names():
        return timezones_by_region()
    return {**timezones_by_region(), "": ["UTC", chosen]}


# Where very many people have their mail.
LARGE_MAIL_DOMAINS = frozenset(
    (
        *("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com", "yahoo.com"),
        *("icloud.com", "aol.com", "proton.me", "protonmail.com", "fastmail.com", "zoho.com", "gmx.de"),
        *("gmx.net", "web.de", "t-online.de", "freenet.de", "mail.ru", "yandex.ru", "naver.com"),
        *("outlook.de", "hotmail.de", "hotmail.fr", "hotmail.co.uk", "yahoo.co.uk", "yahoo.co.jp", "yahoo.de"),
        *("yahoo.fr", "orange.fr", "laposte.net", "free.fr", "libero.it", "tutanota.com", "posteo.de"),
        *("mailbox.org",),
    )
)


# Domains of their own that look like one of these.
SIMILAR_MAIL_DOMAINS = frozenset(
    (
        "mail.com",
        "email.com",
        "ymail.com",
        "hmail.com",
        "gmx.com",
        "gmx.at",
        "gmx.ch",
        "alive.com",
        "love.com",
        "five.com",
    )
)


MISSPELT_ENDINGS = {"con": "com", "cmo": "com", "ocm": "com", "comm": "com", "vom": "com", "xom": "com", "cim": "com",
           "om": "com", "cm": "com", "co": "com", "coom": "com", "ent": "net", "nte": "net", "ed": "de"}  # fmt: skip


MIN_NAME_LENGTH = 4  # letters of a name that is long enough to be misspelt


MIN_SIMILARITY = 0.85  # difflib's ratio: one or two letters of a usual name


def suggest_domain(domain: str) -> str:
    """The large domain that this one was probably meant to be; empty when there is no such guess."""
    written = domain.strip().rstrip(".").casefold()
    name, _, ending = written.partition(".")
    if written in LARGE_MAIL_DOMAINS or written in SIMILAR_MAIL_DOMAINS or not ending:
        return ""
    mended = f"{name}.{MISSPELT_ENDINGS.get(ending, ending)}"
    if mended in LARGE_MAIL_DOMAINS:
        return mended
    same = [each for each in sorted(LARGE_MAIL_DOMAINS) if each.partition(".")[2] == mended.partition(".")[2]]
    long = [each for each in same if len(each.partition(".")[0]) >= MIN_NAME_LENGTH]
    return next(iter(get_close_matches(mended, long, 1, MIN_SIMILARITY)), "")


def correct_address(address: str) -> str:
    """The whole address with the domain that was probably meant; empty when there is nothing to ask."""
    local, at, domain = address.strip().rpartition("@")
    guess = suggest_domain(domain) if local and at else ""
    return f"{local}@{guess}" if guess else ""
