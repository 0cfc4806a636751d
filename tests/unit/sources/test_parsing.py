"""Parsers of Hugging Face's and arXiv's answers, with small samples and, where they are at hand, recorded ones."""

import gzip
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from digest.errors import MalformedAnswerError
from digest.sources import ListedPaper, submission_window
from digest.sources.arxiv.atom import ParsedAnswer, parse_feed
from digest.sources.arxiv.query import parse_query_response
from digest.sources.entries import ParsedEntries, parse_entries
from digest.sources.http import parse_retry_after
from digest.sources.huggingface.entries import MAX_ATTRIBUTES_LENGTH, cut_data_tag, parse_entry, parse_page
from digest.sources.text import clean_url

DATA = Path(__file__).parents[2] / "data/sources"
SHARED = Path(__file__).parents[3] / "../shared/data"
DAY = date(2026, 1, 5)


def parse_list(entries: list[Any], day: date) -> ParsedEntries:
    return parse_entries(entries, lambda entry, rank: parse_entry(entry, day, rank), len(entries))


def recorded_paths(pattern: str) -> list[Path]:
    paths = sorted(SHARED.glob(pattern))
    if not paths:
        pytest.skip("no recorded data beside the repository")
    return paths


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


def test_a_list_day_is_read_as_expected() -> None:
    parsed = parse_list(json.loads((DATA / "daily.json").read_text()), DAY)
    papers, skipped = parsed.papers, parsed.unreadable
    assert as_json([asdict(paper) for paper in papers]) == json.loads((DATA / "daily.expected.json").read_text())
    assert skipped == 2


@pytest.mark.parametrize(
    "bad", ["javascript:alert(1)", "data:text/html,x", "//a.org", "http://", "https://a b", 7, None]
)
def test_only_http_urls_become_links(bad: object) -> None:
    assert clean_url(bad) is None
    assert clean_url(" https://a.org/x?y#z ") == "https://a.org/x?y#z"


def test_identity_is_the_arxiv_id_else_the_doi_else_the_source() -> None:
    base = ListedPaper(source="huggingface", list_day=DAY, rank=1, title="T", url="u", source_id="77")
    assert base.key == "huggingface:77"
    assert ListedPaper(source="s", list_day=DAY, rank=1, title="T", url="u", doi="10.5555/ABC").key == "doi:10.5555/abc"


@pytest.mark.parametrize("name", ["dateString", "date"])
def test_the_page_says_its_day_in_either_shape(name: str) -> None:
    props: dict[str, Any] = {
        name: "2026-01-05T00:00:00.000Z" if name == "date" else "2026-01-05",
        "dailyPapers": [{"paper": {}}],
    }
    page = f'<div data-target="DailyPapers" data-props="{json.dumps(props).replace(chr(34), "&quot;")}"></div>'
    assert parse_page(page, "here") == (DAY, [{"paper": {}}])


@pytest.mark.parametrize(
    "page",
    [
        "",
        "<!doctype html><title>Just a moment...</title>",
        '<div data-target="DailyPapers" data-props="{&quot;dateString&quot;:"></div>',
        '<div data-target="DailyPapers" data-props="[]"></div>',
        '<div data-target="DailyPapers" data-props="{&quot;dateString&quot;:&quot;2026-01-05&quot;}"></div>',
    ],
)
def test_a_page_without_its_data_is_malformed(page: str) -> None:
    with pytest.raises(MalformedAnswerError, match="here"):
        parse_page(page, "here")


def test_the_data_of_a_page_may_stand_before_or_behind_its_name() -> None:
    props = {"date": "2026-01-05", "dailyPapers": [{"paper": {"title": "a > b"}}]}
    data = json.dumps(props).replace('"', "&quot;")
    for attributes in (
        f'data-target="DailyPapers" data-props="{data}"',
        f"data-props='{data}' data-target=DailyPapers",
    ):
        page = f"<div><div class='a b' {attributes} id=x></div></div>"
        assert parse_page(page, "here") == (DAY, props["dailyPapers"])


