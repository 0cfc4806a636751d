"""Windows: what is new, what was missed, and when to read again."""

import json
import lzma
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.database.models import FetchStatus
from digest.papers.fetches.windows import (
    MAX_INTERVAL,
    MIN_INTERVAL,
    find_open_gaps,
    first_rate,
    is_backlog,
    is_read_too_rarely,
    judge_window,
    list_readings,
    mean_rate,
    reading_interval,
    split_window,
)
from digest.sources import window_names
from digest.sources.feeds.dialects import parse_feed
from digest.sources.feeds.listings import find_identifiers

SERIES = Path(__file__).parents[3] / "../shared/data/sources/feed_series"
NOW = datetime(2026, 8, 3, 8, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OK, GAP, THIN, UNCHANGED, FAILED = (
    FetchStatus.OK,
    FetchStatus.GAP,
    FetchStatus.THIN,
    FetchStatus.UNCHANGED,
    FetchStatus.FAILED,
)


@dataclass(frozen=True)
class Fetch:
    status: str
    started_at: datetime
    is_backfill: bool = False
    whole: bool = True
    day: date | None = None

    @property
    def list_day(self) -> date:
        return self.day or self.started_at.date()


@pytest.mark.parametrize(
    ("known", "size", "status"),
    [(0, 5, GAP), (0, 4, THIN), (0, 1, OK), (1, 5, THIN), (2, 8, OK), (1, 8, THIN), (150, 150, OK), (0, 0, "empty")],
)
def test_a_reading_is_judged_by_what_is_known(known: int, size: int, status: str) -> None:
    assert judge_window(known, size) == status


def test_an_entry_is_known_by_any_of_its_names() -> None:
    entries = [{"guid 1", "doi:a v1"}, {"guid 2", "doi:a v2"}, {"guid new", "doi:b"}]
    window = split_window(entries, {"guid 1", "doi:b"})
    assert (window.fresh, window.known, window.size) == ((1,), (0, 2), 3)


def test_backlog_is_older_than_three_days_or_of_no_known_day() -> None:
    assert [is_backlog(day, NOW) for day in (date(2026, 7, 30), date(2026, 7, 31), date(2027, 1, 1), None)] == [
        *(True, False, False, True)
    ]


@pytest.mark.parametrize(
    ("size", "rate", "status", "stated", "hours"),
    [
        (150, 5.0, OK, None, 10),  # turns over in 30 hours
        (150, 5.0, GAP, None, 5),
        (150, 5.0, THIN, None, 5),
        (10, 5.0, OK, None, 1),  # never more often
        (150, 0.1, OK, None, 24),  # never more rarely
        (150, 0.0, OK, None, 6),  # nothing is known of it
        (150, 5.0, OK, 12 * HOUR, 12),  # the feed may ask for less
        (150, 5.0, OK, 24 * HOUR, 20),  # but not so that entries are lost
        (150, 0.0, OK, 7 * DAY, 24),
    ],
)
def test_a_window_is_read_three_times_while_it_turns_over(
    size: int, rate: float, status: FetchStatus, stated: timedelta | None, hours: int
) -> None:
    assert reading_interval(size, rate, status=status, stated=stated) == timedelta(hours=hours)


@given(
    st.integers(0, 10_000),
    st.floats(0, 10_000, allow_nan=False),
    st.sampled_from(FetchStatus),
    st.none() | st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400)),
)
def test_an_interval_keeps_its_bounds(size: int, rate: float, status: FetchStatus, stated: timedelta | None) -> None:
    interval = reading_interval(size, rate, status=status, stated=stated)
    assert MIN_INTERVAL <= interval <= MAX_INTERVAL
    if rate and size and interval > MIN_INTERVAL:
        assert interval / HOUR < size / rate  # before it has turned over


def test_rates_follow_what_comes() -> None:
    assert first_rate([date(2026, 8, 1), None, date(2026, 8, 3), date(2026, 8, 3)]) == 2 / 48
    assert first_rate([None, None]) == first_rate([date(2026, 8, 1)] * 9) == 0
    assert 1 < mean_rate(1, 9) < 9


