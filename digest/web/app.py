"""FastAPI application: middleware, routers and error handlers."""

from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI
from starlette.middleware import Middleware

from digest.bounces.webhooks import CertificateStore
from digest.context import AppContext
from digest.web import metrics, redirects, webhooks
from digest.web.admin.router import install_admin
from digest.web.admin_api.application import create_admin_api
from digest.web.api import create_api
from digest.web.assets import ImmutableStaticFiles, static_directory
from digest.web.context import create_web_context
from digest.web.errors import install_error_handlers, install_token_error_pages
from digest.web.headers import SecurityHeadersMiddleware
from digest.web.middleware import BodyLimitMiddleware, CompressionMiddleware, RateLimitMiddleware, RootPathMiddleware
from digest.web.pages import (
    account,
    address,
    archive,
    brand,
    embed,
    feeds,
    local_mailbox,
    marked_papers,
    paper,
    papers,
    preferences,
    quick_actions,
    seeds,
    sitemap,
    subscribe,
)
from digest.web.pages import (
    help as help_pages,
)
from digest.web.rate_limit import FormLimits

MIN_ANSWER_SECONDS = 0.3  # longer than storing an address ever takes on a healthy database


def create_app(
    ctx: AppContext,
    *,
    clock: Callable[[], datetime],
    limits: FormLimits | None = None,
    min_answer_seconds: float = MIN_ANSWER_SECONDS,
    certificates: CertificateStore | None = None,
) -> FastAPI:
    """Create the application. `clock` returns aware instants; `limits` says how many forms and searches are accepted.

    There are no documentation pages: they would load scripts from elsewhere. The JSON API has its own description.
    """
    web = create_web_context(ctx, clock, min_answer_seconds, limits or FormLimits())
    app = FastAPI(
        title=ctx.product_name,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(RootPathMiddleware, web=web),
            Middleware(CompressionMiddleware, web=web),
            Middleware(SecurityHeadersMiddleware, web=web),
            Middleware(RateLimitMiddleware, web=web, limiter=web.limiter),
            Middleware(BodyLimitMiddleware, web=web),
        ],
    )
    app.state.web = web
    install_error_handlers(app, web)
    install_token_error_pages(app, web)
    for router in (
        subscribe.router,
        brand.router,
        embed.router,
        preferences.router,
        account.router,
        address.router,
        seeds.router,
        quick_actions.router,
        marked_papers.router,
        paper.router,  # before papers, whose paths of periods match its paths too
        papers.router,
        sitemap.router,
        feeds.router,
        archive.router,
        redirects.public_router,
        local_mailbox.router,
        help_pages.router,
        metrics.router,
        webhooks.create_router(certificates or CertificateStore()),
    ):
        app.include_router(router)
    install_admin(app, web)
    app.mount("/api/v1/admin", create_admin_api(web, app.state.monitoring, limits or FormLimits()))
    app.mount("/api/v1", create_api(web))
    app.mount("/static", ImmutableStaticFiles(directory=static_directory()), name="static")
    return app
