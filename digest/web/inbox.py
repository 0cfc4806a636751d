"""The mailbox on this machine, where letters go while no relay is set. With a relay there is no such page."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from digest.mail import inbox
from digest.mail.inbox import Kept
from digest.web.front import LOOK, At, Front
from digest.web.headers import LETTER_POLICY

router = APIRouter(prefix="/inbox")

# A letter is somebody else's page: no scripts, no forms, an origin of its own. Its links open in the whole window.
SANDBOX = "allow-top-navigation-by-user-activation allow-popups allow-popups-to-escape-sandbox"
HTML_HEADERS = {"Content-Security-Policy": f"{LETTER_POLICY}; frame-ancestors 'self'; sandbox {SANDBOX}"}


@router.api_route("", methods=LOOK)
def overview(at: At) -> HTMLResponse:
    _open(at)
    return at.page("inbox.html", letters=inbox.kept(at.house.inbox)[::-1])


@router.api_route("/{name}", methods=LOOK)
def letter(at: At, name: str) -> HTMLResponse:
    found = _one(at, name)
    return at.page(
        "inbox-letter.html",
        letter=found,
        fields=[(name, str(value)) for name, value in found.message.items()],
        text=found.part("plain"),
        has_html=bool(found.part("html")),
        sandbox=SANDBOX,
    )


@router.api_route("/{name}/html", methods=LOOK)
def html_part(at: At, name: str) -> HTMLResponse:
    """The HTML part alone, for the frame on the letter's page."""
    html = _one(at, name).part("html")
    if not html:
        raise HTTPException(404)
    return HTMLResponse(html.replace("<head>", '<head><base target="_top">', 1), headers=HTML_HEADERS)


@router.api_route("/{name}/raw", methods=LOOK)
def raw(at: At, name: str) -> Response:
    """The message as it was received, to open in a mail program."""
    found = _one(at, name)
    return Response(
        (at.house.inbox / f"{found.name}.eml").read_bytes(),
        media_type="message/rfc822",
        headers={"Content-Disposition": f'attachment; filename="{found.name}.eml"'},
    )


def _open(at: Front) -> None:
    if at.house.settings.relay:
        raise HTTPException(404)


def _one(at: Front, name: str) -> Kept:
    _open(at)
    found = inbox.one(at.house.inbox, name)
    if found is None:
        raise HTTPException(404)
    return found
