"""Uvicorn server with timeouts against slow clients.

Uvicorn closes a connection that is silent between two requests, and no other: a client that sends its headers byte by
byte, or reads its response byte by byte, would keep its connection forever. (Slow request bodies are ended by
`BodyLimitMiddleware`.)
"""

import asyncio
import ctypes
import errno
import socket

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from digest.errors import DigestError, UsageError
from digest.web import messages

HEADER_TIMEOUT = 10.0  # seconds from the first byte of a request, or from the connection, to the end of its headers
BACKLOG = 2048  # connections that wait to be accepted
WRITE_TIMEOUT = 30.0  # seconds that a response may wait for the client
M_ARENA_MAX, MAX_ARENAS = -8, 2  # see mallopt(3)


class TimeoutProtocol(H11Protocol):
    """HTTP/1.1 connection that is closed when headers arrive or responses leave too slowly."""

    header_timeout = HEADER_TIMEOUT
    write_timeout = WRITE_TIMEOUT
    _timers: dict[str, asyncio.TimerHandle]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._timers = {}
        self._start_timer("headers", self.header_timeout)

    def data_received(self, data: bytes) -> None:
        if self.conn.their_state is h11.IDLE:
            self._start_timer("headers", self.header_timeout)
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._cancel_timer("headers")

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_timer("response", self.write_timeout)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._cancel_timer("response")

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timer("headers")
        self._cancel_timer("response")
        super().connection_lost(exc)

    def _start_timer(self, name: str, seconds: float) -> None:
        if name not in self._timers:
            self._timers[name] = self.loop.call_later(seconds, self.transport.abort)

    def _cancel_timer(self, name: str) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()


def open_sockets(host: str, port: int) -> list[socket.socket]:
    """Open the sockets to listen on: all addresses of `host`; `::` takes IPv4, too.

    Raises UsageError for a host without an address, and DigestError when one cannot be listened on.
    """
    try:
        addresses = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise UsageError(messages.host_without_address(host, str(error.strerror))) from error
    sockets: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(addresses):
            is_any = address[0] == "::" and socket.has_dualstack_ipv6() and len(addresses) == 1
            sockets.append(socket.create_server(address[:2], family=family, dualstack_ipv6=is_any, backlog=BACKLOG))
    except OSError as error:
        for opened in sockets:
            opened.close()
        reason = messages.PORT_TAKEN if error.errno == errno.EADDRINUSE else str(error.strerror)
        raise DigestError(messages.address_not_available(host, port, reason)) from error
    return sockets


def limit_arenas() -> bool:
    """Let all threads of this process share two arenas of memory, and return whether the C library can.

    glibc gives each thread one of its own, and what a preview needed once stays in it: some 40 MB with eight clients.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(M_ARENA_MAX, MAX_ARENAS))


def create_server(app: ASGIApp, *, host: str, port: int, proxies: tuple[str, ...]) -> uvicorn.Server:
    """Create a server for `app`. X-Forwarded-For is trusted from the addresses and networks in `proxies`."""
    limit_arenas()
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=TimeoutProtocol,
        ws="none",
        proxy_headers=True,
        forwarded_allow_ips=list(proxies),
        server_header=False,
        log_config=None,
        access_log=False,
    )
    return uvicorn.Server(config)
