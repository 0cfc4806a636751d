"""Claims: take deliveries from the queue for one sender, hand them back, recover them from dead senders."""

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Table,
    bindparam,
    case,
    exists,
    func,
    inspect,
    literal,
    or_,
    update,
)
from sqlalchemy import cast as sa_cast
from sqlalchemy import select as core_select
from sqlmodel import Session, col, select

from digest.database import array_value, dead_owners, is_in_parameter, is_postgresql
from digest.database.models import ClaimedDelivery, Delivery, DeliveryState, QuarantinedRow, Subscriber, UtcDateTime
from digest.delivery import messages
from digest.delivery.retry import MAX_BACKOFF

CLAIM_LEASE = timedelta(minutes=5)  # taking a claimed delivery away is harmless at any time
ON_WIRE_LEASE = timedelta(minutes=15)  # a relay may take ten minutes to reply (RFC 5321 4.5.3.2.6)
MAX_WAIT = 2 * MAX_BACKOFF  # no delivery is put off for longer; see `is_due`
DELIVERY_TABLE = cast("Table", inspect(Delivery).local_table)
IN_PROGRESS = col(Delivery.state).in_((DeliveryState.SENDING, DeliveryState.ON_WIRE))


def claim(
    session: Session, owner: str, now: datetime, limit: int, *, excluded_domains: Collection[str] = ()
) -> list[ClaimedDelivery]:
    """Claim up to `limit` deliveries that are due: requests before digests, in the order of the queue."""
    connection, postgresql = session.connection(), is_postgresql(session)  # the ORM would make an object of each row
    query = _due_query(frozenset(excluded_domains), postgresql=postgresql)
    rows = connection.execute(query, {"now": now, "limit": limit, "latest": now + MAX_WAIT})
    claimed = [ClaimedDelivery(*row) for row in rows]
    statement = (
        update(DELIVERY_TABLE)
        .where(is_in_parameter(DELIVERY_TABLE.c.id, postgresql=postgresql))
        .where(DELIVERY_TABLE.c.state == DeliveryState.QUEUED)
        .values(
            state=DeliveryState.SENDING,
            owner=owner,
            lease_expires_at=now + CLAIM_LEASE,
            attempts=DELIVERY_TABLE.c.attempts + 1,
        )
    )
    connection.execute(statement, {"numbers": array_value(session, (delivery.id for delivery in claimed))})
    return claimed


@lru_cache
def _due_query(excluded_domains: frozenset[str], *, postgresql: bool) -> Select[Any]:
    table = DELIVERY_TABLE.c
    next_attempt = (table.attempts + 1).label("attempts")  # the one that the claim begins
    columns = [next_attempt if field.name == "attempts" else table[field.name] for field in fields(ClaimedDelivery)]
    due = _is_due(bindparam("now", type_=UtcDateTime), bindparam("latest", type_=UtcDateTime))
    # The order of the queue's index, so that a million rows are not sorted for the sake of a hundred.
    order = [table.priority, table.next_attempt_at, *([] if postgresql else [table.id])]
    is_quarantined = exists(
        select(1).where(
            col(QuarantinedRow.table_name) == DELIVERY_TABLE.name,
            col(QuarantinedRow.row_id) == sa_cast(table.id, String),
            col(QuarantinedRow.released_at).is_(None),
        )
    )
    query = core_select(*columns).where(table.state == DeliveryState.QUEUED, due, ~is_quarantined).order_by(*order)
    if excluded_domains:
        domains = sorted(excluded_domains)
        address = case((table.recipient != "", func.lower(table.recipient)), else_=col(Subscriber.email_key))
        is_excluded = or_(*(address.endswith(f"@{domain}", autoescape=True) for domain in domains))
        query = query.where(~exists(select(1).where(col(Subscriber.id) == table.subscriber_id, is_excluded)))
    return query.limit(bindparam("limit")).with_for_update(skip_locked=True)


