"""Pages of the operator, behind a token."""

from fastapi import Depends, FastAPI

from digest.monitoring import Monitoring
from digest.web import redirects
from digest.web.admin import (
    action_pages,
    activity_pages,
    delivery_pages,
    live,
    login,
    overview,
    paper_pages,
    quarantine_pages,
    source_pages,
    subscriber_pages,
)
from digest.web.admin.live import OpenStreams
from digest.web.admin.login import install_login_handlers, require_login
from digest.web.auth import OperatorAuth
from digest.web.context import WebContext


def install_admin(app: FastAPI, web: WebContext) -> None:
    """Add monitoring, authentication and the operator's pages to the application."""
    app.state.monitoring, app.state.auth = Monitoring(web.ctx), OperatorAuth(web.ctx)
    app.state.streams, app.state.is_stopping = OpenStreams(), bool
    app.include_router(login.router)
    pages = (
        overview.router,
        live.router,
        subscriber_pages.router,
        delivery_pages.router,
        source_pages.router,
        paper_pages.router,
        quarantine_pages.router,
        activity_pages.router,
        action_pages.router,
        redirects.operator_router,
    )
    for router in pages:
        app.include_router(router, prefix="/operator", dependencies=[Depends(require_login)])
    install_login_handlers(app, web)
