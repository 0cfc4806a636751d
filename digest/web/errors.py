"""Error responses: pages for people, problem details for programs (RFC 9457).

Nothing of our internals is shown. A link whose signature is not ours gets a 404: there is no such page. One that was
valid once (expired, or its subscription has ended) gets a 410, and the page says what helps. The first word of the path
is the purpose of its token.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from digest.errors import StoreError, SubscriberError, TokenError
from digest.formatting import truncate
from digest.tokens import TokenPurpose
from digest.web import messages
from digest.web.context import WebContext
from digest.web.headers import add_security_headers

log = structlog.get_logger()
MAX_SHOWN_VALUE = 40  # characters of an invalid parameter


def error_page(
    web: WebContext,
    status: int,
    *,
    title: str = "",
    text: str = "",
    links: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Render the error page for `status`, with its usual texts or better ones; `links` maps paths to labels."""
    texts = messages.ERROR_TEXTS
    usual = texts.get(status, texts[400] if status < 500 else texts[500])  # noqa: PLR2004  - 5xx is our fault
    return web.render(
        "error.html",
        status=status,
        headers=headers,
        title=title or usual[0],
        text=text or usual[1],
        links=links or {"/": messages.FRONT_PAGE_LABEL, "/papers": messages.LATEST_PAPERS_LABEL},
        has_search=status == 404 and not links,  # noqa: PLR2004  - the status of what is not there
    )


def error_response(
    web: WebContext,
    path: str,
    status: int,
    texts: tuple[str, str] | None = None,
    *,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse | JSONResponse:
    """Return the error for this path: a page, or below /api problem details. `texts`: better than the usual ones."""
    title, text = texts or messages.ERROR_TEXTS.get(status, ("", ""))
    if path.startswith(API_PREFIX):
        return problem_response(status, text, headers=headers)
    return error_page(web, status, title=title, text=text, headers=headers)


class InvalidParameterError(Exception):
    """Query parameter that has none of the possible values."""

    def __init__(self, name: str, value: str, *, choices: Sequence[str]) -> None:
        super().__init__(messages.invalid_parameter(name, truncate(value, MAX_SHOWN_VALUE), choices))


def install_error_handlers(app: FastAPI, web: WebContext) -> None:
    """Handle every error of `app` with a page, or below /api with problem details."""

    async def on_http_error(request: Request, error: HTTPException) -> HTMLResponse | JSONResponse:
        return error_response(web, request.url.path, error.status_code, headers=error.headers)

    async def on_validation_error(_request: Request, error: RequestValidationError) -> HTMLResponse:
        return error_page(web, 404 if any(item["loc"][0] == "path" for item in error.errors()) else 422)

    async def on_invalid_parameter(request: Request, error: InvalidParameterError) -> HTMLResponse:
        links = {
            request.url.path.removeprefix(web.root): messages.UNFILTERED_LABEL,
            "/papers": messages.LATEST_PAPERS_LABEL,
        }
        return error_page(web, 422, title=messages.INVALID_FILTER_TITLE, text=str(error), links=links)

    async def on_store_error(_request: Request, _error: StoreError) -> HTMLResponse:
        log.error("page.database_unavailable")  # without the message, which names the server; see `digest doctor`
        return error_page(web, 503, headers={"Retry-After": "60"})

    async def on_unexpected_error(request: Request, error: Exception) -> HTMLResponse | JSONResponse:
        # The server logs the traceback; the URL may contain a token and is not logged.
        log.error("page.failed", page=getattr(request.scope.get("route"), "path", ""), error=type(error).__name__)
        response = error_response(web, request.url.path, 500)
        add_security_headers(response.headers, request.scope, web)
        return response

    # The framework types handlers by Exception alone.
    app.add_exception_handler(HTTPException, on_http_error)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, on_validation_error)  # type: ignore[arg-type]
    app.add_exception_handler(InvalidParameterError, on_invalid_parameter)  # type: ignore[arg-type]
    app.add_exception_handler(StoreError, on_store_error)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, on_unexpected_error)


