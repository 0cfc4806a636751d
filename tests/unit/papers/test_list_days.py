"""The rule that says which list days are due: nothing is settled that is not complete."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from digest.database import read_session, write_session
from digest.database.models import FetchStatus
from digest.papers import days_due, is_stale, load_fetches, record_fetch
from digest.papers.fetches.list_days import BACKFILL_DAYS, CONFIRMATION_INTERVAL, LISTED

FRIDAY, MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2026, 7, day) for day in (24, 27, 28, 29, 30))
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TWO_DAYS = timedelta(days=2)


@dataclass(frozen=True)
class Fetch:
    list_day: date
    started_at: datetime
    status: str = FetchStatus.OK
    part: str = ""
    promised: int | None = None
    received: int = 5
    fresh: int = 5
    whole: bool = True
    is_backfill: bool = False


def at(day: date, hour: int = 9) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def fetch(day: date, status: FetchStatus = FetchStatus.OK, when: datetime | None = None, **given: object) -> Fetch:
    is_whole = status in {FetchStatus.OK, FetchStatus.UNCHANGED, FetchStatus.EMPTY, FetchStatus.STALE}
    return replace(Fetch(day, when or at(day), status, whole=is_whole), **given)  # type: ignore[arg-type]


def backfill(day: date, when: datetime, status: FetchStatus = FetchStatus.OK, *, fresh: int = 0) -> Fetch:
    return fetch(day, status, when, fresh=fresh, is_backfill=True)


def missed(
    fetches: Sequence[Fetch], now: datetime, *regular: date, growth: timedelta = timedelta(0)
) -> tuple[date, ...]:
    days, others = days_due(fetches, now, regular, growth_period=growth)
    assert days == regular
    return others


def test_no_day_is_missed_before_the_first_list() -> None:
    assert missed([], at(THURSDAY), THURSDAY) == ()
    assert missed([fetch(TUESDAY, FetchStatus.FAILED)], at(THURSDAY), THURSDAY) == ()


def test_a_day_that_failed_or_was_not_fetched_is_due() -> None:
    fetches = [fetch(FRIDAY), fetch(TUESDAY, FetchStatus.FAILED)]
    assert missed(fetches, at(WEDNESDAY), WEDNESDAY) == (MONDAY, TUESDAY)


@pytest.mark.parametrize("status", [FetchStatus.OK, FetchStatus.UNCHANGED])
def test_a_whole_current_list_settles_its_day(status: FetchStatus) -> None:
    assert missed([fetch(MONDAY), fetch(TUESDAY, status)], at(WEDNESDAY), WEDNESDAY) == ()


@pytest.mark.parametrize("status", [FetchStatus.PARTIAL, FetchStatus.STALE, FetchStatus.FAILED])
def test_a_list_that_is_not_complete_leaves_its_day_due_at_once(status: FetchStatus) -> None:
    fetches = [fetch(MONDAY), fetch(TUESDAY, status, at(WEDNESDAY, 8))]
    assert missed(fetches, at(WEDNESDAY), WEDNESDAY) == (TUESDAY,)


def test_one_stale_or_short_part_leaves_the_day_due() -> None:
    for status in (FetchStatus.STALE, FetchStatus.PARTIAL):
        parts = [fetch(TUESDAY, part="cs.CL"), fetch(TUESDAY, status, part="cs.CV"), fetch(TUESDAY, part="cs.LG")]
        assert missed([fetch(MONDAY), *parts], at(WEDNESDAY), WEDNESDAY) == (TUESDAY,)
        unproven = [replace(part, status=FetchStatus.OK, whole=part.part != "cs.CV") for part in parts]
        assert missed([fetch(MONDAY), *unproven], at(WEDNESDAY), WEDNESDAY) == (TUESDAY,)
        again = [replace(part, status=FetchStatus.OK, whole=True) for part in parts]
        assert missed([fetch(MONDAY), *parts, *again], at(WEDNESDAY), WEDNESDAY) == ()


def test_a_backfilled_day_is_fetched_again_until_nothing_more_comes() -> None:
    fetches = [fetch(MONDAY), backfill(TUESDAY, at(WEDNESDAY), fresh=50)]
    assert missed(fetches, at(WEDNESDAY, 12), WEDNESDAY) == ()  # not before twenty hours have passed
    assert missed(fetches, at(THURSDAY), WEDNESDAY, THURSDAY) == (TUESDAY,)
    fetches.append(backfill(TUESDAY, at(THURSDAY), fresh=40))  # the interface lagged
    assert missed(fetches, at(THURSDAY) + DAY, WEDNESDAY, THURSDAY) == (TUESDAY,)
    fetches.append(backfill(TUESDAY, at(THURSDAY) + DAY))
    assert TUESDAY not in missed(fetches, at(THURSDAY) + 2 * DAY, WEDNESDAY, THURSDAY)


def test_two_fetches_within_twenty_hours_confirm_nothing() -> None:
    fetches = [fetch(MONDAY), backfill(TUESDAY, at(WEDNESDAY), fresh=9), backfill(TUESDAY, at(WEDNESDAY, 23))]
    assert missed(fetches, at(THURSDAY, 20), WEDNESDAY, THURSDAY) == (TUESDAY,)


def test_an_empty_weekday_is_fetched_three_times() -> None:
    fetches = [fetch(MONDAY), fetch(TUESDAY, FetchStatus.EMPTY)]
    assert missed(fetches, at(WEDNESDAY, 4), WEDNESDAY) == ()
    for day in (WEDNESDAY, THURSDAY):
        assert missed(fetches, at(day), WEDNESDAY, THURSDAY) == (TUESDAY,)
        fetches.append(backfill(TUESDAY, at(day), FetchStatus.EMPTY))
    assert missed(fetches, at(THURSDAY) + DAY, WEDNESDAY, THURSDAY) == ()


def test_that_a_day_has_no_list_counts_only_once_it_is_over() -> None:
    early = [fetch(TUESDAY, FetchStatus.NOT_LISTED, at(TUESDAY, hour)) for hour in (1, 9, 21)]
    late = [fetch(TUESDAY, FetchStatus.NOT_LISTED, at(WEDNESDAY) + number * DAY) for number in range(3)]
    assert missed([fetch(MONDAY), *early], at(WEDNESDAY), WEDNESDAY) == (TUESDAY,)
    assert missed([fetch(MONDAY), *early, *late[:2]], at(THURSDAY) + DAY, WEDNESDAY) == (TUESDAY, THURSDAY)
    assert missed([fetch(MONDAY), *early, *late], at(THURSDAY) + DAY, WEDNESDAY) == (THURSDAY,)


def test_an_interface_that_falls_empty_settles_no_day_that_had_papers() -> None:
    fetches = [fetch(MONDAY), backfill(TUESDAY, at(WEDNESDAY), FetchStatus.PARTIAL, fresh=3)]
    fetches += [backfill(TUESDAY, at(THURSDAY) + number * DAY, FetchStatus.EMPTY) for number in range(5)]
    assert TUESDAY in missed(fetches, at(THURSDAY) + 6 * DAY)


def test_a_growing_list_is_fetched_again_after_its_growth_period() -> None:
    regular = (TUESDAY, WEDNESDAY, THURSDAY)
    assert missed([fetch(MONDAY)], at(THURSDAY), *regular) == ()
    assert missed([fetch(MONDAY)], at(THURSDAY), *regular, growth=TWO_DAYS) == (MONDAY,)
    again = [fetch(MONDAY), fetch(MONDAY, when=at(WEDNESDAY, 0))]
    assert missed(again, at(THURSDAY), *regular, growth=TWO_DAYS) == ()


def test_a_day_is_closed_after_two_weeks() -> None:
    now = at(MONDAY) + 30 * DAY
    days = missed([fetch(MONDAY)], now)
    assert min(days) >= now.date() - BACKFILL_DAYS * DAY
    assert len(days) == 10


@pytest.mark.parametrize(
    ("entries", "repeated", "stale"),
    [
        (0, 0, False),
        (1, 1, True),
        (2, 1, False),
        (2, 2, True),
        (3, 1, False),
        (3, 2, True),
        (40, 19, False),
        (40, 20, True),
    ],
)
def test_a_batch_is_stale_when_all_or_half_of_it_was_listed_before(entries: int, repeated: int, stale: bool) -> None:
    assert is_stale(entries, repeated) is stale


STATUSES = st.sampled_from(list(FetchStatus))
FETCHES = st.lists(
    st.builds(
        lambda hours, status, fresh, is_backfill: fetch(
            TUESDAY, status, at(TUESDAY, 0) + hours * HOUR, fresh=fresh, is_backfill=is_backfill
        ),
        st.integers(0, 24 * 13),
        STATUSES,
        st.integers(0, 3),
        st.booleans(),
    ),
    max_size=8,
).map(lambda fetches: sorted(fetches, key=lambda one: one.started_at))


@given(FETCHES, st.integers(0, 24 * 2))
def test_a_day_is_left_alone_only_with_proof_or_while_it_waits(fetches: list[Fetch], later: int) -> None:
    last = max((one.started_at for one in fetches), default=at(TUESDAY))
    now = min(max(last + later * HOUR, at(WEDNESDAY)), at(TUESDAY) + 14 * DAY)  # after that it is closed
    if TUESDAY in missed([fetch(MONDAY), *fetches], now):
        return
    good = [one for one in fetches if one.status in {FetchStatus.OK, FetchStatus.UNCHANGED}]
    none = [one for one in fetches if one.status in {FetchStatus.EMPTY, FetchStatus.NOT_LISTED}]
    is_current = any(not one.is_backfill for one in good)
    is_confirmed = any(not b.fresh and b.started_at - a.started_at >= CONFIRMATION_INTERVAL for a in good for b in good)
    spread = none[-1].started_at - none[0].started_at if none else timedelta(0)
    is_empty = (
        len(none) >= 3 and spread >= 2 * CONFIRMATION_INTERVAL and not any(one.status in LISTED for one in fetches)
    )
    is_waiting = bool(fetches) and now - last < CONFIRMATION_INTERVAL and fetches[-1] in good + none
    assert is_current or is_confirmed or is_empty or is_waiting


@given(FETCHES, FETCHES)
def test_what_is_not_complete_never_settles_a_day(fetches: list[Fetch], more: list[Fetch]) -> None:
    """Whatever bad fetches come between, the days that are due stay due."""
    bad = [one for one in more if one.status in {FetchStatus.STALE, FetchStatus.FAILED, FetchStatus.PARTIAL}]
    now = at(TUESDAY) + 13 * DAY + 24 * HOUR
    merged = sorted([*fetches, *bad], key=lambda one: one.started_at)
    if TUESDAY in missed([fetch(MONDAY), *fetches], now):
        assert TUESDAY in missed([fetch(MONDAY), *merged], now)


def test_the_log_gives_the_rule_what_it_asks_for(store: Engine) -> None:
    with write_session(store) as session:
        for day, status in (
            (FRIDAY - 40 * DAY, "ok"),
            (FRIDAY - 41 * DAY, "failed"),
            (MONDAY, "ok"),
            (TUESDAY, "stale"),
        ):
            record_fetch(
                session, source="arxiv", day=day, started_at=at(day), seconds=1, status=FetchStatus(status), received=1
            )
    with read_session(store) as session:
        fetches = load_fetches(session, "arxiv", at(THURSDAY))
        assert [one.list_day for one in fetches] == [FRIDAY - 40 * DAY, MONDAY, TUESDAY]
        _, due = days_due(fetches, at(WEDNESDAY), (WEDNESDAY,))
    assert due[-1] == TUESDAY
    assert MONDAY not in due
    assert due[0] == WEDNESDAY - 14 * DAY
