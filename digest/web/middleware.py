"""ASGI middleware: root path, compression, rate limits and body limits.

Plain ASGI, so that a body is counted while it is read. The limits themselves are in `rate_limit`.
"""

import asyncio
import re
from http import HTTPStatus

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digest.errors import StoreError
from digest.subscribers import MAX_UPLOAD_BYTES
from digest.web import messages
from digest.web.context import SAFE_METHODS, WebContext
from digest.web.errors import error_response
from digest.web.headers import PRIVATE_PATHS, TOKEN_PATHS, SecurityHeadersMiddleware, strip_root_path
from digest.web.rate_limit import RateLimiter

MAX_BODY_BYTES = 64 * 1024
COMPRESSED_SIZE, COMPRESSION_LEVEL = 1000, 5  # bytes from which it pays; 5 is fast and nearly as small as 9
MAX_PATH_LENGTH = 2000  # characters; our longest paths have tokens of some 150
BODY_TIMEOUT = 20.0  # seconds: enough for 64 KB over the slowest of connections
WEBHOOK_PATH = "/bounces/"
# Files with papers; the token in the path or header was counted against its limit before anything is read.
UPLOAD_PATH = re.compile(r"/preferences/[^/]+/papers|/api/v1/seeds")
MAX_UPLOAD_BODY_BYTES = MAX_UPLOAD_BYTES + 2**16  # with the parts of the form around it
MAX_WEBHOOK_BYTES = 2**20  # SendGrid reports a thousand events at once, SNS up to 256 KB
# Logins and tokens have limits of their own, in memory, so that an operator can log in while the database is down.
# Providers may report as much as they sign; what is not signed is counted by its handler.
UNLIMITED_PATHS = ("/operator/", "/api/v1/admin/", WEBHOOK_PATH)
SEARCH_PATHS = ("/feeds/", "/api/", "/preview", "/meant")
log = structlog.get_logger()


class RootPathMiddleware:
    """Strip the path of the public URL, whether or not a proxy has done so, and the slash that some add to a token.

    A path that is longer than any of ours is refused with 414 before anything parses it.
    """

    def __init__(self, app: ASGIApp, web: WebContext) -> None:
        self._app, self._web, self._root = app, web, web.root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = strip_root_path(scope, self._root)
            # Proxies and mail gateways add a slash. No redirect: the button of a mail program follows none.
            path = (path.rstrip("/") or "/") if path.startswith(TOKEN_PATHS) else path
            scope = {**scope, "path": path, "root_path": ""}
            if len(scope["path"]) > MAX_PATH_LENGTH:
                await SecurityHeadersMiddleware(error_response(self._web, scope["path"], 414), self._web)(
                    scope, receive, send
                )
                return
        await self._app(scope, receive, send)


class CompressionMiddleware:
    """Compress public pages and static files.

    Not pages that show secrets: the length of a compressed answer can tell them (BREACH). Not answers to forms either.
    """

    def __init__(self, app: ASGIApp, web: WebContext) -> None:
        self._app, self._web = app, web
        self._compressed = GZipMiddleware(app, COMPRESSED_SIZE, COMPRESSION_LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_public = (
            scope["type"] == "http"
            and scope["method"] in SAFE_METHODS
            and not strip_root_path(scope, self._web.root).startswith(PRIVATE_PATHS)
        )
        await (self._compressed if is_public else self._app)(scope, receive, send)


class RateLimitMiddleware:
    """Refuse too many forms or searches with 429 and Retry-After (RFC 6585) before anything of them is read."""

    def __init__(self, app: ASGIApp, web: WebContext, limiter: RateLimiter) -> None:
        self._app, self._web, self._limiter = app, web, limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (refused := await self._check_limits(scope)):
            status, seconds = refused
            path = strip_root_path(scope, self._web.root)
            await error_response(self._web, path, status, headers={"Retry-After": str(seconds)})(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _check_limits(self, scope: Scope) -> tuple[int, int] | None:
        """Return the status to refuse with and the seconds to wait; None to accept."""
        path, client = strip_root_path(scope, self._web.root), str((scope.get("client") or ("", 0))[0])
        if path.startswith(UNLIMITED_PATHS):
            return None
        if scope["method"] not in SAFE_METHODS and not path.startswith("/preview"):
            try:
                token = bearer_token(scope) if path.startswith("/api/") else ""
                seconds = await run_in_threadpool(self._limiter.hit_form, path, client, token)
            except StoreError:
                log.error("page.database_unavailable")  # noqa: TRY400  - the message names the server
                return 503, 60
            return (429, seconds) if seconds else None
        is_search = path == "/papers" and scope["query_string"]
        seconds = self._limiter.hit_search(client) if is_search or path.startswith(SEARCH_PATHS) else 0
        return (429, seconds) if seconds else None


def bearer_token(scope: Scope) -> str:
    """Return the token in the Authorization header; empty without one."""
    value: bytes = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    scheme, _, token = value.decode("latin-1").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class BodyLimitMiddleware:
    """Read the body up to its limit and pass it on whole.

    A larger body gets a 413, chunked or not; one that does not end in time gets a 408. A request with both
    Content-Length and Transfer-Encoding gets a 400 and its connection is closed: a proxy may have read its length in
    the other way, and taken for part of the body what we would take for a second request (RFC 9112, section 6.1).
    """

    def __init__(self, app: ASGIApp, web: WebContext, timeout: float = BODY_TIMEOUT) -> None:
        self._app, self._web, self._timeout = app, web, timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and {name for name, _ in scope["headers"]} >= {
            b"content-length",
            b"transfer-encoding",
        }:
            await self._reject(400, scope, receive, send)
            return
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._timeout):
                body = await self._read_body(scope, receive)
        except TimeoutError:
            await self._reject(408, scope, receive, send)
            return
        if body is None:
            await self._reject(413, scope, receive, send)
            return
        received = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_body() -> Message:
            return received.pop() if received else await receive()

        await self._app(scope, receive_body, send)

    async def _reject(self, status: int, scope: Scope, receive: Receive, send: Send) -> None:
        path = strip_root_path(scope, self._web.root)
        is_file = status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and UPLOAD_PATH.fullmatch(path)
        texts = messages.FILE_TOO_LARGE if is_file else None
        await error_response(self._web, path, status, texts, headers={"Connection": "close"})(scope, receive, send)

    async def _read_body(self, scope: Scope, receive: Receive) -> bytes | None:
        content_length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        is_webhook = strip_root_path(scope, self._web.root).startswith(WEBHOOK_PATH) and bool(
            self._web.ctx.settings.webhook_secrets
        )
        is_upload = UPLOAD_PATH.fullmatch(strip_root_path(scope, self._web.root))
        limit = MAX_WEBHOOK_BYTES if is_webhook else MAX_UPLOAD_BODY_BYTES if is_upload else MAX_BODY_BYTES
        if not content_length.isdigit() or int(content_length) > limit:
            return None
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                break  # the client is gone
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > limit:
                return None
        return bytes(body)
