"""Undo what an operator did, whatever it was done to. The record then says when and by whom it was undone."""

from collections.abc import Mapping
from datetime import datetime

from digest.context import AppContext
from digest.database import UNDOABLE_ROW_ACTIONS, ActionUndoneError, undo_row_action, write_session
from digest.database.models import ObjectKind, OperatorAction
from digest.delivery import UNDOABLE_DELIVERY_ACTIONS, undo_delivery_action
from digest.errors import ObjectNotFoundError, UsageError
from digest.jobs import messages
from digest.papers import UNDOABLE_PAIR_ACTIONS, undo_pair_action
from digest.subscribers import UNDOABLE_SUBSCRIBER_ACTIONS, KeywordLimits, undo_subscriber_action

UNDOABLE: Mapping[str, frozenset[str]] = {
    ObjectKind.SUBSCRIBER: UNDOABLE_SUBSCRIBER_ACTIONS,
    ObjectKind.SUPPRESSION: UNDOABLE_SUBSCRIBER_ACTIONS,
    ObjectKind.DELIVERY: UNDOABLE_DELIVERY_ACTIONS,
    ObjectKind.QUARANTINED_ROW: UNDOABLE_ROW_ACTIONS,
    ObjectKind.PAPER_LINK: UNDOABLE_PAIR_ACTIONS,
}


def can_undo(record: OperatorAction) -> bool:
    """Return whether an action is of a kind that can be undone, and is not undone. What it changed may have gone on."""
    has_detail = record.detail != "{}" or record.object_kind == ObjectKind.SUPPRESSION
    return record.undone_at is None and has_detail and record.action in UNDOABLE.get(record.object_kind, ())


def undo_action(ctx: AppContext, actor: str, action_id: int, now: datetime) -> OperatorAction:
    """Undo an action by its id, in one transaction with its record.

    Raises ObjectNotFoundError, and UsageError or SubscriberError with the reason where it cannot be undone.
    """
    limits = KeywordLimits.from_context(ctx)
    with write_session(ctx.engine) as session:
        record = session.get(OperatorAction, action_id)
        if record is None:
            raise ObjectNotFoundError(messages.no_action(action_id))
        if record.undone_at is not None:
            raise ActionUndoneError(action_id)
        if not can_undo(record):
            raise UsageError(messages.action_final(action_id, record.action))
        match record.object_kind:
            case ObjectKind.DELIVERY:
                undo_delivery_action(session, record, actor, now)
            case ObjectKind.QUARANTINED_ROW:
                undo_row_action(session, record, actor, now)
            case ObjectKind.PAPER_LINK:
                undo_pair_action(session, record, actor, now)
            case _:
                undo_subscriber_action(session, record, actor, now, limits)
        session.refresh(record)
        return record
