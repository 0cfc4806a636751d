"""The queue: who takes letters from it, gives them back, or finds that another has died with them."""

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import cast

from sqlalchemy import ColumnElement, Table, Update, bindparam, exists, func, inspect, literal, or_, update
from sqlalchemy import select as core_select
from sqlmodel import Session, col, select

from digest.database import RowQuery, array_value, dead_owners, is_in_parameter, is_postgresql
from digest.database.models import ClaimedDelivery, Delivery, DeliveryState, Subscriber, UtcDateTime
from digest.delivery.retry import MAX_BACKOFF

CLAIM_LEASE = timedelta(minutes=5)  # for a letter that is claimed; taking it away is harmless at any time


ON_WIRE_LEASE = timedelta(minutes=15)  # for one that leaves: a relay may take ten minutes to answer


MAX_WAIT = 2 * MAX_BACKOFF  # no letter is put off for longer; see may_go


DELIVERY_TABLE = cast("Table", inspect(Delivery).local_table)


NEXT_ATTEMPT = (DELIVERY_TABLE.c.attempts + 1).label("attempts")  # the one that a claim begins


IN_PROGRESS = col(Delivery.state).in_((DeliveryState.SENDING, DeliveryState.ON_WIRE))


def claim(
    session: Session, owner: str, now: datetime, limit: int, *, excluded_domains: Collection[str] = ()
) -> list[ClaimedDelivery]:
    """Take up to `limit` letters that may go now: requests before digests, in the order of the queue.

    Letters to the domains `without` stay where they are.
    """
    connection, server = (
        session.connection(),
        is_postgresql(session),
    )  # past the ORM: it would make an object of each row
    ready = _due_rows(frozenset(excluded_domains), server=server)
    rows = ready.fetch_all(connection, now=now, limit=limit, longest=now + MAX_WAIT)
    found = [ClaimedDelivery(*row) for row in rows]
    numbers = array_value(session, (each.id for each in found))
    connection.execute(_claim_statement(server=server), {"numbers": numbers, "to": owner, "until": now + CLAIM_LEASE})
    return found


@lru_cache
def _due_rows(excluded_domains: frozenset[str], *, server: bool) -> RowQuery:
    columns = (
        NEXT_ATTEMPT if each.name == NEXT_ATTEMPT.name else DELIVERY_TABLE.c[each.name]
        for each in fields(ClaimedDelivery)
    )
    in_time = _is_due(bindparam("now", type_=UtcDateTime), bindparam("longest", type_=UtcDateTime))
    ready = (
        core_select(*columns)
        .where(DELIVERY_TABLE.c.state == DeliveryState.QUEUED, in_time)
        .order_by(*_queue_order(server=server))
    )
    if excluded_domains:
        there = or_(
            *(col(Subscriber.email_key).endswith(f"@{each}", autoescape=True) for each in sorted(excluded_domains))
        )
        ready = ready.where(~exists(select(1).where(col(Subscriber.id) == DELIVERY_TABLE.c.subscriber_id, there)))
    return RowQuery(ready.limit(bindparam("limit")).with_for_update(skip_locked=True))


@cache
def _claim_statement(*, server: bool) -> Update:
    ours = update(DELIVERY_TABLE).where(
        is_in_parameter(DELIVERY_TABLE.c.id, postgresql=server), DELIVERY_TABLE.c.state == DeliveryState.QUEUED
    )
    until = bindparam("until", type_=UtcDateTime)
    return ours.values(
        state=DeliveryState.SENDING,
        owner=bindparam("to"),
        lease_expires_at=until,
        attempts=DELIVERY_TABLE.c.attempts + 1,
    )


def _queue_order(*, server: bool) -> Sequence[ColumnElement[object]]:
    """As the index of the queue has them, so that a million letters are not sorted for the sake of a hundred."""
    turn = [DELIVERY_TABLE.c.priority, DELIVERY_TABLE.c.next_attempt_at]
    return turn if server else [*turn, DELIVERY_TABLE.c.id]


def recover_abandoned(session: Session, owner: str, now: datetime) -> tuple[int, int]:
    """What dead senders left behind, and what living ones have held for too long: (letters queued again, letters now
    uncertain). Taking a letter from a sender that lives does no harm: its next step finds the letter gone.

    An uncertain letter keeps its owner's name: should that one still live, it may say how the letter fared.
    """
    owned = (IN_PROGRESS, col(Delivery.owner).is_not(None), col(Delivery.owner) != owner)
    owners = [str(each) for each in session.scalars(select(Delivery.owner).where(*owned).distinct())]
    if not owners:
        return 0, 0
    left = or_(col(Delivery.owner).in_(dead_owners(session, owners)), col(Delivery.lease_expires_at) < now)
    again = session.execute(
        update(Delivery)
        .where(*owned, left, col(Delivery.state) == DeliveryState.SENDING)
        .values(state=DeliveryState.QUEUED, owner=None, lease_expires_at=None)
        .returning(col(Delivery.id))
        .execution_options(synchronize_session=False)
    ).all()
    uncertain = session.execute(
        update(Delivery)
        .where(*owned, left, col(Delivery.state) == DeliveryState.ON_WIRE)
        .values(
            state=DeliveryState.UNCERTAIN,
            lease_expires_at=None,
            reply="the sender died while this letter was on the wire",
        )
        .returning(col(Delivery.id))
        .execution_options(synchronize_session=False)
    ).all()
    return len(again), len(uncertain)


def release(session: Session, owner: str) -> int:
    """Hand back what this process claimed and did not send. It was no attempt: the relay never heard of it."""
    released = session.execute(
        update(Delivery)
        .where(col(Delivery.owner) == owner, col(Delivery.state) == DeliveryState.SENDING)
        .values(state=DeliveryState.QUEUED, owner=None, lease_expires_at=None, attempts=col(Delivery.attempts) - 1)
        .returning(col(Delivery.id))
    )
    return len(released.all())


def count_due(session: Session, now: datetime, limit: int) -> int:
    """How many letters may go now; nobody counts beyond `most`."""
    return _count_deliveries(session, limit, is_due(now))


def any_in_progress(session: Session) -> bool:
    """Whether senders hold letters, or dead ones have left some behind."""
    owned = select(col(Delivery.id)).where(col(Delivery.owner).is_not(None), IN_PROGRESS).limit(1)
    return session.scalar(owned) is not None


def count_queued(session: Session, limit: int | None = None) -> int:
    """How many letters are queued, for now or for later; nobody counts beyond `most`."""
    return _count_deliveries(session, limit)


def _count_deliveries(session: Session, limit: int | None, *also: ColumnElement[bool]) -> int:
    queued = select(Delivery.id).where(Delivery.state == DeliveryState.QUEUED, *also).limit(limit).subquery()
    return session.exec(select(func.count()).select_from(queued)).one()


def is_due(now: datetime) -> ColumnElement[bool]:
    """A queued letter whose time has come."""
    return _is_due(literal(now, UtcDateTime), literal(now + MAX_WAIT, UtcDateTime))


def _is_due(now: ColumnElement[datetime], longest: ColumnElement[datetime]) -> ColumnElement[bool]:
    # One that would have to wait longer than any letter does was put off by a clock that has been set back since.
    when = DELIVERY_TABLE.c.next_attempt_at
    return or_(when.is_(None), when <= now, when > longest)
