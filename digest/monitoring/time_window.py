"""Where the rows of the last days begin, without an index of time.

Ids grow as rows are written, so time grows with the id: the first row of a day is found by bisection, in some thirty
lookups by primary key, and years of rows are never read.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, select

from digest.database import is_postgresql

# A plan writes its instant into deliveries that get their ids a little later, and a clock may be corrected.
CLOCK_TOLERANCE = timedelta(hours=1)


def rows_since(
    session: Session, id_column: Any, time_column: Any, start: datetime
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Build the conditions for rows whose time is `start` or later."""
    return id_column >= first_id_since(session, id_column, time_column, start - CLOCK_TOLERANCE), time_column >= start


def first_id_since(session: Session, id_column: Any, time_column: Any, start: datetime) -> int:
    """Find the lowest id of a row whose time is `start` or later, as far as time grows with the id."""
    low, high = 1, int(session.scalar(select(func.max(id_column))) or 0) + 1
    while low < high:
        middle = (low + high) // 2
        query = select(id_column, time_column).where(id_column >= middle).order_by(id_column).limit(1)
        row_id, row_time = session.exec(query).one()
        if row_time >= start:
            high = middle
        else:
            low = int(row_id) + 1
    return low


def utc_day_column(session: Session, time_column: Any) -> Any:
    """Build the day (UTC) of an instant, to group by; `parse_day` reads it."""
    return func.date(func.timezone("UTC", time_column)) if is_postgresql(session) else func.date(time_column)


def parse_day(value: object) -> date:
    """Convert a day of the database; SQLite returns text. One that cannot be read is the first of all days."""
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return date.min


def start_of_day(day: date) -> datetime:
    """Return the instant at which a day begins."""
    return datetime.combine(day, time(), UTC)


def utc_day(now: datetime) -> date:
    """Return the day of an instant, in UTC."""
    return now.astimezone(UTC).date()
