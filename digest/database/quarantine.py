"""Rows that cannot be read: set aside, named and counted, while all others are worked on.

Reading never fails (see `models.column_types`): what cannot be read has a stand-in, and `find_row_error` tells.
Who works with rows drops the faulty ones and hands them to `quarantine_rows`; before the next plan, `release_readable`
looks at each again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast

import structlog
from sqlalchemy import Table, func, inspect
from sqlmodel import Session, SQLModel, col, select

from digest.database import messages
from digest.database.dialects import insert
from digest.database.models import (
    Delivery,
    Frequency,
    HttpCacheEntry,
    InvalidValue,
    Keyword,
    Listing,
    Paper,
    PaperMark,
    Profile,
    QuarantinedRow,
    SavedKeyword,
    SeedText,
    SourceFetch,
    Subscriber,
)
from digest.schedule import timezone_names

log = structlog.get_logger()
Row = TypeVar("Row", bound=SQLModel)
FaultFinder = Callable[[Any], str | None]

LAST_HOUR, LAST_WEEKDAY = 23, 6
MAX_POSITION = 999  # a subscriber has at most 1,000 keywords
MODELS: Mapping[str, type[SQLModel]] = {
    str(model.__tablename__): model
    for model in (
        *(Delivery, HttpCacheEntry, Keyword, Listing, Paper, PaperMark, Profile, SavedKeyword, SeedText, SourceFetch),
        Subscriber,
    )
}


@dataclass(frozen=True, slots=True)
class InvalidRow:
    """Row that cannot be worked with. `reason` names the column, never an address or what a subscriber wrote."""

    table_name: str
    row_id: str
    reason: str


def find_row_error(row: SQLModel) -> str | None:
    """Return why a loaded row cannot be worked with, None when it can."""
    table = cast("Table", inspect(type(row)).local_table)
    for column in table.columns:
        value = getattr(row, column.key)
        if isinstance(value, InvalidValue | bytes):  # no column is for bytes, but SQLite stores what it is given
            return messages.invalid_column(column.key)
        if value is None and not column.nullable and not column.primary_key:
            return messages.column_missing(column.key)
    match row:
        case Subscriber():
            return find_subscriber_error(row.timezone, row.send_hour, row.cap, row.frequency, row.weekday)
        case SavedKeyword() if not 0 <= row.position <= MAX_POSITION:
            return messages.position_invalid(row.position)
        case HttpCacheEntry() if not f"{row.url}{row.etag or ''}{row.last_modified or ''}".isascii():
            return messages.VALIDATOR_INVALID
    return None


def find_subscriber_error(
    timezone: object, send_hour: object, cap: object = 1, frequency: object = Frequency.DAILY, weekday: object = 0
) -> str | None:
    """Return why no digest can be planned for a subscriber with these preferences, None when it can."""
    if timezone not in timezone_names():
        return messages.TIMEZONE_UNKNOWN
    if not isinstance(send_hour, int) or not 0 <= send_hour <= LAST_HOUR:
        return messages.HOUR_INVALID
    if frequency not in set(Frequency):
        return messages.FREQUENCY_UNKNOWN
    if not isinstance(weekday, int) or not 0 <= weekday <= LAST_WEEKDAY:
        return messages.WEEKDAY_INVALID
    return None if isinstance(cap, int) and cap > 0 else messages.CAP_INVALID


def select_readable(rows: Iterable[Row], unreadable: list[InvalidRow]) -> list[Row]:
    """Return the rows without fault, and append the others to `unreadable`."""
    accepted = []
    for row in rows:
        if fault := find_row_error(row):
            unreadable.append(create_invalid_row(type(row), _row_id(row), fault))
        else:
            accepted.append(row)
    return accepted


def create_invalid_row(model: type[SQLModel], row_id: object, reason: str) -> InvalidRow:
    """Name a row of a table."""
    return InvalidRow(str(model.__tablename__), str(row_id), reason)


def quarantine_rows(session: Session, rows: Iterable[InvalidRow], now: datetime) -> int:
    """Record rows as set aside; return how many there are. One that is set aside already is counted again."""
    distinct = {(row.table_name, row.row_id): row for row in rows}
    for row in distinct.values():
        log.warning("quarantine.row", table=row.table_name, row=row.row_id, reason=row.reason)
        seen = {"table_name": row.table_name, "row_id": row.row_id, "reason": row.reason, "last_seen_at": now}
        statement = insert(session, QuarantinedRow).values(**seen, first_seen_at=now, count=1, released_at=None)
        session.execute(
            statement.on_conflict_do_update(
                index_elements=[col(QuarantinedRow.table_name), col(QuarantinedRow.row_id)],
                set_={
                    "reason": row.reason,
                    "last_seen_at": now,
                    "count": col(QuarantinedRow.count) + 1,
                    "released_at": None,
                },
            )
        )
    return len(distinct)


def quarantined_rows(
    session: Session, *, table: str = "", after: int | None = None, limit: int | None = None
) -> Sequence[QuarantinedRow]:
    """Return the rows that are set aside, those of longest standing first: all, or a page of those behind `after`.

    `table`: only those of one table.
    """
    active = select(QuarantinedRow).where(col(QuarantinedRow.released_at).is_(None))
    if table:
        active = active.where(QuarantinedRow.table_name == table)
    if after is not None:
        active = active.where(col(QuarantinedRow.id) > after)
    return session.exec(active.order_by(col(QuarantinedRow.id)).limit(limit)).all()


def count_quarantined(session: Session) -> dict[str, int]:
    """Count the rows that are set aside by their table, in the order of names."""
    table = col(QuarantinedRow.table_name)
    counts = select(table, func.count()).where(col(QuarantinedRow.released_at).is_(None)).group_by(table)
    return dict(session.exec(counts.order_by(table)).all())


def release_row(session: Session, number: int, now: datetime) -> QuarantinedRow | None:
    """Release a row by its number in the quarantine; None when no such row is set aside."""
    row = session.get(QuarantinedRow, number)
    if row is None or row.released_at is not None:
        return None
    row.released_at = now
    log.info("quarantine.released", table=row.table_name, row=row.row_id)
    return row


def release_readable(session: Session, now: datetime, find_keyword_error: FaultFinder | None = None) -> int:
    """Release the rows that can be read again, and those that are gone; return how many.

    `find_keyword_error` is told a canonical form: only `matching` knows which can be parsed.
    """
    released = 0
    for entry in quarantined_rows(session):
        fault = find_entry_error(session, entry, find_keyword_error)
        if fault is None and release_row(session, int(entry.id or 0), now):
            released += 1
    return released


def find_entry_error(
    session: Session, entry: QuarantinedRow, find_keyword_error: FaultFinder | None = None
) -> str | None:
    """Return why the row of an entry still cannot be worked with; None when it can, or is gone."""
    model = MODELS.get(entry.table_name)
    keys: list[Any] = [int(part) for part in entry.row_id.split(":") if part.lstrip("-").isdecimal()]
    if model is HttpCacheEntry:
        keys = [entry.row_id]
    if model is PaperMark:
        keys.append(entry.row_id.rpartition(":")[2])
    row = session.get(model, tuple(keys) if len(keys) > 1 else keys[0]) if model and keys else None
    fault = find_row_error(row) if row is not None else None
    if isinstance(row, Keyword) and find_keyword_error:
        fault = fault or find_keyword_error(row.canonical)
    if isinstance(row, SavedKeyword) and session.get(Keyword, row.keyword_id) is None:
        fault = fault or messages.KEYWORD_MISSING
    return fault


def _row_id(row: SQLModel) -> str:
    return ":".join(str(part) for part in inspect(type(row)).primary_key_from_instance(row))
