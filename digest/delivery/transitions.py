"""Transitions of the record that are plain statements within the caller's transaction.

Conditions are in the SQL, so that the database and its row counts decide, never a query followed by an update.
"""

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, func, text, update
from sqlmodel import Session, col, select

from digest.database import InvalidRow, create_invalid_row, insert, invalid_column, is_in_values
from digest.database.models import (
    UNDELIVERED,
    Delivery,
    DeliveryKind,
    DeliveryState,
    InvalidList,
    Subscriber,
    complete_state_counts,
)
from digest.delivery import messages
from digest.delivery.addresses import LAST_OF_AN_ADDRESS
from digest.delivery.claims import DELIVERY_TABLE
from digest.delivery.group_commit import ELIGIBLE_STATUSES
from digest.errors import DigestError
from digest.mail.replies import MAX_REPLY_LENGTH

PRIORITIES = {
    DeliveryKind.CONFIRM: 0,
    DeliveryKind.ALREADY_SUBSCRIBED: 0,
    DeliveryKind.ADDRESS_CHANGE: 0,
    DeliveryKind.ADDRESS_CHANGED: 0,
    DeliveryKind.ADDRESS_RESTORED: 0,
    DeliveryKind.WELCOME: 1,
    DeliveryKind.GOODBYE: 1,
    DeliveryKind.DIGEST: 2,
}
GIVE_UP_AFTER = timedelta(days=4)  # RFC 5321 4.5.4.1: four to five days
RECLAIMABLE_STATES = (DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.CANCELLED)
REPLY_CANCELLED = messages.CANCELLED_BY_OPERATOR
RETRY_REFUSALS = {
    DeliveryState.SENDING: messages.BEING_SENT,
    DeliveryState.ON_WIRE: messages.BEING_SENT,
    DeliveryState.SENT: messages.WAS_SENT,
    DeliveryState.UNCERTAIN: messages.MAY_BE_SENT,
    DeliveryState.CANCELLED: messages.SUBSCRIBER_LEFT,
    DeliveryState.EXPIRED: messages.PAPERS_RECLAIMED,
}


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """Delivery to be queued. `edition` names it among its subscriber's: a second one of that name is refused.

    `recipient`: the address it goes to, where that is not the subscriber's.
    """

    subscriber_id: int
    kind: DeliveryKind
    edition: str
    papers: Sequence[int] = ()
    omitted_papers: Sequence[int] = ()
    recipient: str = ""
    not_before: datetime | None = None


PAPER_LISTS = ("papers", "omitted_papers", "close_papers")


@dataclass(slots=True)
class UndeliveredPapers:
    """Papers of digests that did not arrive, those for which these had no room, and those close to a profile."""

    papers: list[int] = field(default_factory=list)
    omitted_papers: list[int] = field(default_factory=list)
    close_papers: list[int] = field(default_factory=list)


def enqueue(session: Session, deliveries: Iterable[NewDelivery], domain: str, now: datetime) -> int:
    """Queue deliveries; return how many were new. The Message-ID stays the same on every attempt."""
    rows = [
        {
            "subscriber_id": delivery.subscriber_id,
            "kind": delivery.kind,
            "edition": delivery.edition,
            "state": DeliveryState.QUEUED,
            "priority": PRIORITIES[delivery.kind],
            "papers": list(delivery.papers),
            "omitted_papers": list(delivery.omitted_papers),
            "is_reclaimed": False,
            "recipient": delivery.recipient,
            "message_id": f"<{secrets.token_hex(16)}@{domain}>",
            "attempts": 0,
            "next_attempt_at": delivery.not_before,
            "reply_code": 0,
            "reply": "",
            "created_at": now,
        }
        for delivery in deliveries
    ]
    if not rows:
        return 0
    # The table, not the class: the statement is compiled once and its rows go in batches.
    new = insert(session, DELIVERY_TABLE).on_conflict_do_nothing(index_elements=["subscriber_id", "edition"])
    return len(session.execute(new.returning(DELIVERY_TABLE.c.id), rows).all())


