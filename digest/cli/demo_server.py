"""Bundled sample days behind a small web server on loopback, in the exact shapes of the real hosts.

    with SampleHost(now) as host:        # host.url stands in for all three hosts
        ...

    /api/daily_papers?date=D&limit=L&p=P     Link paging; 400 for a day after today; [] for a day without a list
    /papers/date/D                           the page with its data; a day without a list shows the last one before it
    /rss/CATS                                the batch of today (US Eastern), empty at weekends
    /api/query?id_list=... | search_query=   texts by id; a past batch by the time of its submission

The papers, their authors and their ids are invented. Their three list days are dated anew, onto the last three
weekdays up to `today`, so that the demo looks the same on any day.
"""

import html
import json
import re
import threading
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from digest.sources import submission_window

_SAMPLE_DATES = (date(2026, 7, 24), date(2026, 7, 27), date(2026, 7, 28), date(2026, 7, 29))  # as the files have them


_EASTERN = ZoneInfo("America/New_York")


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


_ENTRY = re.compile(r"  <entry>\n    <id>http://arxiv\.org/abs/(\S+?)v\d+</id>.*?</entry>\n", re.DOTALL)


_WINDOW = re.compile(r"submittedDate:\[(\d{12}) TO (\d{12})\]")


_ITEM = re.compile(r"    <item>.*?</item>\n", re.DOTALL)


_SATURDAY = 5


SampleResponse = tuple[int, str, str, dict[str, str]]


class SampleServer:
    """The sample days as of `now` (an instant, or a day that is taken as it is in every zone)."""

    def __init__(self, now: date) -> None:
        self.today = now.astimezone(UTC).date() if isinstance(now, datetime) else now
        self.days = tuple(reversed(_last_weekdays(self.today, 3)))  # the list days, oldest first
        self._feed_day = now.astimezone(_EASTERN).date() if isinstance(now, datetime) else now
        self._server = _SampleHTTPServer(("127.0.0.1", 0), _SampleRequestHandler)
        self._server.sample = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def set_day(self, day: date) -> None:
        """Make `day` today: lists of later days are not out yet, and the feed shows the batch of that day."""
        self.today = self._feed_day = day

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def respond(self, path: str, query: dict[str, str]) -> SampleResponse:
        """Status, content type, body and headers for a request."""
        if path == "/api/daily_papers":
            return self._respond_listing(query)
        if path.startswith("/papers/date/"):
            return self._respond_page(path.removeprefix("/papers/date/"))
        if path.startswith("/rss/"):
            return self._respond_feed()
        if path == "/api/query":
            return self._respond_query(query)
        return 404, "text/html", "<!doctype html><title>404</title>", {}

    def _read_sample(self, name: str) -> str:
        """A bundled file with its dates moved."""
        text = files("digest.cli").joinpath("demo_days", name).read_text(encoding="utf-8")
        moved = (*_last_weekdays(self.days[0] - timedelta(days=1), 1), *self.days)
        dates = dict(zip(map(_format_rfc_date, _SAMPLE_DATES), map(_format_rfc_date, moved), strict=True))
        dates |= dict(zip(map(str, _SAMPLE_DATES), map(str, moved), strict=True))
        return re.sub("|".join(map(re.escape, dates)), lambda found: dates[found[0]], text)

    def _papers_on(self, day: date) -> list[Any]:
        return cast("list[Any]", json.loads(self._read_sample(f"huggingface-{self.days.index(day) + 1}.json")))

    def _respond_listing(self, query: dict[str, str]) -> SampleResponse:
        day = _parse_day(query.get("date", ""))
        if day is None or day > self.today:
            said = "Invalid date" if day is None else "Date is in the future"
            return 400, "application/json", json.dumps({"error": said}), {}
        entries = self._papers_on(day) if day in self.days else []
        limit, page = int(query.get("limit", "50")), int(query.get("p", "0"))
        more = (page + 1) * limit < len(entries)
        link = f'</api/daily_papers?date={day}&limit={limit}&p={page + 1}>; rel="next"'
        part = entries[page * limit : (page + 1) * limit]
        return 200, "application/json; charset=utf-8", json.dumps(part), {"Link": link} if more else {}

    def _respond_page(self, path_day: str) -> SampleResponse:
        day = _parse_day(path_day)
        if day is None:
            return 404, "text/html", "<!doctype html><title>404</title>", {}
        shown = max([each for each in self.days if each <= day] or self.days[:1])
        props = {"dateString": shown.isoformat(), "periodType": "day", "dailyPapers": self._papers_on(shown)}
        held = html.escape(json.dumps(props))
        body = (
            "<!doctype html><html><head><title>Daily Papers - Hugging Face</title></head><body><main>"
            f'<div class="SVELTE_HYDRATER contents" data-target="DailyPapers" data-props="{held}"></div>'
            "</main></body></html>"
        )
        return 200, "text/html; charset=utf-8", body, {}

    def _respond_feed(self) -> SampleResponse:
        head = {"ETag": f'"sample-{self._feed_day}"'}
        if self._feed_day in self.days:
            return (
                200,
                "application/rss+xml",
                self._read_sample(f"arxiv-{self.days.index(self._feed_day) + 1}.xml"),
                head,
            )
        empty = _ITEM.sub("", self._read_sample("arxiv-3.xml")).replace(
            _format_rfc_date(self.days[-1]), _format_rfc_date(self._feed_day)
        )
        return 200, "application/rss+xml", empty, head

    def _respond_query(self, query: dict[str, str]) -> SampleResponse:
        text = self._read_sample("arxiv-texts.xml")
        start, most = int(query.get("start", "0")), int(query.get("max_results", "10"))
        if asked := _WINDOW.search(query.get("search_query", "")):
            chosen = self._submitted_between(asked[1], asked[2])
        else:
            known = {found[1]: found[0] for found in _ENTRY.finditer(text)}
            wanted = [re.sub(r"v\d+$", "", name) for name in query.get("id_list", "").split(",")]
            chosen = [known[name] for name in wanted if name in known]
        head, tail = text.split("  <entry>", 1)[0], "</feed>\n"
        head = re.sub(r"(totalResults>)\d+", rf"\g<1>{len(chosen)}", head)
        return 200, "application/atom+xml", head + "".join(chosen[start : start + most]) + tail, {}

    def _submitted_between(self, start: str, end: str) -> list[str]:
        """Entries for the papers of the batch that was submitted between two instants."""
        for number, day in enumerate(self.days, 1):
            if [f"{edge:%Y%m%d%H%M}" for edge in submission_window(day)] == [start, end]:
                items = _ITEM.findall(self._read_sample(f"arxiv-{number}.xml"))
                return [_item_to_entry(item) for item in items if "<arxiv:announce_type>replace" not in item]
        return []


