"""Local due days: when the digest of a day is due, and which days are due at a frequency. The clock is an argument."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAY = timedelta(days=1)
MONDAY, SATURDAY = 0, 5


@cache
def timezone_names() -> frozenset[str]:
    """Return the zones of the tzdata package, the same on every machine; one may have others, such as localtime."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


@cache
def load_zone(name: str) -> ZoneInfo:
    """Return a zone of the tzdata package. Raises ZoneInfoNotFoundError for any other name."""
    if name not in timezone_names():
        raise ZoneInfoNotFoundError(f"no time zone is called {name!r}")
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def due_instant(day: date, timezone: str, hour: int) -> datetime:
    """Return when the digest of a local day is due, in UTC. ZoneInfoNotFoundError for an unknown zone.

    An hour that the clocks skip is due when they have been set forward; of an hour that comes twice the first counts
    (PEP 495, fold=0, gives both). So each local day has one instant, also when it has 23 or 25 hours.
    """
    return datetime.combine(day, time(hour), load_zone(timezone)).astimezone(UTC)


def latest_due_day(now: datetime, timezone: str, hour: int, frequency: str) -> date:
    """Return the latest due local day whose instant has come. `frequency` is daily, weekdays or weekly (Mondays)."""
    day = now.astimezone(load_zone(timezone)).date() + DAY
    while not (is_due_day(day, frequency) and due_instant(day, timezone, hour) <= now):
        day -= DAY
    return day


def next_due_day(now: datetime, timezone: str, hour: int, frequency: str) -> date:
    """Return the first due local day whose instant is still to come."""
    day = now.astimezone(load_zone(timezone)).date() - DAY
    while not (is_due_day(day, frequency) and due_instant(day, timezone, hour) > now):
        day += DAY
    return day


def is_due_day(day: date, frequency: str) -> bool:
    """Return whether digests of a frequency come on the weekday of `day`."""
    match frequency:
        case "daily":
            return True
        case "weekdays":
            return day.weekday() < SATURDAY
        case "weekly":
            return day.weekday() == MONDAY
        case _:
            raise ValueError(f"no frequency is called {frequency!r}: daily, weekdays or weekly")
