"""What every request passes before a page sees it: Rooted, Paced, Capped.

Plain ASGI, so that a body is counted while it is read.
"""

import time
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digest.web.errors import refusal
from digest.web.front import LOOK, Front
from digest.web.headers import inner_path

LARGEST_BODY = 64 * 1024
SEARCHING = ("/feeds/", "/api/", "/preview", "/meant")
ASKING = {"/subscribe", "/api/v1/subscriptions"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How many POSTs and how many searches an hour are taken from one network, and from everybody.

    Unsubscribing has a wide limit of its own: a mail provider presses the button for all its users, from one network.
    """

    subscribe: int = 20
    other: int = 120
    unsubscribe: int = 3000
    in_all: int = 10_000
    search: int = 1200
    searches_in_all: int = 60_000
    _limiter: MovingWindowRateLimiter = field(default_factory=lambda: MovingWindowRateLimiter(MemoryStorage()))

    def wait(self, path: str, address: str) -> int:
        """0 when this POST may pass, which counts it; else the seconds until the next one may."""
        kind = "unsubscribe" if path.startswith("/unsubscribe/") else "subscribe" if path in ASKING else "other"
        own = {"subscribe": self.subscribe, "unsubscribe": self.unsubscribe}.get(kind, self.other)
        return self._counted(kind, address, own, self.in_all, "all")

    def search_wait(self, address: str) -> int:
        """The same for a search."""
        return self._counted("search", address, self.search, self.searches_in_all, "all searches")

    def _counted(self, kind: str, address: str, most: int, in_all: int, all_of: str) -> int:
        everybody, own = RateLimitItemPerHour(in_all), RateLimitItemPerHour(most)
        # Everybody is asked first, so that a flood from many networks does not fill the memory; and counted last,
        # so that one network's surplus does not use up what is there for all.
        if not self._limiter.test(everybody, all_of):
            return self._left(everybody, all_of)
        if not self._limiter.hit(own, kind, network(address)):
            return self._left(own, kind, network(address))
        self._limiter.hit(everybody, all_of)
        return 0

    def _left(self, item: RateLimitItemPerHour, *names: str) -> int:
        return max(1, round(self._limiter.get_window_stats(item, *names).reset_time - time.time()) + 1)


def network(address: str) -> str:
    """Whom we take to be one client: an IPv4 address, or the /64 that a household or a server gets in IPv6."""
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"  # a Unix socket: the proxy in front of it has its own limits
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network((found, 64), strict=False))
    return str(found)


class Rooted:
    """Pages may lie below a path of the public address. A proxy may take that path off, or leave it to us."""

    def __init__(self, app: ASGIApp, front: Front) -> None:
        self._app, self._root = app, front.root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": inner_path(scope, self._root), "root_path": ""}
        await self._app(scope, receive, send)


class Paced:
    """Too many POSTs or searches get a 429 with Retry-After (RFC 6585), before anything of them is read."""

    def __init__(self, app: ASGIApp, front: Front, pace: Pace) -> None:
        self._app, self._front, self._pace = app, front, pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (wait := self._wait(scope)):
            path = inner_path(scope, self._front.root)
            answer = refusal(self._front, path, 429, headers={"Retry-After": str(wait)})
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _wait(self, scope: Scope) -> int:
        path, address = inner_path(scope, self._front.root), str((scope.get("client") or ("", 0))[0])
        if scope["method"] not in LOOK and path != "/preview":
            return self._pace.wait(path, address)
        asked = path == "/papers" and scope["query_string"]
        return self._pace.search_wait(address) if asked or path.startswith(SEARCHING) else 0


class Capped:
    """A body is read here, up to its limit, and handed on whole. Larger ones get a 413, chunked or not."""

    def __init__(self, app: ASGIApp, front: Front) -> None:
        self._app, self._front = app, front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in LOOK:
            await self._app(scope, receive, send)
            return
        body = await self._read(scope, receive)
        if body is None:
            path = inner_path(scope, self._front.root)
            answer: Response = refusal(self._front, path, 413, headers={"Connection": "close"})
            await answer(scope, receive, send)
            return
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return waiting.pop() if waiting else await receive()

        await self._app(scope, replay, send)

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
