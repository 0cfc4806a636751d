"""Deliveries by day and state, and the queue."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

from sqlalchemy import case, func, text, type_coerce
from sqlmodel import Session, col, select

from digest.database.models import BounceRecord, Delivery, DeliveryState, UtcDateTime
from digest.delivery import CLAIM_LEASE, ON_WIRE_LEASE, is_due
from digest.monitoring.time_window import parse_day, rows_since, start_of_day, utc_day, utc_day_column

IS_QUEUED = text("state = 'queued'")  # spelled as in the partial index, or SQLite does not use it
StateCounts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """Queued deliveries that are due or scheduled for later, and when a sender last claimed one."""

    due: int = 0
    scheduled: int = 0
    oldest_due_at: datetime | None = None
    last_claimed_at: datetime | None = None


def deliveries_by_day(session: Session, first: date) -> dict[date, StateCounts]:
    """Count deliveries by the day on which they were queued and by state, from `first` on."""
    day, start = utc_day_column(session, col(Delivery.created_at)), start_of_day(first)
    rows = session.execute(
        select(day, Delivery.state, func.count())
        .where(*rows_since(session, col(Delivery.id), col(Delivery.created_at), start))
        .group_by(day, Delivery.state)
    )
    counts: dict[date, dict[str, int]] = defaultdict(dict)
    for queued_on, state, count in rows:
        counts[parse_day(queued_on)][state] = count
    return dict(counts)


def deliveries_today(session: Session, now: datetime) -> dict[tuple[str, str], int]:
    """Count the deliveries queued today by kind and state."""
    today = rows_since(session, col(Delivery.id), col(Delivery.created_at), start_of_day(utc_day(now)))
    rows = session.execute(
        select(Delivery.kind, Delivery.state, func.count()).where(*today).group_by(Delivery.kind, Delivery.state)
    )
    return {(kind, state): count for kind, state, count in rows}


def queue_status(session: Session, now: datetime) -> QueueStatus:
    """Count what is queued, and find out whether a sender claims it."""
    next_attempt = col(Delivery.next_attempt_at)
    due = is_due(now)
    # A delivery that was put off by a clock that has been set back since counts as due from its creation.
    due_at = case((due, case((next_attempt <= now, next_attempt), else_=col(Delivery.created_at))))
    counts = select(func.count(), func.count(case((due, 1))), type_coerce(func.min(due_at), UtcDateTime))
    queued, due_count, oldest_due_at = session.execute(counts.where(IS_QUEUED)).one()
    leases = session.execute(
        select(Delivery.state, func.max(Delivery.lease_expires_at))
        .where(col(Delivery.owner).is_not(None), col(Delivery.lease_expires_at).is_not(None))
        .group_by(Delivery.state)
    )
    claimed = [
        expires_at - (ON_WIRE_LEASE if state == DeliveryState.ON_WIRE else CLAIM_LEASE) for state, expires_at in leases
    ]
    return QueueStatus(due_count, queued - due_count, oldest_due_at, max(claimed, default=None))


def uncertain_deliveries(session: Session, first: date, limit: int = 50) -> list[Delivery]:
    """Return deliveries that may or may not have arrived, the newest first."""
    recent = rows_since(session, col(Delivery.id), col(Delivery.created_at), start_of_day(first))
    query = select(Delivery).where(*recent, Delivery.state == DeliveryState.UNCERTAIN)
    return list(session.exec(query.order_by(col(Delivery.id).desc()).limit(limit)).all())


def bounces_today(session: Session, now: datetime) -> dict[str, int]:
    """Count the bounces received today by class."""
    today = rows_since(session, col(BounceRecord.id), col(BounceRecord.received_at), start_of_day(utc_day(now)))
    rows = session.execute(
        select(BounceRecord.bounce_class, func.count()).where(*today).group_by(BounceRecord.bounce_class)
    ).all()
    return cast("dict[str, int]", dict(tuple(row) for row in rows))
