"""Transitions of the record that are plain transactions. Each works inside the caller's; conditions are in the SQL,
so that the database and its row counts decide, never a look followed by an act.

A letter that did not go is sent after all, where that is safe: never one that may have arrived.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, text, update
from sqlmodel import Session, col, select

from digest.database import insert, is_in_values
from digest.database.models import UNDELIVERED, Delivery, DeliveryKind, DeliveryState, Subscriber, complete_state_counts
from digest.delivery.claims import DELIVERY_TABLE
from digest.delivery.statements import ELIGIBLE_STATUSES
from digest.errors import DigestError

PRIORITIES = {
    DeliveryKind.CONFIRM: 0,
    DeliveryKind.ALREADY_SUBSCRIBED: 0,
    DeliveryKind.WELCOME: 1,
    DeliveryKind.GOODBYE: 1,
    DeliveryKind.DIGEST: 2,
}


RECLAIMABLE_STATES = (DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.CANCELLED)


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A letter to be queued. `edition` names it among its reader's letters: a second one of that name is refused."""

    subscriber_id: int
    kind: DeliveryKind
    edition: str
    papers: Sequence[int] = ()
    left_out: Sequence[int] = ()


def enqueue(session: Session, deliveries: Iterable[NewDelivery], domain: str, now: datetime) -> int:
    """Queue letters; how many were new. The Message-ID is fixed here and stays the same on every attempt."""
    rows = [
        {
            "subscriber_id": draft.subscriber_id,
            "kind": draft.kind,
            "edition": draft.edition,
            "state": DeliveryState.QUEUED,
            "priority": PRIORITIES[draft.kind],
            "papers": list(draft.papers),
            "omitted_papers": list(draft.left_out),
            "is_reclaimed": False,
            "message_id": f"<{secrets.token_hex(16)}@{domain}>",
            "attempts": 0,
            "reply_code": 0,
            "reply": "",
            "created_at": now,
        }
        for draft in deliveries
    ]
    if not rows:
        return 0
    # The table, not the class: the statement is compiled once and its rows go in batches.
    new = insert(session, DELIVERY_TABLE).on_conflict_do_nothing(index_elements=["subscriber_id", "edition"])
    statement = new.returning(DELIVERY_TABLE.c.id)
    return len(session.execute(statement, rows).all())


@dataclass(slots=True)
class UndeliveredPapers:
    """What letters that did not arrive carried, and what they had no room for."""

    papers: list[int] = field(default_factory=list)
    omitted_papers: list[int] = field(default_factory=list)


def reclaim_undelivered_papers(
    session: Session, subscriber_ids: Sequence[int], now: datetime
) -> dict[int, UndeliveredPapers]:
    """Papers that go into the next edition again, by reader: those of digests that failed or were cancelled, and
    those of digests still waiting, which expire here. Each is handed out once.
    """
    readers = is_in_values(session, col(Delivery.subscriber_id), subscriber_ids)
    # The words of the partial index, so that years of letters that went well are never looked at.
    digests = (col(Delivery.kind) == DeliveryKind.DIGEST, text(UNDELIVERED), readers)
    session.execute(
        update(Delivery)
        .where(*digests, col(Delivery.state) == DeliveryState.QUEUED)
        .values(state=DeliveryState.EXPIRED, settled_at=now)
        .execution_options(synchronize_session=False)
    )
    rows = session.execute(
        update(Delivery)
        .where(*digests, col(Delivery.state).in_(RECLAIMABLE_STATES))
        .values(is_reclaimed=True)
        .returning(col(Delivery.subscriber_id), col(Delivery.papers), col(Delivery.omitted_papers))
    ).all()
    back: dict[int, UndeliveredPapers] = {}
    for subscriber_id, papers, left_out in rows:
        owed = back.setdefault(subscriber_id, UndeliveredPapers())
        owed.papers += papers
        owed.omitted_papers += left_out
    return back


def cancel(session: Session, subscriber_id: int, now: datetime) -> int:
    """Withdraw what is queued for somebody who leaves."""
    cancelled = session.execute(
        update(Delivery)
        .where(col(Delivery.subscriber_id) == subscriber_id, col(Delivery.state) == DeliveryState.QUEUED)
        .values(state=DeliveryState.CANCELLED, settled_at=now)
        .returning(col(Delivery.id))
    )
    return len(cancelled.all())