def recover_abandoned(session: Session, owner: str, now: datetime) -> tuple[int, int]:
    """Recover what dead senders left, and what living ones have held for longer than their lease.

    Return how many deliveries are queued again, and how many are uncertain. Taking a delivery from a living sender is
    harmless: its next step finds it gone. An uncertain one keeps its owner, who may still record the relay's reply.
    """
    is_owned = (IN_PROGRESS, col(Delivery.owner).is_not(None), col(Delivery.owner) != owner)
    owners = [str(name) for name in session.scalars(select(Delivery.owner).where(*is_owned).distinct())]
    if not owners:
        return 0, 0
    is_abandoned = or_(col(Delivery.owner).in_(dead_owners(session, owners)), col(Delivery.lease_expires_at) < now)
    requeued = (
        update(Delivery)
        .where(*is_owned, is_abandoned, col(Delivery.state) == DeliveryState.SENDING)
        .values(state=DeliveryState.QUEUED, owner=None, lease_expires_at=None)
    )
    uncertain = (
        update(Delivery)
        .where(*is_owned, is_abandoned, col(Delivery.state) == DeliveryState.ON_WIRE)
        .values(
            state=DeliveryState.UNCERTAIN,
            lease_expires_at=None,
            reply=messages.SENDER_STOPPED,
        )
    )
    counts = [
        len(session.execute(statement.returning(col(Delivery.id)).execution_options(synchronize_session=False)).all())
        for statement in (requeued, uncertain)
    ]
    return counts[0], counts[1]


def release(session: Session, owner: str, delivery_ids: Collection[int] | None = None) -> int:
    """Hand back what `owner` claimed and did not send, or these of it. It was no attempt: the relay heard nothing."""
    is_chosen = [] if delivery_ids is None else [col(Delivery.id).in_(delivery_ids)]
    released = session.execute(
        update(Delivery)
        .where(*is_chosen)
        .where(col(Delivery.owner) == owner, col(Delivery.state) == DeliveryState.SENDING)
        .values(state=DeliveryState.QUEUED, owner=None, lease_expires_at=None, attempts=col(Delivery.attempts) - 1)
        .returning(col(Delivery.id))
    )
    return len(released.all())


def cancel_empty(session: Session, owner: str, delivery_ids: Collection[int], now: datetime) -> None:
    """Cancel digests that `owner` claimed, whose papers their subscribers have had under another name."""
    session.execute(
        update(Delivery)
        .where(col(Delivery.id).in_(delivery_ids))
        .where(col(Delivery.owner) == owner, col(Delivery.state) == DeliveryState.SENDING)
        .values(
            state=DeliveryState.CANCELLED,
            owner=None,
            lease_expires_at=None,
            settled_at=now,
            reply=messages.PAPERS_SENT_BEFORE,
        )
    )


def count_due(session: Session, now: datetime, limit: int) -> int:
    """Count deliveries that are due, up to `limit`."""
    return count_queued(session, limit, is_due(now))


def count_queued(session: Session, limit: int | None = None, *conditions: ColumnElement[bool]) -> int:
    """Count queued deliveries that meet all conditions, up to `limit`."""
    queued = select(Delivery.id).where(Delivery.state == DeliveryState.QUEUED, *conditions).limit(limit).subquery()
    return session.exec(select(func.count()).select_from(queued)).one()


def any_in_progress(session: Session) -> bool:
    """Return whether senders hold deliveries, or dead ones left some behind."""
    owned = select(col(Delivery.id)).where(col(Delivery.owner).is_not(None), IN_PROGRESS).limit(1)
    return session.scalar(owned) is not None


def is_due(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a queued delivery may be sent now."""
    return _is_due(literal(now, UtcDateTime), literal(now + MAX_WAIT, UtcDateTime))


def _is_due(now: ColumnElement[datetime], latest: ColumnElement[datetime]) -> ColumnElement[bool]:
    # One that waits for longer than any may was put off by a clock that has been set back since.
    next_attempt_at = DELIVERY_TABLE.c.next_attempt_at
    return or_(next_attempt_at.is_(None), next_attempt_at <= now, next_attempt_at > latest)
