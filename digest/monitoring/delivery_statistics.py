"""Letters by day, and those that wait."""

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
    """Letters that may go `now` or only `later`, since when the first of them may, and when a sender took one last."""

    due: int = 0
    scheduled: int = 0
    oldest_due_at: datetime | None = None
    last_claimed_at: datetime | None = None


def deliveries_by_day(session: Session, first: date) -> dict[date, StateCounts]:
    """Letters by the day on which they were queued, and by state."""
    day, begin = utc_day_column(session, col(Delivery.created_at)), start_of_day(first)
    rows = session.execute(
        select(day, Delivery.state, func.count())
        .where(*rows_since(session, col(Delivery.id), col(Delivery.created_at), begin))
        .group_by(day, Delivery.state)
    )
    found: dict[date, dict[str, int]] = defaultdict(dict)
    for when, state, count in rows:
        found[parse_day(when)][state] = count
    return dict(found)


def deliveries_today(session: Session, now: datetime) -> dict[tuple[str, str], int]:
    """Today's letters by kind and state."""
    ours = rows_since(session, col(Delivery.id), col(Delivery.created_at), start_of_day(utc_day(now)))
    rows = session.execute(
        select(Delivery.kind, Delivery.state, func.count()).where(*ours).group_by(Delivery.kind, Delivery.state)
    )
    return {(kind, state): count for kind, state, count in rows}


def queue_status(session: Session, now: datetime) -> QueueStatus:
    """What waits, and whether anybody takes letters out."""
    when = col(Delivery.next_attempt_at)
    ready = is_due(now)
    # A letter that a clock, set back since, had put off for too long waits from its beginning.
    since_when = case((ready, case((when <= now, when), else_=col(Delivery.created_at))))
    every, going, oldest = session.execute(
        select(func.count(), func.count(case((ready, 1))), type_coerce(func.min(since_when), UtcDateTime)).where(
            IS_QUEUED
        )
    ).one()
    leases = session.execute(
        select(Delivery.state, func.max(Delivery.lease_expires_at))
        .where(col(Delivery.owner).is_not(None), col(Delivery.lease_expires_at).is_not(None))
        .group_by(Delivery.state)
    )
    taken = [until - (ON_WIRE_LEASE if state == DeliveryState.ON_WIRE else CLAIM_LEASE) for state, until in leases]
    return QueueStatus(going, every - going, oldest, max(taken, default=None))


def uncertain_deliveries(session: Session, first: date, limit: int = 50) -> list[Delivery]:
    """Letters of which nobody knows whether they arrived, the newest first."""
    ours = rows_since(session, col(Delivery.id), col(Delivery.created_at), start_of_day(first))
    asked = select(Delivery).where(*ours, Delivery.state == DeliveryState.UNCERTAIN).order_by(col(Delivery.id).desc())
    return list(session.exec(asked.limit(limit)).all())


def bounces_today(session: Session, now: datetime) -> dict[str, int]:
    """Mails that came back today, by verdict."""
    ours = rows_since(session, col(BounceRecord.id), col(BounceRecord.received_at), start_of_day(utc_day(now)))
    rows = session.execute(
        select(BounceRecord.bounce_class, func.count()).where(*ours).group_by(BounceRecord.bounce_class)
    ).all()
    return cast("dict[str, int]", dict(tuple(row) for row in rows))
