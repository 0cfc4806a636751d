"""The pages wired together. Nothing is read or connected before `create`."""

from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from digest.context import AppContext
from digest.web import metrics
from digest.web.admin.router import install_admin
from digest.web.api import create_api
from digest.web.context import create_web_context, static_directory
from digest.web.errors import install_error_handlers, install_token_error_pages
from digest.web.headers import SecurityHeadersMiddleware
from digest.web.middleware import BodyLimitMiddleware, RateLimitMiddleware, RootPathMiddleware
from digest.web.pages import (
    account,
    archive,
    embed,
    feeds,
    local_mailbox,
    papers,
    preferences,
    quick_actions,
    subscribe,
)
from digest.web.pages import (
    help as help_pages,
)
from digest.web.rate_limit import FormLimits

MIN_ANSWER_SECONDS = 0.3  # seconds, at least: longer than noting an address ever takes on a healthy store


def create_app(
    ctx: AppContext,
    *,
    clock: Callable[[], datetime],
    limits: FormLimits | None = None,
    min_answer_seconds: float = MIN_ANSWER_SECONDS,
) -> FastAPI:
    """The app for one house. `clock` gives aware instants; `pace` says how many forms are taken.

    No documentation pages: they would fetch their scripts from elsewhere. The JSON interface has its own description.
    """
    front = create_web_context(ctx, clock, min_answer_seconds, limits or FormLimits())
    app = FastAPI(
        title=ctx.product_name,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(RootPathMiddleware, front=front),
            Middleware(SecurityHeadersMiddleware, front=front),
            Middleware(RateLimitMiddleware, front=front, rations=front.limiter),
            Middleware(BodyLimitMiddleware, front=front),
        ],
    )
    app.state.front = front
    install_error_handlers(app, front)
    install_token_error_pages(app, front)
    for router in (
        subscribe.router,
        embed.router,
        preferences.router,
        account.router,
        quick_actions.router,
        papers.paper_router,
        papers.router,
        feeds.router,
        archive.router,
        local_mailbox.router,
        help_pages.router,
        metrics.health_router,
    ):
        app.include_router(router)
    install_admin(app, front)
    app.mount("/api/v1", create_api(front))
    app.mount("/static", ImmutableStaticFiles(directory=static_directory()), name="static")
    return app


class ImmutableStaticFiles(StaticFiles):
    """Files that browsers may keep for a year: their address changes with their content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return answer
