"""The first page in the morning: what needs a human, today's round, the last 30 days."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from digest import db
from digest.readings import TITLES
from digest.watch import letters
from digest.web.front import LOOK, At
from digest.web.operator.charts import charts
from digest.web.operator.door import page
from digest.web.operator.live import told
from digest.web.watching import Seen

router = APIRouter()


@router.api_route("", methods=LOOK)
def overview(at: At, watch: Seen) -> HTMLResponse:
    """Of a store that cannot be asked, that alone."""
    now = at.clock()
    needs = watch.needs(now)
    if not watch.health(now).fits:
        return page(at, "away.html", needs=needs)
    month = watch.month(now)
    with db.reading(at.house.engine) as session:
        uncertain = letters.uncertain(session, month.days[0])
    return page(
        at,
        "overview.html",
        needs=needs,
        live=told(watch.today(now)),
        due=watch.today(now).due,
        looks=watch.today(now).looks,
        last=watch.today(now).last,
        uncertain=uncertain,
        charts=charts(month),
        titles=TITLES,
        today=now,
    )
