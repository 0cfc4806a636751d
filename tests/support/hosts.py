"""HTTP server on loopback that answers as a test says, and answers in the shapes of arXiv and Hugging Face."""

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

from digest.sources import (
    ArxivSource,
    HostThrottle,
    HttpValidators,
    HuggingFaceSource,
    ListedPaper,
    RetryPolicy,
    SourceAnswer,
    SourceClient,
)

MONDAY, TUESDAY, SATURDAY = date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 10)
NOON = datetime(2026, 1, 6, 17, tzinfo=UTC)
T = TypeVar("T")
StubResponse = tuple[int, str, dict[str, str]]  # status, body, headers
Route = Callable[[str, dict[str, str]], StubResponse]  # of path and query


class StubHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, StubHost)
        url = urlsplit(self.path)
        server.requested_paths.append(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        status, body, headers = server.route(url.path, query)
        self.send_response(304 if headers.get("ETag") and self.headers["If-None-Match"] == headers["ETag"] else status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


class StubHost(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, route: Route) -> None:
        super().__init__(("127.0.0.1", 0), StubHandler)
        self.route = route
        self.requested_paths: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serve_host(route: Route) -> Iterator[StubHost]:
    host = StubHost(route)
    thread = threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield host
    finally:
        host.shutdown()
        host.server_close()
        thread.join()


def run_with_client(
    call: Callable[[SourceClient], Coroutine[Any, Any, T]], cached: dict[str, HttpValidators] | None = None
) -> T:
    """Run a coroutine with a client that does not sleep."""

    async def sleep(seconds: float) -> None:
        pass

    async def run() -> T:
        policy = RetryPolicy(connect_timeout=1, read_timeout=5, total_timeout=20)
        async with SourceClient(
            cached_validators=cached, sleep=sleep, throttle=HostThrottle(), retry_policy=policy
        ) as client:
            return await call(client)

    return asyncio.run(run())


def fetch_huggingface(
    base_url: str, day: date = MONDAY, now: datetime = NOON, cached: dict[str, HttpValidators] | None = None
) -> SourceAnswer:
    return run_with_client(lambda client: HuggingFaceSource(client, base_url).fetch(day, now), cached)


def huggingface_entries(*numbers: int) -> list[dict[str, Any]]:
    return [{"paper": {"id": f"2601.{n:05}", "title": f"Title {n}", "upvotes": n}} for n in numbers]


def huggingface_page(day: str, *numbers: int) -> str:
    props = html.escape(json.dumps({"dateString": day, "dailyPapers": huggingface_entries(*numbers)}))
    return f'<!doctype html><main><div data-target="DailyPapers" data-props="{props}"></div></main>'


def huggingface_route(api: StubResponse, page: StubResponse) -> Route:
    return lambda path, _: api if path.startswith("/api") else page


def arxiv_ids(answer: SourceAnswer) -> list[str]:
    return [str(paper.arxiv_id) for paper in answer.papers]


def rss_item(number: int, kind: str = "new", category: str = "cs.CL") -> str:
    return (
        f"<item><title>T{number}</title><description>arXiv:2601.{number:05}v1 Announce Type: {kind} \nAbstract: A."
        f'</description><guid isPermaLink="false">oai:arXiv.org:2601.{number:05}v1</guid>'
        f"<category>{category}</category></item>"
    )


def rss_feed(*items: str, day: str = "Tue, 06 Jan 2026") -> str:
    return f"<rss><channel><pubDate>{day} 00:00:00 -0500</pubDate>{''.join(items)}</channel></rss>"


def atom_entry(number: int) -> str:
    return f"<entry><id>http://arxiv.org/abs/2601.{number:05}v1</id><title>T</title><category term='cs.CL'/></entry>"


def atom_feed(*numbers: int, total: int | None = None) -> str:
    count = f"<o:totalResults xmlns:o='http://a9.com/-/spec/opensearch/1.1/'>{total or len(numbers)}</o:totalResults>"
    return f"<feed xmlns='http://www.w3.org/2005/Atom'>{count}{''.join(map(atom_entry, numbers))}</feed>"


def fetch_arxiv(
    base_url: str, *categories: str, cached: dict[str, HttpValidators] | None = None, day: date = TUESDAY
) -> SourceAnswer:
    def call(client: SourceClient) -> Coroutine[Any, Any, SourceAnswer]:
        return ArxivSource(client, categories or ("cs.CL",), base_url, base_url).fetch(day, NOON)

    return run_with_client(call, cached)


def backfill_arxiv(base_url: str, day: date = MONDAY) -> SourceAnswer:
    def call(client: SourceClient) -> Coroutine[Any, Any, SourceAnswer]:
        return ArxivSource(client, ["cs.CL", "cs.LG"], base_url, base_url).backfill(day, NOON)

    return run_with_client(call)


def fetch_arxiv_texts(base_url: str, *arxiv_ids: str) -> tuple[ListedPaper, ...]:
    return run_with_client(lambda client: ArxivSource(client, ["cs.CL"], base_url, base_url).fetch_texts(arxiv_ids))
