"""Bundled sample days behind a small web server on loopback, in the exact shapes of the real hosts.

    with SampleServer(now) as server:        # server.url stands in for all hosts
        ...

    /api/daily_papers?date=D&limit=L&p=P     Link paging; 400 for a day after today; [] for a day without a list
    /papers/date/D                           the page with its data; a day without a list shows the last one before it
    /rss/CATS                                the batch of today (US Eastern), empty at weekends
    /api/query?id_list=... | search_query=   texts by id; a past batch by the time of its submission
    /entrez/eutils/..., /feeds/journal.xml   PubMed and a journal: see `journals`

The papers come from `sample_papers`. Their list days are the last weekdays up to `today`, so that the demo looks the
same on any day.
"""

import html
import json
import re
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from digest.cli.demo.journals import JOURNAL_PATH, journal_response, records_response, search_response
from digest.cli.demo.preprints import SATURDAY, feed_of_batch, listing_entry, query_response
from digest.cli.demo.sample_papers import DAY_COUNT, SamplePaper, read_day
from digest.sources import submission_window

EASTERN = ZoneInfo("America/New_York")
WINDOW_PATTERN = re.compile(r"submittedDate:\[(\d{12}) TO (\d{12})\]")
NOT_FOUND = (404, "text/html", "<!doctype html><title>404</title>", dict[str, str]())
SampleResponse = tuple[int, str, str, dict[str, str]]  # status, content type, body, headers