def discard_undelivered(session: Session, subscriber_id: int) -> None:
    """Somebody begins anew: papers of letters that never reached them long ago are not news any more."""
    session.execute(
        update(Delivery)
        .where(col(Delivery.subscriber_id) == subscriber_id, col(Delivery.state).in_(RECLAIMABLE_STATES))
        .values(is_reclaimed=True)
        .execution_options(synchronize_session=False)
    )


def resolve(session: Session, delivery_id: int, *, sent: bool, now: datetime) -> None:
    """The operator looked into the relay's log: an uncertain letter was sent, or is lost (its papers go back)."""
    state = DeliveryState.SENT if sent else DeliveryState.FAILED
    said = f"resolved by the operator as {'sent' if sent else 'lost'}"
    changed = session.execute(
        update(Delivery)
        .where(col(Delivery.id) == delivery_id, col(Delivery.state) == DeliveryState.UNCERTAIN)
        .values(state=state, reply=said, owner=None, settled_at=now)
        .returning(col(Delivery.id))
    ).all()
    if not changed:
        known = session.get(Delivery, delivery_id)
        where = f"it is {known.state}" if known else "there is no such delivery"
        raise DigestError(f"delivery {delivery_id} is not uncertain: {where}")


def count_by_state(session: Session) -> dict[str, int]:
    """How many letters are in each state."""
    rows = session.exec(select(Delivery.state, func.count()).group_by(Delivery.state)).all()
    return complete_state_counts(rows)


RETRY_REFUSALS = {
    DeliveryState.SENDING: "it is being sent now",
    DeliveryState.ON_WIRE: "it is being sent now",
    DeliveryState.SENT: "the relay took it; a second one would be a double",
    DeliveryState.UNCERTAIN: "it may have arrived; look into the relay's log, then: digest deliveries resolve",
    DeliveryState.CANCELLED: "the reader wanted no letter any more",
    DeliveryState.EXPIRED: "a later edition took its papers",
}


def retry(session: Session, delivery_id: int) -> str:
    """Put a failed letter, or one that was put off, into the queue for now; why not, or nothing when it is there.

    The papers of a failed letter are this reader's next edition's as soon as one is planned. Whichever comes first
    has them: both conditions are in the SQL.
    """
    ours = col(Delivery.id) == delivery_id
    now_at_once = {"state": DeliveryState.QUEUED, "next_attempt_at": None, "settled_at": None}
    failed = (col(Delivery.state) == DeliveryState.FAILED, col(Delivery.is_reclaimed).is_(False))
    put_off = (col(Delivery.state) == DeliveryState.QUEUED, col(Delivery.next_attempt_at).is_not(None))
    for may in (failed, put_off):
        changed = update(Delivery).where(ours, *may, _is_wanted(session, delivery_id)).values(**now_at_once)
        if session.execute(changed.returning(col(Delivery.id)).execution_options(synchronize_session=False)).first():
            return ""
    return _refusal_reason(session, delivery_id)


def failed_since(session: Session, since: datetime) -> list[int]:
    """Letters that failed at or after an instant, the oldest first."""
    wanted = select(col(Delivery.id)).where(
        col(Delivery.state) == DeliveryState.FAILED, col(Delivery.settled_at) >= since
    )
    return list(session.scalars(wanted.order_by(col(Delivery.id))))


def _is_wanted(session: Session, delivery_id: int) -> ColumnElement[bool]:
    kind = session.scalar(select(col(Delivery.kind)).where(col(Delivery.id) == delivery_id))
    statuses = ELIGIBLE_STATUSES[DeliveryKind(kind)] if kind else ()
    reader = select(1).where(col(Subscriber.id) == col(Delivery.subscriber_id), col(Subscriber.status).in_(statuses))
    return exists(reader)


def _refusal_reason(session: Session, delivery_id: int) -> str:
    found = session.execute(
        select(Delivery, col(Subscriber.status))
        .join(Subscriber, col(Subscriber.id) == col(Delivery.subscriber_id))
        .where(col(Delivery.id) == delivery_id)
        .execution_options(populate_existing=True)
    ).first()
    if found is None:
        return "there is no such delivery"
    delivery, status = found
    state = DeliveryState(delivery.state)
    if state in RETRY_REFUSALS:
        return RETRY_REFUSALS[state]
    if state is DeliveryState.FAILED and delivery.is_reclaimed:
        return "a later edition took its papers"
    if status not in ELIGIBLE_STATUSES[DeliveryKind(delivery.kind)]:
        return f"its reader is {status} and gets no such letter"
    return "it waits in the queue already"
