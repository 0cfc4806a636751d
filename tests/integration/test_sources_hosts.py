"""Both sources against hosts on loopback: scripted ones, the bundled sample days, the recorded days where present."""

import asyncio
import html
import json
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import pytest

from digest.demo.host import SampleHost
from digest.errors import Malformed, NotListed, SourceError, Throttled, Unreachable
from digest.settings import Settings
from digest.sources import build
from digest.sources.arxiv import ArXiv
from digest.sources.base import Answer, Fetch, Listed
from digest.sources.http import Client, Patience
from digest.sources.huggingface import HuggingFace
from digest.sources.traffic import Traffic

TOOLS = Path(__file__).parents[2] / "../shared/tools"
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


def with_client(act: Callable[[Client], Coroutine[Any, Any, T]], known: dict[str, Fetch] | None = None) -> T:
    async def sleep(seconds: float) -> None:
        """Nobody waits in tests."""

    async def whole() -> T:
        async with Client(known=known, sleep=sleep, traffic=Traffic(), patience=Patience(1, 5, 20)) as client:
            return await act(client)

    return asyncio.run(whole())


def face(base: str, day: date = MONDAY, now: datetime = NOON, known: dict[str, Fetch] | None = None) -> Answer:
    return with_client(lambda client: HuggingFace(client, base).read(day, now), known)


def entries(*numbers: int) -> list[dict[str, Any]]:
    return [{"paper": {"id": f"2601.{n:05}", "title": f"Title {n}", "upvotes": n}} for n in numbers]


def page(day: str, *numbers: int) -> str:
    held = html.escape(json.dumps({"dateString": day, "dailyPapers": entries(*numbers)}))
    return f'<!doctype html><main><div data-target="DailyPapers" data-props="{held}"></div></main>'


def hosting(api: Said, shown: Said) -> Route:
    return lambda path, _: api if path.startswith("/api") else shown


def good(*numbers: int) -> Said:
    return 200, json.dumps(entries(*numbers)), {}


def ids(answer: Answer) -> list[str]:
    return [str(each.arxiv_id) for each in answer.listed]


def test_the_list_days_are_the_last_three_weekdays() -> None:
    face = with_client(lambda client: _days(HuggingFace(client), datetime(2026, 1, 11, 3, tzinfo=UTC)))
    assert face == (date(2026, 1, 7), date(2026, 1, 8), date(2026, 1, 9))
    assert with_client(lambda client: _days(HuggingFace(client), NOON)) == (date(2026, 1, 2), MONDAY, TUESDAY)
    # At 03:00 UTC arXiv still shows Monday's batch, at 06:00 Tuesday's; nothing at weekends.
    early, late = datetime(2026, 1, 6, 3, tzinfo=UTC), datetime(2026, 1, 6, 6, tzinfo=UTC)
    assert with_client(lambda client: _days(ArXiv(client, ["cs.CL"]), early)) == (MONDAY,)
    assert with_client(lambda client: _days(ArXiv(client, ["cs.CL"]), late)) == (TUESDAY,)
    assert with_client(lambda client: _days(ArXiv(client, ["cs.CL"]), datetime(2026, 1, 10, 12, tzinfo=UTC))) == ()


async def _days(source: HuggingFace | ArXiv, now: datetime) -> tuple[date, ...]:
    return source.days(now)


def test_pages_are_followed_and_a_list_that_moved_between_them_counts_once() -> None:
    def route(path: str, query: dict[str, str]) -> Said:
        number = int(query["p"])
        link = {"Link": f'</api/daily_papers?date=2026-01-05&limit=100&p={number + 1}>; rel="next"'}
        return 200, json.dumps(entries(number * 2, number * 2 + 1, number * 2 + 2)), link if number < 2 else {}

    with serving(route) as host:
        answer = face(host.url)
    assert ids(answer) == [f"2601.{n:05}" for n in range(7)]
    assert (answer.via, len(host.seen), answer.fetched) == ("api", 3, ())


def test_a_next_page_elsewhere_is_not_followed() -> None:
    link = {"Link": '<http://127.0.0.1:1/api>; rel="next"'}
    route = hosting((200, json.dumps(entries(1)), link), (404, "", {}))
    with serving(route) as host, pytest.raises(Malformed, match="next page on another host"):
        face(host.url)


def test_an_unchanged_list_is_told_from_an_empty_one() -> None:
    with serving(hosting((200, json.dumps(entries(1)), {"ETag": '"e"'}), (404, "", {}))) as host:
        first = face(host.url)
        assert [each.etag for each in first.fetched] == ['"e"']
        again = face(host.url, known={each.url: each for each in first.fetched})
    assert (again.unchanged, again.listed) == (True, ())