def settle_welcomes(session: Session, subscriber_ids: Collection[int], with_digest: Collection[int]) -> None:
    """Settle the welcomes of subscribers who were just planned: a first digest is the welcome, else it may be sent."""
    is_queued = col(Delivery.state) == DeliveryState.QUEUED, col(Delivery.kind) == DeliveryKind.WELCOME
    # By the index of the queue, where few rows have this priority.
    welcomes = select(Delivery.id, Delivery.subscriber_id).where(
        *is_queued, col(Delivery.priority) == PRIORITIES[DeliveryKind.WELCOME]
    )
    planned, welcomed = set(subscriber_ids), set(with_digest)
    superseded: list[int] = []
    released: list[int] = []
    for number, subscriber_id in session.exec(welcomes):
        if subscriber_id in planned:
            (superseded if subscriber_id in welcomed else released).append(int(number or 0))
    if superseded:
        session.execute(delete(Delivery).where(*is_queued, is_in_values(session, col(Delivery.id), superseded)))
    if released:
        is_untried = col(Delivery.attempts) == 0  # one that the relay put off keeps its time
        session.execute(
            update(Delivery)
            .where(*is_queued, is_untried, is_in_values(session, col(Delivery.id), released))
            .values(next_attempt_at=None)
            .execution_options(synchronize_session=False)
        )


def reclaim_undelivered_papers(
    session: Session, subscriber_ids: Sequence[int], now: datetime, unreadable: list[InvalidRow] | None = None
) -> dict[int, UndeliveredPapers]:
    """Return papers for the next edition by subscriber, each once.

    A delivery whose lists cannot be read is appended to `unreadable` and stays for the edition after.

    They are those of digests that failed or were cancelled, and of digests still queued, which expire here.
    """
    # The condition of the partial index, so that years of digests that arrived are never looked at.
    undelivered = (
        col(Delivery.kind) == DeliveryKind.DIGEST,
        text(UNDELIVERED),
        is_in_values(session, col(Delivery.subscriber_id), subscriber_ids),
    )
    session.execute(
        update(Delivery)
        .where(*undelivered, col(Delivery.state) == DeliveryState.QUEUED)
        .values(state=DeliveryState.EXPIRED, settled_at=now)
        .execution_options(synchronize_session=False)
    )
    rows = session.execute(
        update(Delivery)
        .where(*undelivered, col(Delivery.state).in_(RECLAIMABLE_STATES))
        .values(is_reclaimed=True)
        .returning(*(getattr(Delivery, name) for name in ("id", "subscriber_id", *PAPER_LISTS)))
    ).all()
    by_subscriber: dict[int, UndeliveredPapers] = {}
    unreadable_ids = []
    for delivery_id, subscriber_id, *lists in rows:
        if any(isinstance(numbers, InvalidList) for numbers in lists):
            unreadable_ids.append(int(delivery_id or 0))
            continue
        undelivered_papers = by_subscriber.setdefault(subscriber_id, UndeliveredPapers())
        for name, numbers in zip(PAPER_LISTS, lists, strict=True):
            getattr(undelivered_papers, name).extend(numbers)
    if unreadable_ids:
        unreadable = [] if unreadable is None else unreadable
        unreadable += [create_invalid_row(Delivery, number, invalid_column("papers")) for number in unreadable_ids]
        session.execute(
            update(Delivery)
            .where(col(Delivery.id).in_(unreadable_ids))
            .values(is_reclaimed=False)
            .execution_options(synchronize_session=False)
        )
    return by_subscriber


def cancel(session: Session, subscriber_id: int, now: datetime) -> int:
    """Cancel what is queued for a subscriber who leaves."""
    cancelled = session.execute(
        update(Delivery)
        .where(col(Delivery.subscriber_id) == subscriber_id, col(Delivery.state) == DeliveryState.QUEUED)
        .where(col(Delivery.kind).not_in(LAST_OF_AN_ADDRESS))
        .values(state=DeliveryState.CANCELLED, settled_at=now)
        .returning(col(Delivery.id))
    )
    return len(cancelled.all())


def discard_undelivered(session: Session, subscriber_id: int) -> None:
    """Forget papers that did not arrive: they are no news to somebody who subscribes again."""
    session.execute(
        update(Delivery)
        .where(col(Delivery.subscriber_id) == subscriber_id, col(Delivery.state).in_(RECLAIMABLE_STATES))
        .values(is_reclaimed=True)
        .execution_options(synchronize_session=False)
    )


