"""Form models, and their validation with messages for each field."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from digest.config import Settings
from digest.errors import AddressError, SubscriberError
from digest.matching import KeywordInput, convert
from digest.schedule import load_zone
from digest.subscribers import (
    MAX_PAUSE,
    KeywordLimits,
    Preferences,
    check_sources,
    known_sources,
    normalize_address,
    parse_keywords,
    require_unmuted,
)
from digest.web import messages
from digest.web.forms.address_suggestions import suggest_address
from digest.web.forms.choices import parse_frequency
from digest.web.forms.models import PreferencesFields, PreferencesForm, SubscribeForm

MAX_KEYWORDS_LENGTH = 20_000  # characters in the field


@dataclass(frozen=True, slots=True)
class FieldError:
    """Error in the field with the id `field`. `text` is the line that it is in, `position` the character.

    `conversion`: the keywords that the line means, where it is in the syntax of another system.
    """

    field: str
    message: str
    text: str = ""
    position: int = 0
    conversion: tuple[str, ...] = ()


@dataclass(slots=True)
class ParsedForm:
    """Validated form. `preferences` has the requested values as far as there are no errors.

    `suggested_email`: the address that was probably meant, to be confirmed.
    """

    preferences: Preferences = field(default_factory=Preferences)
    keywords: list[KeywordInput] = field(default_factory=list)
    paused_until: date | None = None
    suggested_email: str = ""
    errors: list[FieldError] = field(default_factory=list)

    def errors_in(self, name: str) -> list[FieldError]:
        """Return the errors in one field."""
        return [error for error in self.errors if error.field == name]

    def messages(self, name: str) -> list[str]:
        """Return the messages for one field."""
        return [error.message for error in self.errors_in(name)]


def default_values(settings: Settings) -> dict[str, str]:
    """Return the values of the untouched form."""
    return {
        "keywords": "",
        "email": "",
        "sure": "",
        "frequency": "daily",
        "hour": str(settings.send_hour),
        "timezone": settings.default_timezone,
        "cap": str(Preferences().cap),
        "trending": "",
        "about_only": "",
        "summaries": "",
        "thumbnails": "",
        "pause": "",
    }


def submitted_values(form: PreferencesFields, settings: Settings) -> dict[str, str]:
    """Return the entered values, with defaults for empty fields."""
    values = default_values(settings)
    return values | {name: value for name, value in form.model_dump().items() if name in values and value}


def parse_subscribe_form(form: SubscribeForm, settings: Settings, limits: KeywordLimits | None = None) -> ParsedForm:
    """Validate the form on the front page."""
    form.email = form.mended or form.email
    parsed = parse_preferences_fields(form, settings, limits)
    try:
        normalize_address(form.email)
        if form.email.strip() != form.sure.strip():
            parsed.suggested_email = suggest_address(form.email)
    except AddressError as error:
        message = str(error) if form.email.strip() else messages.NO_ADDRESS
        # In the order of the form: the address comes after the keywords.
        parsed.errors.insert(len(parsed.errors_in("keywords")), FieldError("email", message))
    return parsed


def mute_keywords(keywords: Sequence[KeywordInput], rows: Sequence[tuple[str, bool]]) -> list[KeywordInput]:
    """Mute the keywords that are muted in their rows."""
    muted = {text for text, is_muted in rows if is_muted}
    return [replace(keyword, is_muted=keyword.text in muted) for keyword in keywords]


def parse_preferences_form(
    form: PreferencesForm,
    settings: Settings,
    now: datetime,
    muted: frozenset[str] = frozenset(),
    sources: Sequence[str] = (),
    limits: KeywordLimits | None = None,
) -> ParsedForm:
    """Validate the preferences form. A pause must end after today in the subscriber's time zone.

    `muted`: the keywords that stay muted where the form has no rows; `sources`: those that stay chosen where it does
    not offer them.
    """
    rows = form.rows() if form.keyword else [(text, text in muted) for text, _ in form.rows()]
    form.keywords = "\n".join(text for text, _ in rows)
    parsed = parse_preferences_fields(form, settings, limits)
    parsed.preferences = replace(parsed.preferences, thumbnails=bool(form.thumbnails), sources=tuple(sources))
    if form.sources_shown:
        parsed.preferences = replace(parsed.preferences, sources=_parse_sources(form, settings, parsed.errors))
    parsed.keywords = mute_keywords(parsed.keywords, rows)
    try:
        require_unmuted(parsed.keywords)
    except SubscriberError as error:
        parsed.errors.append(FieldError("keywords", str(error)))
    parsed.paused_until = _parse_pause(form.pause.strip(), parsed, now)
    return parsed


def _parse_sources(form: PreferencesForm, settings: Settings, errors: list[FieldError]) -> tuple[str, ...]:
    try:
        chosen = check_sources(form.sources, known_sources(settings))
    except SubscriberError as error:
        errors.append(FieldError("sources", str(error)))
        return ()
    if not form.sources:
        errors.append(FieldError("sources", messages.NO_SOURCE_CHOSEN))
    return chosen


def _parse_pause(text: str, parsed: ParsedForm, now: datetime) -> date | None:
    if not text:
        return None
    try:
        paused_until = date.fromisoformat(text)
    except ValueError:
        parsed.errors.append(FieldError("pause", messages.INVALID_PAUSE))
        return None
    today = now.astimezone(load_zone(parsed.preferences.timezone)).date()
    if paused_until <= today:
        parsed.errors.append(FieldError("pause", messages.PAUSE_IN_PAST))
    elif paused_until - today > MAX_PAUSE:
        parsed.errors.append(FieldError("pause", messages.PAUSE_TOO_LONG))
    return paused_until


def parse_preferences_fields(
    form: PreferencesFields, settings: Settings, limits: KeywordLimits | None = None
) -> ParsedForm:
    """Validate the fields that both forms have. `limits`: of keywords; without any those of the settings."""
    values, limits = submitted_values(form, settings), limits or KeywordLimits.from_settings(settings)
    parsed = ParsedForm()
    lines = re.split(r"\r\n|\r|\n", values["keywords"])
    if len(values["keywords"]) > MAX_KEYWORDS_LENGTH or len(lines) > 4 * limits.max_keywords:
        message = messages.too_many_lines(limits.max_keywords)
        parsed.errors.append(FieldError("keywords", message))
    else:
        parsed.keywords, keyword_errors = parse_keywords(lines, limits)
        for error in keyword_errors:
            prefix = f"Line {error.line}, “{error.text[:60]}”: " if error.text else ""
            parsed.errors.append(
                FieldError("keywords", f"{prefix}{error.message}", error.text, error.position, convert(error.text))
            )
    parsed.preferences = Preferences(
        about_only=bool(values["about_only"]),
        trending=bool(values["trending"]),
        summaries=bool(values["summaries"]),
    )
    try:
        frequency, weekday = parse_frequency(values["frequency"])
        parsed.preferences = replace(parsed.preferences, frequency=frequency, weekday=weekday)
    except SubscriberError as invalid:
        parsed.errors.append(FieldError("frequency", str(invalid)))
    for name, attribute, to_value in (
        ("hour", "send_hour", _parse_number),
        ("timezone", "timezone", str),
        ("cap", "cap", _parse_number),
    ):
        try:
            change: dict[str, Any] = {attribute: to_value(values[name].strip())}
            parsed.preferences = replace(parsed.preferences, **change)
        except SubscriberError as invalid:
            parsed.errors.append(FieldError(name, str(invalid)))
    return parsed


def _parse_number(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,6}", text):
        raise SubscriberError(messages.not_a_number(text))
    return int(text)


def non_blank_lines(text: str) -> str:
    """Return the lines that are not blank, without spaces around them."""
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())
