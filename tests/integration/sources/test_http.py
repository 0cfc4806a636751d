"""The polite client against a real web server on loopback that misbehaves in every way we know of."""

import asyncio
import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from digest import __version__
from digest.errors import MalformedAnswerError, SourceThrottledError, SourceUnavailableError
from digest.sources import SourceClient
from digest.sources.base import HttpValidators
from digest.sources.http import MAX_BODY_BYTES, RetryPolicy, SourceResponse
from digest.sources.throttle import HostThrottle, is_redirect_allowed

NOW = datetime(2026, 7, 28, 8, tzinfo=UTC)
Act = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Web)
        server.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        acts = server.acts
        (acts.pop(0) if len(acts) > 1 else acts[0])(self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


class Web(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *acts: Act) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.acts = list(acts)
        self.seen: list[tuple[str, dict[str, str]]] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up early is part of the play."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


def say(status: int = 200, body: bytes = b"fine", *, length: int | None = None, **headers: str) -> Act:
    def act(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        handler.wfile.write(body)
        if length is not None:
            handler.close_connection = True

    return act


def drop(handler: Handler) -> None:
    handler.close_connection = True


def slow(handler: Handler) -> None:
    time.sleep(2)
    say()(handler)


def endless(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(2 * MAX_BODY_BYTES // 2**16):
        handler.wfile.write(bytes(2**16))
    handler.close_connection = True


@contextmanager
def serving(*acts: Act) -> Iterator[Web]:
    web = Web(*acts)
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield web
    finally:
        web.shutdown()
        web.server_close()
        thread.join()


class Asked:
    """One client, its sleeps written down instead of slept."""

    def __init__(self, *, known: dict[str, HttpValidators] | None = None, now: datetime = NOW) -> None:
        self.sleeps: list[float] = []
        self.now = now
        self.known = known
        self.traffic = HostThrottle()

    async def _sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)

    def get(self, *urls: str, cache_key: str | None = None) -> SourceResponse:
        return asyncio.run(self._get(urls, cache_key))

    async def _get(self, urls: tuple[str, ...], cache_key: str | None) -> SourceResponse:
        client = SourceClient(
            base_url="https://digest.example.org",
            contact="me@example.org",
            cached_validators=self.known,
            retry_policy=RetryPolicy(connect_timeout=0.5, read_timeout=0.5, total_timeout=5),
            sleep=self._sleep,
            clock=lambda: self.now,
            throttle=self.traffic,
        )
        async with client:
            replies = [await client.get(url, cache_key=cache_key) for url in urls]
        return replies[-1]


def test_it_says_who_it_is() -> None:
    with serving(say()) as web:
        assert Asked().get(web.url).body == b"fine"
    agent = web.seen[0][1]["user-agent"]
    assert agent == f"digest/{__version__} (+https://digest.example.org; me@example.org)"


def test_a_known_answer_is_asked_for_conditionally() -> None:
    with serving(say(304)) as web:
        known = {"the list": HttpValidators("the list", '"abc"', "Tue, 28 Jul 2026 04:00:00 GMT")}
        assert Asked(known=known).get(web.url, cache_key="the list").not_modified
        assert not Asked(known=known).get(web.url, cache_key="another").body
    assert web.seen[0][1]["if-none-match"] == '"abc"'
    assert web.seen[0][1]["if-modified-since"] == "Tue, 28 Jul 2026 04:00:00 GMT"
    assert "if-none-match" not in web.seen[1][1]


def test_what_the_host_says_about_an_answer_is_handed_on() -> None:
    with serving(say(ETag='"new"', Last_Modified="Tue, 28 Jul 2026 04:00:00 GMT")) as web:
        assert Asked().get(web.url, cache_key="n").validators == HttpValidators(
            "n", '"new"', "Tue, 28 Jul 2026 04:00:00 GMT"
        )


@pytest.mark.parametrize("fault", [say(503), say(500), say(502), drop, say(body=b"half", length=400)])
def test_a_passing_fault_is_tried_again(fault: Act) -> None:
    with serving(fault, fault, say()) as web:
        asked = Asked()
        assert asked.get(web.url).body == b"fine"
    assert asked.sleeps == [1, 2]


@pytest.mark.parametrize("fault", [say(503), drop, say(body=b"half", length=400)])
def test_a_lasting_fault_ends_in_unreachable_after_three_tries(fault: Act) -> None:
    with serving(fault) as web, pytest.raises(SourceUnavailableError, match=r"127\.0\.0\.1"):
        Asked().get(web.url)
    assert len(web.seen) == 3


def test_a_place_that_was_given_up_is_asked_once_more_each_time_without_waiting() -> None:
    asked = Asked()

    async def twice(url: str) -> None:
        client = SourceClient(sleep=asked._sleep, throttle=asked.traffic)
        async with client:
            for _ in range(2):
                with pytest.raises(SourceUnavailableError):
                    await client.get(url)

    with serving(say(500)) as web:
        asyncio.run(twice(web.url))
    assert len(web.seen) == 3 + 1
    assert len(asked.sleeps) == 2


def test_a_dead_host_is_unreachable_soon() -> None:
    with serving(say()) as web:
        url = web.url
    asked = Asked()
    with pytest.raises(SourceUnavailableError, match="cannot be reached"):
        asked.get(url)
    assert sum(asked.sleeps) < 5


def test_a_slow_host_is_unreachable_and_not_asked_again() -> None:
    with serving(slow) as web, pytest.raises(SourceUnavailableError, match="did not answer in time"):
        Asked().get(web.url)
    assert len(web.seen) == 1


def test_a_short_retry_after_is_obeyed() -> None:
    with serving(say(429, Retry_After="7"), say(503, Retry_After="2"), say()) as web:
        asked = Asked()
        assert asked.get(web.url).status == 200
    assert asked.sleeps == [7, 2]


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
def test_a_host_that_wants_fewer_requests_is_left_alone_until_then(headers: dict[str, str], minutes: int) -> None:
    until = NOW + timedelta(minutes=minutes)
    with serving(say(429, b"Rate exceeded.", length=None, **headers), say()) as web:
        asked = Asked()
        with pytest.raises(SourceThrottledError) as caught:
            asked.get(web.url + "/api/query?x=1")
        assert caught.value.until == until
        asked.now = until - timedelta(seconds=1)
        with pytest.raises(SourceThrottledError):
            asked.get(web.url + "/api/query?x=2")
        assert len(web.seen) == 1
        assert asked.get(web.url + "/papers/date/x").status == 200  # counted apart by the host
        asked.now = until
        assert asked.get(web.url + "/api/query?x=3").status == 200
    assert asked.sleeps == []


def test_redirects_stay_on_the_host_and_end() -> None:
    with serving(say(302, Location="/there"), say()) as web:
        assert Asked().get(web.url + "/here").url == web.url + "/there"
    with serving(say(301, Location="/round")) as web, pytest.raises(MalformedAnswerError, match="more than 3 times"):
        Asked().get(web.url)


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/latest", "http://127.0.0.1:1/x", "http://localhost/x", "//10.0.0.1/x", "file:///etc/passwd",
     "http://[::1]/x", "https://example.org/x"],
)  # fmt: skip
def test_a_redirect_to_another_place_is_refused(target: str) -> None:
    with serving(say(302, Location=target)) as web, pytest.raises(MalformedAnswerError, match="not followed"):
        Asked().get(web.url)
    assert len(web.seen) == 1


@pytest.mark.parametrize(
    ("here", "there", "allowed"),
    [
        ("http://a.org/x", "https://a.org/x", True),
        ("https://a.org/x", "http://a.org/x", False),
        ("https://a.org/x", "https://a.org:8443/x", False),
        ("https://a.org/x", "https://b.a.org/x", False),
        ("https://a.org/x", "https://u:p@a.org/x", False),
        ("http://a.org:8080/x", "https://a.org/x", False),
    ],
)
def test_only_the_same_host_or_its_secure_side_is_followed(here: str, there: str, allowed: bool) -> None:
    assert is_redirect_allowed(here, there) is allowed


@pytest.mark.parametrize(
    "fault",
    [endless, say(body=gzip.compress(bytes(4 * MAX_BODY_BYTES)), Content_Encoding="gzip")],
    ids=["plain", "packed"],
)
def test_more_than_the_cap_is_not_taken_in(fault: Act) -> None:
    with serving(fault) as web, pytest.raises(MalformedAnswerError, match="more than 20 MiB"):
        Asked().get(web.url)


def test_packed_answers_are_unpacked_and_cut_ones_noticed() -> None:
    packed = gzip.compress(b"word " * 1000)
    with serving(say(body=packed, Content_Encoding="gzip")) as web:
        assert Asked().get(web.url).body == b"word " * 1000
    with (
        serving(say(body=packed[:-9], Content_Encoding="gzip")) as web,
        pytest.raises(SourceUnavailableError, match="cut off"),
    ):
        Asked().get(web.url)
    with (
        serving(say(body=b"no gzip", Content_Encoding="gzip")) as web,
        pytest.raises(MalformedAnswerError, match="unpacked"),
    ):
        Asked().get(web.url)


def test_messages_carry_no_password_and_no_query() -> None:
    with serving(say(503)) as web:
        url = web.url.replace("http://", "http://user:secret@") + "/x?token=hidden"
        with pytest.raises(SourceUnavailableError) as caught:
            Asked().get(url)
    assert "secret" not in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_host_keeps_its_pace_across_clients() -> None:
    traffic, sleeps, clock = HostThrottle(monotonic=lambda: clock[0]), list[float](), [100.0]

    async def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        clock[0] += seconds

    async def visits(*urls: str) -> None:
        for url in urls:
            async with traffic.acquire(url, sleep):
                clock[0] += 1

    asyncio.run(visits("https://export.arxiv.org/a", "https://export.arxiv.org/b", "https://huggingface.co/a"))
    asyncio.run(visits("https://export.arxiv.org/c", "http://127.0.0.1/a", "http://127.0.0.1/b"))
    assert sleeps == [2.0, 1.0]


def test_one_request_at_a_time() -> None:
    traffic, inside, most = HostThrottle(monotonic=lambda: 0.0), [0], [0]

    async def visit() -> None:
        async with traffic.acquire("https://export.arxiv.org/a", lambda _: asyncio.sleep(0)):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            await asyncio.sleep(0.01)
            inside[0] -= 1

    async def crowd() -> None:
        await asyncio.gather(*(visit() for _ in range(5)))

    asyncio.run(crowd())
    assert most == [1]
