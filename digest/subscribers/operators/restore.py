"""Restore subscriptions that ended because a relay refused us, not their address."""

from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatch

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from digest import delivery
from digest.database import read_session, write_session
from digest.database.models import Delivery, DeliveryKind, DeliveryState, Subscriber, SubscriberStatus
from digest.subscribers import records
from digest.subscribers.operators.state_changes import record_state_change, state_of
from digest.subscribers.suppression_list import has_complaint

CHUNK = 500  # subscribers a transaction


@dataclass(frozen=True, slots=True)
class RestoredSubscriber:
    """Subscriber who was suppressed for `reason`, and the status that they get back."""

    email: str
    status: str
    reason: str


def restore_suppressed(
    engine: Engine, actor: str, since: datetime, pattern: str, now: datetime, *, dry_run: bool = False
) -> list[RestoredSubscriber]:
    """Restore subscriptions that were suppressed at or after `since` for a reason that contains `pattern`.

    `pattern` may have * and ?, in any case. Keywords and preferences are as they were; papers that were listed
    meanwhile wait. A confirmation that was refused is queued again. Whoever complained stays suppressed. `actor`
    is recorded to have restored each.
    """
    suppressed = (
        select(col(Subscriber.id), Subscriber.reason)
        .where(Subscriber.status == SubscriberStatus.SUPPRESSED, col(Subscriber.ended_at) >= since)
        .order_by(col(Subscriber.id))
    )
    with read_session(engine) as session:
        ids = [int(number or 0) for number, reason in session.exec(suppressed) if is_match(reason, pattern)]
    restored: list[RestoredSubscriber] = []
    for start in range(0, len(ids), CHUNK):
        session_of = read_session if dry_run else write_session
        with session_of(engine) as session:
            chosen = col(Subscriber.id).in_(ids[start : start + CHUNK])
            rows = session.exec(select(Subscriber).where(chosen).order_by(col(Subscriber.id)).with_for_update()).all()
            for row in (row for row in rows if is_restorable(row, pattern)):
                before = state_of(row)
                restored.append(restore(session, row))
                if not dry_run:
                    record_state_change(session, actor, "restore", row, before, now)
    return restored


def is_match(reason: str, pattern: str) -> bool:
    """Return whether a reason contains a pattern."""
    return fnmatch(reason.casefold(), f"*{pattern.casefold()}*")


def is_restorable(subscriber: Subscriber, pattern: str) -> bool:
    """Return whether a subscription is still suppressed for a reason that is not a complaint."""
    is_suppressed = subscriber.status == SubscriberStatus.SUPPRESSED and not has_complaint(subscriber)
    return is_suppressed and is_match(subscriber.reason, pattern)


def restore(session: Session, subscriber: Subscriber) -> RestoredSubscriber:
    """Restore one subscription: to the confirmation if that was what the relay refused."""
    reason = subscriber.reason
    refused = (
        select(Delivery)
        .where(Delivery.subscriber_id == subscriber.id, Delivery.state == DeliveryState.FAILED)
        .order_by(col(Delivery.settled_at).desc(), col(Delivery.id).desc())
    )
    last = session.exec(refused).first()
    records.resume(subscriber)
    if last and last.kind == DeliveryKind.CONFIRM:
        subscriber.status = SubscriberStatus.PENDING
        session.flush()
        delivery.retry(session, int(last.id or 0))
    return RestoredSubscriber(subscriber.email, subscriber.status, reason)
