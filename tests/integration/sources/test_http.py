"""HTTP client of the sources against a real server on loopback that misbehaves in every way we know of."""

import asyncio
import gzip
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from digest import __version__
from digest.errors import MalformedAnswerError, SourceThrottledError, SourceUnavailableError
from digest.sources import HostThrottle, HttpValidators, RetryPolicy, SourceClient
from digest.sources.http import MAX_BODY_BYTES, SourceResponse, is_redirect_allowed

NOW = datetime(2026, 7, 28, 8, tzinfo=UTC)
Action = Callable[["StubHandler"], None]


class StubHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, StubServer)
        server.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        actions = server.actions
        (actions.pop(0) if len(actions) > 1 else actions[0])(self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


class StubServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *actions: Action) -> None:
        super().__init__(("127.0.0.1", 0), StubHandler)
        self.actions = list(actions)
        self.requests: list[tuple[str, dict[str, str]]] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up early."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


def respond(status: int = 200, body: bytes = b"fine", *, length: int | None = None, **headers: str) -> Action:
    def action(handler: StubHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        handler.wfile.write(body)
        if length is not None:
            handler.close_connection = True

    return action


def hang_up(handler: StubHandler) -> None:
    handler.close_connection = True


def respond_late(handler: StubHandler) -> None:
    time.sleep(2)
    respond()(handler)


def respond_endlessly(handler: StubHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(2 * MAX_BODY_BYTES // 2**16):
        handler.wfile.write(bytes(2**16))
    handler.close_connection = True


@contextmanager
def serve(*actions: Action) -> Iterator[StubServer]:
    server = StubServer(*actions)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class ClientRun:
    """Client whose sleeps are recorded instead of slept."""

    def __init__(self, *, cached: dict[str, HttpValidators] | None = None, now: datetime = NOW) -> None:
        self.sleeps: list[float] = []
        self.now = now
        self.cached = cached
        self.throttle = HostThrottle()

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)

    def get(self, *urls: str, cache_key: str | None = None) -> SourceResponse:
        return asyncio.run(self._get_all(urls, cache_key))

    async def _get_all(self, urls: tuple[str, ...], cache_key: str | None) -> SourceResponse:
        client = SourceClient(
            base_url="https://digest.example.org",
            contact="me@example.org",
            cached_validators=self.cached,
            retry_policy=RetryPolicy(connect_timeout=0.5, read_timeout=0.5, total_timeout=5),
            sleep=self.sleep,
            clock=lambda: self.now,
            throttle=self.throttle,
        )
        async with client:
            responses = [await client.get(url, cache_key=cache_key) for url in urls]
        return responses[-1]


def test_the_client_identifies_itself() -> None:
    with serve(respond()) as server:
        assert ClientRun().get(server.url).body == b"fine"
    agent = server.requests[0][1]["user-agent"]
    assert agent == f"digest/{__version__} (+https://digest.example.org; me@example.org)"


def test_a_cached_response_is_requested_conditionally() -> None:
    with serve(respond(304)) as server:
        cached = {"the list": HttpValidators("the list", '"abc"', "Tue, 28 Jul 2026 04:00:00 GMT")}
        assert ClientRun(cached=cached).get(server.url, cache_key="the list").not_modified
        assert not ClientRun(cached=cached).get(server.url, cache_key="another").body
    assert server.requests[0][1]["if-none-match"] == '"abc"'
    assert server.requests[0][1]["if-modified-since"] == "Tue, 28 Jul 2026 04:00:00 GMT"
    assert "if-none-match" not in server.requests[1][1]


def test_validators_are_returned() -> None:
    with serve(respond(ETag='"new"', Last_Modified="Tue, 28 Jul 2026 04:00:00 GMT")) as server:
        assert ClientRun().get(server.url, cache_key="n").validators == HttpValidators(
            "n", '"new"', "Tue, 28 Jul 2026 04:00:00 GMT"
        )


@pytest.mark.parametrize(
    "fault", [respond(503), respond(500), respond(502), hang_up, respond(body=b"half", length=400)]
)
def test_a_passing_fault_is_retried(fault: Action) -> None:
    with serve(fault, fault, respond()) as server:
        run = ClientRun()
        assert run.get(server.url).body == b"fine"
    assert run.sleeps == [1, 2]


@pytest.mark.parametrize("fault", [respond(503), hang_up, respond(body=b"half", length=400)])
def test_a_lasting_fault_is_unavailable_after_three_attempts(fault: Action) -> None:
    with serve(fault) as server, pytest.raises(SourceUnavailableError, match=r"127\.0\.0\.1"):
        ClientRun().get(server.url)
    assert len(server.requests) == 3


def test_a_failing_path_is_not_retried_again_in_the_same_run() -> None:
    run = ClientRun()

    async def twice(url: str) -> None:
        client = SourceClient(sleep=run.sleep, throttle=run.throttle)
        async with client:
            for _ in range(2):
                with pytest.raises(SourceUnavailableError):
                    await client.get(url)

    with serve(respond(500)) as server:
        asyncio.run(twice(server.url))
    assert len(server.requests) == 3 + 1
    assert len(run.sleeps) == 2


def test_a_dead_host_is_unavailable_soon() -> None:
    with serve(respond()) as server:
        url = server.url
    run = ClientRun()
    with pytest.raises(SourceUnavailableError, match="cannot be reached"):
        run.get(url)
    assert sum(run.sleeps) < 5


def test_a_slow_host_is_unavailable_and_not_retried() -> None:
    with serve(respond_late) as server, pytest.raises(SourceUnavailableError, match="did not answer in time"):
        ClientRun().get(server.url)
    assert len(server.requests) == 1


def test_a_short_retry_after_is_obeyed() -> None:
    with serve(respond(429, Retry_After="7"), respond(503, Retry_After="2"), respond()) as server:
        run = ClientRun()
        assert run.get(server.url).status == 200
    assert run.sleeps == [7, 2]


@pytest.mark.parametrize(
    ("headers", "minutes"),
    [
        ({}, 10),  # as arXiv says it
        ({"Retry_After": "3600"}, 60),
        ({"Retry_After": "Tue, 28 Jul 2026 08:30:00 GMT"}, 30),
        ({"Retry_After": "soon"}, 10),
        ({"Retry_After": "99999999"}, 24 * 60),
        ({"RateLimit": '"api";r=0;t=120'}, 2),
    ],
)
def test_a_host_that_asks_for_a_pause_gets_no_request_until_then(headers: dict[str, str], minutes: int) -> None:
    until = NOW + timedelta(minutes=minutes)
    with serve(respond(429, b"Rate exceeded.", length=None, **headers), respond()) as server:
        run = ClientRun()
        with pytest.raises(SourceThrottledError) as caught:
            run.get(server.url + "/api/query?x=1")
        assert caught.value.until == until
        run.now = until - timedelta(seconds=1)
        with pytest.raises(SourceThrottledError):
            run.get(server.url + "/api/query?x=2")
        assert len(server.requests) == 1
        assert run.get(server.url + "/papers/date/x").status == 200  # the host counts it separately
        run.now = until
        assert run.get(server.url + "/api/query?x=3").status == 200
    assert run.sleeps == []


def test_redirects_stay_on_the_host_and_end() -> None:
    with serve(respond(302, Location="/there"), respond()) as server:
        assert ClientRun().get(server.url + "/here").url == server.url + "/there"
    with (
        serve(respond(301, Location="/round")) as server,
        pytest.raises(MalformedAnswerError, match="more than 3 times"),
    ):
        ClientRun().get(server.url)


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/latest", "http://127.0.0.1:1/x", "http://localhost/x", "//10.0.0.1/x", "file:///etc/passwd",
     "http://[::1]/x", "https://example.org/x"],
)  # fmt: skip
def test_a_redirect_to_another_host_is_refused(target: str) -> None:
    with serve(respond(302, Location=target)) as server, pytest.raises(MalformedAnswerError, match="not followed"):
        ClientRun().get(server.url)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("from_url", "to_url", "allowed"),
    [
        ("http://a.org/x", "https://a.org/x", True),
        ("https://a.org/x", "http://a.org/x", False),
        ("https://a.org/x", "https://a.org:8443/x", False),
        ("https://a.org/x", "https://b.a.org/x", False),
        ("https://a.org/x", "https://u:p@a.org/x", False),
        ("http://a.org:8080/x", "https://a.org/x", False),
    ],
)
def test_only_redirects_within_the_host_or_to_https_are_followed(from_url: str, to_url: str, allowed: bool) -> None:
    assert is_redirect_allowed(from_url, to_url) is allowed


