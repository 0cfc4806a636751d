"""Local due days in every time zone, also on the days when clocks change."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from digest.config import Settings
from digest.errors import SubscriberError
from digest.schedule import due_instant, latest_due_day, load_zone, next_due_day, timezone_names
from digest.subscribers import Preferences

HOUR = timedelta(hours=1)
ZONES = sorted(timezone_names())


@pytest.mark.parametrize(
    ("day", "zone", "hour", "due"),
    [
        (date(2026, 7, 1), "Europe/Berlin", 7, "2026-07-01T05:00"),
        (date(2026, 3, 29), "Europe/Berlin", 2, "2026-03-29T01:00"),  # 02:00 does not exist: 03:00 summer time
        (date(2026, 10, 25), "Europe/Berlin", 2, "2026-10-25T00:00"),  # 02:00 comes twice: the first
        (date(2026, 10, 25), "Europe/Berlin", 3, "2026-10-25T02:00"),
        (date(2026, 3, 8), "America/New_York", 2, "2026-03-08T07:00"),
        (date(2026, 7, 1), "Asia/Kathmandu", 0, "2026-06-30T18:15"),
        (date(2026, 10, 4), "Australia/Lord_Howe", 2, "2026-10-03T15:30"),  # half an hour is skipped: 02:30
    ],
)
def test_a_local_hour_has_one_instant_also_when_the_clocks_change(day: date, zone: str, hour: int, due: str) -> None:
    assert due_instant(day, zone, hour) == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_frequencies_are_weekdays_of_the_subscriber() -> None:
    sunday = datetime(2026, 7, 5, 12, tzinfo=UTC)
    due = {
        frequency: (latest_due_day(sunday, "UTC", 7, frequency), next_due_day(sunday, "UTC", 7, frequency))
        for frequency in ("daily", "weekdays", "weekly", "monthly")
    }
    assert due == {
        "daily": (date(2026, 7, 5), date(2026, 7, 6)),
        "weekdays": (date(2026, 7, 3), date(2026, 7, 6)),
        "weekly": (date(2026, 6, 29), date(2026, 7, 6)),
        "monthly": (date(2026, 7, 1), date(2026, 8, 1)),
    }
    assert latest_due_day(sunday, "Pacific/Kiritimati", 1, "weekly") == date(2026, 7, 6)
    with pytest.raises(ValueError, match="no frequency is called 'hourly'"):
        latest_due_day(sunday, "UTC", 7, "hourly")


@pytest.mark.parametrize("weekday", range(7))
def test_a_weekly_digest_is_due_on_the_day_of_ones_choice(weekday: int) -> None:
    sunday = datetime(2026, 7, 5, 12, tzinfo=UTC)
    latest = latest_due_day(sunday, "UTC", 7, "weekly", weekday)
    assert (latest.weekday(), next_due_day(sunday, "UTC", 7, "weekly", weekday) - latest) == (
        weekday,
        timedelta(days=7),
    )
    assert timedelta() <= sunday.date() - latest < timedelta(days=7)


@pytest.mark.parametrize("weekday", [-1, 7])
def test_a_weekday_that_is_none_is_refused_instead_of_searched_for_ever(weekday: int) -> None:
    with pytest.raises(ValueError, match="is no weekday"):
        next_due_day(datetime(2026, 7, 5, tzinfo=UTC), "UTC", 7, "weekly", weekday)


def test_a_day_is_due_from_its_very_instant_on() -> None:
    due = due_instant(date(2026, 7, 5), "Asia/Tokyo", 8)
    assert latest_due_day(due, "Asia/Tokyo", 8, "daily") == date(2026, 7, 5)
    assert next_due_day(due, "Asia/Tokyo", 8, "daily") == date(2026, 7, 6)
    before = due - timedelta(microseconds=1)
    assert latest_due_day(before, "Asia/Tokyo", 8, "daily") == date(2026, 7, 4)
    assert next_due_day(before, "Asia/Tokyo", 8, "daily") == date(2026, 7, 5)


def days_of_changes(zone: str) -> list[date]:
    """Return the days of 2026 that do not have 24 hours."""
    timezone = load_zone(zone)
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    offsets = [datetime(day.year, day.month, day.day, tzinfo=timezone).utcoffset() for day in days]
    return [day for day, (before, after) in zip(days, pairwise(offsets), strict=False) if before != after]


def test_every_zone_and_hour_is_due_once_on_days_of_23_and_25_hours() -> None:
    changes = {zone: days for zone in ZONES if (days := days_of_changes(zone))}
    assert len(changes) > 100
    for zone, days in changes.items():
        for day in days:
            for hour in range(24):
                dues = [due_instant(day + timedelta(days=number), zone, hour) for number in (-1, 0, 1, 2)]
                gaps = [after - before for before, after in pairwise(dues)]
                assert all(22 * HOUR <= gap <= 26 * HOUR for gap in gaps), (zone, day)  # Troll changes by two
                latest = [latest_due_day(due, zone, hour, "daily") for due in dues[1:3]]
                assert latest == [day, day + timedelta(days=1)]
                assert next_due_day(dues[1] - HOUR, zone, hour, "daily") == day


@given(
    st.integers(1_700_000_000, 1_900_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.sampled_from(ZONES),
    st.integers(0, 23),
    st.sampled_from(["daily", "weekdays", "weekly", "monthly"]),
    st.integers(0, 6),
)
def test_now_lies_between_the_latest_due_day_and_the_next(
    now: datetime, zone: str, hour: int, frequency: str, weekday: int
) -> None:
    schedule = zone, hour, frequency, weekday
    latest, following = latest_due_day(now, *schedule), next_due_day(now, *schedule)
    assert due_instant(latest, zone, hour) <= now < due_instant(following, zone, hour)
    distances = {"daily": {1}, "weekdays": {1, 3}, "weekly": {7}, "monthly": {28, 29, 30, 31}}[frequency]
    assert (following - latest).days in distances
    assert latest_due_day(due_instant(following, zone, hour), *schedule) == following


def test_every_zone_of_the_tzdata_package_can_be_loaded() -> None:
    assert len(ZONES) > 590
    assert all(load_zone(name).key == name for name in ZONES)


@pytest.mark.parametrize(
    "name", ["localtime", "posixrules", "posix/Europe/Berlin", "../UTC", "/etc/localtime", "Europe", ""]
)
def test_a_zone_that_only_a_machine_has_is_unknown(name: str) -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        load_zone(name)
    with pytest.raises(SubscriberError, match="There is no time zone"):
        Preferences(timezone=name)
    with pytest.raises(ValidationError, match="must be a time zone"):
        Settings(_env_file=None, default_timezone=name)
