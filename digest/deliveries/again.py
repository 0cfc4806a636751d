"""A letter that did not go is sent after all, where that is safe: never one that may have arrived."""

from datetime import datetime

from sqlalchemy import ColumnElement, exists, select, update
from sqlmodel import Session, col

from digest.deliveries.groups import ELIGIBLE_STATUSES
from digest.models import Delivery, DeliveryKind, DeliveryState, Subscriber

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
