"""Readers: how many there are, and how many there were."""

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from digest.database.models import Subscriber, SubscriberStatus
from digest.monitoring.time_window import parse_day, start_of_day, utc_day_column


@dataclass(frozen=True, slots=True)
class SubscriberChange:
    """One day: who joined, who left, and how many readers there were at its end."""

    joined: int
    ended: int
    total: int


def subscribers_by_status(session: Session) -> dict[str, int]:
    """Subscribers by where they stand."""
    found = session.execute(select(Subscriber.status, func.count()).group_by(Subscriber.status)).all()
    return {status.value: 0 for status in SubscriberStatus} | dict(tuple(row) for row in found)


def subscriber_changes(session: Session, days: list[date]) -> dict[date, SubscriberChange]:
    """Who joined and left on each of `days`, and how many there were. Who came back counts from then on; who was
    erased was never there.
    """
    begin = start_of_day(days[0])
    joined_at, left_at = col(Subscriber.confirmed_at), col(Subscriber.ended_at)
    proved = (joined_at.is_not(None), col(Subscriber.status) != SubscriberStatus.PENDING)
    before = joined_at < begin
    base = session.scalar(
        select(func.count()).select_from(Subscriber).where(*proved, before, or_(left_at.is_(None), left_at >= begin))
    )
    joined = _count_by_day(session, joined_at, (*proved, joined_at >= begin))
    left = _count_by_day(session, left_at, (*proved, left_at >= begin, left_at >= joined_at))
    found, readers = {}, int(base or 0)
    for day in days:
        readers += joined.get(day, 0) - left.get(day, 0)
        found[day] = SubscriberChange(joined.get(day, 0), left.get(day, 0), readers)
    return found


def _count_by_day(session: Session, time_column: object, conditions: tuple[object, ...]) -> dict[date, int]:
    day = utc_day_column(session, time_column)
    rows = session.execute(select(day, func.count()).select_from(Subscriber).where(*conditions).group_by(day))  # type: ignore[arg-type]
    return {parse_day(when): count for when, count in rows}


def days_until(last: date, count: int) -> list[date]:
    """So many days, `last` the last of them."""
    return [last - timedelta(days=back) for back in reversed(range(count))]
