"""ArXiv's feed and query API, against a host on loopback that misbehaves."""

from datetime import date
from urllib.parse import parse_qs, urlsplit

import pytest

from digest.errors import (
    MalformedAnswerError,
    NotListedError,
    SourceError,
    SourceThrottledError,
    SourceUnavailableError,
)
from tests.support.hosts import (
    MONDAY,
    SATURDAY,
    StubResponse,
    atom_feed,
    backfill_arxiv,
    fetch_arxiv,
    fetch_arxiv_texts,
    huggingface_route,
    rss_feed,
    rss_item,
    serve_host,
)
from tests.support.work import count_steps


def test_the_feed_of_the_day_is_fetched_once() -> None:
    with serve_host(
        lambda path, _: (200, rss_feed(rss_item(1), rss_item(2, "cross"), rss_item(3, "replace")), {"ETag": '"e"'})
    ) as host:
        answer = fetch_arxiv(host.url, "cs.CL", "cs.LG")
        assert [paper.kind for paper in answer.papers] == ["new", "cross", "replace"]
        again = fetch_arxiv(
            host.url, "cs.CL", "cs.LG", cached={validators.url: validators for validators in answer.validators}
        )
        assert again.not_modified
    assert host.requested_paths[0] == "/rss/cs.CL+cs.LG"


def test_a_feed_of_another_day_brings_its_papers_under_its_own_date() -> None:
    with serve_host(lambda path, _: (200, rss_feed(rss_item(1), rss_item(2)), {"ETag": '"e"'})) as host:
        answer = fetch_arxiv(host.url, day=date(2026, 1, 7))
    assert answer.shown_day == date(2026, 1, 6)
    assert {paper.list_day for paper in answer.papers} == {date(2026, 1, 6)}
    assert not answer.validators  # not cacheable: the day asked for is not stored yet
    with (
        serve_host(lambda path, _: (200, rss_feed(), {})) as host,
        pytest.raises(NotListedError, match="for 2026-01-06, not 2026-01-07"),
    ):
        fetch_arxiv(host.url, day=date(2026, 1, 7))


def test_an_empty_feed_is_a_warning_on_a_weekday_and_not_listed_at_a_weekend() -> None:
    with serve_host(lambda path, _: (200, rss_feed(), {"ETag": '"e"'})) as host:
        answer = fetch_arxiv(host.url)
    assert (answer.papers, answer.validators, len(answer.warnings)) == ((), (), 1)
    with serve_host(lambda path, _: (200, rss_feed(day="Sat, 10 Jan 2026"), {})) as host, pytest.raises(NotListedError):
        fetch_arxiv(host.url, day=SATURDAY)


@pytest.mark.parametrize(
    ("response", "error_type"),
    [
        ((200, rss_feed(rss_item(1))[:-30], {}), MalformedAnswerError),
        ((200, "<!doctype html><title>Just a moment...</title>", {}), MalformedAnswerError),
        ((200, "", {}), MalformedAnswerError),
        ((404, "", {}), MalformedAnswerError),
        ((200, "<rss><channel></channel></rss>", {}), MalformedAnswerError),
        ((503, "", {}), SourceUnavailableError),
        ((429, "Rate exceeded.", {}), SourceThrottledError),
    ],
)
def test_a_broken_feed_raises_an_error_of_its_type(response: StubResponse, error_type: type[SourceError]) -> None:
    with serve_host(lambda path, _: response) as host, pytest.raises(error_type):
        fetch_arxiv(host.url)


def test_a_full_feed_is_fetched_category_by_category() -> None:
    def route(path: str, _: dict[str, str]) -> StubResponse:
        if "+" in path:
            return 200, rss_feed(*(rss_item(n) for n in range(2000))), {}
        first = 0 if path.endswith("CL") else 1200
        kinds = {1200: "replace"} if first == 0 else {}
        return 200, rss_feed(*(rss_item(n, kinds.get(n, "new")) for n in range(first, first + 1201))), {}

    with serve_host(route) as host:
        answer = fetch_arxiv(host.url, "cs.CL", "cs.LG")
    assert len(answer.papers) == 2401
    assert {paper.kind for paper in answer.papers} == {"new"}


def test_a_missed_batch_is_backfilled_page_by_page() -> None:
    def route(path: str, query: dict[str, str]) -> StubResponse:
        start = int(query["start"])
        return 200, atom_feed(*range(start, min(start + 500, 700)), total=700), {}

    with serve_host(route) as host:
        answer = backfill_arxiv(host.url)
    assert (len(answer.papers), answer.endpoint, {paper.list_day for paper in answer.papers}) == (
        700,
        "query",
        {MONDAY},
    )
    query = parse_qs(urlsplit(host.requested_paths[0]).query)["search_query"][0]
    assert query == "(cat:cs.CL OR cat:cs.LG) AND submittedDate:[202601011900 TO 202601021900]"


