"""Application of the operator's API: routers, authentication, and errors as problem details."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from digest.errors import (
    AddressError,
    DigestError,
    ObjectNotFoundError,
    QueryError,
    SubscriberError,
    SubscriberNotFoundError,
)
from digest.monitoring import Monitoring
from digest.web.admin_api import actions, deliveries, sources, subscribers
from digest.web.admin_api.authorize import AuthenticationMiddleware, TokenVerifier
from digest.web.api import allowed_methods, install_api_error_handlers
from digest.web.context import WebContext
from digest.web.errors import PROBLEM_MEDIA_TYPE, Problem, problem_response
from digest.web.rate_limit import FormLimits

ROUTERS = (subscribers.router, deliveries.router, sources.router, actions.router)
STATUSES = (400, 401, 403, 404, 409, 413, 422, 429, 503)


def create_admin_api(web: WebContext, monitoring: Monitoring, limits: FormLimits) -> FastAPI:
    """Create the operator's API as an application of its own, which nothing enters without a token."""
    responses: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem, "content": {PROBLEM_MEDIA_TYPE: {}}} for status in STATUSES
    }
    app = FastAPI(
        title=f"{web.ctx.product_name}: administration",
        version="1",
        description="Subscribers, deliveries and sources, for programs of the operator.",
        docs_url=None,
        redoc_url=None,
        responses=responses,
        redirect_slashes=False,
        middleware=[Middleware(AuthenticationMiddleware, verifier=TokenVerifier(web, limits.failed_tries))],
    )
    app.state.web, app.state.monitoring = web, monitoring
    for router in ROUTERS:
        app.include_router(router)
    install_api_error_handlers(app)

    async def on_digest_error(_request: Request, error: DigestError) -> JSONResponse:
        match error:
            case ObjectNotFoundError() | SubscriberNotFoundError():
                status = 404
            case QueryError() | AddressError():
                status = 422
            case _:
                status = 409
        text = str(error)
        sentence = f"{text[:1].upper()}{text[1:].removesuffix('.')}."
        return problem_response(status, sentence, position=getattr(error, "position", None))

    async def on_http_error(request: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:  # the framework names those of the first route alone
            routes = (route for router in ROUTERS for route in router.routes)
            headers["Allow"] = ", ".join(sorted(allowed_methods(routes, request)))
        return problem_response(error.status_code, str(error.detail), headers=headers)

    # The framework types handlers by Exception alone.
    for foreseen in (DigestError, SubscriberError):  # the public API answers the latter in its own way
        app.add_exception_handler(foreseen, on_digest_error)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, on_http_error)  # type: ignore[arg-type]
    return app
