"""Record of what operators did: who, when, what, and whether it was undone."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, field_validator

from digest.database import list_actions, read_session
from digest.database.models import ObjectKind
from digest.web.admin import messages
from digest.web.admin.action_offers import find_done
from digest.web.admin.activity_rows import load_activity_rows
from digest.web.admin.login import admin_page
from digest.web.context import SAFE_METHODS, RowId, WebDep

router = APIRouter()
PAGE_ROWS = 50


class ActivityQuery(BaseModel):
    """What the list shows. `before`: id of the last row of the page before."""

    kind: ObjectKind | None = None
    before: RowId | None = None

    @field_validator("kind", mode="before")
    @classmethod
    def read_kind(cls, value: object) -> object:
        """Take an empty choice for none."""
        return value or None

    def address(self, **changes: object) -> str:
        """Return the path of this list with other values."""
        values = {"kind": self.kind, **changes}
        query = urlencode({name: value for name, value in values.items() if value})
        return f"/activity?{query}" if query else "/activity"


@router.api_route("/activity", methods=SAFE_METHODS)
def activity_page(web: WebDep, query: Annotated[ActivityQuery, Query()], done: RowId | None = None) -> HTMLResponse:
    with read_session(web.ctx.engine) as session:
        found = list_actions(session, object_kind=query.kind or "", before_id=query.before, limit=PAGE_ROWS + 1)
        rows = load_activity_rows(session, found[:PAGE_ROWS])
        note = find_done(session, done)
    return admin_page(
        web,
        "activity.html",
        query=query,
        rows=rows,
        done=note,
        next_id=found[PAGE_ROWS - 1].id if len(found) > PAGE_ROWS else None,
        tabs=messages.OBJECT_TABS,
        today=web.clock().date(),
    )
