"""What an operator may do about one delivery, with its record and, as long as it can be, its undo.

The conditions are in the SQL, as in `transitions`: of a sender and an operator at the same moment one wins.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col

from digest.database import mark_undone, record_action
from digest.database.models import Delivery, DeliveryState, ObjectKind, OperatorAction
from digest.delivery import messages, transitions
from digest.errors import ObjectNotFoundError, UsageError


class RetryRefusedError(UsageError):
    """Delivery that cannot be sent again, for a `reason`."""

    def __init__(self, delivery_id: int, reason: str) -> None:
        super().__init__(messages.retry_not_allowed(delivery_id, reason))
        self.reason = reason


def retry_delivery(session: Session, actor: str, delivery_id: int, now: datetime) -> OperatorAction:
    """Make a failed or deferred delivery due now. Raises RetryRefusedError."""
    before = _state_of(find_delivery(session, delivery_id))
    if reason := transitions.retry(session, delivery_id):
        raise RetryRefusedError(delivery_id, reason)
    return _record(session, actor, "retry", delivery_id, now, before=before)


def cancel_delivery(session: Session, actor: str, delivery_id: int, now: datetime) -> OperatorAction:
    """Cancel a delivery that waits in the queue; the papers of a digest go into the next one.

    Raises UsageError for one that is not queued any more.
    """
    before = _state_of(find_delivery(session, delivery_id))
    reply = {"reply": transitions.REPLY_CANCELLED, "reply_code": 0}
    cancelled = {"state": DeliveryState.CANCELLED, "settled_at": now, "next_attempt_at": None} | reply
    if not _update(session, delivery_id, DeliveryState.QUEUED, cancelled):
        state = find_delivery(session, delivery_id).state
        raise UsageError(messages.not_queued(delivery_id, state))
    return _record(session, actor, "cancel", delivery_id, now, before=before)


def release_delivery(session: Session, actor: str, delivery_id: int, now: datetime) -> OperatorAction:
    """Take a delivery from the sender that has claimed it, before a word of it is sent, and queue it again.

    Harmless at any time: the sender's next step finds it gone. Raises UsageError for one that is not claimed.
    """
    attempts = find_delivery(session, delivery_id).attempts
    queued = {"state": DeliveryState.QUEUED, "owner": None, "lease_expires_at": None, "attempts": max(attempts - 1, 0)}
    if not _update(session, delivery_id, DeliveryState.SENDING, queued):
        state = find_delivery(session, delivery_id).state
        raise UsageError(messages.not_sending(delivery_id, state))
    return _record(session, actor, "release", delivery_id, now)


def resolve_delivery(session: Session, actor: str, delivery_id: int, now: datetime, *, sent: bool) -> OperatorAction:
    """Settle an uncertain delivery by the relay's log: it was sent, or is lost and its papers go back."""
    before = _state_of(find_delivery(session, delivery_id))
    transitions.resolve(session, delivery_id, sent=sent, now=now)
    return _record(session, actor, "resolve", delivery_id, now, outcome="sent" if sent else "lost", before=before)


def find_delivery(session: Session, delivery_id: int) -> Delivery:
    """Return a delivery as it is now. Raises ObjectNotFoundError."""
    delivery = session.get(Delivery, delivery_id, populate_existing=True)
    if delivery is None:
        raise ObjectNotFoundError(messages.unknown_delivery(delivery_id))
    return delivery


STATES_AFTER = {
    "retry": {DeliveryState.QUEUED},
    "cancel": {DeliveryState.CANCELLED},
    "resolve": {DeliveryState.SENT, DeliveryState.FAILED},
}
UNDOABLE_DELIVERY_ACTIONS = frozenset(STATES_AFTER)


def undo_delivery_action(session: Session, record: OperatorAction, actor: str, now: datetime) -> None:
    """Put back what an action has changed. Raises UsageError when the delivery has gone on since."""
    mark_undone(session, record, actor, now)
    delivery_id, before = int(record.object_id), record.read_detail().get("before", {})
    delivery = find_delivery(session, delivery_id)
    if record.action == "retry":
        is_untouched = bool(before) and delivery.attempts == before["attempts"]
    else:
        is_untouched = delivery.settled_at == record.at
    if before and is_untouched and delivery.state in STATES_AFTER[record.action]:
        instants = {name: _to_instant(before[name]) for name in ("next_attempt_at", "settled_at")}
        if _update(session, delivery_id, DeliveryState(delivery.state), before | instants):
            return
    raise UsageError(messages.has_gone_on(delivery_id))


def _update(session: Session, delivery_id: int, state: DeliveryState, values: dict[str, Any]) -> bool:
    """Change a delivery that is in a state and whose papers no later digest has; return whether it was."""
    is_expected = (col(Delivery.id) == delivery_id, col(Delivery.state) == state, col(Delivery.is_reclaimed).is_(False))
    changed = update(Delivery).where(*is_expected).values(**values).returning(col(Delivery.id))
    return session.execute(changed.execution_options(synchronize_session=False)).first() is not None


def _state_of(delivery: Delivery) -> dict[str, Any]:
    next_attempt_at, settled_at = delivery.next_attempt_at, delivery.settled_at
    return {
        "state": str(delivery.state),
        "attempts": delivery.attempts,
        "reply": delivery.reply,
        "reply_code": delivery.reply_code,
        "next_attempt_at": next_attempt_at.isoformat() if next_attempt_at else None,
        "settled_at": settled_at.isoformat() if settled_at else None,
    }


def _to_instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _record(
    session: Session, actor: str, action: str, delivery_id: int, now: datetime, **detail: Any
) -> OperatorAction:
    return record_action(session, actor, action, ObjectKind.DELIVERY, delivery_id, now, **detail)
