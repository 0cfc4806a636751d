"""What operators did, and undo."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlmodel import Session

from digest.database import list_actions, read_session
from digest.database.models import ObjectKind, OperatorAction, TokenScope
from digest.errors import ObjectNotFoundError
from digest.jobs import undo_action
from digest.web import messages
from digest.web.admin_api.authorize import ForAnyAction, Reading, refuse_scope
from digest.web.admin_api.changes import show_change
from digest.web.admin_api.inputs import Cursor, Limit, RowNumber
from digest.web.admin_api.objects import ActionOut, ActionPage, next_cursor
from digest.web.context import WebDep
from digest.web.metrics import MonitoringDep

router = APIRouter(prefix="/actions", tags=["actions"])
SCOPES = {
    ObjectKind.SUBSCRIBER: TokenScope.SUBSCRIBERS,
    ObjectKind.SUPPRESSION: TokenScope.SUBSCRIBERS,
    ObjectKind.DELIVERY: TokenScope.DELIVERIES,
    ObjectKind.QUARANTINED_ROW: TokenScope.DELIVERIES,
    ObjectKind.SOURCE: TokenScope.SOURCES,
    ObjectKind.PAPER_LINK: TokenScope.SOURCES,
}


@router.get("", summary="List what operators did")
def list_all_actions(
    web: WebDep,
    _caller: Reading,
    actor: Annotated[str, Query(max_length=100)] = "",
    action: Annotated[str, Query(max_length=100)] = "",
    object_kind: ObjectKind | None = None,
    object_id: Annotated[str, Query(max_length=100)] = "",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> ActionPage:
    """List actions, the latest first, with who did them and whether they can be undone."""
    with read_session(web.ctx.engine) as session:
        rows = list_actions(
            session,
            actor=actor,
            action=action,
            object_kind=object_kind.value if object_kind else "",
            object_id=object_id,
            before_id=cursor,
            limit=limit,
        )
    return ActionPage(actions=[ActionOut.from_row(row) for row in rows], next=next_cursor(rows, limit))


@router.get("/{number:int}", summary="Get one action")
def get_action(web: WebDep, _caller: Reading, number: RowNumber) -> ActionOut:
    with read_session(web.ctx.engine) as session:
        return ActionOut.from_row(_find(session, number))


@router.post("/{number:int}/undo", summary="Undo an action")
def undo(web: WebDep, monitoring: MonitoringDep, caller: ForAnyAction, number: RowNumber) -> ActionOut:
    """Undo an action, as long as nothing has gone on since. The token needs the scope of what was acted on."""
    with read_session(web.ctx.engine) as session:
        record = _find(session, number)
    scope = {kind.value: name for kind, name in SCOPES.items()}.get(record.object_kind)
    if scope and scope not in caller.scopes:
        raise refuse_scope([scope])
    undone = undo_action(web.ctx, caller.actor, number, web.clock())
    return show_change(monitoring, undone)


def _find(session: Session, number: int) -> OperatorAction:
    record = session.get(OperatorAction, number)
    if record is None:
        raise ObjectNotFoundError(messages.object_not_found("action", number))
    return record