HOSTILE_PAGES: dict[str, Callable[[int], str]] = {
    "attributes before the data": lambda n: f'<div {"a " * n} data-target="DailyPapers" data-props="{{}}">',
    "attributes between": lambda n: f'<div data-target="DailyPapers" {"a " * n} data-props="{{}}">',
    "attributes behind the data": lambda n: f'<div data-props="{{}}" {"a " * n} data-target="DailyPapers">',
    "attributes at the end": lambda n: f'<div data-target="DailyPapers" data-props="{{}}" {"a " * n}>',
    "targets": lambda n: '<div data-target="DailyPapers">' * n,
    "tags": lambda n: f'{"<b>" * n}<div data-target="DailyPapers" data-props="{{}}">',
    "no end": lambda n: f'<div data-target="DailyPapers" data-props="{"x" * n}',
}


@pytest.mark.parametrize("shape", HOSTILE_PAGES)
def test_of_a_page_only_the_tag_with_the_data_is_parsed_as_html(shape: str) -> None:
    """libxml2 compares every attribute of a tag with all before it: what it is handed is bounded beside the data."""
    page = HOSTILE_PAGES[shape](100_000)
    assert len(cut_data_tag(page)) <= 2 * MAX_ATTRIBUTES_LENGTH + 100
    with pytest.raises(MalformedAnswerError):
        parse_page(page, "here")


@pytest.mark.parametrize(
    "instant",
    ["Tue, 28 Jul 99999999999 00:00:00 -0400", "Tue, 28 Jul 2026 99999999999:00:00 +0000", "0001-01-01T00:00:00+00:00"],
)
def test_a_date_beyond_the_calendar_is_none(instant: str) -> None:
    rss = f"<rss><channel><pubDate>{instant}</pubDate></channel></rss>"
    atom = f'<feed xmlns="http://www.w3.org/2005/Atom"><updated>{instant}</updated></feed>'
    assert [parse_feed(body.encode(), "here").day for body in (rss, atom)] == [None, None]
    assert parse_retry_after({"retry-after": instant}, datetime(2026, 1, 5, tzinfo=UTC)) in {None, 0.0}


def test_every_recorded_list_day_is_read_whole() -> None:
    total = 0
    for path in recorded_paths("huggingface/api/*.json.gz"):
        with gzip.open(path) as file:
            entries = json.load(file)
        parsed = parse_list(entries, date.fromisoformat(path.name[:10]))
        papers, skipped = parsed.papers, parsed.unreadable
        assert (len(papers), skipped) == (len(entries), 0), path.name
        assert all(paper.title and paper.abstract and paper.authors and paper.arxiv_id for paper in papers), path.name
        assert all(paper.upvotes is not None and paper.published_on for paper in papers), path.name
        total += len(papers)
    assert total == 1007


def test_the_recorded_page_of_2024_is_read_whole() -> None:
    page = recorded_paths("huggingface/html/papers_2024-08-01.html")[0].read_text()
    day, entries = parse_page(page, "here")
    parsed = parse_list(entries, day)
    papers, skipped = parsed.papers, parsed.unreadable
    assert (day, len(papers), skipped) == (date(2024, 8, 1), 13, 0)


def test_the_mangled_days_yield_no_paper() -> None:
    for path in recorded_paths("huggingface/malformed/*.json"):
        entries = json.loads(path.read_text())
        assert parse_list(entries, DAY) == ParsedEntries((), len(entries))


def test_a_feed_is_read_as_expected() -> None:
    feed = parse_feed((DATA / "feed.xml").read_bytes(), "here")
    papers = feed.entries.papers
    rows = [
        [x.kind, x.arxiv_id, x.version, x.title, x.abstract, list(x.authors), list(x.categories), x.doi] for x in papers
    ]
    assert rows == json.loads((DATA / "feed.expected.json").read_text())
    assert (feed.day, feed.entries.unreadable, feed.is_repaired) == (date(2026, 1, 6), 1, False)
    assert papers[0].url == "https://arxiv.org/abs/2601.81001"


def test_a_paper_twice_in_a_batch_is_new_rather_than_replaced() -> None:
    feed = (DATA / "feed.xml").read_text()
    once = feed[feed.index("    <item>") : feed.index("</item>") + 8]
    again = once.replace("<arxiv:announce_type>new", "<arxiv:announce_type>replace")
    papers = parse_feed(feed.replace(once, again + once, 1).encode(), "here").entries.papers
    assert [paper.kind for paper in papers if paper.arxiv_id == "2601.81001"] == ["new"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Rate exceeded.",
        b"<!doctype html><title>Just a moment...</title><p>Checking your browser",
        b"<html><body><p>A whole page</p></body></html>",
        (
            b'<!DOCTYPE rss [<!ENTITY a "b">]>'
            b"<rss><channel><item><title>A &a;</title><guid>2601.00001</guid></item></channel></rss>"
        ),
        b"<rss><channel><item><title>no number</title></item></channel></rss>",
    ],
)
def test_what_is_no_feed_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedAnswerError, match="here"):
        parse_feed(body, "here")


