"""Transitions of the record that are plain transactions. Each works inside the caller's; conditions are in the SQL,
so that the database and its row counts decide, never a look followed by an act.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, text, update
from sqlmodel import Session, col, select

from digest.db import insert, is_in_values
from digest.deliveries.queue import DELIVERY_TABLE
from digest.errors import DigestError
from digest.models import Delivery, DeliveryKind, DeliveryState
from digest.models.record import UNDELIVERED, complete_state_counts

PRIORITIES = {
    DeliveryKind.CONFIRM: 0,
    DeliveryKind.ALREADY_SUBSCRIBED: 0,
    DeliveryKind.WELCOME: 1,
    DeliveryKind.GOODBYE: 1,
    DeliveryKind.DIGEST: 2,
}
RECLAIMABLE_STATES = (DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.CANCELLED)
POSSIBLY_DELIVERED = (
    DeliveryState.QUEUED,
    DeliveryState.SENDING,
    DeliveryState.ON_WIRE,
    DeliveryState.SENT,
    DeliveryState.UNCERTAIN,
)


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
    left_out: list[int] = field(default_factory=list)


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
        owed.left_out += left_out
    return back


def delivered_paper_ids(session: Session, subscriber_ids: Sequence[int]) -> dict[int, set[int]]:
    """Papers that each reader has or may have in the inbox, or will have when the queue is through."""
    rows = session.exec(
        select(Delivery.subscriber_id, Delivery.papers)
        .where(is_in_values(session, col(Delivery.subscriber_id), subscriber_ids), Delivery.kind == DeliveryKind.DIGEST)
        .where(col(Delivery.state).in_(POSSIBLY_DELIVERED))
    ).all()
    found: dict[int, set[int]] = {}
    for subscriber_id, papers in rows:
        found.setdefault(subscriber_id, set()).update(papers)
    return found


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