class _SampleHTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    sample: SampleServer


class _SampleRequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        try:
            status, kind, body, headers = cast("_SampleHTTPServer", self.server).sample.respond(asked.path, query)
        except ValueError:  # a limit or page that is no number
            status, kind, body, headers = 400, "application/json", '{"error": "Invalid query"}', {}
        if headers.get("ETag") and self.headers.get("If-None-Match") == headers["ETag"]:
            status, body = 304, ""
        data = body.encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """The demo tells what it does; the server stays quiet."""


def _item_to_entry(item: str) -> str:
    """A feed's item in the shape of the query API."""

    def of(tag: str) -> list[str]:
        return re.findall(f"<{tag}[^>]*>(.*?)</{tag}>", item, re.DOTALL)

    terms = "".join(f'    <category term="{term}"/>\n' for term in of("category"))
    authors = "".join(f"    <author><name>{name}</name></author>\n" for name in of("dc:creator")[0].split(", "))
    return (
        f"  <entry>\n    <id>{of('guid')[0].replace('oai:arXiv.org:', 'http://arxiv.org/abs/')}</id>\n"
        f"    <title>{of('title')[0]}</title>\n"
        f"    <summary>{of('description')[0].split('Abstract: ', 1)[1]}</summary>\n"
        f'{terms}    <arxiv:primary_category term="{of("category")[0]}"/>\n{authors}  </entry>\n'
    )


def _last_weekdays(last: date, count: int) -> list[date]:
    found: list[date] = []
    while len(found) < count:
        if last.weekday() < _SATURDAY:
            found.append(last)
        last -= timedelta(days=1)
    return found


def _format_rfc_date(day: date) -> str:
    """As RFC 5322 writes a date."""
    return f"{_DAYS[day.weekday()]}, {day.day:02} {_MONTHS[day.month - 1]} {day.year}"


def _parse_day(value: str) -> date | None:
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None
