"""Lists of deliveries for operators, the newest first: tabs by state, filters, and pages by a cursor.

The record has a row for every e-mail ever sent. What is rare has an index of its own; what is queued is found by the
index of the queue; all else is read from the newest row back. The cursor is the id of the last row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, func, select, text, union_all
from sqlmodel import Session, col

from digest.database.models import EXCEPTIONAL, NOTICES, Delivery, DeliveryKind, DeliveryState
from digest.monitoring.subscriber_list import PAGE_ROWS
from digest.monitoring.time_window import CLOCK_TOLERANCE, first_id_since, start_of_day

MAX_COUNT = 10_000  # deliveries counted for a tab: more are "more than"
IS_QUEUED = "state = 'queued'"  # spelled as in the partial index, or SQLite does not use it
BEYOND_THE_QUEUE = "state || '' = 'queued'"  # spelled otherwise, so that rows are read by their id
Bounds = tuple[int, int, datetime, datetime] | None


class DeliveryTab(StrEnum):
    """Deliveries by what became of them, as operators look for them."""

    ALL = "all"
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"


RARE_STATES = {
    DeliveryTab.FAILED: (DeliveryState.FAILED,),
    DeliveryTab.UNCERTAIN: (DeliveryState.UNCERTAIN,),
    DeliveryTab.CANCELLED: (DeliveryState.CANCELLED, DeliveryState.EXPIRED),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """What a list shows. `day`: queued on that day (UTC); `kind` and `subscriber_id`: none for all."""

    tab: DeliveryTab = DeliveryTab.ALL
    kind: str = ""
    day: date | None = None
    subscriber_id: int | None = None


def find_deliveries(
    session: Session, wanted: DeliveryFilter, *, before: int | None = None, limit: int = PAGE_ROWS
) -> list[Delivery]:
    """Return a page of deliveries, the newest first, from the one older than `before` on."""
    bounds = _find_bounds(session, wanted.day)
    is_long = wanted.tab == DeliveryTab.WAITING and count_deliveries(session, wanted) > MAX_COUNT
    ids = _ids(wanted, bounds, limit, before=before, is_long=is_long)
    numbers = [int(row[0]) for row in session.execute(select(ids.c.id).order_by(text("1 DESC")).limit(limit))]
    rows = {int(row.id or 0): row for row in session.scalars(select(Delivery).where(col(Delivery.id).in_(numbers)))}
    return [rows[number] for number in numbers]


def count_deliveries(session: Session, wanted: DeliveryFilter, limit: int = MAX_COUNT) -> int:
    """Count the deliveries of a list, and stop behind `limit`: then it is one more."""
    return _count(session, wanted, _find_bounds(session, wanted.day), limit)


def count_tabs(session: Session, wanted: DeliveryFilter, limit: int = MAX_COUNT) -> dict[DeliveryTab, int]:
    """Count the deliveries of each tab, with the other filters of a list; see `count_deliveries`."""
    bounds = _find_bounds(session, wanted.day)
    return {tab: _count(session, replace(wanted, tab=tab), bounds, limit) for tab in DeliveryTab}


def _count(session: Session, wanted: DeliveryFilter, bounds: Bounds, limit: int) -> int:
    some = select(_ids(wanted, bounds, limit + 1, is_ordered=False).c.id).limit(limit + 1).subquery()
    return int(session.scalar(select(func.count()).select_from(some)) or 0)


def _ids(
    wanted: DeliveryFilter,
    bounds: Bounds,
    limit: int,
    *,
    before: int | None = None,
    is_ordered: bool = True,
    is_long: bool = False,
) -> Any:
    """Build the query for the ids of a page, as the union of ordered reads of one index each.

    `is_long`: so many are queued that the newest rows are mostly those.
    """
    filters: list[ColumnElement[bool]] = []
    if wanted.kind and wanted.kind != DeliveryKind.DIGEST:
        filters.append(text(NOTICES))  # type: ignore[arg-type]
    if wanted.kind:
        filters.append(col(Delivery.kind) == wanted.kind)
    if wanted.subscriber_id is not None:
        filters.append(col(Delivery.subscriber_id) == wanted.subscriber_id)
    branches = []
    for states, has_index in _state_conditions(wanted.tab, is_long=is_long):
        # By the index of the subscriber or of the state, not by that of all ids.
        number: Any = col(Delivery.id) + 0 if has_index or wanted.subscriber_id is not None else col(Delivery.id)
        branch: Any = select(col(Delivery.id).label("id")).where(*filters, *states).limit(limit)
        if before is not None:
            branch = branch.where(number < before)
        if bounds is not None:
            first, end, start_at, end_at = bounds
            at = col(Delivery.created_at)
            branch = branch.where(number >= first, number < end, at >= start_at, at < end_at)
        if is_ordered:
            branch = branch.order_by(number.desc())
        branches.append(select(branch.subquery().c.id))
    return union_all(*branches).subquery()


def _state_conditions(tab: DeliveryTab, *, is_long: bool) -> Sequence[tuple[Sequence[Any], bool]]:
    """Return the conditions of each read, and whether they have an index that is not in the order of ids."""
    state = col(Delivery.state)
    if tab == DeliveryTab.ALL:
        return [((), False)]
    if tab == DeliveryTab.SENT:
        return [((state == DeliveryState.SENT,), False)]
    if tab == DeliveryTab.WAITING:
        in_progress = col(Delivery.owner).is_not(None), state.in_((DeliveryState.SENDING, DeliveryState.ON_WIRE))
        queued = text(BEYOND_THE_QUEUE if is_long else IS_QUEUED)
        return [((queued,), not is_long), (in_progress, True)]
    return [((text(EXCEPTIONAL), state == one), False) for one in RARE_STATES[tab]]


def _find_bounds(session: Session, day: date | None) -> Bounds:
    """Find the ids between which the deliveries of a day lie, and its first and last instant."""
    if day is None:
        return None
    start, end = start_of_day(day), start_of_day(day + timedelta(days=1))
    ids, times = col(Delivery.id), col(Delivery.created_at)
    first = first_id_since(session, ids, times, start - CLOCK_TOLERANCE)
    return first, first_id_since(session, ids, times, end + CLOCK_TOLERANCE), start, end
