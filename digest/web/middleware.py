"""What every request passes before a page sees it: Rooted, Paced, Capped.

Plain ASGI, so that a body is counted while it is read. How much is taken stands in `pace`.
"""

import asyncio

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digest.errors import StoreError
from digest.web.context import SAFE_METHODS, WebContext
from digest.web.errors import error_response
from digest.web.headers import SecurityHeadersMiddleware, strip_root_path
from digest.web.rate_limit import FormLimits, RequestRateLimiter, client_network

__all__ = ["BodyLimitMiddleware", "FormLimits", "RateLimitMiddleware", "RootPathMiddleware", "client_network"]


MAX_BODY_BYTES = 64 * 1024


MAX_PATH_LENGTH = 2000  # characters; the longest of ours are tokens with some 150


BODY_TIMEOUT = 20.0  # seconds: 64 KB over the slowest of lines


UNLIMITED_PATHS = (
    "/operator/",
)  # its door keeps its own count, also while the store is away and an operator comes to look why


SEARCH_PATHS = ("/feeds/", "/api/", "/preview", "/meant")


log = structlog.get_logger()


class RootPathMiddleware:
    """Pages may lie below a path of the public address. A proxy may take that path off, or leave it to us.

    A path that is longer than any of ours is refused with a 414 before anything reads it.
    """

    def __init__(self, app: ASGIApp, front: WebContext) -> None:
        self._app, self._front, self._root = app, front, front.root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": strip_root_path(scope, self._root), "root_path": ""}
            if len(scope["path"]) > MAX_PATH_LENGTH:
                await SecurityHeadersMiddleware(error_response(self._front, scope["path"], 414), self._front)(
                    scope, receive, send
                )
                return
        await self._app(scope, receive, send)


class RateLimitMiddleware:
    """Too many forms or searches get a 429 with Retry-After (RFC 6585), before anything of them is read."""

    def __init__(self, app: ASGIApp, front: WebContext, rations: RequestRateLimiter) -> None:
        self._app, self._front, self._rations = app, front, rations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (refused := await self._refused(scope)):
            status, seconds = refused
            path = strip_root_path(scope, self._front.root)
            await error_response(self._front, path, status, headers={"Retry-After": str(seconds)})(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _refused(self, scope: Scope) -> tuple[int, int] | None:
        """Status and seconds to wait."""
        path, client = strip_root_path(scope, self._front.root), str((scope.get("client") or ("", 0))[0])
        if path.startswith(UNLIMITED_PATHS):
            return None
        if scope["method"] not in SAFE_METHODS and path != "/preview":
            try:
                seconds = await run_in_threadpool(self._rations.hit_form, path, client)
            except StoreError:
                log.error("page.database_unavailable")  # noqa: TRY400  - the message names the server
                return 503, 60
            return (429, seconds) if seconds else None
        asked = path == "/papers" and scope["query_string"]
        seconds = self._rations.hit_search(client) if asked or path.startswith(SEARCH_PATHS) else 0
        return (429, seconds) if seconds else None


class BodyLimitMiddleware:
    """A body is read here, up to its limit, and handed on whole. Larger ones get a 413, chunked or not; one that does
    not come to its end in time gets a 408. Whose length is said in two ways gets a 400 and its line is closed: a proxy
    may have read it in the other way, and what we would take for a second request in the first (RFC 9112, 6.1).
    """

    def __init__(self, app: ASGIApp, front: WebContext, timeout: float = BODY_TIMEOUT) -> None:
        self._app, self._front, self._within = app, front, timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and {name for name, _ in scope["headers"]} >= {
            b"content-length",
            b"transfer-encoding",
        }:
            await self._refuse(400, scope, receive, send)
            return
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._within):
                body = await self._read(scope, receive)
        except TimeoutError:
            await self._refuse(408, scope, receive, send)
            return
        if body is None:
            await self._refuse(413, scope, receive, send)
            return
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return waiting.pop() if waiting else await receive()

        await self._app(scope, replay, send)

    async def _refuse(self, status: int, scope: Scope, receive: Receive, send: Send) -> None:
        path = strip_root_path(scope, self._front.root)
        await error_response(self._front, path, status, headers={"Connection": "close"})(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        said = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not said.isdigit() or int(said) > MAX_BODY_BYTES:
            return None
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                break  # the rest never comes; what there is gets an answer that nobody hears
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MAX_BODY_BYTES:
                return None
        return bytes(body)
