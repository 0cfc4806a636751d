"""Pages for what went wrong, in the same look, with a way on. Nothing of our insides is shown."""

from collections.abc import Mapping

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

from digest.errors import StoreError
from digest.web.front import WebContext
from digest.web.headers import add_security_headers
from digest.web.problems import API_PREFIX, problem_response

log = structlog.get_logger()

ERROR_TEXTS = {
    400: ("This request cannot be read", "Something was lost on its way here. Go back and try once more."),
    404: ("There is no such page", "The address may be incomplete, or what was here is gone."),
    405: ("This page takes no such request", "It can be looked at, or a form on it can be sent; this was neither."),
    408: ("That took too long", "What you sent did not arrive in time, and nothing was changed. Send it again."),
    413: ("That is more than we can take", "A form here holds at most 64 KB. Shorten the keywords and send it again."),
    414: ("There is no such page", "No address here is as long as that."),
    422: ("This form cannot be read", "Some field held what no such field can hold. Go back and fill it in again."),
    429: (
        "One moment, please",
        "More came from your network, or for your mail provider, than we take in an hour. Try again later.",
    ),
    500: (
        "Something is broken on our side",
        "It has been noted. Nothing that you sent was half done; try again later.",
    ),
    503: ("The store does not answer", "Nothing was changed. Try again in a minute."),
}


def error_page(
    web: WebContext,
    status: int,
    *,
    title: str = "",
    text: str = "",
    links: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """The page for `status`, in its usual words or in better ones; `links` are ways on, address to words."""
    usual = ERROR_TEXTS.get(status, ERROR_TEXTS[400] if status < 500 else ERROR_TEXTS[500])  # noqa: PLR2004  - 5xx is our fault
    return web.render(
        "error.html",
        status=status,
        headers=headers,
        title=title or usual[0],
        text=text or usual[1],
        links=links or {"/": "To the front page"},
    )


def error_response(
    web: WebContext, path: str, status: int, *, headers: Mapping[str, str] | None = None
) -> HTMLResponse | JSONResponse:
    """What an error says at this path: a page, and to programs a problem."""
    if path.startswith(API_PREFIX):
        return problem_response(status, ERROR_TEXTS[status][1] if status in ERROR_TEXTS else "", headers=headers)
    return error_page(web, status, headers=headers)


def install_error_handlers(app: FastAPI, web: WebContext) -> None:
    """Answer every error of `app` with a page, or below /api with a problem."""

    async def refused(request: Request, error: HTTPException) -> HTMLResponse | JSONResponse:
        return error_response(web, request.url.path, error.status_code, headers=error.headers)

    async def misread(_request: Request, error: RequestValidationError) -> HTMLResponse:
        return error_page(web, 404 if any(each["loc"][0] == "path" for each in error.errors()) else 422)

    async def store_away(_request: Request, _error: StoreError) -> HTMLResponse:
        log.error("page.store_away")  # its message names the server; `digest doctor` tells it to whoever may know
        return error_page(web, 503, headers={"Retry-After": "60"})

    async def broken(request: Request, error: Exception) -> HTMLResponse | JSONResponse:
        # The server logs the traceback; the address asked for may hold a token and is not logged.
        log.error("page.broken", page=getattr(request.scope.get("route"), "path", ""), error=type(error).__name__)
        answer = error_response(web, request.url.path, 500)
        add_security_headers(answer.headers, request.scope, web.root)
        return answer

    # The framework types handlers by Exception alone.
    app.add_exception_handler(HTTPException, refused)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, misread)  # type: ignore[arg-type]
    app.add_exception_handler(StoreError, store_away)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, broken)
