"""Attacks on the server itself, over real connections: too slow, too large, ambiguous, or with odd paths."""

import json
import logging
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.testing import capture_logs

from digest.web import create_app, create_server
from digest.web.middleware import BodyLimitMiddleware
from digest.web.server import TimeoutProtocol
from tests.attacks.conftest import UNLIMITED, Target
from tests.support.browser import TEST_TIME
from tests.support.command import Command
from tests.support.ports import free_port
from tests.support.web_server import run_server, send_request

SHORT = 0.4  # seconds, in place of the timeouts of the real server
PAUSE = 0.05  # seconds between two bytes of a slow client
SLOW_BYTES = b"x" * 400  # a slow client would need fifty times SHORT for them


class ShortTimeoutProtocol(TimeoutProtocol):
    """The protocol of the service with shorter timeouts, so that tests need not wait as long."""

    header_timeout = write_timeout = SHORT


class LongTimeoutProtocol(TimeoutProtocol):
    """The protocol of the service with timeouts that no test reaches."""

    header_timeout = write_timeout = 600


class LargeResponse:
    """Application whose response exceeds the buffers of both ends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Response(b"x" * 50_000_000)(scope, receive, send)


@contextmanager
def serve(app: ASGIApp, protocol: type[TimeoutProtocol] = ShortTimeoutProtocol) -> Iterator[int]:
    server = create_server(app, host="127.0.0.1", port=0, proxies=())
    server.config.http = protocol
    with run_server(server) as port:
        yield port


@pytest.fixture
def app(target: Target) -> Any:
    return create_app(target.ctx, clock=lambda: TEST_TIME, limits=UNLIMITED, min_answer_seconds=0)


@contextmanager
def connect(port: int) -> Iterator[socket.socket]:
    """Open a connection; whatever waits for more than ten seconds there raises TimeoutError."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        yield connection


def send_slowly(connection: socket.socket, data: bytes) -> int:
    """Send byte by byte, and return how many bytes the server took before it closed the connection."""
    sent = 0
    with suppress(ConnectionError):
        for byte in data:
            connection.sendall(bytes([byte]))
            sent += 1
            time.sleep(PAUSE)
    wait_for_close(connection)
    return sent


def wait_for_close(connection: socket.socket) -> None:
    with suppress(ConnectionError):
        while connection.recv(65536):
            pass


def exchange(port: int, request: bytes) -> bytes:
    """Return the whole answer to these bytes, or to as many as the server reads."""
    with connect(port) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        connection.settimeout(3)
        response = b""
        with suppress(TimeoutError, ConnectionError):
            while piece := connection.recv(65536):
                response += piece
        return response


@pytest.mark.parametrize("first", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["at once", "after a request"])
def test_a_header_that_comes_byte_by_byte_is_cut_off(app: Any, first: bytes) -> None:
    with serve(app) as port, connect(port) as connection:
        if first:
            connection.sendall(first)
            while b"</html>" not in connection.recv(1 << 20):
                pass
        assert send_slowly(connection, b"GET / HTTP/1.1\r\nX-Slow: " + SLOW_BYTES) < len(SLOW_BYTES)


def test_a_silent_connection_is_closed(app: Any) -> None:
    with serve(app) as port, connect(port) as connection:
        wait_for_close(connection)


def test_a_body_that_comes_byte_by_byte_is_cut_off(target: Target, app: Any) -> None:
    before = target.dump()
    limited = BodyLimitMiddleware(app, target.browser.app.state.web, timeout=SHORT)
    with serve(limited) as port, connect(port) as connection:
        connection.sendall(b"POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n")
        response = connection.recv(65536)
        assert response.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in response.lower()
        assert send_slowly(connection, SLOW_BYTES) < len(SLOW_BYTES)
    assert target.dump() == before


def test_a_response_that_is_not_read_is_given_up() -> None:
    with serve(LargeResponse()) as port, connect(port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(4 * SHORT)  # without reading a byte
        received = 0
        with suppress(ConnectionError):
            while piece := connection.recv(1 << 20):
                received += len(piece)
        assert received < 50_000_000


def test_slow_clients_do_not_hold_up_others(app: Any) -> None:
    with serve(app, LongTimeoutProtocol) as port:
        slow = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(50)]
        for connection in slow:
            connection.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
        assert send_request(port, "GET", "/robots.txt")[0].status == 200
        for connection in slow:
            connection.setblocking(False)
            with pytest.raises(BlockingIOError):  # still open: the response did not wait for its end
                connection.recv(1)
            connection.close()


