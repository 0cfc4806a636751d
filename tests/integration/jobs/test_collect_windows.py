"""Feeds: read when they are due, each paper once, and gaps told and filled."""

import asyncio
import json
import lzma
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from digest.context import AppContext
from digest.database import read_session
from digest.database.models import Feed, Listing, Paper, SourceFetch
from digest.jobs import SourceReport
from digest.jobs.pipeline import collect
from digest.papers import SourceProblem, load_source_problems, load_source_titles
from digest.papers.fetches.source_status import subscriber_notices
from tests.support.contexts import make_context
from tests.support.hosts import StubResponse, serve_host

NOW = datetime(2026, 8, 3, 8, tzinfo=UTC)  # a Monday
SERIES = Path(__file__).parents[3] / "../shared/data/sources/feed_series"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def item(number: int, *, version: int = 1, day: datetime = NOW, text: str = "About waves.") -> str:
    doi = f"10.26434/chemrxiv.{15000000 + number}/v{version}"
    return (
        f"<item><title>Waves of the number {number}, and how they come and go</title>"
        f"<link>https://preprints.example.org/doi/full/{doi}?af=R</link><guid>https://preprints.example.org/{doi}</guid>"
        f"<pubDate>{day:%Y-%m-%dT%H:%M:%SZ}</pubDate><description>{text}</description></item>"
    )


def rss(items: Sequence[str], head: str = "") -> str:
    return f'<rss version="2.0"><channel><title>Tidal Archive</title>{head}{"".join(items)}</channel></rss>'


