"""Letters by day, and those that wait."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

from sqlalchemy import case, func, text, type_coerce
from sqlmodel import Session, col, select

from digest.deliveries.queue import LEASE, LEASE_ON_WIRE, may_go
from digest.models import BounceRecord, Delivery, DeliveryState, UtcDateTime
from digest.watch.window import as_day, day_of, midnight, since, today_of

QUEUED = text("state = 'queued'")  # spelled as in the partial index, or SQLite does not use it
Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Queue:
    """Letters that may go `now` or only `later`, since when the first of them may, and when a sender took one last."""

    now: int = 0
    later: int = 0
    oldest: datetime | None = None
    taken: datetime | None = None


def by_day(session: Session, first: date) -> dict[date, Counts]:
    """Letters by the day on which they were queued, and by state."""
    day, begin = day_of(session, col(Delivery.created_at)), midnight(first)
    rows = session.execute(
        select(day, Delivery.state, func.count())
        .where(*since(session, col(Delivery.id), col(Delivery.created_at), begin))
        .group_by(day, Delivery.state)
    )
    found: dict[date, dict[str, int]] = defaultdict(dict)
    for when, state, count in rows:
        found[as_day(when)][state] = count
    return dict(found)


def today_by_kind(session: Session, now: datetime) -> dict[tuple[str, str], int]:
    """Today's letters by kind and state."""
    ours = since(session, col(Delivery.id), col(Delivery.created_at), midnight(today_of(now)))
    rows = session.execute(
        select(Delivery.kind, Delivery.state, func.count()).where(*ours).group_by(Delivery.kind, Delivery.state)
    )
    return {(kind, state): count for kind, state, count in rows}


def queue(session: Session, now: datetime) -> Queue:
    """What waits, and whether anybody takes letters out."""
    when = col(Delivery.next_attempt_at)
    ready = may_go(now)
    # A letter that a clock, set back since, had put off for too long waits from its beginning.
    since_when = case((ready, case((when <= now, when), else_=col(Delivery.created_at))))
    every, going, oldest = session.execute(
        select(func.count(), func.count(case((ready, 1))), type_coerce(func.min(since_when), UtcDateTime)).where(QUEUED)
    ).one()
    leases = session.execute(
        select(Delivery.state, func.max(Delivery.lease_expires_at))
        .where(col(Delivery.owner).is_not(None), col(Delivery.lease_expires_at).is_not(None))
        .group_by(Delivery.state)
    )
    taken = [until - (LEASE_ON_WIRE if state == DeliveryState.ON_WIRE else LEASE) for state, until in leases]
    return Queue(going, every - going, oldest, max(taken, default=None))


def uncertain(session: Session, first: date, limit: int = 50) -> list[Delivery]:
    """Letters of which nobody knows whether they arrived, the newest first."""
    ours = since(session, col(Delivery.id), col(Delivery.created_at), midnight(first))
    asked = select(Delivery).where(*ours, Delivery.state == DeliveryState.UNCERTAIN).order_by(col(Delivery.id).desc())
    return list(session.exec(asked.limit(limit)).all())


def came_back_today(session: Session, now: datetime) -> dict[str, int]:
    """Mails that came back today, by verdict."""
    ours = since(session, col(BounceRecord.id), col(BounceRecord.received_at), midnight(today_of(now)))
    rows = session.execute(
        select(BounceRecord.bounce_class, func.count()).where(*ours).group_by(BounceRecord.bounce_class)
    ).all()
    return cast("dict[str, int]", dict(tuple(row) for row in rows))
