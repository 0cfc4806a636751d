"""Forms read in peace: what is understood, and what is told back where."""

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


def test_fields_left_empty_have_the_usual_values() -> None:
    read = parse_subscribe_form(SubscribeForm(email="ada@example.org"), SETTINGS)
    assert read.faults == []
    wish = read.wish
    assert (wish.frequency, wish.send_hour, wish.timezone, wish.cap, wish.trending) == (
        "daily",
        7,
        "Europe/Berlin",
        20,
        False,
    )


def test_each_bad_line_is_told_with_its_number_and_the_parsers_own_words() -> None:
    form = SubscribeForm(email="ada@example.org", keywords='graphs\r\n\r\n"open\r\nspeech')
    (message,) = parse_subscribe_form(form, SETTINGS).of("keywords")
    assert message.startswith('Line 3, “"open”: ')
    assert "unclosed quote" in message


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
def test_a_bad_field_is_told_at_that_field_and_at_no_other(name: str, value: str) -> None:
    given = {"email": "ada@example.org", name: value}
    assert [fault.field for fault in parse_subscribe_form(SubscribeForm(**given), SETTINGS).faults] == [name]


def test_faults_stand_in_the_order_of_the_form() -> None:
    form = SubscribeForm(keywords='"a', email="x", hour="99", cap="0")
    assert [fault.field for fault in parse_subscribe_form(form, SETTINGS).faults] == [
        "keywords",
        "email",
        "hour",
        "cap",
    ]


def test_a_hundred_keywords_are_taken_and_one_more_is_not() -> None:
    lines = [f"topic number {n}" for n in range(101)]
    assert not parse_subscribe_form(SubscribeForm(email="a@b.org", keywords="\n".join(lines[:100])), SETTINGS).faults
    read = parse_subscribe_form(SubscribeForm(email="a@b.org", keywords="\n".join(lines)), SETTINGS)
    assert "At most 100 keywords" in read.of("keywords")[0]


def test_a_flood_of_lines_is_refused_before_it_is_parsed() -> None:
    read = parse_subscribe_form(SubscribeForm(email="a@b.org", keywords="a\n" * 5000), SETTINGS)
    assert read.of("keywords") == ["At most 100 keywords, please, one a line."]


@pytest.mark.parametrize(
    ("pause", "expected"),
    [("", None), ("2026-08-02", date(2026, 8, 2))],
)
def test_a_pause_ends_on_a_later_day(pause: str, expected: date | None) -> None:
    read = parse_preferences_form(PreferencesForm(pause=pause), SETTINGS, NOW)
    assert (read.pause, read.faults) == (expected, [])


@pytest.mark.parametrize("pause", ["2026-08-01", "2026-07-31", "1. August", "2026-02-30"])
def test_a_pause_that_is_over_by_the_readers_calendar_is_refused(pause: str) -> None:
    read = parse_preferences_form(PreferencesForm(pause=pause), SETTINGS, NOW)
    assert [fault.field for fault in read.faults] == ["pause"]


def test_a_zone_under_an_old_name_is_still_in_its_owners_list() -> None:
    assert not any("Japan" in names for names in timezones_by_region().values())
    assert "Japan" in timezones_including("Japan")[""]
    assert timezones_including("<b>") == timezones_by_region()
