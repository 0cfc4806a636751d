"""Days of Crossref over a real connection: a cursor that stays the same, refused fields, and texts by DOI."""

import asyncio
import json
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from digest.config import Settings
from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Paper, PaperEvent, PaperIdentifier
from digest.errors import MalformedAnswerError, SettingError
from digest.jobs.collect import collect_sources
from digest.papers import store_listings
from digest.sources import ListedPaper, SourceAnswer, read_settings_of
from digest.sources.crossref import PAGE_SIZE, CrossrefSource
from tests.support.contexts import make_context
from tests.support.hosts import Route, StubResponse, run_with_client, serve_host

DAY = date(2026, 7, 28)
NOW = datetime(2026, 7, 30, 8, tzinfo=UTC)
NATURE, CHEMRXIV = "0028-0836", "10.26434"


def work(number: int, **more: Any) -> dict[str, Any]:
    return {
        "DOI": f"10.5555/work.{number}",
        "type": "journal-article",
        "title": [f"Folding of protein {number}"],
    } | more


class Crossref:
    """Host that gives pages in turn for a cursor that stays the same, as Crossref does."""

    def __init__(self, **works: list[dict[str, Any]]) -> None:
        self.works = works  # by the name of the first filter
        self.texts: dict[str, dict[str, Any]] = {}
        self.refused: set[str] = set()
        self.total: int | None = None
        self._position: dict[str, int] = {}

    def route(self, path: str, query: dict[str, str]) -> StubResponse:
        if path.startswith("/works/"):
            found = self.texts.get(unquote(path.removeprefix("/works/")))
            return (200, json.dumps({"message": found}), {}) if found else (404, "Resource not found.", {})
        for name in self.refused & query.keys():
            return 400, json.dumps({"status": "failed", "message": [{"type": f"{name}-not-valid"}]}), {}
        name = query["filter"].partition(":")[0].replace("-", "_")
        listed = self.works.get(name, []) if f"from-created-date:{DAY}" in query["filter"] else []
        start = 0 if query["cursor"] == "*" else self._position[name]
        self._position[name] = start + int(query["rows"])
        message = {
            "total-results": len(listed) if self.total is None else self.total,
            "items": listed[start : start + int(query["rows"])],
            "next-cursor": "DnF1ZXJ5VGhlbkZldGNo",
        }
        return 200, json.dumps({"status": "ok", "message": message}), {}


def fetch(route: Route, **settings: Any) -> tuple[SourceAnswer, list[str]]:
    with serve_host(route) as host:
        usual: dict[str, Any] = {"issn": (NATURE,)}
        answer = run_with_client(
            lambda client: CrossrefSource(client, **(usual | settings), url=host.url).fetch(DAY, NOW)
        )
        return answer, host.requested_paths


def parts_of(answer: SourceAnswer) -> list[tuple[str, int, int]]:
    return [(part.name, part.received, part.promised) for part in answer.parts]


@pytest.mark.parametrize("count", [0, 7, PAGE_SIZE, 2 * PAGE_SIZE + 1])
def test_all_pages_come_although_the_cursor_stays_the_same(count: int) -> None:
    host = Crossref(issn=[work(n) for n in range(count)])
    answer, paths = fetch(host.route, prefixes=(CHEMRXIV,))
    assert parts_of(answer) == [("issn", count, count), ("prefix", 0, 0), ("notice", 0, 0)]
    assert len({paper.key for paper in answer.papers}) == count
    queries = [parse_qs(urlsplit(path).query) for path in paths]
    days = f"from-created-date:{DAY},until-created-date:{DAY}"
    assert queries[0]["filter"] == [f"issn:{NATURE},{days}"]
    assert f"prefix:{CHEMRXIV},{days}" in queries[-2]["filter"]
    assert "update-type:retraction" in queries[-1]["filter"][0]


def test_a_page_that_is_skipped_leaves_the_day_incomplete() -> None:
    host = Crossref(issn=[work(n) for n in range(10)])
    host.total = 12
    answer, _ = fetch(host.route)
    assert parts_of(answer)[0] == ("issn", 10, 12)
    assert "Crossref gave 10 of 12 papers" in answer.warnings[0]


def test_matter_counts_and_a_work_without_title_is_named() -> None:
    host = Crossref(issn=[work(1), work(2, title=[]), work(3, type="journal-issue", title=[])])
    answer, _ = fetch(host.route)
    assert parts_of(answer)[0] == ("issn", 3, 3)
    assert [paper.paper_kind for paper in answer.papers] == ["", "matter"]
    assert answer.parts[0].unreadable == 1


