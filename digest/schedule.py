"""Local due days: when the digest of a day is due, and which days are due at a frequency. The clock is an argument."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAY = timedelta(days=1)
COLLECT_MINUTE = 40  # of every hour: sources are fetched then, so that digests at the full hour have fresh lists
MONDAY, SATURDAY, SUNDAY = 0, 5, 6


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


def latest_due_day(now: datetime, timezone: str, hour: int, frequency: str, weekday: int = MONDAY) -> date:
    """Return the latest due local day whose instant has come. See `is_due_day` for `frequency` and `weekday`."""
    day = now.astimezone(load_zone(timezone)).date() + DAY
    while not (is_due_day(day, frequency, weekday) and due_instant(day, timezone, hour) <= now):
        day -= DAY
    return day


def next_due_day(now: datetime, timezone: str, hour: int, frequency: str, weekday: int = MONDAY) -> date:
    """Return the first due local day whose instant is still to come."""
    day = now.astimezone(load_zone(timezone)).date() - DAY
    while not (is_due_day(day, frequency, weekday) and due_instant(day, timezone, hour) > now):
        day += DAY
    return day


def is_due_day(day: date, frequency: str, weekday: int = MONDAY) -> bool:
    """Return whether digests of a frequency come on `day`.

    daily; weekdays, Monday to Friday; weekly, on one `weekday` from 0 (Monday) to 6 (Sunday); monthly, on the first.
    Raises ValueError for any other frequency, and for a weekday that is none: no day would ever be due.
    """
    if not MONDAY <= weekday <= SUNDAY:
        raise ValueError(f"{weekday} is no weekday: 0 for Monday to 6 for Sunday")
    match frequency:
        case "daily":
            return True
        case "weekdays":
            return day.weekday() < SATURDAY
        case "weekly":
            return day.weekday() == weekday
        case "monthly":
            return day.day == 1
        case _:
            raise ValueError(f"no frequency is called {frequency!r}: daily, weekdays, weekly or monthly")
