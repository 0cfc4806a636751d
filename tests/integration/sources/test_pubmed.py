"""PubMed and Europe PMC over a connection: pages, limits, faults, and what is not asked for twice."""

import asyncio
import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlmodel import select

from digest.database import read_session, write_session
from digest.database.models import Paper, PaperRelation
from digest.errors import MalformedAnswerError, NotListedError, SourceUnavailableError
from digest.jobs.pipeline import collect
from digest.papers import store_listings
from digest.sources import AdvisingSource, HttpValidators, SourceAnswer, SourceClient
from digest.sources.europepmc import EuropePmcSource, parse_page
from digest.sources.paging import PagedEntries, join_lists
from digest.sources.pubmed import DIVIDERS, PubMedSource
from tests.support.contexts import make_context
from tests.support.hosts import Route, StubHost, StubResponse, run_with_client, serve_host

DAY = date(2026, 1, 5)
NOW = datetime(2026, 1, 9, 12, tzinfo=UTC)
SAMPLES = Path(__file__).parents[2] / "data/sources"
RECORDED = Path(__file__).parents[3] / "../shared/data/sources"


def record(number: int) -> str:
    return (
        f"<PubmedArticle><MedlineCitation><PMID>{number}</PMID><Article><ArticleTitle>Title {number}</ArticleTitle>"
        "</Article></MedlineCitation></PubmedArticle>"
    )


def found(count: int, ids: list[int] | None = None, **more: object) -> StubResponse:
    result = {
        "count": str(count),
        "webenv": "MCID_1",
        "querykey": "1",
        "idlist": [str(one) for one in ids or []],
        **more,
    }
    return 200, json.dumps({"header": {"type": "esearch"}, "esearchresult": result}), {}


def records(*numbers: int) -> StubResponse:
    return 200, f"<PubmedArticleSet>{''.join(map(record, numbers))}</PubmedArticleSet>", {}


def serve_numbers(
    numbers: range, change: Callable[[str, dict[str, str]], StubResponse | None] = lambda *_: None
) -> Route:
    """Answer for records of these numbers, of which none is retracted; `change` may answer in place of this."""

    def route(path: str, query: dict[str, str]) -> StubResponse:
        if (changed := change(path.rpartition("/")[2].partition(".")[0], query)) is not None:
            return changed
        if "esearch" in path:
            return found(0) if query["datetype"] == "mdat" else found(len(numbers), [*numbers])
        start = int(query["retstart"])
        return records(*numbers[start : start + int(query["retmax"])])

    return route


def fetch(
    host: StubHost,
    *,
    query: str = "",
    key: str = "",
    now: datetime = NOW,
    cached: dict[str, HttpValidators] | None = None,
    source: type[PubMedSource] | type[EuropePmcSource] = PubMedSource,
) -> SourceAnswer:
    def call(client: SourceClient) -> object:
        settings = {"query": query, "url": host.url} | ({"api_key": SecretStr(key)} if key else {})
        client.contact = "ada@example.org"
        return source.from_settings(source.Settings(**settings), client).fetch(DAY, now)  # type: ignore[arg-type]

    return run_with_client(call, cached)  # type: ignore[arg-type]


def requests_to(host: StubHost, program: str) -> list[dict[str, str]]:
    paths = [urlsplit(path) for path in host.requested_paths if program in path]
    return [{name: values[0] for name, values in parse_qs(path.query).items()} for path in paths]


def test_a_day_is_read_page_by_page_and_is_whole() -> None:
    with serve_host(serve_numbers(range(1, 452))) as host:
        answer = fetch(host, query="asthma[mh]", key="k" * 36)
    assert [(part.promised, part.received) for part in answer.parts] == [(451, 451)]
    assert [paper.rank for paper in answer.papers] == list(range(1, 452))
    assert not answer.warnings
    first = requests_to(host, "esearch")[0]
    assert (first["mindate"], first["maxdate"], first["datetype"]) == ("2026/01/05", "2026/01/05", "edat")
    assert (first["term"], first["tool"], first["email"]) == ("asthma[mh]", "digest", "ada@example.org")
    assert {request["api_key"] for request in requests_to(host, "eutils")} == {"k" * 36}
    assert [request["retstart"] for request in requests_to(host, "efetch")] == ["0", "200", "400"]


