"""Who is due: what a group says of a day, and chunks of subscribers as columns."""

from datetime import date

import pytest

from digest.database import InvalidRow
from digest.planning import DueGroup
from digest.planning.due import SubscriberChunk

MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2026, 7, day) for day in (27, 28, 29, 30))
GROUP = DueGroup("UTC", 8, "daily", due_day=TUESDAY, tomorrow=WEDNESDAY)


@pytest.mark.parametrize(
    ("last_due_day", "is_due"),
    [
        (None, True),
        (MONDAY, True),
        (TUESDAY, False),
        (WEDNESDAY, False),  # it has begun somewhere
        (THURSDAY, True),  # planned by a clock that ran ahead
    ],
)
def test_a_subscriber_is_due_once_a_day_and_a_day_in_the_future_delays_no_digest(
    last_due_day: date | None, is_due: bool
) -> None:
    assert GROUP.is_due(last_due_day) is is_due


def chunk(*rows: tuple[object, ...]) -> tuple[SubscriberChunk, list[InvalidRow]]:
    unreadable: list[InvalidRow] = []
    return SubscriberChunk.from_rows(rows, unreadable), unreadable


def columns(subscribers: SubscriberChunk) -> list[list[int]]:
    names = ("ids", "covered_listing_ids", "covered_from", "caps", "trending", "about_only")
    return [getattr(subscribers, name).tolist() for name in names]


def test_rows_become_columns() -> None:
    subscribers, unreadable = chunk((3, 40, 7, 20, 0, 1), (5, 41, 7, 1, 1, 0))
    assert columns(subscribers) == [[3, 5], [40, 41], [7, 7], [20, 1], [0, 1], [1, 0]]
    assert (len(subscribers), subscribers.last_id, unreadable) == (2, 5, [])
    nothing, _ = chunk()
    assert (len(nothing), nothing.last_id, columns(nothing)) == (0, 0, [[], [], [], [], [], []])


@pytest.mark.parametrize(
    "odd", [(4, "x", 7, 20, 0, 0), (4, None, 7, 20, 0, 0), (4, 40, 7, 0, 0, 0), (4, 40, 7, -1, 0, 0)]
)
def test_a_row_with_an_odd_number_is_named_and_left_out(odd: tuple[object, ...]) -> None:
    subscribers, unreadable = chunk((3, 40, 7, 20, 0, 1), odd, (5, 41, 7, 1, 1, 0))
    assert columns(subscribers) == [[3, 5], [40, 41], [7, 7], [20, 1], [0, 1], [1, 0]]
    reason = "covered_listing_id, covered_from, cap, trending or about_only is not a valid number"
    assert unreadable == [InvalidRow("subscriber", "4", reason)]


def test_the_last_id_is_that_of_the_last_row_though_it_was_left_out() -> None:
    subscribers, _ = chunk((3, 40, 7, 20, 0, 0), (4, 40, 7, 0, 0, 0))
    assert (columns(subscribers)[0], subscribers.last_id) == ([3], 4)
    assert subscribers.filter(subscribers.ids > 3).last_id == 4


def test_a_filter_keeps_the_rows_together() -> None:
    subscribers, _ = chunk((3, 40, 7, 20, 0, 1), (5, 41, 7, 1, 1, 0), (6, 42, 7, 2, 0, 0))
    assert columns(subscribers.filter(subscribers.ids != 5)) == [[3, 6], [40, 42], [7, 7], [20, 2], [0, 0], [1, 0]]
