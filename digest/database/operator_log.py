"""Record of what operators did: who, when, what, and whether it was undone.

Whoever changes something for an operator records it in the same transaction. `detail` never has an address.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col, select

from digest.database import messages
from digest.database.models import ObjectKind, OperatorAction
from digest.database.rows import latest_rows
from digest.errors import UsageError


def record_action(
    session: Session,
    actor: str,
    action: str,
    object_kind: ObjectKind,
    object_id: int | str,
    now: datetime,
    **detail: Any,
) -> OperatorAction:
    """Record an action. `detail` must be fit for JSON."""
    record = OperatorAction(
        at=now,
        actor=actor,
        action=action,
        object_kind=object_kind,
        object_id=str(object_id),
        detail=json.dumps(detail, ensure_ascii=False),
    )
    session.add(record)
    session.flush()
    return record


class ActionUndoneError(UsageError):
    """Action that was undone before."""

    def __init__(self, action_id: int) -> None:
        super().__init__(messages.action_undone(action_id))


def mark_undone(session: Session, record: OperatorAction, actor: str, now: datetime) -> None:
    """Record that an action is undone. Raises ActionUndoneError: of two at once one succeeds."""
    is_open = col(OperatorAction.id) == record.id, col(OperatorAction.undone_at).is_(None)
    undone = update(OperatorAction).where(*is_open).values(undone_at=now, undone_by=actor)
    if not session.execute(undone.returning(col(OperatorAction.id))).all():
        raise ActionUndoneError(int(record.id or 0))
    session.refresh(record)


def find_action(session: Session, action: str, object_kind: ObjectKind, object_id: int | str) -> OperatorAction | None:
    """Return the latest action of a kind on an object that is not undone."""
    matching = select(OperatorAction).where(
        OperatorAction.action == action,
        OperatorAction.object_kind == object_kind,
        OperatorAction.object_id == str(object_id),
        col(OperatorAction.undone_at).is_(None),
    )
    return session.exec(matching.order_by(col(OperatorAction.id).desc()).limit(1)).first()


def list_actions(
    session: Session,
    *,
    actor: str = "",
    action: str = "",
    object_kind: str = "",
    object_id: str = "",
    before_id: int | None = None,
    limit: int = 50,
) -> Sequence[OperatorAction]:
    """Return actions that meet all filters, the latest first, only those before `before_id`."""
    values = {"actor": actor, "action": action, "object_kind": object_kind, "object_id": object_id}
    return latest_rows(session, OperatorAction, values, before_id=before_id, limit=limit)