def test_a_day_that_did_not_change_is_not_fetched_again() -> None:
    with serve_host(serve_numbers(range(1, 4))) as host:
        (validators,) = fetch(host).validators
        cached = {validators.url: validators}
        host.requested_paths.clear()
        answer = fetch(host, cached=cached)
        assert answer.not_modified
        assert not requests_to(host, "efetch")


def test_a_day_with_one_more_record_is_fetched_again() -> None:
    numbers = [1, 2, 3]

    def route(path: str, query: dict[str, str]) -> StubResponse:
        return serve_numbers(range(1, len(numbers) + 1))(path, query)

    with serve_host(route) as host:
        (validators,) = fetch(host).validators
        numbers.append(4)
        answer = fetch(host, cached={validators.url: validators})
    assert [(part.promised, part.received) for part in answer.parts] == [(4, 4)]


def test_a_short_page_is_requested_once_more_and_then_reported() -> None:
    def cut(program: str, query: dict[str, str]) -> StubResponse | None:
        return records(1, 2) if program == "efetch" and query["retstart"] == "0" else None

    with serve_host(serve_numbers(range(1, 6), cut)) as host:
        answer = fetch(host)
    assert len(requests_to(host, "efetch")) == 2
    assert [(part.promised, part.received) for part in answer.parts] == [(5, 2)]
    assert answer.warnings == ("PubMed gave 2 of 5 papers for 2026-01-05",)
    assert not answer.validators


def test_a_page_that_fails_leaves_the_others() -> None:
    def fail(program: str, query: dict[str, str]) -> StubResponse | None:
        is_second = program == "efetch" and query["retstart"] == "200"
        return (200, "<html><body>Error 500</body></html>", {}) if is_second else None

    with serve_host(serve_numbers(range(1, 301), fail)) as host:
        answer = fetch(host)
    assert [(part.promised, part.received) for part in answer.parts] == [(300, 200)]
    assert "did not return records but html" in answer.warnings[0]


def test_a_search_beyond_the_limit_is_divided() -> None:
    def divide(program: str, query: dict[str, str]) -> StubResponse | None:
        if program == "esearch" and query["datetype"] == "edat":
            halves = {
                f"(birds) AND {DIVIDERS[0]}": found(2, webenv="A"),
                f"(birds) NOT {DIVIDERS[0]}": found(3, webenv="B"),
            }
            return halves.get(query["term"], found(10_001))
        return None if program == "esearch" else records(*((1, 2) if query["WebEnv"] == "A" else (3, 4, 5)))

    with serve_host(serve_numbers(range(0), divide)) as host:
        answer = fetch(host, query="birds")
    assert sorted(int(paper.source_id) for paper in answer.papers) == [1, 2, 3, 4, 5]
    assert [(part.promised, part.received) for part in answer.parts] == [(10_001, 5)]


def test_lists_of_a_divided_search_are_whole_together() -> None:
    lists = [
        PagedEntries(versions={(f"pmid:{n}", 1) for n in numbers}, named_total=3) for numbers in ((1, 2, 3), (4, 5, 6))
    ]
    assert join_lists(lists, 6).is_whole
    assert not join_lists(lists, 7).is_whole


def test_papers_retracted_on_the_day_are_news_of_known_papers() -> None:
    def retract(program: str, query: dict[str, str]) -> StubResponse | None:
        if program == "esearch" and query["datetype"] == "mdat":
            assert query["term"] == "(birds) AND retracted publication[pt]"
            return found(1, [70000001], webenv="R")
        is_retraction = program == "efetch" and query["WebEnv"] == "R"
        return (200, (SAMPLES / "pubmed.xml").read_text(), {}) if is_retraction else None

    with serve_host(serve_numbers(range(1, 3), retract)) as host:
        answer = fetch(host, query="birds")
    assert [(part.promised, part.received) for part in answer.parts] == [(2, 2)]
    news = {paper.source_id: paper for paper in answer.papers if paper.kind == "replace"}
    assert news["70000001"].paper_kind == "retraction"


def test_retractions_that_cannot_be_read_harm_no_day() -> None:
    def fail(program: str, query: dict[str, str]) -> StubResponse | None:
        return (200, '{"error":"down"}', {}) if query.get("datetype") == "mdat" else None

    with serve_host(serve_numbers(range(1, 3), fail)) as host:
        answer = fetch(host)
    assert (len(answer.papers), [part.received for part in answer.parts]) == (2, [2])
    assert "retracted on 2026-01-05" in answer.warnings[0]


