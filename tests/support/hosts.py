"""A web server on loopback that says what a test tells it, and answers in the shapes of the real hosts."""

import asyncio
import html
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from digest.sources import ArxivSource, ListedPaper, SourceAnswer, SourceClient
from digest.sources.base import HttpValidators
from digest.sources.http import RetryPolicy
from digest.sources.huggingface import HuggingFaceSource
from digest.sources.throttle import HostThrottle

MONDAY, TUESDAY, SATURDAY = date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 10)
NOON = datetime(2026, 1, 6, 17, tzinfo=UTC)
T = TypeVar("T")
Said = tuple[int, str, dict[str, str]]
Route = Callable[[str, dict[str, str]], Said]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Host)
        asked = urlsplit(self.path)
        server.seen.append(self.path)
        status, body, headers = server.route(asked.path, {k: v[0] for k, v in parse_qs(asked.query).items()})
        self.send_response(304 if headers.get("ETag") and self.headers["If-None-Match"] == headers["ETag"] else status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


class Host(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, route: Route) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.route = route
        self.seen: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving(route: Route) -> Iterator[Host]:
    host = Host(route)
    thread = threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield host
    finally:
        host.shutdown()
        host.server_close()
        thread.join()


def with_client(
    act: Callable[[SourceClient], Coroutine[Any, Any, T]], known: dict[str, HttpValidators] | None = None
) -> T:
    async def sleep(seconds: float) -> None:
        """Nobody waits in tests."""

    async def whole() -> T:
        async with SourceClient(
            cached_validators=known, sleep=sleep, throttle=HostThrottle(), retry_policy=RetryPolicy(1, 5, 20)
        ) as client:
            return await act(client)

    return asyncio.run(whole())


def face(
    base: str, day: date = MONDAY, now: datetime = NOON, known: dict[str, HttpValidators] | None = None
) -> SourceAnswer:
    return with_client(lambda client: HuggingFaceSource(client, base).fetch_day(day, now), known)


def entries(*numbers: int) -> list[dict[str, Any]]:
    return [{"paper": {"id": f"2601.{n:05}", "title": f"Title {n}", "upvotes": n}} for n in numbers]


def page(day: str, *numbers: int) -> str:
    held = html.escape(json.dumps({"dateString": day, "dailyPapers": entries(*numbers)}))
    return f'<!doctype html><main><div data-target="DailyPapers" data-props="{held}"></div></main>'


def hosting(api: Said, shown: Said) -> Route:
    return lambda path, _: api if path.startswith("/api") else shown


def good(*numbers: int) -> Said:
    return 200, json.dumps(entries(*numbers)), {}


def ids(answer: SourceAnswer) -> list[str]:
    return [str(each.arxiv_id) for each in answer.papers]


def item(number: int, kind: str = "new") -> str:
    return (
        f"<item><title>T{number}</title><description>arXiv:2601.{number:05}v1 Announce Type: {kind} \nAbstract: A."
        f'</description><guid isPermaLink="false">oai:arXiv.org:2601.{number:05}v1</guid>'
        "<category>cs.CL</category></item>"
    )


def feed(*items: str, day: str = "Tue, 06 Jan 2026") -> str:
    return f"<rss><channel><pubDate>{day} 00:00:00 -0500</pubDate>{''.join(items)}</channel></rss>"


def entry(number: int) -> str:
    return f"<entry><id>http://arxiv.org/abs/2601.{number:05}v1</id><title>T</title><category term='cs.CL'/></entry>"


def atom(*numbers: int, total: int | None = None) -> str:
    count = f"<o:totalResults xmlns:o='http://a9.com/-/spec/opensearch/1.1/'>{total or len(numbers)}</o:totalResults>"
    return f"<feed xmlns='http://www.w3.org/2005/Atom'>{count}{''.join(map(entry, numbers))}</feed>"


def arxiv(
    base: str, *categories: str, known: dict[str, HttpValidators] | None = None, day: date = TUESDAY
) -> SourceAnswer:
    wanted = categories or ("cs.CL",)
    return with_client(lambda client: ArxivSource(client, wanted, base, base).fetch_day(day, NOON), known)


def making_up(base: str, day: date = MONDAY) -> SourceAnswer:
    return with_client(lambda client: ArxivSource(client, ["cs.CL", "cs.LG"], base, base).backfill_day(day, NOON))


def filling_in(base: str, *names: str) -> tuple[ListedPaper, ...]:
    return with_client(lambda client: ArxivSource(client, ["cs.CL"], base, base).fetch_texts(names))
