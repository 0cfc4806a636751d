"""Rows that were set aside because they cannot be read."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from digest.database import quarantined_rows, read_session
from digest.database.models import ObjectKind
from digest.web.admin.action_offers import find_done
from digest.web.admin.login import admin_page
from digest.web.context import SAFE_METHODS, RowId, WebDep

router = APIRouter()
PAGE_ROWS = 100


@router.api_route("/quarantine", methods=SAFE_METHODS)
def quarantine_page(
    web: WebDep, table: str = "", after: RowId | None = None, done: RowId | None = None
) -> HTMLResponse:
    """Show the rows that are set aside, those of longest standing first; `table`: only those of one table."""
    with read_session(web.ctx.engine) as session:
        rows = quarantined_rows(session)
        tables = sorted({row.table_name for row in rows})
        counts = {"": len(rows), **{name: sum(row.table_name == name for row in rows) for name in tables}}
        shown = [row for row in rows if table in {"", row.table_name} and int(row.id or 0) > (after or 0)]
        return admin_page(
            web,
            "quarantine.html",
            rows=shown[:PAGE_ROWS],
            next_id=shown[PAGE_ROWS - 1].id if len(shown) > PAGE_ROWS else None,
            counts=counts,
            table=table if table in counts else "",
            after=after,
            done=find_done(session, done, ObjectKind.QUARANTINED_ROW),
            today=web.clock().date(),
        )