@pytest.mark.parametrize(
    ("response", "error"),
    [
        ((200, "<html>maintenance</html>", {}), MalformedAnswerError),
        ((200, "", {}), MalformedAnswerError),
        ((200, "[]", {}), MalformedAnswerError),
        ((200, '{"esearchresult":{"ERROR":"Search Backend failed"}}', {}), MalformedAnswerError),
        ((200, '{"esearchresult":{"count":"x"}}', {}), MalformedAnswerError),
        ((200, '{"error":"API rate limit exceeded","limit":"3"}', {}), SourceUnavailableError),
        ((400, '{"error":"API key invalid","api-key":"secretsecretsecret","type":"ip"}', {}), MalformedAnswerError),
        ((200, '{"error":"API key invalid","api-key":"secretsecretsecret"}', {}), MalformedAnswerError),
        ((200, '{"api-key":"secretsecretsecret"}', {}), MalformedAnswerError),
        ((414, "<html>Submitted URI too large!</html>", {}), MalformedAnswerError),
        ((500, "", {}), SourceUnavailableError),
    ],
)
def test_errors_with_any_status_are_named(response: StubResponse, error: type[Exception]) -> None:
    with serve_host(lambda *_: response) as host, pytest.raises(error) as raised:
        fetch(host, key="secret" * 6)
    assert "secret" not in str(raised.value)
    assert "ada@example.org" not in str(raised.value)


def test_an_empty_day_is_no_list_until_it_is_over() -> None:
    with serve_host(serve_numbers(range(0))) as host:
        assert [part.promised for part in fetch(host).parts] == [0]
        assert not requests_to(host, "efetch")
        with pytest.raises(NotListedError):  # five hours later at Greenwich than in Bethesda
            fetch(host, now=datetime(2026, 1, 6, 4, tzinfo=UTC))


def test_words_that_pubmed_does_not_know_are_reported() -> None:
    errors = {"phrasesnotfound": ["astma[mh]"], "fieldsnotfound": []}

    def misspell(program: str, query: dict[str, str]) -> StubResponse | None:
        return found(1, [1], errorlist=errors) if query.get("datetype") == "edat" else None

    with serve_host(serve_numbers(range(1, 2), misspell)) as host:
        assert fetch(host).warnings == ("PubMed does not know 'astma[mh]' in DIGEST_PUBMED_QUERY",)


def test_sources_say_what_their_hosts_ask_for() -> None:
    async def tell(client: SourceClient) -> list[list[str]]:
        sources: list[AdvisingSource] = [
            PubMedSource(client),
            PubMedSource(client, key),
            PubMedSource(client, "", key),
            EuropePmcSource(client),
        ]
        return [[advice.sentence for advice in source.advice()] for source in sources]

    key = "k" * 36
    everything, query_only, with_key, europe = run_with_client(tell)
    assert len(everything) == 2
    assert "DIGEST_CONTACT" in everything[0]
    assert "DIGEST_PUBMED_API_KEY" in everything[1]
    assert len(query_only) == len(with_key) == len(europe) == 1


def test_the_pace_is_three_a_second_and_ten_with_a_key() -> None:
    async def tell(client: SourceClient) -> list[float]:
        return [gap for key in ("", "k") for gap in PubMedSource(client, "", key).hosts.values()]

    assert run_with_client(tell) == [0.34, 0.1]


def test_current_days_are_those_of_bethesda() -> None:
    async def tell(client: SourceClient) -> list[date]:
        return list(PubMedSource(client).days(datetime(2026, 1, 6, 4, tzinfo=UTC)))

    assert run_with_client(tell) == [DAY - timedelta(days=days) for days in (4, 3, 2, 1, 0)]


def europe_page(numbers: range, total: int, cursor: str) -> StubResponse:
    results = [{"id": str(n), "source": "MED", "pmid": str(n), "title": f"Title {n}."} for n in numbers]
    answer = {"hitCount": total, "resultList": {"result": results}} | ({"nextCursorMark": cursor} if cursor else {})
    return 200, json.dumps(answer), {}


