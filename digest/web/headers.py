"""What every answer says to the browser besides its content."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digest.web.context import SAFE_METHODS, WebContext

QUICK_ACTION_PATHS = ("/mute/", "/never/", "/fewer/", "/pause/", "/return/")


TOKEN_PATHS = ("/confirm/", "/preferences/", "/unsubscribe/", "/letters/", "/mine/", *QUICK_ACTION_PATHS)


PRIVATE_PATHS = (*TOKEN_PATHS, "/inbox", "/sent", "/operator", "/metrics")


CONTENT_SECURITY_POLICY = (
    "default-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; object-src 'none'"
)


# A letter brings its own styles and nothing else; what it links to opens in the whole window.
EMAIL_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'"
)


# The one page that may stand in somebody else's: a small form, which opens a window of its own.
EMBED_PATH = "/embed"


EMBED_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY.replace("frame-ancestors 'none'", "frame-ancestors *"),
    "Cross-Origin-Resource-Policy": "cross-origin",
}


SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def add_security_headers(headers: MutableHeaders, scope: Scope, root: str) -> None:
    """Put on an answer what every answer has. What a page has said itself stays."""
    path = strip_root_path(scope, root)
    for name, value in (SECURITY_HEADERS | EMBED_HEADERS if path == EMBED_PATH else SECURITY_HEADERS).items():
        headers.setdefault(name, value)
    private = path.startswith(PRIVATE_PATHS) or scope["method"] not in SAFE_METHODS
    headers.setdefault("Cache-Control", "no-store" if private else "no-cache")
    if path.startswith(PRIVATE_PATHS):
        headers.setdefault("X-Robots-Tag", "noindex, nofollow")


def strip_root_path(scope: Scope, root: str) -> str:
    """The path below the public address, whether or not a proxy has taken that part off."""
    path = str(scope["path"])
    return path.removeprefix(root) if root and path.startswith(root + "/") else path


class SecurityHeadersMiddleware:
    """Security headers on every answer. (Those of a 500 are put on by its own page: it is made further out.)"""

    def __init__(self, app: ASGIApp, front: WebContext) -> None:
        self._app, self._root = app, front.root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_security_headers(MutableHeaders(scope=message), scope, self._root)
            await send(message)

        await self._app(scope, receive, dressed)