AMBIGUOUS = [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    b"Content-Length: +5\r\n\r\nhello",
    b"Content-Length: -1\r\n\r\n",
    b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_an_ambiguous_request_is_refused_and_its_connection_closed(app: Any, method: str) -> None:
    hidden = b"GET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n"
    with serve(app) as port:
        for head in AMBIGUOUS:
            response = exchange(port, f"{method} /subscribe HTTP/1.1\r\nHost: x\r\n".encode() + head + hidden)
            assert response.startswith(b"HTTP/1.1 400 "), head
            assert response.count(b"HTTP/1.1 ") == 1, head
            assert b"User-agent" not in response, head


def test_an_oversize_header_is_refused(app: Any) -> None:
    with serve(app) as port:
        response = exchange(port, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Large: " + b"x" * 1_000_000 + b"\r\n\r\n")
        assert response.startswith(b"HTTP/1.1 400 ")
        assert send_request(port, "GET", "/robots.txt")[0].status == 200


PATHS = [
    *(
        "/static/../guard.py",
        "/static/..%2f..%2fweb%2fbase.html",
        "/static/%2e%2e/base.html",
        "/static/....//base.html",
    ),
    *("/static//etc/passwd", "/static/%2fetc%2fpasswd", "/static/..\\base.html", "/static/..%5cbase.html"),
    *("/static/style.css%00.html", "/static/%00", "/static/" + "a/" * 3000),
    *("/static/" + "%2e%2e%2f" * 20 + "etc/passwd", "/static/" + "../" * 20 + "etc/passwd"),
    *("/inbox/..%2f..%2fdigest", "/inbox/%2e%2e", "/inbox/x%00"),
    *("/papers/..%2f1", "/papers/1%00", "/papers/" + "9" * 5000, "/papers/" + "9" * 1900),
    *("/confirm/%00", "/confirm/..", "/confirm/" + "A" * 20_000, "/confirm/%ff%fe"),
    *("/unsubscribe/a%0d%0aSet-Cookie:%20a=b", "/mute/x/%2e%2e", "/mute/x/" + "9" * 400),
    *("//", "/./", "/%", "/%zz", "/..;/operator", "/%2e%2e/%2e%2e/etc/passwd", "*", "/\\evil.example"),
]
REFUSED = {b"400", b"404", b"405", b"410", b"414", b"422"}


def test_no_path_leads_out_of_its_directory(app: Any) -> None:
    with serve(app) as port:
        for path in PATHS:
            response = exchange(port, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            head, _, body = response.partition(b"\r\n\r\n")
            assert head.split(b" ")[1] in REFUSED, path
            assert b"set-cookie" not in head.lower(), path
            assert b"root:" not in body
            assert b"{% " not in body


def test_no_path_and_no_header_forges_a_line_of_the_log(app: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    evil = "%0d%0a2026-01-01%20forged%20line%1b%5b31m"
    with capture_logs() as logs, serve(app) as port:
        for path in (f"/nothing{evil}", f"/confirm/{evil}", f"/papers?q={evil}", f"/static/{evil}"):
            request = f"GET {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: a\x1b[31m\r\nConnection: close\r\n\r\n"
            assert exchange(port, request.encode()).startswith(b"HTTP/1.1 4") or path.startswith("/papers")
    assert "forged" not in str(logs) + caplog.text


def test_no_multipart_form_of_a_stranger_writes_a_line_of_its_own_format(target: Target, tmp_path: Path) -> None:
    command = Command(tmp_path, {"DIGEST_LOG_FORMAT": "json", "DIGEST_SOURCES": "huggingface"})
    port = free_port()
    process = command.start("serve", "--port", str(port), "--no-scheduler")
    try:
        for _ in range(300):
            with suppress(ConnectionError):
                if send_request(port, "GET", "/healthz")[0].status:
                    break
            time.sleep(0.1)
        part = 'Content-Disposition: form-data; name="keywords"\r\n\r\nrobot\r\n'
        for body in (
            f"--b\r\n{part}--b--\r\nforged line\r\n",
            f"--b\r\n{part}",
            "--b\r\nContent-Disposition: form-data; filename=x; name*=utf-9''%ff\r\n\r\nx\r\n--b--\r\n",
            "--b\r\n: \x01\r\n\r\n--b--forged line",
            "forged line",
        ):
            for path in ("/subscribe", "/", "/preview", "/api/v1/subscriptions"):
                headers = {"Content-Type": "multipart/form-data; boundary=b"}
                assert send_request(port, "POST", path, headers, body)[0].status < 500
    finally:
        process.send_signal(signal.SIGTERM)
        _, lines = process.communicate(timeout=60)
    for line in lines.splitlines()[1:]:  # after the address that the command prints
        assert "event" in json.loads(line), line
    assert "forged" not in lines
