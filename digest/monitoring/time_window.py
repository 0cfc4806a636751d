"""Where the rows of the last days begin. Rows are numbered as they are written, so time grows with the number: the
first row of a day is found by halving, in some thirty looks at the primary key, and years of rows are never read.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, select

from digest.database import is_postgresql

# A plan writes its instant into letters that get their numbers a little later, and a clock may be put right.
CLOCK_TOLERANCE = timedelta(hours=1)


def rows_since(
    session: Session, id_column: Any, time_column: Any, start: datetime
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Conditions for the rows of which `at` is `begin` or later. `number` is their primary key."""
    return id_column >= first_id_since(session, id_column, time_column, start - CLOCK_TOLERANCE), time_column >= start


def first_id_since(session: Session, id_column: Any, time_column: Any, start: datetime) -> int:
    """The lowest number of a row of which `at` is `begin` or later, as far as time grows with numbers."""
    low, high = 1, int(session.scalar(select(func.max(id_column))) or 0) + 1
    while low < high:
        middle = (low + high) // 2
        found, instant = session.exec(
            select(id_column, time_column).where(id_column >= middle).order_by(id_column).limit(1)
        ).one()
        if instant >= start:
            high = middle
        else:
            low = int(found) + 1
    return low


def utc_day_column(session: Session, time_column: Any) -> Any:
    """The day (UTC) of an instant, to group by; `as_day` reads it."""
    return func.date(func.timezone("UTC", time_column)) if is_postgresql(session) else func.date(time_column)


def parse_day(value: object) -> date:
    """SQLite gives a day as text."""
    return date.fromisoformat(str(value))


def start_of_day(day: date) -> datetime:
    """When a day begins."""
    return datetime.combine(day, time(), UTC)


def utc_day(now: datetime) -> date:
    """The day that it is, in UTC."""
    return now.astimezone(UTC).date()
