"""Rows that were set aside because they cannot be read."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from digest.database import count_quarantined, quarantined_rows, read_session
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
        by_table = count_quarantined(session)
        counts = {"": sum(by_table.values()), **by_table}
        table = table if table in counts else ""
        shown = quarantined_rows(session, table=table, after=after, limit=PAGE_ROWS + 1)
        return admin_page(
            web,
            "quarantine.html",
            rows=shown[:PAGE_ROWS],
            next_id=shown[PAGE_ROWS - 1].id if len(shown) > PAGE_ROWS else None,
            counts=counts,
            table=table,
            after=after,
            done=find_done(session, done, ObjectKind.QUARANTINED_ROW),
            today=web.clock().date(),
        )
