"""The recent-papers index chooses what matching every paper anew would choose."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, update
from sqlmodel import Session, col

from digest import planning
from digest.database import read_session, write_session
from digest.database.models import FetchStatus, Paper, SourceFetch
from digest.matching import KeywordInput, Matcher, bit_positions, parse, parse_canonical
from digest.papers import (
    RecentPapersIndex,
    build_documents,
    find_recent_candidates,
    latest_list_day,
    papers_by_id,
    recent_paper_ids,
    recent_papers,
    store_listings,
    update_index,
)
from digest.planning import Preview, preview_from_index, preview_recent
from digest.sources import ListedPaper
from digest.subscribers import parse_keywords_or_raise
from tests.benchmarks.population import PHRASES, paper_texts

NOW = datetime(2026, 7, 28, 9, tzinfo=UTC)
DAY = timedelta(days=1)
DAYS = 3
QUERIES = [
    *([word] for word in PHRASES),
    ["large language model", "agent", "-benchmark"],
    ["reinforcement learning AND NOT robot", "title:speech"],
    ["learn*", '"fine tuning"', "R"],
    ["a", "A", '"a"', '"K"', "k AND x", "title:I"],
    ["upvotes>20", "source:huggingface", "author:moreau", "category:cs.*", "has:code"],
    ["abstract:protein OR title:graph*", "k-NN"],
    ['like:"arxiv:2607.00001 reinforcement learning^90;model^40;robot^30;agent^30;speech^20"', "-robot"],
    ["-model"],
    [],
]


def list_papers(session: Session, now: datetime, first: int, count: int, source: str = "arxiv") -> None:
    """Store papers of the benchmark as the list of one source."""
    entries = [
        ListedPaper(
            source=source,
            list_day=now.date(),
            rank=number,
            kind="listed" if source == "huggingface" else "new",
            title=text.title,
            abstract=text.abstract,
            authors=("Ada Moreau",) if number % 3 else ("Lin Tao",),
            categories=("cs.CL",) if number % 2 else ("math.CO",),
            arxiv_id=f"2607.{number:05}",
            upvotes=number % 40 if source == "huggingface" else None,
            code_url="https://example.org/code" if number % 5 == 0 else None,
            url="https://example.org/paper",
        )
        for number, text in enumerate(paper_texts(first + count)[first:], first)
    ]
    store_listings(session, entries, now)


@pytest.fixture
def filled_store(store: Engine) -> Engine:
    return fill_store(store)


def fill_store(store: Engine) -> Engine:
    with write_session(store) as session:
        for day in range(5):
            list_papers(session, NOW + day * DAY, day * 40, 60)
        list_papers(session, NOW + 4 * DAY, 30, 150, "huggingface")
    return store


def preview_twice(
    session: Session, keywords: list[KeywordInput], index: RecentPapersIndex, *, about_only: bool = False
) -> tuple[Preview, Preview]:
    """Preview by matching every paper, and from the index."""
    day = latest_list_day(session)
    assert day
    papers = recent_papers(session, DAYS)
    return (
        replace(
            planning.preview(session, keywords, papers, day, NOW + 5 * DAY, cap=7, about_only=about_only), days=DAYS
        ),
        preview_from_index(session, keywords, index, day, NOW + 5 * DAY, cap=7, about_only=about_only),
    )


def test_the_index_chooses_what_matching_every_paper_chooses(sqlite_store: Engine) -> None:
    index = RecentPapersIndex(DAYS)
    shown = mentioned = 0
    with read_session(fill_store(sqlite_store)) as session:
        for lines in QUERIES:
            matched, indexed = preview_twice(session, parse_keywords_or_raise(lines), index)
            assert indexed == matched, lines
            shown += len(indexed.papers)
            matched_about, indexed_about = preview_twice(
                session, parse_keywords_or_raise(lines), index, about_only=True
            )
            assert indexed_about == matched_about, lines
            mentioned += indexed.omitted_count - indexed_about.omitted_count
    assert shown > len(QUERIES)
    assert mentioned > 0


def test_before_the_index_is_loaded_the_store_answers_the_same(filled_store: Engine) -> None:
    index = RecentPapersIndex(DAYS)
    shown = 0
    with read_session(filled_store) as session:
        update_index(session, 1000)
        for lines in QUERIES[:-1]:  # the last one has no keywords, and shows what is trending on one day
            keywords = parse_keywords_or_raise(lines)
            from_store = preview_recent(session, keywords, RecentPapersIndex(DAYS), NOW + 5 * DAY, cap=7)
            index.refresh(session)
            from_index = preview_recent(session, keywords, index, NOW + 5 * DAY, cap=7)
            assert from_store, lines
            if any(not keyword.text.startswith("-") for keyword in keywords):
                assert from_store == from_index, lines
                shown += len(from_store.papers)
        assert preview_recent(session, [], RecentPapersIndex(DAYS), NOW + 5 * DAY, cap=7)
    assert shown > len(QUERIES)


def test_a_keyword_with_many_candidates_is_counted_in_fewer_days(filled_store: Engine) -> None:
    queries = [parse("a OR the OR model OR learning"), parse("protein")]
    with read_session(filled_store) as session:
        update_index(session, 1000)
        whole = find_recent_candidates(session, queries, DAYS)
        part = find_recent_candidates(session, queries, DAYS, scan_limit=20)
        assert whole
        assert part
        assert (part.day, part.days < whole.days) == (whole.day, True)
        considered = [
            number for number in recent_paper_ids(session, DAYS) if number >= min(p.id or 0 for p in part.papers)
        ]
        assert part.considered_count == len(considered) < whole.considered_count


def test_the_papers_a_query_matches_are_those_of_the_matcher(sqlite_store: Engine) -> None:
    index = RecentPapersIndex(DAYS)
    with read_session(fill_store(sqlite_store)) as session:
        assert [found.tolist() for found in index.find_matches([parse("model")]) or ()] == [[]]
        index.refresh(session)
        papers = papers_by_id(session, index.paper_ids())
        documents = build_documents(session, [papers[paper_id] for paper_id in index.paper_ids()])
    queries = [parse_canonical(keyword.canonical) for lines in QUERIES for keyword in parse_keywords_or_raise(lines)]
    expected = [[*bit_positions(bits.matched)] for bits in Matcher(queries).match_bits(documents)]
    for _ in range(2):  # the second time from the cache
        assert [found.tolist() for found in index.find_matches(queries) or ()] == expected


def test_a_refresh_loads_later_listings_and_changes(filled_store: Engine) -> None:
    index = RecentPapersIndex(DAYS)
    keywords = parse_keywords_or_raise(["model", "-speech"])
    with read_session(filled_store) as session:
        preview_twice(session, keywords, index)
    with write_session(filled_store) as session:
        list_papers(session, NOW + 5 * DAY, 200, 40)  # the first of the three days is no longer recent
    with read_session(filled_store) as session:
        matched, indexed = preview_twice(session, keywords, index)
        assert indexed == matched
    with write_session(filled_store) as session:
        # A later fetch finds another title and more upvotes, and no new listing.
        session.execute(update(Paper).where(col(Paper.arxiv_id) == "2607.00170").values(title="A model", upvotes=999))
        session.add(
            SourceFetch(source="arxiv", list_day=NOW.date(), started_at=NOW, seconds=1, status=FetchStatus.UNCHANGED)
        )
    with read_session(filled_store) as session:
        matched, indexed = preview_twice(session, keywords, index)
        assert indexed == matched
        assert indexed.papers[0].paper.title == "A model"
