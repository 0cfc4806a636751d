"""Fetches that an operator asks for now. The record of the action is the request, which the scheduler takes."""

import json
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import col, select

from digest.context import AppContext
from digest.database import read_session, record_action, write_session
from digest.database.models import ObjectKind, OperatorAction
from digest.errors import ObjectNotFoundError
from digest.jobs import messages

FETCH = "fetch"
VALID_FOR = timedelta(hours=1)  # a request that no scheduler took is old by then
WAITING = "{}"  # detail of a request that nobody has taken


def request_fetch(ctx: AppContext, actor: str, source: str, now: datetime) -> OperatorAction:
    """Have a source fetched now, although nothing of it is due. Raises ObjectNotFoundError for one not in use."""
    if source not in ctx.settings.sources:
        raise ObjectNotFoundError(messages.source_not_used(source, ctx.settings.sources))
    with write_session(ctx.engine) as session:
        return record_action(session, actor, FETCH, ObjectKind.SOURCE, source, now)


def take_fetch_requests(ctx: AppContext, now: datetime) -> list[str]:
    """Return the sources that are to be fetched now. Each request is taken once, by whichever process comes first."""
    is_waiting = (
        col(OperatorAction.object_kind) == ObjectKind.SOURCE,
        col(OperatorAction.action) == FETCH,
        col(OperatorAction.detail) == WAITING,
        col(OperatorAction.at) > now - VALID_FOR,
    )
    with read_session(ctx.engine) as session:
        if session.exec(select(OperatorAction.id).where(*is_waiting).limit(1)).first() is None:
            return []
    taken = update(OperatorAction).where(*is_waiting).values(detail=json.dumps({"taken_at": now.isoformat()}))
    with write_session(ctx.engine) as session:
        return sorted(set(session.scalars(taken.returning(col(OperatorAction.object_id)))))
