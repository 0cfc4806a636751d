"""Record of an operator's change of a subscription's state, with what was before, so that it can be undone."""

from datetime import date, datetime
from typing import Any

from sqlmodel import Session

from digest.database import record_action
from digest.database.models import ObjectKind, OperatorAction, Subscriber


def state_of(subscriber: Subscriber) -> dict[str, str]:
    """Return what tells whether and why e-mails are sent, fit for JSON."""
    paused_until, ended_at = subscriber.paused_until, subscriber.ended_at
    return {
        "status": str(subscriber.status),
        "reason": subscriber.reason,
        "paused_until": paused_until.isoformat() if paused_until else "",
        "ended_at": ended_at.isoformat() if ended_at else "",
    }


def set_state(subscriber: Subscriber, state: dict[str, str]) -> None:
    """Put back a state that `state_of` has returned."""
    subscriber.status, subscriber.reason = state["status"], state["reason"]
    subscriber.paused_until = date.fromisoformat(state["paused_until"]) if state["paused_until"] else None
    subscriber.ended_at = datetime.fromisoformat(state["ended_at"]) if state["ended_at"] else None


def record_state_change(
    session: Session,
    actor: str,
    action: str,
    subscriber: Subscriber,
    before: dict[str, str],
    now: datetime,
    **more: Any,
) -> OperatorAction:
    """Record that an action has changed the state of a subscriber from `before` to the present one."""
    session.flush()
    changes = {"before": before, "after": state_of(subscriber)} | more
    return record_action(session, actor, action, ObjectKind.SUBSCRIBER, int(subscriber.id or 0), now, **changes)
