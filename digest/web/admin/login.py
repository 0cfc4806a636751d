"""Login, sessions, and protection against cross-site requests.

Without a token the pages do not exist. Every posted form, the login included, must come from one of our pages: the
browser says so itself (Sec-Fetch-Site), older ones by Origin; a client that says neither is no browser we know. In
addition the cookie is SameSite=Strict.
"""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Depends, FastAPI, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from digest.web import messages
from digest.web.auth import SESSION_LIFETIME
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.errors import error_page
from digest.web.metrics import OperatorAuthDep

log = structlog.get_logger()
SESSION_COOKIE = "digest_operator"
# With no-referrer browsers send forms with "Origin: null", which does not say where they come from.
ADMIN_HEADERS = {"Referrer-Policy": "same-origin"}


class NotLoggedInError(Exception):
    """No operator is logged in."""


class CrossSiteFormError(Exception):
    """Form that was posted from another site."""


class LoginForm(BaseModel):
    token: str = ""


def admin_page(web: WebContext, name: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """Render an operator's page."""
    return web.render(f"admin/{name}", status=status, headers=ADMIN_HEADERS, **values)


def redirect_to_admin(web: WebContext, path: str) -> RedirectResponse:
    """Redirect to an operator's page after a POST."""
    return RedirectResponse(f"{web.root}/operator{path}", HTTPStatus.SEE_OTHER, headers=ADMIN_HEADERS)


async def require_admin_pages(web: WebDep, auth: OperatorAuthDep, request: Request) -> None:
    """Require that the pages exist and that a POST comes from one of them. Else 404, or CrossSiteFormError."""
    if not auth.has_pages:
        raise HTTPException(404)
    if request.method not in SAFE_METHODS and not is_same_site(web, request):
        raise CrossSiteFormError


async def require_login(
    web: WebDep, auth: OperatorAuthDep, request: Request, _pages: Annotated[None, Depends(require_admin_pages)]
) -> None:
    """Require a session. Raises NotLoggedInError."""
    if not auth.is_valid_session(request.cookies.get(SESSION_COOKIE, ""), web.clock()):
        raise NotLoggedInError


def is_same_site(web: WebContext, request: Request) -> bool:
    """Return whether a request was made by one of our pages."""
    if site := request.headers.get("sec-fetch-site"):
        return site == "same-origin"
    public = urlsplit(web.ctx.settings.base_url)
    origins = {f"{public.scheme}://{public.netloc}", f"{request.url.scheme}://{request.headers.get('host', '')}"}
    return request.headers.get("origin", "") in origins


router = APIRouter(prefix="/operator", dependencies=[Depends(require_admin_pages)])


@router.api_route("/login", methods=SAFE_METHODS)
def login_page(web: WebDep, auth: OperatorAuthDep, request: Request) -> Response:
    if auth.is_valid_session(request.cookies.get(SESSION_COOKIE, ""), web.clock()):
        return redirect_to_admin(web, "")
    return admin_page(web, "login.html", error="")


@router.post("/login")
def login(web: WebDep, auth: OperatorAuthDep, request: Request, form: Annotated[LoginForm, Form()]) -> Response:
    if seconds := auth.hit_login(request.client.host if request.client else ""):
        log.warning("operator.rate_limited")
        limited = admin_page(web, "login.html", status=429, error=messages.TOO_MANY_LOGINS)
        limited.headers["Retry-After"] = str(seconds)
        return limited
    if not auth.is_operator_token(form.token.strip()):
        log.warning("operator.login_failed")
        return admin_page(web, "login.html", status=403, error=messages.WRONG_TOKEN)
    log.info("operator.logged_in")
    response = redirect_to_admin(web, "")
    response.set_cookie(
        SESSION_COOKIE,
        auth.create_session(web.clock()),
        max_age=int(SESSION_LIFETIME.total_seconds()),
        path=f"{web.root}/operator",
        secure=web.ctx.settings.base_url.startswith("https://"),
        httponly=True,
        samesite="strict",
    )
    return response


@router.post("/logout")
def logout(web: WebDep, auth: OperatorAuthDep, request: Request) -> Response:
    if session := request.cookies.get(SESSION_COOKIE, ""):
        auth.end_session(session)
    response = redirect_to_admin(web, "/login")
    response.delete_cookie(SESSION_COOKIE, path=f"{web.root}/operator")
    return response


def install_login_handlers(app: FastAPI, web: WebContext) -> None:
    """Handle the errors of operators who are not logged in and of cross-site forms."""

    async def on_not_logged_in(_request: Request, _error: NotLoggedInError) -> Response:
        return redirect_to_admin(web, "/login")

    async def on_cross_site_form(_request: Request, _error: CrossSiteFormError) -> Response:
        return error_page(web, 403, title=messages.CROSS_SITE_TITLE, text=messages.CROSS_SITE)

    # The framework types handlers by Exception alone.
    app.add_exception_handler(NotLoggedInError, on_not_logged_in)  # type: ignore[arg-type]
    app.add_exception_handler(CrossSiteFormError, on_cross_site_form)  # type: ignore[arg-type]
