"""Who may come in, and from where.

No token is set: there are no such pages. A form that is posted must come from a page of ours, the log-in too: the
browser says so itself (Sec-Fetch-Site), older ones by Origin; who says neither is no browser that we know. Beside that
the cookie is SameSite=Strict.
"""

from typing import Annotated
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Depends, FastAPI, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from digest.web.auth import SESSION_LIFETIME
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.errors import error_page
from digest.web.metrics import OperatorAuthDep

log = structlog.get_logger()


SESSION_COOKIE = "digest_operator"


# Under no-referrer browsers send forms with "Origin: null", which tells nothing about where they come from.
ADMIN_HEADERS = {"Referrer-Policy": "same-origin"}


SEE_OTHER = 303


class NotLoggedInError(Exception):
    """Nobody is logged in."""


class CrossSiteFormError(Exception):
    """A form that did not come from a page of ours."""


class LoginForm(BaseModel):
    token: str = ""


def admin_page(web: WebContext, name: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """One of the operator's pages."""
    return web.render(f"operator/{name}", status=status, headers=ADMIN_HEADERS, **values)


def redirect_to_admin(web: WebContext, path: str) -> RedirectResponse:
    """On to another of these pages, after something was posted."""
    return RedirectResponse(f"{web.root}/operator{path}", SEE_OTHER, headers=ADMIN_HEADERS)


async def require_admin_pages(web: WebDep, auth: OperatorAuthDep, request: Request) -> None:
    """There are such pages, and what is posted comes from one of them. Else 404, or Foreign."""
    if not auth.has_pages:
        raise HTTPException(404)
    if request.method not in SAFE_METHODS and not is_same_site(web, request):
        raise CrossSiteFormError


async def require_login(
    web: WebDep, auth: OperatorAuthDep, request: Request, _there: Annotated[None, Depends(require_admin_pages)]
) -> None:
    """Somebody is logged in. Else Outside."""
    if not auth.is_valid_session(request.cookies.get(SESSION_COOKIE, ""), web.clock()):
        raise NotLoggedInError


def is_same_site(web: WebContext, request: Request) -> bool:
    """Whether a request was made by a page of ours."""
    if site := request.headers.get("sec-fetch-site"):
        return site == "same-origin"
    public = urlsplit(web.ctx.settings.base_url)
    known = {f"{public.scheme}://{public.netloc}", f"{request.url.scheme}://{request.headers.get('host', '')}"}
    return request.headers.get("origin", "") in known


router = APIRouter(prefix="/operator", dependencies=[Depends(require_admin_pages)])


@router.api_route("/login", methods=SAFE_METHODS)
def login_page(web: WebDep, auth: OperatorAuthDep, request: Request) -> Response:
    if auth.is_valid_session(request.cookies.get(SESSION_COOKIE, ""), web.clock()):
        return redirect_to_admin(web, "")
    return admin_page(web, "login.html", fault="")


@router.post("/login")
def login(web: WebDep, auth: OperatorAuthDep, request: Request, form: Annotated[LoginForm, Form()]) -> Response:
    if wait := auth.hit_login(request.client.host if request.client else ""):
        log.warning("operator.rate_limited")
        limited = admin_page(web, "login.html", status=429, fault="Too many tries. Come back in an hour.")
        limited.headers["Retry-After"] = str(wait)
        return limited
    if not auth.is_operator_token(form.token.strip()):
        log.warning("operator.login_failed")
        return admin_page(
            web, "login.html", status=403, fault="This is not the token. It is set as DIGEST_OPERATOR_TOKEN."
        )
    log.info("operator.logged_in")
    answer = redirect_to_admin(web, "")
    answer.set_cookie(
        SESSION_COOKIE,
        auth.create_session(web.clock()),
        max_age=int(SESSION_LIFETIME.total_seconds()),
        path=f"{web.root}/operator",
        secure=web.ctx.settings.base_url.startswith("https://"),
        httponly=True,
        samesite="strict",
    )
    return answer


@router.post("/logout")
def logout(web: WebDep, auth: OperatorAuthDep, request: Request) -> Response:
    if session := request.cookies.get(SESSION_COOKIE, ""):
        auth.end_session(session)
    answer = redirect_to_admin(web, "/login")
    answer.delete_cookie(SESSION_COOKIE, path=f"{web.root}/operator")
    return answer


def install_login_handlers(app: FastAPI, web: WebContext) -> None:
    """What is answered to who is not inside."""

    async def outside(_request: Request, _error: NotLoggedInError) -> Response:
        return redirect_to_admin(web, "/login")

    async def foreign(_request: Request, _error: CrossSiteFormError) -> Response:
        said = "Another site sent you here, and nothing was done. Open the page yourself and press the button there."
        return error_page(web, 403, title="This did not come from our page", text=said)

    # The framework types handlers by Exception alone.
    app.add_exception_handler(NotLoggedInError, outside)  # type: ignore[arg-type]
    app.add_exception_handler(CrossSiteFormError, foreign)  # type: ignore[arg-type]
