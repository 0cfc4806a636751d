"""Local mailbox, which gets all e-mails while no relay is set. With a relay these pages do not exist."""

from ipaddress import ip_address

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from digest.mail import StoredMessage, find_message, list_messages
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.headers import EMAIL_SECURITY_POLICY


def require_local_client(web: WebDep, request: Request) -> None:
    """Refuse everything where a relay is set, and clients of other machines elsewhere.

    Whoever reads the mailbox can use every link in it, so a service without a relay must not show it to the network.
    """
    if web.ctx.settings.has_relay:
        raise HTTPException(404)
    if not is_loopback(request.client.host if request.client else ""):
        raise HTTPException(403)


def is_loopback(host: str) -> bool:
    """Return whether an address is one of this machine's loopback, also as IPv4 in IPv6."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


router = APIRouter(prefix="/inbox", dependencies=[Depends(require_local_client)])
# An e-mail is untrusted HTML: no scripts, no forms, an origin of its own. Its links open in the whole window.
SANDBOX = "allow-top-navigation-by-user-activation allow-popups allow-popups-to-escape-sandbox"
HTML_HEADERS = {"Content-Security-Policy": f"{EMAIL_SECURITY_POLICY}; frame-ancestors 'self'; sandbox {SANDBOX}"}


@router.api_route("", methods=SAFE_METHODS)
def mailbox_page(web: WebDep) -> HTMLResponse:
    return web.render("mailbox.html", messages=list_messages(web.ctx.mailbox_directory)[::-1])


@router.api_route("/{name}", methods=SAFE_METHODS)
def message_page(web: WebDep, name: str) -> HTMLResponse:
    message = _get_message(web, name)
    return web.render(
        "mailbox-message.html",
        message=message,
        fields=[(name, str(value)) for name, value in message.message.items()],
        text=message.part("plain"),
        has_html=bool(message.part("html")),
        sandbox=SANDBOX,
    )


@router.api_route("/{name}/html", methods=SAFE_METHODS)
def html_part(web: WebDep, name: str) -> HTMLResponse:
    """Return the HTML part alone, for the frame on the message's page."""
    html = _get_message(web, name).part("html")
    if not html:
        raise HTTPException(404)
    return HTMLResponse(html.replace("<head>", '<head><base target="_top">', 1), headers=HTML_HEADERS)


@router.api_route("/{name}/raw", methods=SAFE_METHODS)
def raw_message(web: WebDep, name: str) -> Response:
    """Return the message as received, to open in a mail program."""
    message = _get_message(web, name)
    return Response(
        (web.ctx.mailbox_directory / f"{message.name}.eml").read_bytes(),
        media_type="message/rfc822",
        headers={"Content-Disposition": f'attachment; filename="{message.name}.eml"'},
    )


def _get_message(web: WebContext, name: str) -> StoredMessage:
    message = find_message(web.ctx.mailbox_directory, name)
    if message is None:
        raise HTTPException(404)
    return message
