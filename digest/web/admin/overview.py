"""Overview: alerts, today's run, the last 30 days."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from digest.config import source_titles
from digest.database import read_session
from digest.monitoring import uncertain_deliveries
from digest.web.admin.charts import monthly_charts
from digest.web.admin.live import live_values
from digest.web.admin.login import admin_page
from digest.web.context import SAFE_METHODS, WebDep
from digest.web.metrics import MonitoringDep

router = APIRouter()


@router.api_route("", methods=SAFE_METHODS)
def overview_page(web: WebDep, monitoring: MonitoringDep) -> HTMLResponse:
    """Show the overview; if the database cannot be used, only that."""
    now = web.clock()
    alerts = monitoring.alerts(now)
    if not monitoring.health(now).is_current:
        return admin_page(web, "unavailable.html", alerts=alerts)
    run, month = monitoring.today(now), monitoring.month(now)
    with read_session(web.ctx.engine) as session:
        uncertain = uncertain_deliveries(session, month.days[0])
    return admin_page(
        web,
        "overview.html",
        alerts=alerts,
        live=live_values(run),
        run=run,
        uncertain=uncertain,
        charts=monthly_charts(month),
        source_titles=source_titles(),
        today=now,
    )
