"""Validation of forms: values, defaults, and errors by field."""

from datetime import UTC, date, datetime

import pytest

from digest.config import Settings
from digest.web.forms import (
    PreferencesForm,
    SubscribeForm,
    parse_preferences_form,
    parse_subscribe_form,
    timezones_by_region,
    timezones_including,
)

SETTINGS = Settings(_env_file=None, default_timezone="Europe/Berlin", send_hour=7)
NOW = datetime(2026, 7, 31, 22, 30, tzinfo=UTC)  # the first of August in Berlin


def test_empty_fields_get_default_values() -> None:
    read = parse_subscribe_form(SubscribeForm(email="ada@example.org"), SETTINGS)
    assert read.errors == []
    preferences = read.preferences
    assert (
        preferences.frequency,
        preferences.send_hour,
        preferences.timezone,
        preferences.cap,
        preferences.trending,
    ) == (
        "daily",
        7,
        "Europe/Berlin",
        20,
        False,
    )


def test_each_invalid_line_has_its_number_and_the_message_of_the_parser() -> None:
    form = SubscribeForm(email="ada@example.org", keywords='graphs\r\n\r\n"open\r\nspeech')
    (message,) = parse_subscribe_form(form, SETTINGS).messages("keywords")
    assert message.startswith('Line 3, “"open”: ')
    assert "A quotation mark is not closed" in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("frequency", "hourly"),
        ("hour", "24"),
        ("hour", "noon"),
        ("hour", "٣"),
        ("timezone", "Middle/Earth"),
        ("cap", "0"),
        ("cap", "101"),
        ("cap", "1e3"),
        ("email", "ada"),
        ("email", ""),
    ],
)
def test_an_invalid_field_has_an_error_at_that_field_only(name: str, value: str) -> None:
    given = {"email": "ada@example.org", name: value}
    assert [fault.field for fault in parse_subscribe_form(SubscribeForm(**given), SETTINGS).errors] == [name]


def test_errors_are_in_the_order_of_the_form() -> None:
    form = SubscribeForm(keywords='"a', email="x", hour="99", cap="0")
    assert [fault.field for fault in parse_subscribe_form(form, SETTINGS).errors] == [
        "keywords",
        "email",
        "hour",
        "cap",
    ]


def test_a_hundred_keywords_are_accepted_and_one_more_is_not() -> None:
    lines = [f"topic number {n}" for n in range(101)]
    assert not parse_subscribe_form(SubscribeForm(email="a@b.org", keywords="\n".join(lines[:100])), SETTINGS).errors
    read = parse_subscribe_form(SubscribeForm(email="a@b.org", keywords="\n".join(lines)), SETTINGS)
    assert read.messages("keywords") == ["You can have at most 100 keywords, and these are 101."]


def test_too_many_lines_are_refused_before_parsing() -> None:
    read = parse_subscribe_form(SubscribeForm(email="a@b.org", keywords="a\n" * 5000), SETTINGS)
    assert read.messages("keywords") == ["You can have at most 100 keywords, one per line."]


@pytest.mark.parametrize(
    ("pause", "expected"),
    [("", None), ("2026-08-02", date(2026, 8, 2))],
)
def test_a_pause_must_end_on_a_later_day(pause: str, expected: date | None) -> None:
    read = parse_preferences_form(PreferencesForm(pause=pause), SETTINGS, NOW)
    assert (read.paused_until, read.errors) == (expected, [])


@pytest.mark.parametrize("pause", ["2026-08-01", "2026-07-31", "1. August", "2026-02-30"])
def test_a_pause_that_is_over_in_the_subscribers_time_zone_is_refused(pause: str) -> None:
    read = parse_preferences_form(PreferencesForm(pause=pause), SETTINGS, NOW)
    assert [fault.field for fault in read.errors] == ["pause"]


def test_a_time_zone_under_an_old_name_stays_in_the_list() -> None:
    assert not any("Japan" in names for names in timezones_by_region().values())
    assert "Japan" in timezones_including("Japan")[""]
    assert timezones_including("<b>") == timezones_by_region()