@pytest.mark.parametrize(
    "fault",
    [
        respond_endlessly,
        respond(body=gzip.compress(bytes(4 * MAX_BODY_BYTES), compresslevel=1), Content_Encoding="gzip"),
    ],
    ids=["plain", "compressed"],
)
def test_an_oversized_body_is_refused(fault: Action) -> None:
    with serve(fault) as server, pytest.raises(MalformedAnswerError, match="more than 20 MiB"):
        ClientRun().get(server.url)


def test_a_packed_body_takes_no_more_memory_than_a_body_may() -> None:
    packed = gzip.compress(bytes(4 * MAX_BODY_BYTES))
    assert len(packed) < MAX_BODY_BYTES / 200  # one packet unpacks to far more than is allowed
    with serve(respond(body=packed, Content_Encoding="gzip")) as server:
        tracemalloc.start()
        try:
            with pytest.raises(MalformedAnswerError):
                ClientRun().get(server.url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 2.2 * MAX_BODY_BYTES


def test_what_follows_a_packed_body_is_bounded_and_one_more_member_is_read() -> None:
    first, second = gzip.compress(b"one "), gzip.compress(b"two")
    for body, expected in (
        (first + second, b"one two"),
        (first + bytes(1000), b"one "),
        (first + b"trailing words", b"one "),
        (first + b"\x1f", b"one "),
    ):
        with serve(respond(body=body, Content_Encoding="gzip")) as server:
            assert ClientRun().get(server.url).body == expected
    with (
        serve(respond(body=first + second[:-9], Content_Encoding="gzip")) as server,
        pytest.raises(SourceUnavailableError, match="cut off"),
    ):
        ClientRun().get(server.url)
    with (
        serve(respond(body=first + bytes(MAX_BODY_BYTES), Content_Encoding="gzip")) as server,
        pytest.raises(MalformedAnswerError, match="more than 20 MiB"),
    ):
        ClientRun().get(server.url)
    with (
        serve(respond(body=gzip.compress(b"") * 10_000, Content_Encoding="gzip")) as server,
        pytest.raises(MalformedAnswerError, match="cannot be unpacked"),
    ):
        ClientRun().get(server.url)


def test_a_packed_body_is_unpacked_though_no_header_says_so_and_other_packing_is_named() -> None:
    with serve(respond(body=gzip.compress(b"words"))) as server:
        assert ClientRun().get(server.url).body == b"words"
    with serve(respond(Content_Encoding="br")) as server, pytest.raises(MalformedAnswerError, match="'br'"):
        ClientRun().get(server.url)


def test_compressed_bodies_are_decompressed_and_truncated_ones_noticed() -> None:
    compressed = gzip.compress(b"word " * 1000)
    with serve(respond(body=compressed, Content_Encoding="gzip")) as server:
        assert ClientRun().get(server.url).body == b"word " * 1000
    with (
        serve(respond(body=compressed[:-9], Content_Encoding="gzip")) as server,
        pytest.raises(SourceUnavailableError, match="cut off"),
    ):
        ClientRun().get(server.url)
    with (
        serve(respond(body=b"no gzip", Content_Encoding="gzip")) as server,
        pytest.raises(MalformedAnswerError, match="unpacked"),
    ):
        ClientRun().get(server.url)


def test_error_messages_carry_no_password_and_no_query() -> None:
    with serve(respond(503)) as server:
        url = server.url.replace("http://", "http://user:secret@") + "/x?token=hidden"
        with pytest.raises(SourceUnavailableError) as caught:
            ClientRun().get(url)
    assert "secret" not in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_requests_to_a_host_keep_their_interval_across_clients() -> None:
    throttle, sleeps, clock = HostThrottle(monotonic=lambda: clock[0]), list[float](), [100.0]
    throttle.keep_gaps({"Export.arXiv.org": 3.0, "huggingface.co": 0.6})
    throttle.keep_gaps({"export.arxiv.org": 2.0})  # the larger one counts

    async def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        clock[0] += seconds

    async def visits(*urls: str) -> None:
        for url in urls:
            async with throttle.acquire(url, sleep):
                clock[0] += 1

    asyncio.run(visits("https://export.arxiv.org/a", "https://export.arxiv.org/b", "https://huggingface.co/a"))
    asyncio.run(visits("https://export.arxiv.org/c", "http://127.0.0.1/a", "http://127.0.0.1/b"))
    assert sleeps == [2.0, 1.0]


def test_a_host_gets_one_request_at_a_time() -> None:
    throttle, active, maximum = HostThrottle(monotonic=lambda: 0.0), [0], [0]

    async def visit() -> None:
        async with throttle.acquire("https://export.arxiv.org/a", lambda _: asyncio.sleep(0)):
            active[0] += 1
            maximum[0] = max(maximum[0], active[0])
            await asyncio.sleep(0.01)
            active[0] -= 1

    async def visit_five_times() -> None:
        await asyncio.gather(*(visit() for _ in range(5)))

    asyncio.run(visit_five_times())
    assert maximum == [1]
