"""The first page in the morning: what needs a human, today's round, the last 30 days."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from digest.database import read_session
from digest.monitoring import uncertain_deliveries
from digest.papers import SOURCE_TITLES
from digest.web.admin.charts import monthly_charts
from digest.web.admin.live import live_values
from digest.web.admin.login import admin_page
from digest.web.context import SAFE_METHODS, WebDep
from digest.web.metrics import MonitoringDep

router = APIRouter()


@router.api_route("", methods=SAFE_METHODS)
def overview_page(web: WebDep, monitoring: MonitoringDep) -> HTMLResponse:
    """Of a store that cannot be asked, that alone."""
    now = web.clock()
    needs = monitoring.alerts(now)
    if not monitoring.health(now).is_current:
        return admin_page(web, "away.html", needs=needs)
    month = monitoring.month(now)
    with read_session(web.ctx.engine) as session:
        uncertain = uncertain_deliveries(session, month.days[0])
    return admin_page(
        web,
        "overview.html",
        needs=needs,
        live=live_values(monitoring.today(now)),
        due=monitoring.today(now).due,
        looks=monitoring.today(now).fetches,
        last=monitoring.today(now).last_fetches,
        uncertain=uncertain,
        charts=monthly_charts(month),
        titles=SOURCE_TITLES,
        today=now,
    )
