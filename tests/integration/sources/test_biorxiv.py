"""Days of bioRxiv and medRxiv over a real connection: pages of any length, totals that lie, servers that fail."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from digest.config import Settings
from digest.errors import MalformedAnswerError, SettingError
from digest.sources import SourceAnswer, read_settings_of
from digest.sources.biorxiv import BiorxivSource
from tests.support.hosts import Route, StubResponse, run_with_client, serve_host

DAY = date(2026, 8, 1)  # a Saturday
NOW = datetime(2026, 8, 2, 8, tzinfo=UTC)
OVER = datetime(2026, 8, 5, 8, tzinfo=UTC)
END: dict[str, Any] = {"messages": [{"status": "no posts found"}], "collection": []}


def record(number: int, **more: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "title": f"Folding of protein {number}",
        "authors": "Byron, A.",
        "doi": f"10.64898/2026.07.31.{number:06}",
        "date": "2026-08-01",
        "version": "1",
        "category": "cell biology" if number % 2 else "neuroscience",
        "abstract": "It folds.",
        "published": "NA",
    }
    return usual | more


def page(records: list[dict[str, Any]], cursor: int, size: int, total: object) -> dict[str, Any]:
    part = records[cursor : cursor + size]
    return {"messages": [{"status": "ok", "count": len(part), "total": total}], "collection": part} if part else END


def serve(records: list[dict[str, Any]], *, size: int = 30, total: object = None) -> Route:
    """Answer as the API does: the records for bioRxiv, nothing for medRxiv, no publications."""

    def route(path: str, _: dict[str, str]) -> StubResponse:
        endpoint, server, first, last, cursor = path[1:].split("/")
        assert first == last == str(DAY)
        listed = records if (endpoint, server) == ("details", "biorxiv") else []
        named = str(len(listed)) if total is None else total
        return 200, json.dumps(page(listed, int(cursor), size, named)), {}

    return route


def fetch(url: str, now: datetime = NOW, **settings: Any) -> SourceAnswer:
    return run_with_client(lambda client: BiorxivSource(client, url=url, **settings).fetch(DAY, now))


def parts_of(answer: SourceAnswer) -> list[tuple[str, int, int]]:
    return [(part.name, part.received, part.promised) for part in answer.parts]


@pytest.mark.parametrize(("size", "total"), [(30, None), (100, 77), (30, "77"), (30, {})])
def test_all_pages_come_whatever_their_length(size: int, total: object) -> None:
    with serve_host(serve([record(n) for n in range(77)], size=size, total=total)) as host:
        answer = fetch(host.url, OVER)
    assert parts_of(answer) == [("biorxiv", 77, 77), ("medrxiv", 0, 0)]
    assert len(answer.papers) == 77
    assert not answer.warnings


def test_two_versions_are_two_records_and_one_paper() -> None:
    with serve_host(serve([record(1), record(1, version="2"), record(2, version=3)])) as host:
        answer = fetch(host.url)
    assert parts_of(answer)[0] == ("biorxiv", 3, 3)
    assert [(paper.kind, paper.version) for paper in answer.papers] == [("new", 1), ("replace", 3)]


def test_a_total_that_is_too_large_is_believed_until_the_day_is_long_over() -> None:
    with serve_host(serve([record(n) for n in range(40)], total="43")) as host:
        early, late = fetch(host.url), fetch(host.url, OVER)
    assert parts_of(early)[0] == ("biorxiv", 40, 43)
    assert "bioRxiv gave 40 of 43 papers" in early.warnings[0]
    assert parts_of(late)[0] == ("biorxiv", 40, 40)


def test_a_list_that_is_cut_stays_incomplete_whenever_it_is_read() -> None:
    records = [record(n) for n in range(60)]

    def route(path: str, query: dict[str, str]) -> StubResponse:
        if path.startswith("/details/biorxiv") and path.endswith("/30"):
            return 200, "", {}  # as the host did for hours
        return serve(records)(path, query)

    with serve_host(route) as host:
        answer = fetch(host.url, OVER)
    assert parts_of(answer)[0] == ("biorxiv", 30, 60)
    assert len(answer.papers) == 30


def test_a_host_that_gives_its_first_page_again_and_again_is_never_whole() -> None:
    records = [record(n) for n in range(60)]

    def route(path: str, query: dict[str, str]) -> StubResponse:
        return serve(records)(f"{path.rpartition('/')[0]}/0", query)

    with serve_host(route) as host:
        answer = fetch(host.url, OVER)
    assert parts_of(answer)[0] == ("biorxiv", 30, 60)


@pytest.mark.parametrize(
    "body", ["", "<html>Just a moment...</html>", "[]", '{"messages": [{"status": "Error"}], "collection": []}']
)
def test_a_server_that_fails_harms_only_its_part(body: str) -> None:
    def route(path: str, query: dict[str, str]) -> StubResponse:
        return (200, body, {}) if "/details/medrxiv" in path else serve([record(1)])(path, query)

    with serve_host(route) as host:
        answer = fetch(host.url, OVER)
        assert [(part.name, part.received < part.promised) for part in answer.parts] == [
            ("biorxiv", False),
            ("medrxiv", True),
        ]
        assert "medRxiv" in answer.warnings[0]
        with pytest.raises(MalformedAnswerError):
            fetch(host.url, servers=("medrxiv",))


def test_publications_of_a_day_are_news_and_cost_nothing_when_they_fail() -> None:
    article = {"preprint_doi": record(1)["doi"], "published_doi": "10.5555/a", "preprint_title": "Folding"}
    answers = [
        json.dumps({"messages": [{"status": "ok", "count": 1, "total": "1"}], "collection": [article]}),
        "<html>",
    ]

    def route(path: str, query: dict[str, str]) -> StubResponse:
        return (200, answers[0], {}) if path.startswith("/pubs/biorxiv") else serve([record(1)])(path, query)

    with serve_host(route) as host:
        papers = fetch(host.url).papers
        assert [(paper.kind, len(paper.links)) for paper in papers] == [("new", 0), ("replace", 1)]
        answers.pop(0)
        answer = fetch(host.url)
    assert [paper.kind for paper in answer.papers] == ["new"]
    assert answer.parts[0].received == answer.parts[0].promised
    assert "was not read" in answer.warnings[0]


def test_categories_are_chosen_and_the_others_count_as_received() -> None:
    with serve_host(serve([record(n) for n in range(10)])) as host:
        answer = fetch(host.url, categories=("Cell_Biology",))
    assert {paper.subjects for paper in answer.papers} == {("cell biology",)}
    assert parts_of(answer)[0] == ("biorxiv", 10, 10)
    assert answer.parts[0].keys == {paper.key for paper in answer.papers}


def test_servers_are_checked_and_weekends_are_days() -> None:
    settings = Settings(_env_file=None, biorxiv_servers="medRxiv", biorxiv_categories="neuroscience, cell_biology")
    own = read_settings_of(BiorxivSource, settings)
    assert (own.servers, own.categories) == (("medrxiv",), ("neuroscience", "cell_biology"))
    with pytest.raises(SettingError, match="DIGEST_BIORXIV_SERVERS: must name one or more of biorxiv, medrxiv"):
        read_settings_of(BiorxivSource, Settings(_env_file=None, biorxiv_servers="arxiv"))
    days = run_with_client(_days)
    assert days == tuple(DAY + timedelta(days=offset) for offset in range(-2, 2))


async def _days(client: Any) -> tuple[date, ...]:
    return BiorxivSource(client).days(NOW)
