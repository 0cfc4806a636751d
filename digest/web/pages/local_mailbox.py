"""The mailbox on this machine, where letters go while no relay is set. With a relay there is no such page."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from digest.mail import StoredMessage, find_message, list_messages
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.headers import EMAIL_SECURITY_POLICY

router = APIRouter(prefix="/inbox")


# A letter is somebody else's page: no scripts, no forms, an origin of its own. Its links open in the whole window.
SANDBOX = "allow-top-navigation-by-user-activation allow-popups allow-popups-to-escape-sandbox"


HTML_HEADERS = {"Content-Security-Policy": f"{EMAIL_SECURITY_POLICY}; frame-ancestors 'self'; sandbox {SANDBOX}"}


@router.api_route("", methods=SAFE_METHODS)
def mailbox_page(web: WebDep) -> HTMLResponse:
    _require_local_mailbox(web)
    return web.render("inbox.html", letters=list_messages(web.ctx.mailbox_directory)[::-1])


@router.api_route("/{name}", methods=SAFE_METHODS)
def message_page(web: WebDep, name: str) -> HTMLResponse:
    found = _get_message(web, name)
    return web.render(
        "inbox-letter.html",
        letter=found,
        fields=[(name, str(value)) for name, value in found.message.items()],
        text=found.part("plain"),
        has_html=bool(found.part("html")),
        sandbox=SANDBOX,
    )


@router.api_route("/{name}/html", methods=SAFE_METHODS)
def html_part(web: WebDep, name: str) -> HTMLResponse:
    """The HTML part alone, for the frame on the letter's page."""
    html = _get_message(web, name).part("html")
    if not html:
        raise HTTPException(404)
    return HTMLResponse(html.replace("<head>", '<head><base target="_top">', 1), headers=HTML_HEADERS)


@router.api_route("/{name}/raw", methods=SAFE_METHODS)
def raw_message(web: WebDep, name: str) -> Response:
    """The message as it was received, to open in a mail program."""
    found = _get_message(web, name)
    return Response(
        (web.ctx.mailbox_directory / f"{found.name}.eml").read_bytes(),
        media_type="message/rfc822",
        headers={"Content-Disposition": f'attachment; filename="{found.name}.eml"'},
    )


def _require_local_mailbox(web: WebContext) -> None:
    if web.ctx.settings.has_relay:
        raise HTTPException(404)


def _get_message(web: WebContext, name: str) -> StoredMessage:
    _require_local_mailbox(web)
    found = find_message(web.ctx.mailbox_directory, name)
    if found is None:
        raise HTTPException(404)
    return found
