"""Attacks on the server itself, over real lines: too slow, too large, ambiguous, or with odd paths."""

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.testing import capture_logs

from digest.web import create_app, server_of
from digest.web.middleware import BodyLimitMiddleware
from digest.web.server import TimeoutProtocol
from tests.attacks.conftest import WIDE, Target
from tests.support.browser import AT
from tests.support.web_server import ask, listening

SHORT = 0.4  # seconds, in place of the patience of the real server


class Hasty(TimeoutProtocol):
    """The server of the service, with less patience, so that a test need not wait as long."""

    head_within = taken_within = SHORT


class LargeAnswer:
    """What a reader takes slowly: more than the buffers of two systems hold."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Response(b"x" * 50_000_000)(scope, receive, send)


@contextmanager
def hasty(app: ASGIApp) -> Iterator[int]:
    config = server_of(app, host="127.0.0.1", port=0, proxies=())
    config.http = Hasty
    with listening(config) as port:
        yield port


@pytest.fixture
def app(target: Target) -> Any:
    return create_app(target.at, clock=lambda: AT, limits=WIDE, min_answer_seconds=0)


@contextmanager
def line(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as opened:
        yield opened


def dripped(to: socket.socket, text: bytes, pause: float) -> float:
    """Seconds until the other end has had enough of a client that sends byte by byte."""
    began = time.monotonic()
    try:
        for each in text:
            to.sendall(bytes([each]))
            time.sleep(pause)
            if time.monotonic() - began > 8:
                break
        while to.recv(65536):
            pass
    except ConnectionError:
        pass
    return time.monotonic() - began


def said(port: int, raw: bytes) -> bytes:
    """All that the server answers to these bytes, or to as many as it wants to hear."""
    with line(port) as to:
        with suppress(BrokenPipeError, ConnectionResetError):
            to.sendall(raw)
        to.settimeout(3)
        answer = b""
        try:
            while piece := to.recv(65536):
                answer += piece
        except (TimeoutError, ConnectionError):
            pass
        return answer


@pytest.mark.parametrize("first", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["at once", "after a request"])
def test_a_head_that_comes_byte_by_byte_is_ended(app: Any, first: bytes) -> None:
    with hasty(app) as port, line(port) as to:
        if first:
            to.sendall(first)
            while b"</html>" not in to.recv(1 << 20):
                pass
        assert dripped(to, b"GET / HTTP/1.1\r\nX-Slow: " + b"x" * 200, 0.05) < 3


def test_a_line_on_which_nothing_comes_is_ended(app: Any) -> None:
    with hasty(app) as port, line(port) as to:
        assert dripped(to, b"", 0) < 3


def test_a_body_that_comes_byte_by_byte_is_ended(target: Target, app: Any) -> None:
    before = target.dump()
    capped = BodyLimitMiddleware(app, target.browser.app.state.front, timeout=SHORT)
    with hasty(capped) as port, line(port) as to:
        to.sendall(b"POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Length: 400\r\n\r\n")
        began = time.monotonic()
        answer = to.recv(65536)
        assert time.monotonic() - began < 3
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in answer.lower()
        assert dripped(to, b"x" * 200, 0.02) < 3
    assert target.dump() == before


def test_an_answer_that_is_taken_byte_by_byte_is_given_up() -> None:
    with hasty(LargeAnswer()) as port, line(port) as to:
        to.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(4 * SHORT)  # not a byte is taken
        taken = 0
        with suppress(ConnectionError):
            while piece := to.recv(1 << 20):
                taken += len(piece)
        assert taken < 50_000_000


def test_one_slow_client_holds_up_no_other(app: Any) -> None:
    with hasty(app) as port:
        lines = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(50)]
        for each in lines:
            each.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
        began = time.monotonic()
        assert ask(port, "GET", "/robots.txt")[0].status == 200
        assert time.monotonic() - began < 3
        for each in lines:
            each.close()


AMBIGUOUS = [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    b"Content-Length: +5\r\n\r\nhello",
    b"Content-Length: -1\r\n\r\n",
    b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_request_that_can_be_read_in_two_ways_is_refused_and_its_line_ended(app: Any, method: str) -> None:
    hidden = b"GET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n"
    with hasty(app) as port:
        for head in AMBIGUOUS:
            answer = said(port, f"{method} /subscribe HTTP/1.1\r\nHost: x\r\n".encode() + head + hidden)
            assert answer.startswith(b"HTTP/1.1 400 "), head
            assert answer.count(b"HTTP/1.1 ") == 1, head
            assert b"User-agent" not in answer, head


def test_more_headers_than_anybody_needs_are_refused(app: Any) -> None:
    with hasty(app) as port:
        answer = said(port, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Large: " + b"x" * 1_000_000 + b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert ask(port, "GET", "/robots.txt")[0].status == 200


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


def test_no_path_leads_out_of_where_it_should(app: Any) -> None:
    with hasty(app) as port:
        for path in PATHS:
            answer = said(port, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            head, _, body = answer.partition(b"\r\n\r\n")
            assert head.split(b" ")[1] in REFUSED, path
            assert b"set-cookie" not in head.lower(), path
            assert b"root:" not in body
            assert b"{% " not in body


def test_no_path_and_no_header_writes_a_line_of_its_own_into_the_log(
    app: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    evil = "%0d%0a2026-01-01%20forged%20line%1b%5b31m"
    with capture_logs() as logs, hasty(app) as port:
        for path in (f"/nothing{evil}", f"/confirm/{evil}", f"/papers?q={evil}", f"/static/{evil}"):
            raw = f"GET {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: a\x1b[31m\r\nConnection: close\r\n\r\n"
            assert said(port, raw.encode()).startswith(b"HTTP/1.1 4") or path.startswith("/papers")
    assert "forged" not in str(logs) + caplog.text