PROBLEM_MEDIA_TYPE = "application/problem+json"
API_PREFIX = "/api/"  # below it every error is problem details


class FieldProblem(BaseModel):
    """Error of one field."""

    field: str
    message: str


class Problem(BaseModel):
    """Problem details (RFC 9457). `position`: where in the keyword, in characters from 1."""

    title: str
    status: int
    detail: str = ""
    position: int | None = None
    errors: list[FieldProblem] = Field(default=[], description="One for each field that is not valid.")


def problem_response(
    status: int,
    detail: str = "",
    *,
    position: int | None = None,
    errors: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return problem details as a response."""
    problem = Problem(
        title=HTTPStatus(status).phrase, status=status, detail=detail, position=position, errors=[*errors]
    )
    content = problem.model_dump(exclude_none=True, exclude=None if errors else {"errors"})
    return JSONResponse(content, status, media_type=PROBLEM_MEDIA_TYPE, headers=dict(headers or {}))


EPOCH = datetime.fromtimestamp(0, UTC)
SUBSCRIBE_LINK = {"/": messages.SUBSCRIBE_AGAIN_LABEL}
PRIVACY_LINKS = {"history": messages.HISTORY_LABEL, "erase": messages.ERASE_LABEL}
PAPER_LINKS = {
    "/papers": messages.LATEST_PAPERS_LABEL,
    "/": messages.FRONT_PAGE_LABEL,
}  # the subscription may be running
SUBSCRIPTION_PURPOSES = {
    TokenPurpose.CONFIRM,
    TokenPurpose.PREFERENCES,
    TokenPurpose.UNSUBSCRIBE,
    TokenPurpose.RESUBSCRIBE,
}
PURPOSES_BY_PAGE = {"emails": TokenPurpose.VIEW, "mine": TokenPurpose.FEED}  # other pages are named as their purpose


def install_token_error_pages(app: FastAPI, web: WebContext) -> None:
    """Handle every TokenError and SubscriberError of `app` with a page."""

    async def on_token_error(request: Request, error: TokenError) -> HTMLResponse:
        page = request.url.path.lstrip("/").partition("/")[0]
        return invalid_token_page(
            web, PURPOSES_BY_PAGE.get(page) or TokenPurpose(page), request.path_params["token"], error
        )

    async def on_subscriber_error(_request: Request, error: SubscriberError) -> HTMLResponse:
        links = {"/papers": messages.LATEST_PAPERS_LABEL, "/help/keywords": messages.SYNTAX_LABEL}
        return error_page(web, 409, title=messages.NOT_POSSIBLE_TITLE, text=str(error), links=links)

    # The framework types handlers by Exception alone.
    app.add_exception_handler(TokenError, on_token_error)  # type: ignore[arg-type]
    app.add_exception_handler(SubscriberError, on_subscriber_error)  # type: ignore[arg-type]


def subscription_ended_page(web: WebContext, token: str = "") -> HTMLResponse:
    """Render the page for a valid link to an ended subscription.

    `token`: preferences token, to link to the data that is still stored.
    """
    links = {f"/preferences/{token}/{page}": label for page, label in PRIVACY_LINKS.items()} if token else {}
    return error_page(
        web,
        410,
        title=messages.ENDED_TITLE,
        text=messages.ENDED,
        links=SUBSCRIBE_LINK | links,
    )


def invalid_token_page(web: WebContext, purpose: TokenPurpose, token: str, error: TokenError) -> HTMLResponse:
    """Render the page for a link that is expired or damaged."""
    try:
        web.ctx.token_signer.unsign(purpose, token, EPOCH)  # however long ago it was signed
        is_signed = True
    except TokenError:
        is_signed = False
    title = messages.EXPIRED_LINK_TITLE if is_signed else messages.INVALID_LINK_TITLE
    links = SUBSCRIBE_LINK if purpose in SUBSCRIPTION_PURPOSES else PAPER_LINKS
    return error_page(web, 410 if is_signed else 404, title=title, text=str(error), links=links)
