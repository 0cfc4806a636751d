"""Hugging Face by its API and by its page, against a host on loopback that misbehaves."""

import json
from datetime import UTC, datetime

import pytest

from digest.errors import MalformedAnswerError, NotListedError, SourceThrottledError, SourceUnavailableError
from tests.support.hosts import (
    SATURDAY,
    TUESDAY,
    StubResponse,
    arxiv_ids,
    fetch_huggingface,
    huggingface_entries,
    huggingface_page,
    huggingface_route,
    serve_host,
)
from tests.support.work import count_steps


def test_pages_are_followed_and_a_list_that_moved_between_them_counts_once() -> None:
    def route(path: str, query: dict[str, str]) -> StubResponse:
        number = int(query["p"])
        link = {
            "Link": f'</api/daily_papers?date=2026-01-05&limit=100&p={number + 1}>; rel="next"',
            "ETag": f'"{number}"',
        }
        return (
            200,
            json.dumps(huggingface_entries(number * 2, number * 2 + 1, number * 2 + 2)),
            link if number < 2 else {"ETag": '"last"'},
        )

    with serve_host(route) as host:
        answer = fetch_huggingface(host.url)
    assert arxiv_ids(answer) == [f"2601.{n:05}" for n in range(7)]
    assert (answer.endpoint, len(host.requested_paths), answer.validators) == ("api", 3, ())


def test_a_next_page_elsewhere_is_not_followed() -> None:
    link = {"Link": '<http://127.0.0.1:1/api>; rel="next"'}
    route = huggingface_route((200, json.dumps(huggingface_entries(1)), link), (404, "", {}))
    with serve_host(route) as host, pytest.raises(MalformedAnswerError, match="next page on another host"):
        fetch_huggingface(host.url)


def test_an_unchanged_list_is_distinguished_from_an_empty_one() -> None:
    with serve_host(
        huggingface_route((200, json.dumps(huggingface_entries(1)), {"ETag": '"e"'}), (404, "", {}))
    ) as host:
        first = fetch_huggingface(host.url)
        assert [validators.etag for validators in first.validators] == ['"e"']
        again = fetch_huggingface(host.url, cached={validators.url: validators for validators in first.validators})
    assert (again.not_modified, again.papers) == (True, ())


FAULTY_RESPONSES: list[StubResponse] = [
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


@pytest.mark.parametrize("response", FAULTY_RESPONSES)
def test_the_page_stands_in_for_a_broken_api(response: StubResponse) -> None:
    with serve_host(huggingface_route(response, (200, huggingface_page("2026-01-05", 1, 2), {}))) as host:
        answer = fetch_huggingface(host.url)
    assert (answer.endpoint, arxiv_ids(answer)) == ("page", ["2601.00001", "2601.00002"])
    assert "read from the page" in answer.warnings[0]


@pytest.mark.parametrize("response", FAULTY_RESPONSES)
@pytest.mark.parametrize(
    "page", [(500, "", {}), (200, "<html></html>", {}), (200, huggingface_page("2026-01-02", 1), {})]
)
def test_when_both_fail_it_is_a_failure_and_never_an_empty_day(response: StubResponse, page: StubResponse) -> None:
    with (
        serve_host(huggingface_route(response, page)) as host,
        pytest.raises((SourceUnavailableError, SourceThrottledError, MalformedAnswerError)) as caught,
    ):
        fetch_huggingface(host.url)
    expected = {500: SourceUnavailableError, 429: SourceThrottledError}.get(response[0], MalformedAnswerError)
    assert caught.type is expected
    assert "page" in str(caught.value)


def test_a_day_that_is_not_open_yet_is_not_listed() -> None:
    future = (400, '{"error": "Date is in the future"}', dict[str, str]())
    with serve_host(huggingface_route(future, (500, "", {}))) as host, pytest.raises(NotListedError):
        fetch_huggingface(host.url, TUESDAY)
    with serve_host(huggingface_route((200, "[]", {}), (500, "", {}))) as host:
        with pytest.raises(NotListedError):
            fetch_huggingface(host.url, TUESDAY)
        with pytest.raises(NotListedError):
            fetch_huggingface(host.url, SATURDAY, datetime(2026, 1, 12, tzinfo=UTC))
    assert len(host.requested_paths) == 2


def test_an_empty_list_for_a_past_weekday_is_checked_against_the_page() -> None:
    empty: StubResponse = (200, "[]", {})
    with (
        serve_host(huggingface_route(empty, (200, huggingface_page("2026-01-02", 9), {}))) as host,
        pytest.raises(NotListedError, match="2026-01-02"),
    ):
        fetch_huggingface(host.url)
    with serve_host(huggingface_route(empty, (200, huggingface_page("2026-01-05", 1), {}))) as host:
        answer = fetch_huggingface(host.url)
        assert (answer.endpoint, arxiv_ids(answer)) == ("page", ["2601.00001"])
    with serve_host(huggingface_route(empty, (200, huggingface_page("2026-01-05"), {}))) as host:
        answer = fetch_huggingface(host.url)
        assert (answer.papers, len(answer.warnings)) == ((), 1)
    with serve_host(huggingface_route(empty, (503, "", {}))) as host, pytest.raises(SourceUnavailableError):
        fetch_huggingface(host.url)


def test_a_damaged_entry_is_counted_not_fatal() -> None:
    with serve_host(
        huggingface_route((200, json.dumps([*huggingface_entries(1), "x", {"paper": {"id": 7}}]), {}), (404, "", {}))
    ) as host:
        answer = fetch_huggingface(host.url)
    assert (arxiv_ids(answer), answer.parts[0].unreadable) == (["2601.00001"], 2)
    assert answer.warnings == ("2 of 3 entries of Hugging Face for 2026-01-05 could not be read",)


def test_answers_are_parsed_off_the_event_loop() -> None:
    def count(size: int) -> int:
        body = json.dumps(huggingface_entries(*range(size)))
        with serve_host(huggingface_route((200, body, {}), (404, "", {}))) as host:
            return count_steps(lambda: fetch_huggingface(host.url))

    count(1)  # what is imported and cached at first
    few, many = count(10), count(800)
    assert many < 1.5 * few
