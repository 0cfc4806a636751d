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

from digest.web.errors import error_page
from digest.web.front import LOOK, At, Front
from digest.web.keeper import LASTS
from digest.web.watching import Keeping

log = structlog.get_logger()

COOKIE = "digest_operator"
# Under no-referrer browsers send forms with "Origin: null", which tells nothing about where they come from.
HEADERS = {"Referrer-Policy": "same-origin"}
SEE_OTHER = 303


class Outside(Exception):
    """Nobody is logged in."""


class Foreign(Exception):
    """A form that did not come from a page of ours."""


class LoginForm(BaseModel):
    token: str = ""


def page(at: Front, name: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """One of the operator's pages."""
    return at.page(f"operator/{name}", status=status, headers=HEADERS, **values)


def to(at: Front, path: str) -> RedirectResponse:
    """On to another of these pages, after something was posted."""
    return RedirectResponse(f"{at.root}/operator{path}", SEE_OTHER, headers=HEADERS)


async def there(at: At, keeper: Keeping, request: Request) -> None:
    """There are such pages, and what is posted comes from one of them. Else 404, or Foreign."""
    if not keeper.has_pages:
        raise HTTPException(404)
    if request.method not in LOOK and not ours(at, request):
        raise Foreign


async def inside(at: At, keeper: Keeping, request: Request, _there: Annotated[None, Depends(there)]) -> None:
    """Somebody is logged in. Else Outside."""
    if not keeper.inside(request.cookies.get(COOKIE, ""), at.clock()):
        raise Outside


def ours(at: Front, request: Request) -> bool:
    """Whether a request was made by a page of ours."""
    if site := request.headers.get("sec-fetch-site"):
        return site == "same-origin"
    public = urlsplit(at.house.settings.base_url)
    known = {f"{public.scheme}://{public.netloc}", f"{request.url.scheme}://{request.headers.get('host', '')}"}
    return request.headers.get("origin", "") in known


router = APIRouter(prefix="/operator", dependencies=[Depends(there)])


@router.api_route("/login", methods=LOOK)
def login_page(at: At, keeper: Keeping, request: Request) -> Response:
    if keeper.inside(request.cookies.get(COOKIE, ""), at.clock()):
        return to(at, "")
    return page(at, "login.html", fault="")


@router.post("/login")
def login(at: At, keeper: Keeping, request: Request, form: Annotated[LoginForm, Form()]) -> Response:
    if wait := keeper.wait(request.client.host if request.client else ""):
        log.warning("operator.held_up")
        held_up = page(at, "login.html", status=429, fault="Too many tries. Come back in an hour.")
        held_up.headers["Retry-After"] = str(wait)
        return held_up
    if not keeper.knows(form.token.strip()):
        log.warning("operator.refused")
        return page(at, "login.html", status=403, fault="This is not the token. It is set as DIGEST_OPERATOR_TOKEN.")
    log.info("operator.entered")
    answer = to(at, "")
    answer.set_cookie(
        COOKIE,
        keeper.begin(at.clock()),
        max_age=int(LASTS.total_seconds()),
        path=f"{at.root}/operator",
        secure=at.house.settings.base_url.startswith("https://"),
        httponly=True,
        samesite="strict",
    )
    return answer


@router.post("/logout")
def logout(at: At, keeper: Keeping, request: Request) -> Response:
    if session := request.cookies.get(COOKIE, ""):
        keeper.leave(session)
    answer = to(at, "/login")
    answer.delete_cookie(COOKIE, path=f"{at.root}/operator")
    return answer


def install(app: FastAPI, front: Front) -> None:
    """What is answered to who is not inside."""

    async def outside(_request: Request, _error: Outside) -> Response:
        return to(front, "/login")

    async def foreign(_request: Request, _error: Foreign) -> Response:
        said = "Another site sent you here, and nothing was done. Open the page yourself and press the button there."
        return error_page(front, 403, title="This did not come from our page", text=said)

    # The framework types handlers by Exception alone.
    app.add_exception_handler(Outside, outside)  # type: ignore[arg-type]
    app.add_exception_handler(Foreign, foreign)  # type: ignore[arg-type]
