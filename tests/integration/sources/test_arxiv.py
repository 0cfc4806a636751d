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
from tests.support.hosts import MONDAY, SATURDAY, Said, arxiv, atom, feed, filling_in, hosting, item, making_up, serving


def test_the_feed_of_the_day_is_read_once() -> None:
    with serving(lambda path, _: (200, feed(item(1), item(2, "cross"), item(3, "replace")), {"ETag": '"e"'})) as host:
        answer = arxiv(host.url, "cs.CL", "cs.LG")
        assert [each.kind for each in answer.papers] == ["new", "cross", "replace"]
        again = arxiv(host.url, "cs.CL", "cs.LG", known={each.url: each for each in answer.validators})
        assert again.not_modified
    assert host.seen[0] == "/rss/cs.CL+cs.LG"


def test_a_feed_of_another_day_brings_its_papers_under_its_own_date() -> None:
    with serving(lambda path, _: (200, feed(item(1), item(2)), {"ETag": '"e"'})) as host:
        answer = arxiv(host.url, day=date(2026, 1, 7))
    assert answer.shown_day == date(2026, 1, 6)
    assert {each.list_day for each in answer.papers} == {date(2026, 1, 6)}
    assert not answer.validators  # the day asked for is not taken in: it is asked for in full again
    with (
        serving(lambda path, _: (200, feed(), {})) as host,
        pytest.raises(NotListedError, match="of 2026-01-06, not of 2026-01-07"),
    ):
        arxiv(host.url, day=date(2026, 1, 7))


def test_an_empty_feed_is_a_warning_on_a_weekday_and_nothing_at_a_weekend() -> None:
    with serving(lambda path, _: (200, feed(), {"ETag": '"e"'})) as host:
        answer = arxiv(host.url)
    assert (answer.papers, answer.validators, len(answer.warnings)) == ((), (), 1)
    with serving(lambda path, _: (200, feed(day="Sat, 10 Jan 2026"), {})) as host, pytest.raises(NotListedError):
        arxiv(host.url, day=SATURDAY)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ((200, feed(item(1))[:-30], {}), MalformedAnswerError),
        ((200, "<!doctype html><title>Just a moment...</title>", {}), MalformedAnswerError),
        ((200, "", {}), MalformedAnswerError),
        ((404, "", {}), MalformedAnswerError),
        ((200, "<rss><channel></channel></rss>", {}), MalformedAnswerError),
        ((503, "", {}), SourceUnavailableError),
        ((429, "Rate exceeded.", {}), SourceThrottledError),
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
    assert len(answer.papers) == 2401
    assert {each.kind for each in answer.papers} == {"new"}


def test_a_missed_batch_is_made_up_in_slices() -> None:
    def route(path: str, query: dict[str, str]) -> Said:
        start = int(query["start"])
        return 200, atom(*range(start, min(start + 500, 700)), total=700), {}

    with serving(route) as host:
        answer = making_up(host.url)
    assert (len(answer.papers), answer.endpoint, {each.list_day for each in answer.papers}) == (700, "query", {MONDAY})
    query = parse_qs(urlsplit(host.seen[0]).query)["search_query"][0]
    assert query == "(cat:cs.CL OR cat:cs.LG) AND submittedDate:[202601011900 TO 202601021900]"


def test_a_query_without_entries_is_asked_twice_and_then_noted() -> None:
    with serving(lambda path, _: (200, atom(), {})) as host:
        answer = making_up(host.url)
    assert (answer.papers, len(answer.warnings), len(host.seen)) == ((), 1, 2)


def test_a_query_that_stops_short_is_a_failure() -> None:
    def route(path: str, query: dict[str, str]) -> Said:
        return 200, atom(1, total=900) if query["start"] == "0" else atom(total=900), {}

    with serving(route) as host, pytest.raises(SourceUnavailableError, match="gave 1 of 900"):
        making_up(host.url)


def test_an_error_entry_is_malformed_whatever_its_status() -> None:
    error = "<feed xmlns='http://www.w3.org/2005/Atom'><entry><title>Error</title><summary>no</summary></entry></feed>"
    for status in (200, 400):
        route = hosting((status, error, {}), (status, error, {}))
        with serving(route) as host, pytest.raises(MalformedAnswerError, match="says: no"):
            filling_in(host.url, "2601.00001")


def test_texts_are_asked_for_a_hundred_at_a_time_and_only_by_real_ids() -> None:
    def route(path: str, query: dict[str, str]) -> Said:
        asked = query["id_list"].split(",")
        assert len(asked) <= 100
        return 200, atom(*(int(name[5:]) for name in asked if name != "2601.00007")), {}

    with serving(route) as host:
        texts = filling_in(host.url, "abc", *(f"2601.{n:05}" for n in range(150)), "2601.00001")
    assert (len(texts), len(host.seen), {each.kind for each in texts}) == (149, 2, {"replace"})