FAULTS: list[Said] = [
    (500, "error", {}),
    (429, "Rate exceeded.", {}),
    (200, "", {}),
    (200, '[{"paper"', {}),
    (200, "<!doctype html>wait", {}),
    (200, '{"error": 1}', {}),
    (200, "[\"{'paper': 1}\"]", {}),
    (404, "gone", {}),
    (400, "bad", {}),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_the_page_stands_in_for_a_broken_api(fault: Said) -> None:
    with serving(hosting(fault, (200, page("2026-01-05", 1, 2), {}))) as host:
        answer = face(host.url)
    assert (answer.via, ids(answer)) == ("page", ["2601.00001", "2601.00002"])
    assert "read from the page" in answer.notes[0]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("shown", [(500, "", {}), (200, "<html></html>", {}), (200, page("2026-01-02", 1), {})])
def test_when_both_fail_it_is_a_failure_and_never_an_empty_day(fault: Said, shown: Said) -> None:
    with serving(hosting(fault, shown)) as host, pytest.raises((Unreachable, Throttled, Malformed)) as caught:
        face(host.url)
    kind = {500: Unreachable, 429: Throttled}.get(fault[0], Malformed)
    assert caught.type is kind
    assert "page" in str(caught.value)


def test_a_day_that_is_not_open_yet_is_not_listed() -> None:
    future = (400, '{"error": "Date is in the future"}', dict[str, str]())
    with serving(hosting(future, (500, "", {}))) as host, pytest.raises(NotListed):
        face(host.url, TUESDAY)
    with serving(hosting((200, "[]", {}), (500, "", {}))) as host:
        with pytest.raises(NotListed):
            face(host.url, TUESDAY)
        with pytest.raises(NotListed):
            face(host.url, SATURDAY, datetime(2026, 1, 12, tzinfo=UTC))
    assert len(host.seen) == 2


def test_an_empty_list_for_a_past_weekday_is_checked_against_the_page() -> None:
    empty: Said = (200, "[]", {})
    with (
        serving(hosting(empty, (200, page("2026-01-02", 9), {}))) as host,
        pytest.raises(NotListed, match="2026-01-02"),
    ):
        face(host.url)
    with serving(hosting(empty, (200, page("2026-01-05", 1), {}))) as host:
        answer = face(host.url)
        assert (answer.via, ids(answer)) == ("page", ["2601.00001"])
    with serving(hosting(empty, (200, page("2026-01-05"), {}))) as host:
        answer = face(host.url)
        assert (answer.listed, len(answer.notes)) == ((), 1)
    with serving(hosting(empty, (503, "", {}))) as host, pytest.raises(Unreachable):
        face(host.url)


def test_a_damaged_entry_is_counted_not_fatal() -> None:
    with serving(hosting((200, json.dumps([*entries(1), "x", {"paper": {"id": 7}}]), {}), (404, "", {}))) as host:
        answer = face(host.url)
    assert (ids(answer), answer.skipped) == (["2601.00001"], 2)
    assert answer.notes == ("2 of 3 entries for 2026-01-05 could not be read",)


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


def arxiv(base: str, *categories: str, known: dict[str, Fetch] | None = None, day: date = TUESDAY) -> Answer:
    wanted = categories or ("cs.CL",)
    return with_client(lambda client: ArXiv(client, wanted, base, base).read(day, NOON), known)


def making_up(base: str, day: date = MONDAY) -> Answer:
    return with_client(lambda client: ArXiv(client, ["cs.CL", "cs.LG"], base, base).make_up(day, NOON))


def filling_in(base: str, *names: str) -> tuple[Listed, ...]:
    return with_client(lambda client: ArXiv(client, ["cs.CL"], base, base).fill_in(names))


def test_the_feed_of_the_day_is_read_once() -> None:
    with serving(lambda path, _: (200, feed(item(1), item(2, "cross"), item(3, "replace")), {"ETag": '"e"'})) as host:
        answer = arxiv(host.url, "cs.CL", "cs.LG")
        assert [each.kind for each in answer.listed] == ["new", "cross", "replace"]
        again = arxiv(host.url, "cs.CL", "cs.LG", known={each.url: each for each in answer.fetched})
        assert again.unchanged
        # The same answer is no news about another day.
        with pytest.raises(NotListed, match="of 2026-01-06, not of 2026-01-07"):
            arxiv(host.url, "cs.CL", "cs.LG", known={x.url: x for x in answer.fetched}, day=date(2026, 1, 7))
    assert host.seen[0] == "/rss/cs.CL+cs.LG"


def test_an_empty_feed_is_a_warning_on_a_weekday_and_nothing_at_a_weekend() -> None:
    with serving(lambda path, _: (200, feed(), {"ETag": '"e"'})) as host:
        answer = arxiv(host.url)
    assert (answer.listed, answer.fetched, len(answer.notes)) == ((), (), 1)
    with serving(lambda path, _: (200, feed(day="Sat, 10 Jan 2026"), {})) as host, pytest.raises(NotListed):
        arxiv(host.url, day=SATURDAY)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ((200, feed(item(1))[:-30], {}), Malformed),
        ((200, "<!doctype html><title>Just a moment...</title>", {}), Malformed),
        ((200, "", {}), Malformed),
        ((404, "", {}), Malformed),
        ((200, "<rss><channel></channel></rss>", {}), Malformed),
        ((503, "", {}), Unreachable),
        ((429, "Rate exceeded.", {}), Throttled),
    ],
)
def test_a_broken_feed_is_a_failure_with_a_name(said: Said, kind: type[SourceError]) -> None:
    with serving(lambda path, _: said) as host, pytest.raises(kind):
        arxiv(host.url)


