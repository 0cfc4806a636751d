"""What an operator may do about a row that was set aside, with a record of it."""

from datetime import datetime

from sqlmodel import Session, col, select

from digest.database import messages
from digest.database.models import ObjectKind, OperatorAction, QuarantinedRow
from digest.database.operator_log import mark_undone, record_action
from digest.database.quarantine import FaultFinder, find_entry_error, release_row
from digest.errors import ObjectNotFoundError, UsageError

UNDOABLE_ROW_ACTIONS = frozenset({"retry", "resolve"})


def retry_row(
    session: Session, actor: str, number: int, now: datetime, find_keyword_error: FaultFinder | None = None
) -> OperatorAction:
    """Look at a row again, and release it if it can be read now. Raises UsageError with the reason if it cannot.

    `find_keyword_error` is told a canonical form: only `matching` knows which can be parsed.
    """
    entry = find_row(session, number)
    if fault := find_entry_error(session, entry, find_keyword_error):
        raise UsageError(messages.row_not_readable(entry.row_id, entry.table_name, fault))
    return _release(session, actor, "retry", entry, now)


def resolve_row(session: Session, actor: str, number: int, now: datetime) -> OperatorAction:
    """Release a row without a look at it. If it still cannot be read, the next run sets it aside again."""
    return _release(session, actor, "resolve", find_row(session, number), now)


def find_row(session: Session, number: int) -> QuarantinedRow:
    """Return a row that is set aside, by its number in the quarantine. Raises ObjectNotFoundError."""
    is_active = col(QuarantinedRow.id) == number, col(QuarantinedRow.released_at).is_(None)
    entry = session.exec(select(QuarantinedRow).where(*is_active).with_for_update()).first()
    if entry is None:
        raise ObjectNotFoundError(messages.unknown_row(number))
    return entry


def undo_row_action(session: Session, record: OperatorAction, actor: str, now: datetime) -> None:
    """Set a row aside again that an operator has released. Raises UsageError when it was released again since."""
    mark_undone(session, record, actor, now)
    entry = session.get(QuarantinedRow, int(record.object_id))
    if entry is None or entry.released_at != record.at:
        raise UsageError(messages.ROW_HAS_GONE_ON)
    entry.released_at = None


def _release(session: Session, actor: str, action: str, entry: QuarantinedRow, now: datetime) -> OperatorAction:
    number = int(entry.id or 0)
    release_row(session, number, now)
    row = {"table": entry.table_name, "row": entry.row_id, "reason": entry.reason}
    return record_action(session, actor, action, ObjectKind.QUARANTINED_ROW, number, now, **row)
