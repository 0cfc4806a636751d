"""Overview: alerts, today's run, one line a source, the last 30 days."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from digest.web.admin.alert_groups import group_alerts
from digest.web.admin.charts import monthly_charts
from digest.web.admin.live import live_values
from digest.web.admin.login import admin_page
from digest.web.admin.source_pages import source_cards
from digest.web.context import SAFE_METHODS, WebDep
from digest.web.metrics import MonitoringDep

router = APIRouter()


@router.api_route("", methods=SAFE_METHODS)
def overview_page(web: WebDep, monitoring: MonitoringDep) -> HTMLResponse:
    """Show the overview; if the database cannot be used, only that."""
    now = web.clock()
    alerts = group_alerts(monitoring.alerts(now))
    if not monitoring.health(now).is_current:
        return admin_page(web, "unavailable.html", alerts=alerts)
    run, month = monitoring.today_soon(now), monitoring.month_soon(now)
    return admin_page(
        web,
        "overview.html",
        alerts=alerts,
        live=live_values(run) if run else {},
        run=run,
        charts=monthly_charts(month) if month else [],
        sources=source_cards(monitoring.sources(now), month),
        now=now,
        today=now.date(),
    )
