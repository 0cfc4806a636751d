"""Local due days: when the digest of a day is due, and which days are due at a frequency. The clock is an argument."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
MONDAY, SATURDAY = 0, 5


def due_instant(day: date, timezone: str, hour: int) -> datetime:
    """Return when the digest of a local day is due, in UTC. ZoneInfoNotFoundError for an unknown zone.

    An hour that the clocks skip is due when they have been set forward; of an hour that comes twice the first counts
    (PEP 495, fold=0, gives both). So each local day has one instant, also when it has 23 or 25 hours.
    """
    return datetime.combine(day, time(hour), ZoneInfo(timezone)).astimezone(UTC)


def latest_due_day(now: datetime, timezone: str, hour: int, frequency: str) -> date:
    """Return the latest due local day whose instant has come. `frequency` is daily, weekdays or weekly (Mondays)."""
    day = now.astimezone(ZoneInfo(timezone)).date() + DAY
    while not (is_due_day(day, frequency) and due_instant(day, timezone, hour) <= now):
        day -= DAY
    return day


def next_due_day(now: datetime, timezone: str, hour: int, frequency: str) -> date:
    """Return the first due local day whose instant is still to come."""
    day = now.astimezone(ZoneInfo(timezone)).date() - DAY
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