@pytest.mark.parametrize("last", ["", "C2"])  # names no next page, or itself again
def test_a_chain_of_cursors_is_read_to_its_end(last: str) -> None:
    def route(_path: str, query: dict[str, str]) -> StubResponse:
        pages = {
            "*": europe_page(range(1, 501), 1100, "C1"),
            "C1": europe_page(range(501, 1001), 1100, "C2"),
            "C2": europe_page(range(1001, 1101), 1100, last),
        }
        return pages[query["cursorMark"]]

    with serve_host(route) as host:
        answer = fetch(host, query="asthma", source=EuropePmcSource)
    assert [(part.promised, part.received) for part in answer.parts] == [(1100, 1100)]
    request = requests_to(host, "search")[0]
    assert request["query"] == "(asthma) AND FIRST_IDATE:[2026-01-05 TO 2026-01-05] AND (SRC:MED OR SRC:PPR)"
    assert (request["resultType"], request["email"], len(host.requested_paths)) == ("core", "ada@example.org", 3)


def test_a_chain_that_breaks_off_is_reported() -> None:
    def route(_path: str, query: dict[str, str]) -> StubResponse:
        return europe_page(range(1, 501), 1100, "C1") if query["cursorMark"] == "*" else (200, '{"errMsg": "no"}', {})

    with serve_host(route) as host:
        answer = fetch(host, query="SRC:AGR", source=EuropePmcSource)
    assert [(part.promised, part.received) for part in answer.parts] == [(1100, 500)]
    assert "500 of 1,100" in " ".join(answer.warnings)
    assert "SRC:MED" not in requests_to(host, "search")[0]["query"]


def test_an_empty_list_of_europe_pmc_counts_when_the_day_is_over() -> None:
    with serve_host(lambda *_: europe_page(range(0), 0, "")) as host:
        assert [part.promised for part in fetch(host, source=EuropePmcSource).parts] == [0]
        with pytest.raises(NotListedError):
            fetch(host, source=EuropePmcSource, now=datetime(2026, 1, 5, 23, tzinfo=UTC))


def test_a_collected_day_links_retractions_and_preprints_and_is_settled(store: Engine) -> None:
    body = (SAMPLES / "pubmed.xml").read_text()

    def route(path: str, query: dict[str, str]) -> StubResponse:
        if "efetch" in path:
            return 200, body, {}
        return found(0) if query["datetype"] == "mdat" or query["mindate"] != "2026/01/05" else found(7, [*range(7)])

    with serve_host(route) as host:
        ctx = make_context(store, sources="pubmed", pubmed_url=host.url)
        for _ in range(2):
            (report,) = asyncio.run(collect(ctx, NOW, days=None))
    assert (report.failed, report.listed, len(requests_to(host, "efetch"))) == (0, 0, 1)
    with read_session(store) as session:
        titles = {paper.id: paper.title for paper in session.exec(select(Paper))}
        relations = {
            (link.relation, titles[link.paper_id], titles[link.other_id])
            for link in session.exec(select(PaperRelation))
            if link.other_id
        }
        kinds = {paper.title: paper.kind for paper in session.exec(select(Paper))}
        subjects = {paper.title: (paper.journal, paper.subjects) for paper in session.exec(select(Paper))}
    article = "Uptake of CO₂ by Parus eggs & nests"
    assert relations == {
        ("retracts", 'Retraction notice to: "Eggs of stone"', "Retracted: Eggs of stone"),
        ("published", "Uptake of CO2 by tit eggs and nests", article),
    }
    assert kinds["Retracted: Eggs of stone"] == "retraction"
    assert subjects[article] == ("The journal of small birds", ["Birds", "nest boxes"])


def test_recorded_twins_of_europe_pmc_are_one_paper_and_its_preprints_are_linked(sqlite_store: Engine) -> None:
    pages = sorted(RECORDED.glob("europepmc/*.json.gz"))
    if not pages:
        pytest.skip("no recorded data beside the repository")
    answers = [json.loads(gzip.decompress(path.read_bytes())) for path in pages if "idlist" not in path.name]
    entries = [paper for answer in answers for paper in parse_page(answer, "here", DAY).entries.papers]
    with write_session(sqlite_store) as session:
        store_listings(session, list({paper.source_id: paper for paper in entries}.values()), NOW)
    with read_session(sqlite_store) as session:
        assert len([paper for paper in session.exec(select(Paper)) if not paper.merged_into]) == 600
        relations = [(link.relation, link.rule, bool(link.other_id)) for link in session.exec(select(PaperRelation))]
    linked = sorted(relation for relation in relations if relation[2])
    assert linked == [("published", "source", True), *[("same", "title", True)] * 5]
