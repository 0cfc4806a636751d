"""Subscribers by status, and how their number changed."""

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from digest.database.models import Subscriber, SubscriberStatus
from digest.monitoring.time_window import parse_day, start_of_day, utc_day_column


@dataclass(frozen=True, slots=True)
class SubscriberChange:
    """Subscriptions that began and ended on one day, and their number at its end."""

    joined: int
    ended: int
    total: int


def subscribers_by_status(session: Session) -> dict[str, int]:
    """Count subscribers by status."""
    rows = session.execute(select(Subscriber.status, func.count()).group_by(Subscriber.status)).all()
    return {status.value: 0 for status in SubscriberStatus} | dict(tuple(row) for row in rows)


def subscriber_changes(session: Session, days: list[date]) -> dict[date, SubscriberChange]:
    """Count who joined and left on each of `days`.

    Those who resubscribed count from then on; those who were erased count at no time.
    """
    start = start_of_day(days[0])
    joined_at, ended_at = col(Subscriber.confirmed_at), col(Subscriber.ended_at)
    confirmed = (joined_at.is_not(None), col(Subscriber.status) != SubscriberStatus.PENDING)
    total = session.scalar(
        select(func.count())
        .select_from(Subscriber)
        .where(*confirmed, joined_at < start, or_(ended_at.is_(None), ended_at >= start))
    )
    joined = _count_by_day(session, joined_at, (*confirmed, joined_at >= start))
    ended = _count_by_day(session, ended_at, (*confirmed, ended_at >= start, ended_at >= joined_at))
    changes, count = {}, int(total or 0)
    for day in days:
        count += joined.get(day, 0) - ended.get(day, 0)
        changes[day] = SubscriberChange(joined.get(day, 0), ended.get(day, 0), count)
    return changes


def _count_by_day(session: Session, time_column: object, conditions: tuple[object, ...]) -> dict[date, int]:
    day = utc_day_column(session, time_column)
    rows = session.execute(select(day, func.count()).select_from(Subscriber).where(*conditions).group_by(day))  # type: ignore[arg-type]
    return {parse_day(value): count for value, count in rows}


def days_until(last: date, count: int) -> list[date]:
    """Return `count` days that end with `last`."""
    return [last - timedelta(days=back) for back in reversed(range(count))]