@dataclass
class FeedHost:
    """Host of feeds, whose answers a test sets."""

    url: str = ""
    answers: dict[str, StubResponse] = field(default_factory=dict)
    filtered: dict[str, StubResponse] = field(default_factory=dict)  # of Crossref, by what a filter holds
    requested: list[str] = field(default_factory=list)

    def show(self, body: str, path: str = "/feed", **headers: str) -> None:
        self.answers[path] = (200, body, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.fixture
def host() -> Iterator[FeedHost]:
    shown = FeedHost()

    def route(path: str, query: dict[str, str]) -> StubResponse:
        found = [answer for text, answer in shown.filtered.items() if text in query.get("filter", "")]
        return found[0] if found else shown.answers.get(path, (404, "", {}))

    with serve_host(route) as server:
        shown.url, shown.requested = server.url, server.requested_paths
        yield shown


def context(store: Engine, host: FeedHost, **settings: object) -> AppContext:
    feeds = settings.pop("feeds", f"tides = {host.url}/feed")
    return make_context(store, **({"sources": "feeds", "feeds": feeds} | settings))


def read(ctx: AppContext, now: datetime) -> SourceReport:
    (report,) = asyncio.run(collect(ctx, now))
    return report


def problems(ctx: AppContext, now: datetime) -> list[SourceProblem]:
    with read_session(ctx.engine) as session:
        return load_source_problems(session, now)


def statuses(ctx: AppContext) -> list[str]:
    with read_session(ctx.engine) as session:
        return [str(row.status) for row in session.exec(select(SourceFetch).order_by(col(SourceFetch.id)))]


def feed_row(ctx: AppContext) -> Feed:
    with read_session(ctx.engine) as session:
        return session.exec(select(Feed)).one()


def test_a_first_reading_lists_what_is_young_and_stores_the_rest(store: Engine, host: FeedHost) -> None:
    ctx = context(store, host)
    host.show(rss([item(1), item(2, day=NOW - 30 * DAY), item(3, day=NOW - DAY)]))
    report = read(ctx, NOW)
    assert (report.listed, report.new, report.problems) == (2, 3, [])
    with read_session(store) as session:
        papers = session.exec(select(Paper).order_by(col(Paper.id))).all()
        listings = session.exec(select(Listing)).all()
        titles = load_source_titles(session, ["tides", "arxiv"])
    assert titles == {"tides": "Tidal Archive", "arxiv": "arXiv"}
    assert [bool(paper.first_listing_id) for paper in papers] == [True, False, True]
    assert {(listing.source, str(listing.list_day)) for listing in listings} == {("tides", "2026-08-03")}


def test_an_entry_is_listed_once_and_a_revision_is_no_listing(sqlite_store: Engine, host: FeedHost) -> None:
    ctx = context(sqlite_store, host)
    host.show(rss([item(1), item(2)]))
    read(ctx, NOW)
    host.show(rss([item(3), item(1, version=2, text="Now about more waves."), item(1), item(2)]))
    report = read(ctx, NOW + DAY)
    assert (report.listed, report.new) == (1, 1)
    with read_session(sqlite_store) as session:
        revised = session.exec(select(Paper).where(Paper.doi == "10.26434/chemrxiv.15000001")).one()
        assert (revised.version, revised.abstract) == (2, "Now about more waves.")
        assert len(session.exec(select(Listing)).all()) == 3


def test_a_feed_is_read_again_when_it_is_due(sqlite_store: Engine, host: FeedHost) -> None:
    ctx = context(sqlite_store, host)
    host.show(rss([item(number, day=NOW - number * HOUR) for number in range(48)]), ETag='"a"')
    read(ctx, NOW)
    interval = timedelta(seconds=feed_row(ctx).interval_seconds)
    assert 16 * HOUR < interval < 17 * HOUR  # 48 entries in two days: a third of the turnover
    read(ctx, NOW + interval - HOUR)
    assert len(host.requested) == 1
    read(ctx, NOW + interval)
    assert (len(host.requested), statuses(ctx)) == (2, ["ok", "unchanged"])


def test_the_operator_has_a_feed_read_before_it_is_due_but_not_while_its_host_refuses(
    sqlite_store: Engine, host: FeedHost
) -> None:
    ctx = context(sqlite_store, host)
    host.show(rss([item(1), item(2)]))
    read(ctx, NOW)
    assert asyncio.run(collect(ctx, NOW + HOUR, only=["arxiv"])) == []
    asyncio.run(collect(ctx, NOW + HOUR, only=["feeds"]))
    assert statuses(ctx) == ["ok", "ok"]
    host.answers["/feed"] = (429, "", {"Retry-After": "7200"})
    asyncio.run(collect(ctx, NOW + 2 * HOUR, only=["feeds"]))
    asyncio.run(collect(ctx, NOW + 3 * HOUR, only=["feeds"]))
    assert (statuses(ctx), len(host.requested)) == (["ok", "ok", "failed"], 3)


def test_a_gap_is_reported_halves_the_interval_and_stands_for_two_weeks(store: Engine, host: FeedHost) -> None:
    ctx = context(store, host)
    host.show(rss([item(number) for number in range(10)]))
    read(ctx, NOW)
    later = NOW + 3 * DAY
    host.show(rss([item(number, day=later) for number in range(100, 110)]))
    report = read(ctx, later)
    assert (report.listed, statuses(ctx)) == (10, ["ok", "gap"])
    sentence = (
        "Tidal Archive's feed turned over between Monday 3 August, 08:00 and Thursday 6 August, 08:00; papers may be"
        " missing."
    )
    (problem,) = problems(ctx, later)
    assert (problem.kind, problem.sentence, problem.is_error) == ("gap", sentence, True)
    assert subscriber_notices([problem]) == (sentence,)
    assert timedelta(seconds=feed_row(ctx).interval_seconds) <= timedelta(hours=12)
    (problem,) = problems(ctx, later + 10 * DAY)
    assert subscriber_notices([problem]) == ()  # e-mails have told it
    assert problems(ctx, later + 14 * DAY) == []


def test_a_gap_is_filled_from_earlier_documents(sqlite_store: Engine, host: FeedHost) -> None:
    ctx = context(sqlite_store, host)
    host.show(rss([item(number) for number in range(10)]))
    read(ctx, NOW)
    link = '<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="prev-archive" href="{}"/>'
    host.show(rss([item(number) for number in range(30, 40)], link.format("/2.xml")))
    host.show(rss([item(number) for number in range(20, 30)], link.format("/1.xml")), "/2.xml")
    host.show(rss([item(number) for number in range(5, 20)]), "/1.xml")
    report = read(ctx, NOW + 3 * DAY)
    assert (report.new, report.failed) == (30, 0)
    assert problems(ctx, NOW + 3 * DAY) == []
    assert host.requested == ["/feed", "/feed", "/2.xml", "/1.xml"]


def test_a_thin_overlap_is_for_the_operator(sqlite_store: Engine, host: FeedHost) -> None:
    ctx = context(sqlite_store, host)
    host.show(rss([item(number) for number in range(10)]))
    read(ctx, NOW)
    host.show(rss([item(number) for number in range(8, 18)]))
    read(ctx, NOW + DAY)
    (problem,) = problems(ctx, NOW + DAY)
    assert (problem.kind, problem.is_error) == ("thin", False)
    assert "2 of its 10 entries were known" in problem.sentence
    assert subscriber_notices([problem]) == ()


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((410, "", {}), "gone", "is gone since Tuesday 4 August"),
        ((404, "", {}), "gone", "is gone since Tuesday 4 August"),
        ((200, "<!doctype html><html></html>", {}), "no-feed", "has been no feed since Tuesday 4 August"),
        ((403, "", {}), "down", "has not been read since Tuesday 4 August"),
    ],
)
def test_what_is_no_feed_any_more_is_reported(
    sqlite_store: Engine, host: FeedHost, answer: StubResponse, kind: str, words: str
) -> None:
    ctx = context(sqlite_store, host)
    host.show(rss([item(1)]))
    read(ctx, NOW)
    host.answers["/feed"] = answer
    for days in range(1, 6):
        report = read(ctx, NOW + days * DAY)
        assert report.failed == 1
        if kind == "down" and days < 4:
            assert problems(ctx, NOW + days * DAY) == []
    (problem,) = problems(ctx, NOW + 5 * DAY)
    assert problem.kind == kind
    assert words in problem.sentence


