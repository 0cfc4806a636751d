"""The pages of whoever runs the service, behind a token; and the figures for their Prometheus.

door.py       who may come in, and from where; what all pages here have
overview.py   the first page: what needs a human, today, the last 30 days
live.py       today's round as it goes
charts.py     curves and bars, with the same figures as a table
readers.py    one reader: who they are, what they got, what comes next
letters.py    one letter: its story, and what may be decided about it
"""

from fastapi import Depends, FastAPI

from digest.monitoring import Monitoring
from digest.web.admin import deliveries, live, login, overview, subscribers
from digest.web.admin.live import OpenStreams
from digest.web.admin.login import install_login_handlers, require_login
from digest.web.auth import OperatorAuth
from digest.web.context import WebContext
from digest.web.metrics import router


def install_admin(app: FastAPI, web: WebContext) -> None:
    """Give an app what it is watched by: one look at the store for all, one keeper of the door."""
    app.state.watch, app.state.keeper = Monitoring(web.ctx), OperatorAuth(web.ctx)
    app.state.seats, app.state.ending = OpenStreams(), bool
    app.include_router(router)
    app.include_router(login.router)
    for group in (overview, live, subscribers, deliveries):
        app.include_router(group.router, prefix="/operator", dependencies=[Depends(require_login)])
    install_login_handlers(app, web)
