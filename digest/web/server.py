"""The server under the pages: uvicorn, told whom to believe, and patient only so long.

uvicorn ends a line that is silent between two requests, and no other: one that sends its head byte by byte, or takes
its answer byte by byte, would hold its place for good. (A body that is slow to come is ended by `guard.Capped`.)
"""

import asyncio

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_TIMEOUT = 10.0  # seconds from the first byte of a request, or from the connection, to the end of its headers


WRITE_TIMEOUT = 30.0  # seconds that an answer may wait for its reader


class TimeoutProtocol(H11Protocol):
    """One line to a client."""

    header_timeout = HEADER_TIMEOUT
    write_timeout = WRITE_TIMEOUT
    _timers: dict[str, asyncio.TimerHandle]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._timers = {}
        self._wind("head", self.header_timeout)

    def data_received(self, data: bytes) -> None:
        if self.conn.their_state is h11.IDLE:
            self._wind("head", self.header_timeout)
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop("head")

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wind("answer", self.write_timeout)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop("answer")

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop("head")
        self._stop("answer")
        super().connection_lost(exc)

    def _wind(self, name: str, seconds: float) -> None:
        if name not in self._timers:
            self._timers[name] = self.loop.call_later(seconds, self.transport.abort)

    def _stop(self, name: str) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()


def server_of(app: ASGIApp, *, host: str, port: int, proxies: tuple[str, ...]) -> uvicorn.Config:
    """How the pages are served. `proxies` are addresses and networks whose X-Forwarded-For is believed."""
    return uvicorn.Config(
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
