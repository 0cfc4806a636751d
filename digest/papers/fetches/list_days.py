"""Which list days are complete, and which are due: one rule over the log of fetches, free of store and clock.

A fetch is whole when all came that the host promised. A day is settled

- by a whole fetch of its current list, once that list no longer grows; arXiv's batches never do;
- else, read afterwards, by two whole fetches 20 hours apart of which the later one brought nothing that the source had
  not listed before: an interface that lags gives half a day first;
- without any list, by three fetches 20 hours apart that all found none.

A stale batch, one of an earlier day under a new date, counts for nothing. After 14 days a day is closed as it is.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

from digest.database.models import FetchStatus

BACKFILL_DAYS = 14
CONFIRMATION_INTERVAL = timedelta(hours=20)
EMPTY_CONFIRMATIONS = 3
MIN_STALE_SHARE, MIN_SHARED_ENTRIES = 0.5, 3
SATURDAY = 5
DAY = timedelta(days=1)
LISTED = {FetchStatus.OK, FetchStatus.UNCHANGED, FetchStatus.PARTIAL}


class FetchRecord(Protocol):
    """What the rule needs of one part of a fetch, as the log of fetches has it."""

    @property
    def list_day(self) -> date: ...
    @property
    def started_at(self) -> datetime: ...
    @property
    def status(self) -> str: ...
    @property
    def part(self) -> str: ...
    @property
    def promised(self) -> int | None: ...
    @property
    def received(self) -> int: ...
    @property
    def fresh(self) -> int: ...
    @property
    def whole(self) -> bool: ...
    @property
    def is_backfill(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class DayFetch:
    """One fetch of a list day with all its parts."""

    parts: tuple[FetchRecord, ...]

    @property
    def started_at(self) -> datetime:
        """Instant of the fetch."""
        return self.parts[0].started_at

    @property
    def is_backfill(self) -> bool:
        """Whether the day was read afterwards, in another way than a current one."""
        return self.parts[0].is_backfill

    @property
    def fresh(self) -> int:
        """Number of papers that the source had never listed before."""
        return sum(part.fresh for part in self.parts)

    @property
    def has_list(self) -> bool:
        """Whether all of a list came, and it was the list of that day."""
        statuses = {part.status for part in self.parts}
        return all(part.whole for part in self.parts) and statuses <= {FetchStatus.OK, FetchStatus.UNCHANGED}

    @property
    def has_no_list(self) -> bool:
        """Whether the source said that the day has no list, and knew it: the list was empty, or the day was over."""
        part = self.parts[0]
        if part.status == FetchStatus.NOT_LISTED:
            return part.started_at >= midnight(part.list_day) + DAY
        return part.status == FetchStatus.EMPTY and part.whole


def midnight(day: date) -> datetime:
    """Return the beginning of a day (UTC)."""
    return datetime.combine(day, time(), tzinfo=UTC)


def fetches_by_day(fetches: Iterable[FetchRecord]) -> Mapping[date, Sequence[DayFetch]]:
    """Put the parts of each fetch together; `fetches` are in the order in which they were recorded."""
    parts: dict[date, list[list[FetchRecord]]] = defaultdict(list)
    for fetch in fetches:
        day_fetches = parts[fetch.list_day]
        last = day_fetches[-1] if day_fetches else []
        is_next_part = (
            bool(last and fetch.part and last[0].part)
            and last[0].started_at == fetch.started_at
            and fetch.part not in {part.part for part in last}
        )
        if is_next_part:
            last.append(fetch)
        else:
            day_fetches.append([fetch])
    return {day: [DayFetch(tuple(day_fetch)) for day_fetch in day_fetches] for day, day_fetches in parts.items()}


def is_settled(day_fetches: Sequence[DayFetch], day: date, growth_period: timedelta) -> bool:
    """Return whether a day needs no further fetch, given its fetches in their order."""
    final_from = midnight(day) + growth_period
    lists = [day_fetch for day_fetch in day_fetches if day_fetch.has_list]
    if any(not day_fetch.is_backfill and day_fetch.started_at >= final_from for day_fetch in lists):
        return True
    for later in lists:
        is_confirmed = later.started_at - lists[0].started_at >= CONFIRMATION_INTERVAL
        if is_confirmed and not later.fresh and later.started_at >= final_from:
            return True
    if any(part.status in LISTED for day_fetch in day_fetches for part in day_fetch.parts):
        return False
    confirmations = 0
    last: datetime | None = None
    for day_fetch in day_fetches:
        if day_fetch.has_no_list and (last is None or day_fetch.started_at - last >= CONFIRMATION_INTERVAL):
            confirmations, last = confirmations + 1, day_fetch.started_at
    return confirmations >= EMPTY_CONFIRMATIONS


def is_confirmed_later(day_fetches: Sequence[DayFetch], now: datetime) -> bool:
    """Return whether the last fetch was good, and the one that confirms it must wait."""
    last = day_fetches[-1] if day_fetches else None
    if last is None or now - last.started_at >= CONFIRMATION_INTERVAL:
        return False
    return last.has_no_list or (last.has_list and last.is_backfill)


def days_due(
    fetches: Sequence[FetchRecord],
    now: datetime,
    regular_days: Sequence[date],
    *,
    growth_period: timedelta = timedelta(0),
    lists_weekends: bool = False,
) -> tuple[tuple[date, ...], tuple[date, ...]]:
    """Return the days to fetch now: the regular ones and the missed ones, both oldest first.

    Missed are the weekdays of the last BACKFILL_DAYS, since the first list that came from the source, that are not
    settled; of a source that `lists_weekends`, all days. `fetches` are those of one source, oldest first, its first
    list among them. A list may grow for `growth_period` from the beginning of its day (UTC).
    """
    regular = tuple(sorted(regular_days))
    first = min((fetch.list_day for fetch in fetches if fetch.status in LISTED), default=None)
    if first is None:
        return regular, ()
    today = now.astimezone(UTC).date()
    day_fetches = fetches_by_day(fetches)
    since = max(first, today - BACKFILL_DAYS * DAY)
    days = (
        (since + number * DAY for number in range((today - since).days)) if lists_weekends else weekdays(since, today)
    )
    missed = (day for day in days if day not in regular)
    return regular, tuple(
        day
        for day in missed
        if not is_settled(day_fetches.get(day, ()), day, growth_period)
        and not is_confirmed_later(day_fetches.get(day, ()), now)
    )


def is_stale(entry_count: int, stale_count: int) -> bool:
    """Return whether new entries of a part are those of an earlier day: all of them, or half of 3 or more."""
    if entry_count >= MIN_SHARED_ENTRIES:
        return stale_count >= entry_count * MIN_STALE_SHARE
    return 0 < entry_count == stale_count


def weekdays(first: date, end: date) -> Iterator[date]:
    """Yield the days from Monday to Friday, `end` excluded."""
    for offset in range((end - first).days):
        day = first + timedelta(days=offset)
        if day.weekday() < SATURDAY:
            yield day
