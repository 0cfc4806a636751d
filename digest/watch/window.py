"""Where the rows of the last days begin. Rows are numbered as they are written, so time grows with the number: the
first row of a day is found by halving, in some thirty looks at the primary key, and years of rows are never read.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, select

from digest import db

# A plan writes its instant into letters that get their numbers a little later, and a clock may be put right.
SLACK = timedelta(hours=1)


def since(session: Session, number: Any, at: Any, begin: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Conditions for the rows of which `at` is `begin` or later. `number` is their primary key."""
    return number >= first_since(session, number, at, begin - SLACK), at >= begin


def first_since(session: Session, number: Any, at: Any, begin: datetime) -> int:
    """The lowest number of a row of which `at` is `begin` or later, as far as time grows with numbers."""
    low, high = 1, int(session.scalar(select(func.max(number))) or 0) + 1
    while low < high:
        middle = (low + high) // 2
        found, instant = session.exec(select(number, at).where(number >= middle).order_by(number).limit(1)).one()
        if instant >= begin:
            high = middle
        else:
            low = int(found) + 1
    return low


def day_of(session: Session, at: Any) -> Any:
    """The day (UTC) of an instant, to group by; `as_day` reads it."""
    return func.date(func.timezone("UTC", at)) if db.on_server(session) else func.date(at)


def as_day(found: object) -> date:
    """SQLite gives a day as text."""
    return date.fromisoformat(str(found))


def midnight(day: date) -> datetime:
    """When a day begins."""
    return datetime.combine(day, time(), UTC)


def today_of(now: datetime) -> date:
    """The day that it is, in UTC."""
    return now.astimezone(UTC).date()
