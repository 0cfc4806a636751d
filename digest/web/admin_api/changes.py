"""Changes of the operator's API, each with its record."""

from collections.abc import Callable
from datetime import datetime

from sqlmodel import Session

from digest.database import write_session
from digest.database.models import OperatorAction
from digest.monitoring import Monitoring
from digest.web.admin_api.authorize import Caller
from digest.web.admin_api.objects import ActionOut
from digest.web.context import WebContext

RowChange = Callable[[Session, str, int, datetime], OperatorAction]  # actor, id of the row, now


def change_row(web: WebContext, monitoring: Monitoring, caller: Caller, number: int, change: RowChange) -> ActionOut:
    """Change one row, in one transaction with its record, and show what was done."""
    with write_session(web.ctx.engine) as session:
        record = change(session, caller.actor, number, web.clock())
    return show_change(monitoring, record)


def show_change(monitoring: Monitoring, record: OperatorAction) -> ActionOut:
    """Show what was just done. Figures that were cached before are counted again."""
    monitoring.invalidate()
    return ActionOut.from_row(record)