def resolve(session: Session, delivery_id: int, *, sent: bool, now: datetime) -> None:
    """Settle an uncertain delivery by the relay's log: it was sent, or is lost and its papers go back."""
    resolved = session.execute(
        update(Delivery)
        .where(col(Delivery.id) == delivery_id, col(Delivery.state) == DeliveryState.UNCERTAIN)
        .values(
            state=DeliveryState.SENT if sent else DeliveryState.FAILED,
            reply=messages.MARKED_AS_SENT if sent else messages.MARKED_AS_LOST,
            owner=None,
            settled_at=now,
        )
        .returning(col(Delivery.id))
    ).all()
    if not resolved:
        delivery = session.get(Delivery, delivery_id)
        raise DigestError(
            messages.not_uncertain(delivery_id, delivery.state) if delivery else messages.unknown_delivery(delivery_id)
        )


def retry(session: Session, delivery_id: int) -> str:
    """Make a failed or deferred delivery due now; return why that is not possible, or an empty string.

    The papers of a failed digest belong to the next edition as soon as one is planned. Both conditions are in the SQL,
    so whichever comes first has them.
    """
    kind = session.scalar(select(col(Delivery.kind)).where(col(Delivery.id) == delivery_id))
    statuses = ELIGIBLE_STATUSES[DeliveryKind(kind)] if kind else ()
    is_eligible = exists(
        select(1).where(col(Subscriber.id) == col(Delivery.subscriber_id), col(Subscriber.status).in_(statuses))
    )
    has_failed = (col(Delivery.state) == DeliveryState.FAILED) & col(Delivery.is_reclaimed).is_(False)
    is_deferred = (col(Delivery.state) == DeliveryState.QUEUED) & col(Delivery.next_attempt_at).is_not(None)
    requeued = session.execute(
        update(Delivery)
        .where(col(Delivery.id) == delivery_id, has_failed | is_deferred, is_eligible)
        .values(state=DeliveryState.QUEUED, next_attempt_at=None, settled_at=None)
        .returning(col(Delivery.id))
        .execution_options(synchronize_session=False)
    )
    if requeued.first():
        return ""
    row = session.execute(
        select(Delivery, col(Subscriber.status))
        .join(Subscriber, col(Subscriber.id) == col(Delivery.subscriber_id))
        .where(col(Delivery.id) == delivery_id)
        .execution_options(populate_existing=True)
    ).first()
    if row is None:
        return messages.NO_SUCH_DELIVERY
    delivery, status = row
    state = DeliveryState(delivery.state)
    if state in RETRY_REFUSALS:
        was_operator = state is DeliveryState.CANCELLED and delivery.reply == REPLY_CANCELLED
        return messages.OPERATOR_CANCELLED if was_operator else RETRY_REFUSALS[state]
    if state is DeliveryState.FAILED and delivery.is_reclaimed:
        return messages.PAPERS_RECLAIMED
    if status not in ELIGIBLE_STATUSES[DeliveryKind(delivery.kind)]:
        return messages.subscriber_is(status)
    return messages.ALREADY_QUEUED


def retry_edition(session: Session, delivery: NewDelivery) -> bool:
    """Make the delivery of the same edition due now, if it failed or was put off; return whether it is."""
    same = Delivery.subscriber_id == delivery.subscriber_id, Delivery.edition == delivery.edition
    number = session.scalar(select(col(Delivery.id)).where(*same))
    return number is not None and not retry(session, number)


def give_up(session: Session, now: datetime) -> int:
    """Fail e-mails that could not be delivered for four days; return how many. A digest ends with the next edition."""
    failed = session.execute(
        update(Delivery)
        .where(
            col(Delivery.state) == DeliveryState.QUEUED,
            col(Delivery.priority) < PRIORITIES[DeliveryKind.DIGEST],  # the queue's index finds these first
            col(Delivery.kind) != DeliveryKind.DIGEST,
            col(Delivery.created_at) < now - GIVE_UP_AFTER,
        )
        .values(
            state=DeliveryState.FAILED,
            reply=func.substr(messages.GIVEN_UP + col(Delivery.reply), 1, MAX_REPLY_LENGTH),
            next_attempt_at=None,
            settled_at=now,
        )
        .returning(col(Delivery.id))
        .execution_options(synchronize_session=False)
    )
    return len(failed.all())


def failed_since(session: Session, since: datetime) -> list[int]:
    """Return deliveries that failed at or after an instant, the oldest first."""
    failed = col(Delivery.state) == DeliveryState.FAILED, col(Delivery.settled_at) >= since
    return list(session.scalars(select(col(Delivery.id)).where(*failed).order_by(col(Delivery.id))))


def count_by_state(session: Session) -> dict[str, int]:
    """Count deliveries in each state."""
    rows = session.exec(select(Delivery.state, func.count()).group_by(Delivery.state)).all()
    return complete_state_counts(rows)