def test_fields_that_the_host_refuses_are_not_selected_again() -> None:
    host = Crossref(issn=[work(1)])
    host.refused = {"select"}
    answer, paths = fetch(host.route)
    assert len(answer.papers) == 1
    assert ["select" in path for path in paths] == [True, False, False]
    host.refused = {"rows"}
    with pytest.raises(MalformedAnswerError, match="answers 400"):
        fetch(host.route)


def test_the_gap_of_a_feed_is_repaired_by_its_journal() -> None:
    host = Crossref(issn=[work(1), work(2, DOI="10.26434/chemrxiv.1/v2")])
    with serve_host(host.route) as server:
        answer = run_with_client(
            lambda client: CrossrefSource(client, url=server.url).fetch_range(
                DAY, NOW.date(), source="nature", list_day=NOW.date(), issn=(NATURE,)
            )
        )
        assert f"until-created-date:{NOW.date()}" in parse_qs(urlsplit(server.requested_paths[0]).query)["filter"][0]
    assert [(paper.source, paper.list_day, paper.kind) for paper in answer.papers] == [("nature", NOW.date(), "listed")]
    assert parts_of(answer) == [("nature", 2, 2)]


def test_settings_are_checked() -> None:
    own = read_settings_of(
        CrossrefSource, Settings(_env_file=None, crossref_issn="00280836, 1476-468x", crossref_prefixes=CHEMRXIV)
    )
    assert (own.issn, own.prefixes) == ((NATURE, "1476-468X"), (CHEMRXIV,))
    for name, value in (("ISSN", "Nature"), ("PREFIXES", "26434")):
        with pytest.raises(SettingError, match=f"DIGEST_CROSSREF_{name}: must be"):
            read_settings_of(CrossrefSource, Settings.model_validate({f"crossref_{name.lower()}": value}))


def collect(ctx: AppContext, now: datetime) -> None:
    reports = asyncio.run(collect_sources(ctx, now, days=[DAY]))
    assert not [report for report in reports if report.failed]


def rows(ctx: AppContext) -> list[Paper]:
    with read_session(ctx.engine) as session:
        return list(session.exec(select(Paper).order_by(col(Paper.id))))


def test_abstracts_are_filled_in_once_and_notices_mark_known_papers(sqlite_store: Engine) -> None:
    about = [{"DOI": "10.5555/work.1", "type": "retraction"}, {"DOI": "10.5555/unknown", "type": "retraction"}]
    host = Crossref(
        issn=[work(4)],
        update_type=[
            work(9, title=["Retraction: Folding of protein 1"], **{"update-to": about}),
            work(10, title=["Retraction: unknown"], **{"update-to": about[1:]}),
        ],
    )
    host.texts["10.5555/work.2"] = work(2, abstract="<jats:p>It folds.</jats:p>")
    listed = [
        ListedPaper(
            source="feed", list_day=DAY, rank=n, title=f"Folding of protein {n}", doi=f"10.5555/work.{n}", url="u"
        )
        for n in (1, 2, 3)
    ]
    with serve_host(host.route) as server:
        ctx = make_context(sqlite_store, sources="crossref", crossref_url=server.url, crossref_issn=NATURE)
        with write_session(ctx.engine) as session:
            store_listings(session, listed, NOW)
        for _ in range(2):
            collect(ctx, NOW)
        requested = [path.partition("?")[0] for path in server.requested_paths if path.startswith("/works/")]
        assert requested == [f"/works/10.5555/work.{n}" for n in (3, 2)], "asked twice, or of what nobody will get"
        papers = rows(ctx)
        assert [(paper.title, paper.kind) for paper in papers] == [
            ("Folding of protein 1", "paper"),
            ("Folding of protein 2", "paper"),
            ("Folding of protein 3", "paper"),
            ("Folding of protein 4", "paper"),
            ("Retraction: Folding of protein 1", "retraction"),
        ]
        assert [paper.abstract for paper in papers] == ["", "It folds.", "", "", ""]
        assert [paper.first_listing_id for paper in papers] == [1, 2, 3, 4, 0]
        with read_session(ctx.engine) as session:
            events = session.exec(select(PaperEvent.paper_id, PaperEvent.kind)).all()
            assert events == [(1, "retracted")]
            assert "10.5555/unknown" not in session.exec(select(PaperIdentifier.value)).all()
        host.texts["10.5555/work.3"] = work(3, abstract="<jats:p>It unfolds.</jats:p>")
        server.requested_paths.clear()
        collect(ctx, NOW.replace(month=8, day=14))
        requested = [path.partition("?")[0] for path in server.requested_paths if path.startswith("/works/")]
        assert requested == [f"/works/10.5555/work.{n}" for n in (4, 3)], "two weeks later"
        assert rows(ctx)[2].abstract == "It unfolds."
