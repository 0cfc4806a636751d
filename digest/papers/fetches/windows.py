"""What two readings of a window tell: what is new, whether entries were missed, when to read again. Pure.

A window (a feed) shows its latest entries. New is what was never seen; dates decide nothing, as many entries are dated
before the reading before. An entry is known by one of its names: its id within the feed, or an identifier *with its
version*. Ids alone are re-written at times, and without versions a revision of a known paper would hide a gap.

- gap: nothing in a window of 5 or more is known; what stood between was missed
- thin: under a quarter is known; something may have been missed
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Protocol

from digest.database.models import FetchStatus

MIN_GAP_SIZE = 5
MIN_THIN_SIZE = 2
MIN_KNOWN_SHARE = 0.25
BACKLOG_AGE = timedelta(days=3)
MIN_INTERVAL, MAX_INTERVAL = timedelta(hours=1), timedelta(hours=24)
FIRST_INTERVAL = timedelta(hours=6)  # where neither entries nor their dates tell how fast they come
READINGS_PER_TURNOVER = 3
SAFE_SHARE = 2 / 3  # of the turnover; the feed's own wish never makes an interval longer than this
RATE_WEIGHT = 0.25  # of the last rate in the mean
HOUR = timedelta(hours=1)
MAX_TURNOVER = timedelta(days=365)
RARE_FACTOR = 1.5
GAP_LIFETIME = timedelta(days=14)
READ = {
    FetchStatus.OK,
    FetchStatus.UNCHANGED,
    FetchStatus.GAP,
    FetchStatus.THIN,
    FetchStatus.EMPTY,
    FetchStatus.PARTIAL,
}


@dataclass(frozen=True, slots=True)
class WindowEntries:
    """Positions of the entries of a window: never seen, and seen before."""

    fresh: tuple[int, ...]
    known: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of entries."""
        return len(self.fresh) + len(self.known)


def split_window(entries: Iterable[Collection[str]], known_names: Collection[str]) -> WindowEntries:
    """Split the entries of a window, each given by its names, into those never seen and the known ones."""
    fresh: list[int] = []
    known: list[int] = []
    for position, names in enumerate(entries):
        (known if any(name in known_names for name in names) else fresh).append(position)
    return WindowEntries(tuple(fresh), tuple(known))


def judge_window(known: int, size: int) -> FetchStatus:
    """Return what a reading after another one is, by the number of its entries and how many of them are known."""
    if not size:
        return FetchStatus.EMPTY
    if not known and size >= MIN_GAP_SIZE:
        return FetchStatus.GAP
    if known < size * MIN_KNOWN_SHARE and size >= MIN_THIN_SIZE:
        return FetchStatus.THIN
    return FetchStatus.OK


def is_backlog(published_on: date | None, now: datetime) -> bool:
    """Return whether an entry of a first reading is of before: older than three days, or of no known day."""
    return published_on is None or published_on < (now - BACKLOG_AGE).date()


def first_rate(published_on: Sequence[date | None]) -> float:
    """Estimate the entries an hour from the days of a first reading; 0 where they do not tell."""
    days = sorted(day for day in published_on if day)
    span = (days[-1] - days[0]).days * 24 if days else 0
    return (len(days) - 1) / span if span else 0.0


def last_rate(fresh: int, elapsed: timedelta) -> float:
    """Return the entries an hour between two readings."""
    return fresh / max(elapsed / HOUR, 0.5)


def mean_rate(mean: float, last: float) -> float:
    """Return the mean rate with the last one in it."""
    return mean + RATE_WEIGHT * (last - mean)


def reading_interval(
    size: int, rate: float, *, status: FetchStatus = FetchStatus.OK, stated: timedelta | None = None
) -> timedelta:
    """Return when to read a window again: a third of the time in which it turns over, from one to 24 hours.

    `rate` is the higher of last and mean, in entries an hour. What the feed states may lengthen it, but not so far that
    entries are lost. A gap or a thin overlap halves it.
    """
    turnover = min(size / rate, MAX_TURNOVER / HOUR) * HOUR if rate > 0 and size else None
    interval = turnover / READINGS_PER_TURNOVER if turnover else (FIRST_INTERVAL if not rate else MAX_INTERVAL)
    if stated is not None:
        interval = max(interval, min(stated, turnover * SAFE_SHARE if turnover else MAX_INTERVAL))
    if status in {FetchStatus.GAP, FetchStatus.THIN}:
        interval /= 2
    return min(max(interval, MIN_INTERVAL), MAX_INTERVAL)


def is_read_too_rarely(readings: Sequence[datetime], interval: timedelta) -> bool:
    """Return whether the last readings of a window, oldest first, lie further apart than it needs."""
    distances = [(later - earlier) / HOUR for earlier, later in pairwise(readings[-4:])]
    return len(distances) > 1 and median(distances) > RARE_FACTOR * (interval / HOUR)


@dataclass(frozen=True, slots=True)
class WindowGap:
    """Time between two readings in which a window turned over; `day` is the list day of the second one."""

    first_at: datetime
    last_at: datetime
    day: date


class WindowFetch(Protocol):
    """What the rules need of a fetch, as the log of fetches has it."""

    @property
    def list_day(self) -> date: ...
    @property
    def started_at(self) -> datetime: ...
    @property
    def status(self) -> str: ...
    @property
    def whole(self) -> bool: ...
    @property
    def is_backfill(self) -> bool: ...


def list_readings(fetches: Iterable[WindowFetch]) -> list[datetime]:
    """Return when a window was read, oldest first; repairs are none."""
    return [fetch.started_at for fetch in fetches if fetch.status in READ and not fetch.is_backfill]


def find_open_gaps(fetches: Sequence[WindowFetch], now: datetime) -> list[WindowGap]:
    """Return the gaps of one window that nothing has filled, for two weeks. `fetches` are in their order."""
    gaps: list[WindowGap] = []
    last: WindowFetch | None = None
    for fetch in fetches:
        if fetch.is_backfill:
            if fetch.whole and fetch.status in READ:
                gaps = [gap for gap in gaps if gap.day != fetch.list_day]
        elif fetch.status in READ:
            if fetch.status == FetchStatus.GAP and last is not None and now - fetch.started_at < GAP_LIFETIME:
                gaps.append(WindowGap(last.started_at, fetch.started_at, fetch.list_day))
            last = fetch
    return gaps
