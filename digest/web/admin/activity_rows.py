"""Rows of the record of actions, on its own page and on that of the object."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from digest.config import source_title
from digest.database import list_actions
from digest.database.models import ObjectKind, OperatorAction, Subscriber
from digest.jobs import can_undo
from digest.web.admin import messages

MAX_ROWS = 20  # of one object
OBJECT_PATHS = {
    ObjectKind.SUBSCRIBER: "/operator/subscribers/{}",
    ObjectKind.DELIVERY: "/operator/deliveries/{}",
    ObjectKind.SOURCE: "/operator/sources#source-{}",
    ObjectKind.QUARANTINED_ROW: "/operator/quarantine",
    ObjectKind.PAPER_LINK: "/operator/papers",
}


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """Action as a list shows it. `path` and `name` are of its object."""

    record: OperatorAction
    sentence: str
    detail: str
    actor: str
    path: str
    name: str
    can_undo: bool


def load_activity_rows(session: Session, records: Sequence[OperatorAction]) -> list[ActivityRow]:
    """Return the rows of some actions; subscribers are named by their address, in one statement."""
    numbers = {
        int(record.object_id)
        for record in records
        if record.object_kind == ObjectKind.SUBSCRIBER and record.object_id.isdecimal()
    }
    ids = col(Subscriber.id)
    statement = select(ids, col(Subscriber.email)).where(ids.in_(numbers))
    addresses = {str(row[0]): row[1] for row in session.execute(statement)} if numbers else {}
    return [_describe(record, addresses.get(record.object_id, "")) for record in records]


def load_activity_of(session: Session, kind: ObjectKind, object_id: int | str) -> list[ActivityRow]:
    """Return what was done to one object, the latest first."""
    return load_activity_rows(
        session, list_actions(session, object_kind=kind, object_id=str(object_id), limit=MAX_ROWS)
    )


def _describe(record: OperatorAction, address: str) -> ActivityRow:
    kind = record.object_kind
    path = dict(OBJECT_PATHS).get(kind, "").format(record.object_id)  # type: ignore[call-overload]
    label = source_title(record.object_id) if kind == ObjectKind.SOURCE else record.object_id
    name = (address if kind == ObjectKind.SUBSCRIBER else "") or messages.object_name(kind, label)
    if kind == ObjectKind.SUBSCRIBER and not address:
        path = ""  # erased since
    return ActivityRow(
        record,
        messages.action_sentence(kind, record.action),
        messages.action_detail(record.read_detail()),
        messages.actor_name(record.actor),
        path,
        name,
        can_undo(record),
    )
