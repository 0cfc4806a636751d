"""Host in the shapes of Hugging Face and arXiv: days made up by a test, a movable today, faults on demand."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `length`: what Content-Length says where it is not that of the body; `encoding`: of the content."""

    status: int
    kind: str
    body: bytes
    length: int | None = None
    encoding: str = ""


@dataclass
class ListingHost:
    """What the host lists. `days` is Hugging Face's, `batches` arXiv's; both hold entries of `paper_entry`."""

    today: date
    days: dict[date, list[dict[str, Any]]] = field(default_factory=dict)
    batches: dict[date, list[dict[str, Any]]] = field(default_factory=dict)
    is_broken: bool = False
    spoil: Callable[[Answer], Answer] | None = None
    url: str = ""
    requested_paths: list[str] = field(default_factory=list)


def paper_entry(number: str, title: str, abstract: str = "", *, upvotes: int = 0, kind: str = "new") -> dict[str, Any]:
    """Return a paper in the shape of Hugging Face's API, with what arXiv's feed needs beside it."""
    paper = {
        "id": number,
        "title": title,
        "summary": abstract or f"{title}. We tell how it was made and what it is good for.",
        "authors": [{"name": "Ada Moreau", "hidden": False}, {"name": "Lin Tao", "hidden": False}],
        "publishedAt": "2026-07-01T00:00:00.000Z",
        "upvotes": upvotes,
    }
    return {"paper": paper, "title": title, "numComments": 0, "publishedAt": "2026-06-30T20:00:00.000Z", "kind": kind}


class _Handler(BaseHTTPRequestHandler):
    listings: ListingHost

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  - the library's name
        """Log nothing."""

    def do_GET(self) -> None:
        self.listings.requested_paths.append(self.path)
        if self.listings.is_broken:
            return self._respond(500, "text/html", "<h1>broken</h1>")
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/api/daily_papers":
            return self._api(date.fromisoformat(query["date"]))
        if url.path.startswith("/papers/date/"):
            return self._page(date.fromisoformat(url.path.rsplit("/", 1)[1]))
        if url.path.startswith("/rss/"):
            return self._respond(200, "application/rss+xml", self._feed())
        return self._respond(200, "application/atom+xml", '<feed xmlns="http://www.w3.org/2005/Atom"></feed>')

    def _api(self, day: date) -> None:
        if day > self.listings.today:
            return self._respond(400, "application/json", '{"error": "Date is in the future"}')
        return self._respond(200, "application/json", json.dumps(self.listings.days.get(day, [])))

    def _page(self, day: date) -> None:
        shown = max(
            (list_day for list_day in self.listings.days if list_day <= min(day, self.listings.today)), default=day
        )
        props = {"dateString": shown.isoformat(), "dailyPapers": self.listings.days.get(shown, [])}
        data = escape(json.dumps(props), {'"': "&quot;"})
        return self._respond(
            200, "text/html", f'<main><div data-target="DailyPapers" data-props="{data}"></div></main>'
        )

    def _feed(self) -> str:
        stamp = f"{self.listings.today:%a, %d %b %Y} 00:00:00 -0400"
        items = "".join(_rss_item(entry) for entry in self.listings.batches.get(self.listings.today, []))
        return (
            '<rss version="2.0" xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/">'
            f"<channel><title>cs.AI updates on arXiv.org</title><pubDate>{stamp}</pubDate>{items}</channel></rss>"
        )

    def _respond(self, status: int, kind: str, body: str) -> None:
        answer = Answer(status, kind, body.encode())
        if self.listings.spoil:
            answer = self.listings.spoil(answer)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        if answer.encoding:
            self.send_header("Content-Encoding", answer.encoding)
        self.send_header("Content-Length", str(len(answer.body) if answer.length is None else answer.length))
        self.end_headers()
        self.wfile.write(answer.body)


def _rss_item(entry: dict[str, Any]) -> str:
    paper, kind = entry["paper"], entry["kind"]
    version = "v2" if kind.startswith("replace") else "v1"
    return (
        f"<item><title>{escape(paper['title'])}</title><link>https://arxiv.org/abs/{paper['id']}</link>"
        f"<description>arXiv:{paper['id']}{version} Announce Type: {kind} \nAbstract: {escape(paper['summary'])}"
        f'</description><guid isPermaLink="false">oai:arXiv.org:{paper["id"]}{version}</guid><category>cs.AI</category>'
        f"<arxiv:announce_type>{kind}</arxiv:announce_type><dc:creator>Ada Moreau, Lin Tao</dc:creator></item>"
    )


@contextmanager
def serve_listings(listings: ListingHost) -> Iterator[ListingHost]:
    """Run the host on loopback, in its own thread."""
    handler = type("Handler", (_Handler,), {"listings": listings})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        listings.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield listings
        server.shutdown()
        thread.join(10)