class SampleServer:
    """Server of the sample days as of `now` (an instant, or a day that is the same in every time zone)."""

    def __init__(self, now: date) -> None:
        self.today = now.astimezone(UTC).date() if isinstance(now, datetime) else now
        self.days = tuple(reversed(last_weekdays(self.today, DAY_COUNT)))  # the list days, oldest first
        self._feed_day = now.astimezone(EASTERN).date() if isinstance(now, datetime) else now
        self._server = SampleHTTPServer(("127.0.0.1", 0), SampleRequestHandler)
        self._server.sample = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """Base URL of the server."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def set_day(self, day: date) -> None:
        """Make `day` today: lists of later days are not out yet, and the feed shows the batch of that day."""
        self.today = self._feed_day = day

    def set_last_list_day(self, day: date) -> None:
        """Move the lists, so that the last one is that of `day`, and days after it have none."""
        self.days = tuple(reversed(last_weekdays(day, len(self.days))))

    def respond(self, path: str, query: dict[str, str]) -> SampleResponse:
        """Build the response to a request. Raises ValueError for a limit or page that is no number."""
        if path == "/api/daily_papers":
            return self._listing_response(query)
        if path.startswith("/papers/date/"):
            return self._page_response(path.removeprefix("/papers/date/"))
        if path.startswith("/rss/"):
            return self._feed_response()
        if path == "/api/query":
            return self._query_response(query)
        return self._journals_response(path, query)

    def _listing_response(self, query: dict[str, str]) -> SampleResponse:
        day = parse_day(query.get("date", ""))
        if day is None or day > self.today:
            error = "Invalid date" if day is None else "Date is in the future"
            return 400, "application/json", json.dumps({"error": error}), {}
        papers = self._papers_on(day) if day in self.days else []
        limit, page = int(query.get("limit", "50")), int(query.get("p", "0"))
        has_next = (page + 1) * limit < len(papers)
        link = f'</api/daily_papers?date={day}&limit={limit}&p={page + 1}>; rel="next"'
        body = json.dumps(papers[page * limit : (page + 1) * limit])
        return 200, "application/json; charset=utf-8", body, {"Link": link} if has_next else {}

    def _page_response(self, path_day: str) -> SampleResponse:
        day = parse_day(path_day)
        if day is None:
            return NOT_FOUND
        shown = max([list_day for list_day in self.days if list_day <= day] or self.days[:1])
        props = {"dateString": shown.isoformat(), "periodType": "day", "dailyPapers": self._papers_on(shown)}
        body = (
            "<!doctype html><html><head><title>Daily Papers - Hugging Face</title></head><body><main>"
            '<div class="SVELTE_HYDRATER contents" data-target="DailyPapers" '
            f'data-props="{html.escape(json.dumps(props))}"></div>'
            "</main></body></html>"
        )
        return 200, "text/html; charset=utf-8", body, {}

    def _feed_response(self) -> SampleResponse:
        headers = {"ETag": f'"sample-{self._feed_day}"'}
        return 200, "application/rss+xml", feed_of_batch(self._listed("arxiv", self._feed_day), self._feed_day), headers

    def _query_response(self, query: dict[str, str]) -> SampleResponse:
        start, limit = int(query.get("start", "0")), int(query.get("max_results", "10"))
        if window := WINDOW_PATTERN.search(query.get("search_query", "")):
            found = self._submitted_between(window[1], window[2])
        else:
            ids = [re.sub(r"v\d+$", "", name) for name in query.get("id_list", "").split(",")]
            known = {paper.arxiv_id: paper for paper in self._preprints()}
            found = [known[arxiv_id] for arxiv_id in ids if arxiv_id in known]
        return 200, "application/atom+xml", query_response(found, self.days[-1], start, limit), {}

    def _journals_response(self, path: str, query: dict[str, str]) -> SampleResponse:
        if path.endswith("/esearch.fcgi"):
            return 200, "application/json", search_response(query, self._by_day("pubmed"), self.today), {}
        if path.endswith("/efetch.fcgi") and (records := records_response(query, self._by_day("pubmed"))):
            return 200, "text/xml; charset=UTF-8", records, {}
        if path == JOURNAL_PATH:
            body = journal_response(self._by_day("journal"), self.today)
            return 200, "application/rss+xml; charset=UTF-8", body, {}
        return NOT_FOUND

    def _submitted_between(self, start: str, end: str) -> list[SamplePaper]:
        """Return the papers of the batch that was submitted between two instants."""
        for day in self.days:
            if [f"{edge:%Y%m%d%H%M}" for edge in submission_window(day)] == [start, end]:
                return [paper for paper in self._listed("arxiv", day) if not paper.words[0].startswith("replace")]
        return []

    def _preprints(self) -> Iterator[SamplePaper]:
        """Yield all papers that arXiv has, those of the daily lists last: these are complete."""
        for source in ("arxiv", "huggingface"):
            for day in self.days:
                yield from self._listed(source, day)

    def _papers_on(self, day: date) -> list[Any]:
        return [listing_entry(paper, day) for paper in self._listed("huggingface", day)]

    def _listed(self, source: str, day: date) -> Sequence[SamplePaper]:
        """Return the papers that a source lists on a day, none on one without a list."""
        return self._by_day(source).get(day, ())

    def _by_day(self, source: str) -> dict[date, Sequence[SamplePaper]]:
        """Return all papers of a source by their day, the oldest first."""
        return {day: read_day(number)[source] for number, day in enumerate(self.days, 1)}


class SampleHTTPServer(ThreadingHTTPServer):
    """HTTP server that knows the sample days."""

    daemon_threads = True
    sample: SampleServer


class SampleRequestHandler(BaseHTTPRequestHandler):
    """Handler that answers GET, and conditional requests with 304."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Respond to GET."""
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        try:
            response = cast("SampleHTTPServer", self.server).sample.respond(url.path, query)
        except ValueError:
            response = 400, "application/json", '{"error": "Invalid query"}', {}
        status, content_type, body, headers = response
        if headers.get("ETag") and self.headers.get("If-None-Match") == headers["ETag"]:
            status, body = 304, ""
        data = body.encode()
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing: the demo prints its own progress."""


def last_weekdays(last: date, count: int) -> list[date]:
    """Return the last `count` weekdays up to `last`, the latest first."""
    days: list[date] = []
    while len(days) < count:
        if last.weekday() < SATURDAY:
            days.append(last)
        last -= timedelta(days=1)
    return days


def parse_day(text: str) -> date | None:
    """Parse an ISO date; None for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
