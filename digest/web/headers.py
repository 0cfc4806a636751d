"""Security headers of every response."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digest.context import TOKEN_PATHS as PATHS_BY_PURPOSE
from digest.web.context import SAFE_METHODS, WebContext

TOKEN_PATHS = (*PATHS_BY_PURPOSE.values(), "/letters/")  # web copies were there before
PRIVATE_PATHS = (*TOKEN_PATHS, "/inbox", "/sent", "/operator", "/api/v1/admin", "/metrics")
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; object-src 'none'"
)
# An e-mail has inline styles and loads nothing; its links open in the whole window.
EMAIL_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'"
)
# The only page that other sites may frame: a small form, which opens a new window.
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

# A year (RFC 6797), where the public URL is https. Not for other hosts of the domain, which may be somebody else's.
TRANSPORT_SECURITY = "max-age=31536000"


def add_security_headers(headers: MutableHeaders, scope: Scope, web: WebContext) -> None:
    """Add the security headers to a response. Headers that the page has set itself stay."""
    path = strip_root_path(scope, web.root)
    if web.ctx.settings.base_url.startswith("https://"):
        headers.setdefault("Strict-Transport-Security", TRANSPORT_SECURITY)
    for name, value in (SECURITY_HEADERS | EMBED_HEADERS if path == EMBED_PATH else SECURITY_HEADERS).items():
        headers.setdefault(name, value)
    is_private = path.startswith(PRIVATE_PATHS) or scope["method"] not in SAFE_METHODS
    headers.setdefault("Cache-Control", "no-store" if is_private else "no-cache")
    if path.startswith(PRIVATE_PATHS):
        headers.setdefault("X-Robots-Tag", "noindex, nofollow")


def strip_root_path(scope: Scope, root: str) -> str:
    """Return the path below the public URL, whether or not a proxy has stripped that part."""
    path = str(scope["path"])
    return path.removeprefix(root) if root and path.startswith(root + "/") else path


class SecurityHeadersMiddleware:
    """Adds security headers to every response, except to a 500, whose page adds them: it is made further out."""

    def __init__(self, app: ASGIApp, web: WebContext) -> None:
        self._app, self._web = app, web

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_security_headers(MutableHeaders(scope=message), scope, self._web)
            await send(message)

        await self._app(scope, receive, send_with_headers)