def test_a_feed_cut_anywhere_is_malformed() -> None:
    body = (DATA / "feed.xml").read_bytes().rstrip()
    for end in range(1, len(body) - 1, 97):
        with pytest.raises(MalformedAnswerError):
            parse_feed(body[:end], "here")


def test_an_empty_weekend_feed_knows_its_day() -> None:
    body = b"<rss><channel><lastBuildDate>Sat, 17 Jan 2026 05:00:12 +0000</lastBuildDate></channel></rss>"
    assert parse_feed(body, "here") == ParsedAnswer(ParsedEntries(), date(2026, 1, 17))


def test_recorded_feeds_are_read_in_both_formats() -> None:
    rss = parse_feed(recorded_paths("arxiv/rss/arxiv_cs_ai_2026-04-27.xml")[0].read_bytes(), "here")
    atom = parse_feed(recorded_paths("arxiv/rss/arxiv_rss_example_tidedra.xml")[0].read_bytes(), "here")
    assert [(feed.day, len(feed.entries.papers), feed.entries.unreadable) for feed in (rss, atom)] == [
        (date(2026, 4, 27), 3, 0),
        (date(2025, 8, 20), 7, 0),
    ]
    papers = (*rss.entries.papers, *atom.entries.papers)
    assert all(x.abstract and x.authors and x.categories and "Announce" not in x.abstract for x in papers)
    empty = parse_feed(recorded_paths("transcribed/arxiv_rss_empty_2026-08-15.xml")[0].read_bytes(), "here")
    assert empty == ParsedAnswer(ParsedEntries(), date(2026, 8, 15))
    with pytest.raises(MalformedAnswerError):
        parse_feed(recorded_paths("transcribed/arxiv_rss_cs.AI_2025-09-18_truncated.xml")[0].read_bytes(), "here")


def test_a_query_answer_gives_texts_or_listings() -> None:
    body = (DATA / "query.xml").read_bytes()
    answer = parse_query_response(body, "here", day=DAY)
    texts = answer.entries.papers
    assert [(x.arxiv_id, x.version, x.title, x.abstract, x.kind, x.categories, x.doi) for x in texts] == [
        ("2601.81003", 2, "A Title on Two Lines", "It is 1.82\xd7 faster.", "replace", ("cs.LG",), "10.5555/two.lines"),
        ("astro-ph/0601001", 1, "Old Style", "Stars.", "replace", ("astro-ph",), None),
    ]
    assert (answer.total, texts[0].published_on, texts[0].authors) == (2, date(2026, 1, 5), ("Dee Ito", "Ed Kovac"))
    papers = parse_query_response(body, "here", day=DAY, categories=("cs.LG",)).entries.papers
    assert [(x.kind, x.list_day) for x in papers] == [("new", DAY), ("cross", DAY)]


def test_recorded_query_answers_are_read_and_the_error_is_named() -> None:
    for path in recorded_paths("arxiv/atom_api/*.xml"):
        if path.name.startswith("id_abc"):
            with pytest.raises(MalformedAnswerError, match="incorrect id format for abc"):
                parse_query_response(path.read_bytes(), "here", day=DAY)
            continue
        texts = parse_query_response(path.read_bytes(), "here", day=DAY).entries.papers
        assert len(texts) == path.read_text().count("<entry>")
        assert all(paper.title and paper.abstract and paper.authors and paper.categories for paper in texts), path.name


@pytest.mark.parametrize(
    ("day", "start", "end"),
    [
        (date(2026, 7, 28), datetime(2026, 7, 24, 18, tzinfo=UTC), datetime(2026, 7, 27, 18, tzinfo=UTC)),  # Tuesday
        (date(2026, 7, 27), datetime(2026, 7, 23, 18, tzinfo=UTC), datetime(2026, 7, 24, 18, tzinfo=UTC)),  # Monday
        (date(2026, 1, 7), datetime(2026, 1, 5, 19, tzinfo=UTC), datetime(2026, 1, 6, 19, tzinfo=UTC)),  # winter
    ],
)
def test_a_batch_is_backfilled_by_its_submission_window(day: date, start: datetime, end: datetime) -> None:
    assert submission_window(day) == (start, end)