def test_a_query_without_entries_is_sent_twice_and_then_a_warning() -> None:
    with serve_host(lambda path, _: (200, atom_feed(), {})) as host:
        answer = backfill_arxiv(host.url)
    assert (answer.papers, len(answer.warnings), len(host.requested_paths)) == ((), 1, 2)


def test_a_query_that_stops_short_is_stored_and_reported() -> None:
    def route(path: str, query: dict[str, str]) -> StubResponse:
        return 200, atom_feed(1, total=900) if query["start"] == "0" else atom_feed(total=900), {}

    with serve_host(route) as host:
        answer = backfill_arxiv(host.url)
    assert [(part.promised, part.received) for part in answer.parts] == [(900, 1)]
    assert answer.warnings == ("arXiv's query API gave 1 of 900 papers for 2026-01-05",)
    assert len(host.requested_paths) == 3  # the empty page is asked for twice


def test_the_largest_total_of_a_query_is_what_was_promised() -> None:
    for first, second, expected in ((1000, 500, (1000, 500)), (600, 700, (700, 700))):  # it shrinks, it grows

        def route(path: str, query: dict[str, str], first: int = first, second: int = second) -> StubResponse:
            start = int(query["start"])
            return 200, atom_feed(*range(start, second if start else 500), total=second if start else first), {}

        with serve_host(route) as host:
            assert [(part.promised, part.received) for part in backfill_arxiv(host.url).parts] == [expected]


def test_pages_before_one_that_fails_are_taken_in() -> None:
    def route(path: str, query: dict[str, str]) -> StubResponse:
        return (200, atom_feed(*range(500), total=900), {}) if query["start"] == "0" else (404, "", {})

    with serve_host(route) as host:
        answer = backfill_arxiv(host.url)
    assert [(part.promised, part.received) for part in answer.parts] == [(900, 500)]
    assert "answers 404" in answer.warnings[0]


def test_each_category_is_a_part_of_the_feed() -> None:
    items = (rss_item(1), rss_item(2), rss_item(3, category="cs.LG"), rss_item(4, category="math.CO"))
    with serve_host(lambda path, _: (200, rss_feed(*items), {})) as host:
        answer = fetch_arxiv(host.url, "cs.CL", "cs.LG")
    assert {part.name: len(part.keys) for part in answer.parts} == {"cs.CL": 3, "cs.LG": 1}


def test_a_full_feed_of_one_category_is_not_whole() -> None:
    with serve_host(lambda path, _: (200, rss_feed(*(rss_item(n) for n in range(2000))), {})) as host:
        (part,) = fetch_arxiv(host.url, "cs.CL").parts
    assert part.received == 2000 < part.promised


def test_a_feed_dated_far_off_is_not_believed() -> None:
    for day in ("Fri, 31 Dec 9999", "Mon, 01 Jan 1900"):
        body = rss_feed(rss_item(1), day=day)
        with serve_host(lambda *_, body=body: (200, body, {})) as host, pytest.raises(NotListedError):
            fetch_arxiv(host.url)


def test_an_error_entry_is_malformed_whatever_its_status() -> None:
    error = "<feed xmlns='http://www.w3.org/2005/Atom'><entry><title>Error</title><summary>no</summary></entry></feed>"
    for status in (200, 400):
        route = huggingface_route((status, error, {}), (status, error, {}))
        with serve_host(route) as host, pytest.raises(MalformedAnswerError, match="reports an error: no"):
            fetch_arxiv_texts(host.url, "2601.00001")


def test_texts_are_fetched_a_hundred_at_a_time_and_only_by_arxiv_ids() -> None:
    def route(path: str, query: dict[str, str]) -> StubResponse:
        arxiv_ids = query["id_list"].split(",")
        assert len(arxiv_ids) <= 100
        return 200, atom_feed(*(int(arxiv_id[5:]) for arxiv_id in arxiv_ids if arxiv_id != "2601.00007")), {}

    with serve_host(route) as host:
        texts = fetch_arxiv_texts(host.url, "abc", *(f"2601.{n:05}" for n in range(150)), "2601.00001")
    assert (len(texts), len(host.requested_paths), {paper.kind for paper in texts}) == (149, 2, {"replace"})


def test_answers_are_parsed_off_the_event_loop() -> None:
    """A feed of 1,600 papers costs the thread of the event loop hardly more than one of ten."""

    def count(size: int) -> int:
        body = rss_feed(*(rss_item(n) for n in range(size)))
        query = atom_feed(*range(size))
        with serve_host(lambda path, _: (200, body if path.startswith("/rss") else query, {})) as host:
            return count_steps(lambda: fetch_arxiv(host.url)) + count_steps(
                lambda: fetch_arxiv_texts(host.url, "2601.00001")
            )

    count(1)  # what is imported and cached at first
    few, many = count(10), count(1600)
    assert many < 1.5 * few