def test_a_full_feed_is_read_category_by_category() -> None:
    def route(path: str, _: dict[str, str]) -> Said:
        if "+" in path:
            return 200, feed(*(item(n) for n in range(2000))), {}
        first = 0 if path.endswith("CL") else 1200
        kinds = {1200: "replace"} if first == 0 else {}
        return 200, feed(*(item(n, kinds.get(n, "new")) for n in range(first, first + 1201))), {}

    with serving(route) as host:
        answer = arxiv(host.url, "cs.CL", "cs.LG")
    assert len(answer.listed) == 2401
    assert {each.kind for each in answer.listed} == {"new"}


def test_a_missed_batch_is_made_up_in_slices() -> None:
    def route(path: str, query: dict[str, str]) -> Said:
        start = int(query["start"])
        return 200, atom(*range(start, min(start + 500, 700)), total=700), {}

    with serving(route) as host:
        answer = making_up(host.url)
    assert (len(answer.listed), answer.via, {each.list_day for each in answer.listed}) == (700, "query", {MONDAY})
    query = parse_qs(urlsplit(host.seen[0]).query)["search_query"][0]
    assert query == "(cat:cs.CL OR cat:cs.LG) AND submittedDate:[202601011900 TO 202601021900]"


def test_a_query_without_entries_is_asked_twice_and_then_noted() -> None:
    with serving(lambda path, _: (200, atom(), {})) as host:
        answer = making_up(host.url)
    assert (answer.listed, len(answer.notes), len(host.seen)) == ((), 1, 2)


def test_a_query_that_stops_short_is_a_failure() -> None:
    def route(path: str, query: dict[str, str]) -> Said:
        return 200, atom(1, total=900) if query["start"] == "0" else atom(total=900), {}

    with serving(route) as host, pytest.raises(Unreachable, match="gave 1 of 900"):
        making_up(host.url)


def test_an_error_entry_is_malformed_whatever_its_status() -> None:
    error = "<feed xmlns='http://www.w3.org/2005/Atom'><entry><title>Error</title><summary>no</summary></entry></feed>"
    for status in (200, 400):
        route = hosting((status, error, {}), (status, error, {}))
        with serving(route) as host, pytest.raises(Malformed, match="says: no"):
            filling_in(host.url, "2601.00001")


def test_texts_are_asked_for_a_hundred_at_a_time_and_only_by_real_ids() -> None:
    def route(path: str, query: dict[str, str]) -> Said:
        asked = query["id_list"].split(",")
        assert len(asked) <= 100
        return 200, atom(*(int(name[5:]) for name in asked if name != "2601.00007")), {}

    with serving(route) as host:
        texts = filling_in(host.url, "abc", *(f"2601.{n:05}" for n in range(150)), "2601.00001")
    assert (len(texts), len(host.seen), {each.kind for each in texts}) == (149, 2, {"replace"})


def test_the_settings_choose_the_sources() -> None:
    chosen = Settings(sources="arxiv", _env_file=None)
    assert [source.name for source in with_client(lambda client: _build(chosen, client))] == ["arxiv"]


