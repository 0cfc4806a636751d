"""What every request passes before a page sees it: Rooted, Paced, Capped.

Plain ASGI, so that a body is counted while it is read. How much is taken stands in `pace`.
"""

import asyncio

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digest.errors import StoreError
from digest.web.errors import refusal
from digest.web.front import LOOK, Front
from digest.web.headers import Headers, inner_path
from digest.web.pace import Pace, Rations, network

__all__ = ["Capped", "Pace", "Paced", "Rooted", "network"]

LARGEST_BODY = 64 * 1024
LONGEST_PATH = 2000  # characters; the longest of ours are tokens with some 150
BODY_WITHIN = 20.0  # seconds: 64 KB over the slowest of lines
OWN = ("/operator/",)  # its door keeps its own count, also while the store is away and an operator comes to look why
SEARCHING = ("/feeds/", "/api/", "/preview", "/meant")
log = structlog.get_logger()


class Rooted:
    """Pages may lie below a path of the public address. A proxy may take that path off, or leave it to us.

    A path that is longer than any of ours is refused with a 414 before anything reads it.
    """

    def __init__(self, app: ASGIApp, front: Front) -> None:
        self._app, self._front, self._root = app, front, front.root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": inner_path(scope, self._root), "root_path": ""}
            if len(scope["path"]) > LONGEST_PATH:
                await Headers(refusal(self._front, scope["path"], 414), self._front)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class Paced:
    """Too many forms or searches get a 429 with Retry-After (RFC 6585), before anything of them is read."""

    def __init__(self, app: ASGIApp, front: Front, rations: Rations) -> None:
        self._app, self._front, self._rations = app, front, rations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (refused := await self._refused(scope)):
            status, seconds = refused
            path = inner_path(scope, self._front.root)
            await refusal(self._front, path, status, headers={"Retry-After": str(seconds)})(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _refused(self, scope: Scope) -> tuple[int, int] | None:
        """Status and seconds to wait."""
        path, client = inner_path(scope, self._front.root), str((scope.get("client") or ("", 0))[0])
        if path.startswith(OWN):
            return None
        if scope["method"] not in LOOK and path != "/preview":
            try:
                seconds = await run_in_threadpool(self._rations.form, path, client)
            except StoreError:
                log.error("page.store_away")  # noqa: TRY400  - the message names the server
                return 503, 60
            return (429, seconds) if seconds else None
        asked = path == "/papers" and scope["query_string"]
        seconds = self._rations.search(client) if asked or path.startswith(SEARCHING) else 0
        return (429, seconds) if seconds else None


class Capped:
    """A body is read here, up to its limit, and handed on whole. Larger ones get a 413, chunked or not; one that does
    not come to its end in time gets a 408. Whose length is said in two ways gets a 400 and its line is closed: a proxy
    may have read it in the other way, and what we would take for a second request in the first (RFC 9112, 6.1).
    """

    def __init__(self, app: ASGIApp, front: Front, within: float = BODY_WITHIN) -> None:
        self._app, self._front, self._within = app, front, within

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and {name for name, _ in scope["headers"]} >= {
            b"content-length",
            b"transfer-encoding",
        }:
            await self._refuse(400, scope, receive, send)
            return
        if scope["type"] != "http" or scope["method"] in LOOK:
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
        path = inner_path(scope, self._front.root)
        await refusal(self._front, path, status, headers={"Connection": "close"})(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        said = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not said.isdigit() or int(said) > LARGEST_BODY:
            return None
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                break  # the rest never comes; what there is gets an answer that nobody hears
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > LARGEST_BODY:
                return None
        return bytes(body)