def test_a_gap_is_open_until_it_is_filled_or_two_weeks_have_passed() -> None:
    fetches = [Fetch(OK, NOW), Fetch(FAILED, NOW + DAY), Fetch(GAP, NOW + 2 * DAY), Fetch(OK, NOW + 3 * DAY)]
    (gap,) = find_open_gaps(fetches, NOW + 4 * DAY)
    assert (gap.first_at, gap.last_at) == (NOW, NOW + 2 * DAY)
    assert find_open_gaps(fetches, NOW + 16 * DAY) == []
    repair = Fetch(OK, NOW + 4 * DAY, is_backfill=True, day=gap.day)
    assert find_open_gaps([*fetches, repair], NOW + 4 * DAY) == []
    for useless in (
        Fetch(OK, NOW + 4 * DAY, is_backfill=True, day=gap.day + DAY),
        Fetch(OK, NOW + 4 * DAY, is_backfill=True, whole=False, day=gap.day),
        Fetch(FAILED, NOW + 4 * DAY, is_backfill=True, day=gap.day),
    ):
        assert find_open_gaps([*fetches, useless], NOW + 4 * DAY) == [gap]


def test_a_first_reading_is_no_gap() -> None:
    assert find_open_gaps([Fetch(GAP, NOW)], NOW) == []


def test_reading_too_rarely_shows_in_several_readings() -> None:
    daily = [Fetch(OK, NOW + number * DAY) for number in range(4)]
    assert is_read_too_rarely(list_readings(daily), 8 * HOUR)
    assert not is_read_too_rarely(list_readings(daily), 20 * HOUR)
    assert not is_read_too_rarely(list_readings(daily[:2]), 8 * HOUR)  # perhaps a night off
    repairs = [Fetch(OK, fetch.started_at + HOUR, is_backfill=True) for fetch in daily]
    assert len(list_readings([*daily, *repairs, Fetch(UNCHANGED, NOW), Fetch(FAILED, NOW)])) == 5


def read_names(name: str) -> Iterator[tuple[datetime, list[frozenset[str]], set[str]]]:
    """Yield each recorded version of a feed: when, the names of its entries, and its papers."""
    with lzma.open(SERIES / f"{name}.jsonl.xz") as lines:
        for line in lines:
            version = json.loads(line)
            entries = parse_feed(version["body"].encode(), name).entries
            found = [find_identifiers(entry, name, "", frozenset()) for entry in entries]
            papers = {str(identifiers[0]) for identifiers in found}
            yield (
                datetime.fromisoformat(version["at"]),
                [frozenset(window_names(identifiers)) for identifiers in found],
                papers,
            )


def lose_papers(
    versions: Sequence[tuple[datetime, list[frozenset[str]], set[str]]], rhythm: timedelta
) -> tuple[int, int, int]:
    """Read a feed now and then; return how many papers were lost, for how many there was no alarm, and the alarms."""
    known: set[str] = set()
    papers: set[str] = set()
    passed: set[str] = set()  # what stood there between two readings
    last: datetime | None = None
    lost = unreported = alarms = 0
    for at, entries, shown in versions:
        if last is not None and at - last < rhythm - timedelta(minutes=6):
            passed |= shown
            continue
        missing = len(passed - papers - shown)
        window = split_window(entries, known)
        is_alarm = last is not None and judge_window(len(window.known), window.size) in {GAP, THIN}
        lost, unreported, alarms = lost + missing, unreported + (not is_alarm) * missing, alarms + is_alarm
        known.update(*entries)
        papers |= shown
        passed, last = set(), at
    return lost, unreported, alarms


@pytest.mark.skipif(not SERIES.exists(), reason="no recorded feeds beside the checkout")
def test_lost_papers_are_almost_always_reported() -> None:
    """JACS and ACS Catalysis lose none at any rhythm: see the long test of the series."""
    unreported, lost = 0, []
    for name in ("chemrxiv", "nature_translated"):
        versions = list(read_names(name))
        for days in (1, 2, 3, 7):
            missing, silent, alarms = lose_papers(versions, days * DAY)
            lost.append(missing)
            unreported += silent
            if days == 1:
                assert (missing, alarms <= 1) == (0, True)
    assert lost[:4] == [0, 4, 55, 501]
    assert unreported <= 2
