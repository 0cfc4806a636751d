"""Host on loopback that plays recorded answers, with the faults that real hosts have."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import httpx

POLL_INTERVAL = 0.02  # seconds until the host notices that it shall stop


class Fault(StrEnum):
    """What a host does in place of answering."""

    UNAVAILABLE = "503"
    THROTTLED = "429"
    EMPTY = "empty 200"
    HTML = "HTML with 200"
    CUT = "cut body"
    DROPPED = "dropped connection"


FAULTY_ANSWERS = {
    Fault.UNAVAILABLE: (503, b"Service Unavailable"),
    Fault.THROTTLED: (429, b"Rate exceeded."),
    Fault.EMPTY: (200, b""),
    Fault.HTML: (200, b"<!doctype html><html><head><title>Just a moment...</title></head><body>Wait.</body></html>"),
}


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """Answer of a host, as it was recorded."""

    body: bytes = field(repr=False)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class RecordedHost:
    """Host that answers a path with its query by `route`, used as `with RecordedHost(route) as host`.

    From the request number `fault_from` on (the first is 0) it has the fault. `paths` are the requests that came.
    """

    def __init__(
        self, route: Callable[[str], RecordedAnswer], *, fault: Fault | None = None, fault_from: int = 0
    ) -> None:
        self.paths: list[str] = []
        self._route, self._fault, self._fault_from = route, fault, fault_from
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.answer(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  - the library's name
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": POLL_INTERVAL})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        number = len(self.paths)
        self.paths.append(request.path)
        fault = self._fault if number >= self._fault_from else None
        if fault is Fault.DROPPED:
            request.close_connection = True
            return
        answer = self._route(request.path)
        if fault in FAULTY_ANSWERS:
            status, body = FAULTY_ANSWERS[fault]
            answer = RecordedAnswer(body, status)
        etag = answer.headers.get("ETag")
        is_unchanged = etag is not None and request.headers.get("If-None-Match") == etag
        body = b"" if is_unchanged else answer.body
        request.send_response(HTTPStatus.NOT_MODIFIED if is_unchanged else answer.status)
        for name, value in answer.headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: len(body) // 2] if fault is Fault.CUT else body)


@dataclass
class RecordedTransport(httpx.AsyncBaseTransport):
    """Transport that answers every host from the recordings, and notes when each was asked."""

    route: Callable[[str], RecordedAnswer]
    monotonic: Callable[[], float]
    requests: list[tuple[str, float]] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append((request.url.host, self.monotonic()))
        answer = self.route(request.url.raw_path.decode())
        return httpx.Response(answer.status, headers=dict(answer.headers), stream=httpx.ByteStream(answer.body))
