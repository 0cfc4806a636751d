"""Lists of subscribers for operators: filters, order, and pages by a cursor.

A page costs the same with a million subscribers: it is merged from one short read of an index for each status and
frequency. The cursor is the id of the last row, because an address would stand in access logs.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, union_all
from sqlmodel import Session, col

from digest.database.models import (
    Delivery,
    DeliveryKind,
    DeliveryState,
    Frequency,
    Keyword,
    SavedKeyword,
    Subscriber,
    SubscriberStatus,
)

PAGE_ROWS = 50
SUMMARY_DAYS = 30
AFTER_DAYS = "a"  # editions of digests are days; all others begin with a letter
StatusCounts = Mapping[tuple[str, str], int]


class SubscriberOrder(StrEnum):
    """Order of a list of subscribers."""

    NEWEST = "newest"
    OLDEST = "oldest"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberFilter:
    """What a list shows. Empty means all; `text` is a part of an address; `canonical`: a keyword that they have."""

    status: str = ""
    frequency: str = ""
    text: str = ""
    canonical: str = ""
    order: SubscriberOrder = SubscriberOrder.NEWEST


@dataclass(slots=True)
class SubscriberSummary:
    """What a row of a list says beside the subscriber's own columns; `papers` is of the last 30 days."""

    keywords: int = 0
    last_digest: date | None = None
    papers: int = 0


def find_subscribers(
    session: Session, wanted: SubscriberFilter, *, after: int | None = None, limit: int = PAGE_ROWS
) -> list[Subscriber]:
    """Return a page of subscribers, from the one that follows `after` on.

    An `after` that is gone since begins again with the first page.
    """
    ids, key = col(Subscriber.id), col(Subscriber.email_key)
    is_by_address = wanted.order == SubscriberOrder.ADDRESS
    column = key if is_by_address else ids
    is_descending = wanted.order == SubscriberOrder.NEWEST
    conditions: list[ColumnElement[bool]] = []
    if after is not None:
        last = session.scalar(select(column).where(ids == after))
        if last is not None:
            conditions.append(column < last if is_descending else column > last)
    statement = _merge_branches(session, wanted, column, conditions, limit, is_descending=is_descending)
    numbers = [int(row[0]) for row in session.execute(statement)]
    rows = {int(row.id or 0): row for row in session.scalars(select(Subscriber).where(ids.in_(numbers)))}
    return [rows[number] for number in numbers]


def _merge_branches(
    session: Session,
    wanted: SubscriberFilter,
    column: Any,
    conditions: Sequence[ColumnElement[bool]],
    limit: int,
    *,
    is_descending: bool,
) -> Any:
    """Build the query for the ids of a page: one ordered read for each status and frequency, merged."""
    ids = col(Subscriber.id)
    is_search = bool(wanted.text or wanted.canonical)
    if is_search:
        conditions = [*conditions, _matches(session, wanted)]
    branches = []
    for equal in _groups(wanted):
        branch = select(ids.label("id"), column.label("place")).where(*equal, *conditions)
        if not is_search:  # a search reads the index of addresses through, whatever the order
            branch = branch.order_by(column.desc() if is_descending else column).limit(limit)
        inner = branch.subquery()
        branches.append(select(inner.c.id, inner.c.place))
    merged = union_all(*branches).subquery()
    place = merged.c.place.desc() if is_descending else merged.c.place
    return select(merged.c.id).order_by(place).limit(limit)


def _groups(wanted: SubscriberFilter) -> list[tuple[ColumnElement[bool], ...]]:
    """Return the conditions of each read; without a filter there is one of all rows, also of those that are odd."""
    if not wanted.status and not wanted.frequency:
        return [()]
    statuses = [wanted.status] if wanted.status else list(SubscriberStatus)
    frequencies = [wanted.frequency] if wanted.frequency else list(Frequency)
    status, frequency = col(Subscriber.status), col(Subscriber.frequency)
    return [(status == one, frequency == other) for one in statuses for other in frequencies]


def _matches(session: Session, wanted: SubscriberFilter) -> ColumnElement[bool]:
    found: list[ColumnElement[bool]] = []
    if wanted.text:
        found.append(col(Subscriber.email_key).contains(wanted.text.casefold(), autoescape=True))
    keyword_id = session.scalar(select(col(Keyword.id)).where(col(Keyword.canonical) == wanted.canonical))
    if keyword_id is not None:
        having = select(col(SavedKeyword.subscriber_id)).where(col(SavedKeyword.keyword_id) == keyword_id)
        found.append(col(Subscriber.id).in_(having))
    return or_(*found) if found else col(Subscriber.id).in_([])


def count_subscribers(session: Session) -> StatusCounts:
    """Count all subscribers by status and frequency, from an index alone. Cache it: it grows with their number."""
    columns = col(Subscriber.status), col(Subscriber.frequency)
    return {(row[0], row[1]): row[2] for row in session.execute(select(*columns, func.count()).group_by(*columns))}


def sum_counts(counts: StatusCounts, frequency: str = "") -> dict[str, int]:
    """Return the numbers by status, and that of all under an empty name; only those with a `frequency`, if given."""
    sums: Counter[str] = Counter({"": 0, **{status.value: 0 for status in SubscriberStatus}})
    for (status, how_often), count in counts.items():
        if frequency in {"", how_often}:
            sums[status] += count
            sums[""] += count
    return dict(sums)


def summarize_subscribers(session: Session, numbers: Collection[int], today: date) -> dict[int, SubscriberSummary]:
    """Count the keywords of the subscribers of one page, and the papers that were sent to them lately."""
    summaries: dict[int, SubscriberSummary] = defaultdict(SubscriberSummary)
    owner = col(SavedKeyword.subscriber_id)
    for number, count in session.execute(select(owner, func.count()).where(owner.in_(numbers)).group_by(owner)):
        summaries[number].keywords = count
    first = (today - timedelta(days=SUMMARY_DAYS)).isoformat()
    for number, last in session.execute(_last_editions(numbers)):
        summaries[number].last_digest = _parse_day(last)
    recent = (
        select(col(Delivery.subscriber_id), col(Delivery.papers))
        .where(col(Delivery.subscriber_id).in_(numbers), col(Delivery.edition).between(first, AFTER_DAYS))
        .where(col(Delivery.kind) == DeliveryKind.DIGEST, col(Delivery.state) == DeliveryState.SENT)
    )
    for number, papers in session.execute(recent):
        summaries[number].papers += len(papers)
    return dict(summaries)


def _last_editions(numbers: Iterable[int]) -> Any:
    # One step in the index of editions a subscriber, however many digests they had.
    last = (
        select(func.max(col(Delivery.edition)))
        .where(col(Delivery.subscriber_id) == col(Subscriber.id), col(Delivery.edition) < AFTER_DAYS)
        .scalar_subquery()
    )
    return select(col(Subscriber.id), last).where(col(Subscriber.id).in_(numbers))


def _parse_day(edition: str | None) -> date | None:
    try:
        return date.fromisoformat(edition or "")
    except ValueError:
        return None