def test_a_feed_that_is_read_too_rarely_says_so(sqlite_store: Engine, host: FeedHost) -> None:
    ctx = context(sqlite_store, host)
    for days in range(4):
        now = NOW + days * DAY
        host.show(rss([item(100 * days + number, day=now - number * HOUR) for number in range(-4, 24)]))
        report = read(ctx, now)
    assert "should be read every" in report.problems[-1]
    assert "rare" in {problem.kind for problem in problems(ctx, now)}


def test_a_feed_that_moved_for_good_is_followed_and_reported(sqlite_store: Engine, host: FeedHost) -> None:
    ctx = context(sqlite_store, host)
    host.answers["/feed"] = (301, "", {"Location": "/new"})
    host.show(rss([item(1)]), "/new")
    assert read(ctx, NOW).listed == 1
    (problem,) = problems(ctx, NOW)
    assert problem.sentence == f"Tidal Archive's feed has moved to {host.url}/new; give that address in DIGEST_FEEDS."


def test_a_feed_that_the_settings_name_no_more_has_no_problems(sqlite_store: Engine, host: FeedHost) -> None:
    ctx = context(sqlite_store, host, feeds=f"tides = {host.url}/feed\ngone = {host.url}/gone")
    host.show(rss([item(1)]))
    assert read(ctx, NOW).failed == 1
    assert [problem.kind for problem in problems(ctx, NOW)] == ["gone"]
    read(context(sqlite_store, host), NOW + HOUR)
    assert problems(ctx, NOW + HOUR) == []


@pytest.mark.skipif(not SERIES.exists(), reason="no recorded feeds beside the checkout")
def test_papers_whose_ids_are_written_anew_are_listed_once(sqlite_store: Engine, host: FeedHost) -> None:
    """Chemical Science wrote its ids anew three times in a day: 276 ids for 94 papers."""
    ctx = context(sqlite_store, host)
    with lzma.open(SERIES / "chem_sci.jsonl.xz") as lines:
        versions = [json.loads(line) for line in lines]
    start = datetime.fromisoformat(versions[0]["at"])
    for number, version in enumerate(versions):
        host.show(version["body"])
        read(ctx, start + number * DAY)
    with read_session(sqlite_store) as session:
        papers = session.exec(select(Paper)).all()
        listed = session.exec(select(Listing.paper_id)).all()
    assert (len(papers), len(set(listed))) == (94, len(listed))
    assert len(listed) == sum(paper.first_listing_id > 0 for paper in papers)
    assert set(statuses(ctx)) == {"ok"}  # a new id for a known paper is no gap


def crossref_work(doi: str, title: str) -> dict[str, object]:
    return {"DOI": doi, "title": [title], "type": "journal-article", "created": {"date-parts": [[2026, 8, 5]]}}


def crossref_answer(works: Sequence[dict[str, object]]) -> StubResponse:
    message = {"items": works, "total-results": len(works), "next-cursor": "c"}
    return (200, json.dumps({"status": "ok", "message": message}), {})


@pytest.mark.parametrize("issn", ["1234-5678", ""], ids=["issn in the feed", "issn by a paper"])
def test_a_gap_is_filled_by_crossref(sqlite_store: Engine, host: FeedHost, issn: str) -> None:
    def journal(numbers: range) -> str:
        head = f'<prism:issn xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/">{issn}</prism:issn>'
        items = [
            f"<item><title>Paper number {number} about the tides</title><link>https://doi.org/10.5555/tide.{number}</link>"
            f"<pubDate>{NOW:%Y-%m-%dT%H:%M:%SZ}</pubDate></item>"
            for number in numbers
        ]
        return rss(items, head if issn else "")

    ctx = context(sqlite_store, host, sources="feeds,crossref", crossref_url=host.url)
    host.answers["/works"] = crossref_answer([])
    host.show(journal(range(8)))
    asyncio.run(collect(ctx, NOW))
    host.show(journal(range(20, 28)))
    host.answers["/works/10.5555/tide.20"] = (200, json.dumps({"message": {"ISSN": ["1234-5678"]}}), {})
    host.filtered["issn:1234-5678"] = crossref_answer(
        [crossref_work(f"10.5555/tide.{number}", f"Paper number {number} about the tides") for number in range(5, 25)]
    )
    asyncio.run(collect(ctx, NOW + 3 * DAY))
    assert [problem for problem in problems(ctx, NOW + 3 * DAY) if problem.kind == "gap"] == []
    with read_session(sqlite_store) as session:
        listed = session.exec(select(Listing.source, Paper.doi).join(Paper, col(Paper.id) == Listing.paper_id)).all()
    assert sorted(str(doi) for source, doi in listed if source == "tides") == sorted(
        f"10.5555/tide.{number}" for number in range(28)
    )
    requested = [path for path in host.requested if "1234-5678" in path]
    assert ["from-created-date:2026-08-02,until-created-date:2026-08-06" in path for path in requested] == [True]