async def _build(chosen: Settings, client: Client) -> tuple[Any, ...]:
    return build(chosen, client)


@pytest.mark.parametrize("now", [datetime(2026, 11, 23, 2, tzinfo=UTC), datetime(2027, 1, 2, 12, tzinfo=UTC)])
def test_the_sample_days_look_the_same_on_any_day(now: datetime) -> None:
    async def whole(client: Client) -> tuple[list[Answer], list[Answer], tuple[Listed, ...]]:
        face, arxiv = HuggingFace(client, host.url), ArXiv(client, ["cs.CL"], host.url, host.url)
        lists = [await face.read(day, now) for day in face.days(now)]
        batches = [await arxiv.make_up(day, now) for day in host.days]
        names = [str(each.arxiv_id) for answer in lists for each in answer.listed]
        return lists, batches, await arxiv.fill_in(names)

    with SampleHost(now) as host:
        lists, batches, texts = with_client(whole)
    with SampleHost(host.days[-1]) as host:
        feed = arxiv(host.url, day=host.days[-1])
    assert {each.kind for each in feed.listed} == {"new", "cross", "replace"}
    listed = {each.key for each in feed.listed if each.kind != "replace"}
    assert {each.key for each in batches[-1].listed} == listed
    assert [len(answer.listed) for answer in lists] == [12, 13, 13]
    assert all(each.abstract for answer in lists for each in answer.listed)
    assert len(texts) == 36
    every = {each.key: each for answer in (*lists, *batches) for each in answer.listed}
    assert len(every) >= 60
    prose = [f"{each.title} {each.abstract}" for each in every.values()]
    assert not [text for text in prose if "\\" in text]
    known = (
        "retrieval.augmented generation|diffusion model|large language model|reinforcement learning|protein|\\brag\\b"
    )
    for keyword in known.split("|"):
        assert sum(bool(re.search(keyword, text, re.IGNORECASE)) for text in prose) >= 2, keyword
    assert [text for text in prose if "storage" in text and not re.search(r"\bRAG\b", text)]


def test_the_sample_host_refuses_what_the_real_ones_refuse() -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    with SampleHost(now) as host:
        with pytest.raises(NotListed):
            face(host.url, date(2026, 11, 24), now)
        with pytest.raises(NotListed):
            face(host.url, date(2026, 11, 12), now)
        assert with_client(lambda client: HuggingFace(client, host.url).read(host.days[1], now)).via == "api"


@pytest.fixture(scope="module")
def replay() -> Iterator[str]:
    if not (TOOLS / "replay.py").exists():
        pytest.skip("no recorded days beside the repository")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(TOOLS / "replay.py"), "--port", str(port), "--today", "2026-07-31"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield url
    finally:
        running.terminate()
        running.wait()


def move(url: str, day: date) -> None:
    with urllib.request.urlopen(f"{url}/__today?date={day}") as answer:
        assert answer.status == 200


def test_the_recorded_july_is_read_by_api_and_by_page(replay: str) -> None:
    async def both(client: Client) -> list[tuple[int, int]]:
        source = HuggingFace(client, replay)
        days = [date(2026, 7, 6) + timedelta(days=n) for n in range(26)]
        found = []
        for day in (each for each in days if each.weekday() < 5):
            by_api, by_page = await source.read(day, now), await source._by_page(day)
            assert by_api.listed == by_page.listed
            found.append((len(by_api.listed), by_api.skipped))
        return found

    now = datetime(2026, 7, 31, 18, tzinfo=UTC)
    move(replay, now.date())
    found = with_client(both)
    assert (len(found), sum(listed for listed, _ in found), sum(skipped for _, skipped in found)) == (20, 356, 0)
    with pytest.raises(NotListed):
        face(replay, date(2026, 8, 3), now)
    with pytest.raises(NotListed):
        face(replay, date(2026, 7, 26), now)


def test_the_recorded_week_of_arxiv_is_read(replay: str) -> None:
    counts = {}
    for number in range(17, 26):
        day = date(2026, 4, number)
        move(replay, day)
        try:
            answer = arxiv(replay, "cs.CV", day=day)
            counts[number] = len(answer.listed)
            assert all(each.abstract and each.authors and each.categories for each in answer.listed)
        except NotListed:
            counts[number] = 0
    assert counts == {17: 186, 18: 0, 19: 0, 20: 171, 21: 501, 22: 199, 23: 171, 24: 172, 25: 0}
    assert len(filling_in(replay, "2604.21313", "2604.20594", "2604.99999")) == 2
