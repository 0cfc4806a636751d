from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, update
from sqlmodel import Session, col

from digest import planning
from digest.database import read_session, write_session
from digest.database.models import FetchStatus, Paper, SourceFetch
from digest.matching import KeywordInput, Matcher, Query, parse, parse_canonical
from digest.papers import (
    RecentPapersIndex,
    build_documents,
    latest_list_day,
    papers_by_id,
    recent_paper_ids,
    recent_papers,
    store_listings,
)
from digest.planning import Preview, preview_from_index
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
    ["-model"],
    [],
]


def arrive(session: Session, now: datetime, first: int, count: int, source: str = "arxiv") -> None:
    """Some papers of the benchmark's, on the list of one source."""
    listed = [
        ListedPaper(
            source=source,
            list_day=now.date(),
            rank=number,
            kind="listed" if source == "huggingface" else "new",
            title=each.title,
            abstract=each.abstract,
            authors=("Ada Moreau",) if number % 3 else ("Lin Tao",),
            categories=("cs.CL",) if number % 2 else ("math.CO",),
            arxiv_id=f"2607.{number:05}",
            upvotes=number % 40 if source == "huggingface" else None,
            code_url="https://example.org/code" if number % 5 == 0 else None,
            url="https://example.org/paper",
        )
        for number, each in enumerate(paper_texts(first + count)[first:], first)
    ]
    store_listings(session, listed, now)


@pytest.fixture
def shelf(store: Engine) -> Engine:
    return filled(store)


def filled(store: Engine) -> Engine:
    with write_session(store) as session:
        for day in range(5):
            arrive(session, NOW + day * DAY, day * 40, 60)
        arrive(session, NOW + 4 * DAY, 30, 150, "huggingface")
    return store


def both(session: Session, saved: list[KeywordInput], recent: RecentPapersIndex) -> tuple[Preview, Preview]:
    """What reading every paper anew says, and what is kept ready says."""
    day = latest_list_day(session)
    assert day
    found = recent_papers(session, DAYS)
    return (
        planning.preview(session, saved, found, day, NOW + 5 * DAY, cap=7),
        preview_from_index(session, saved, recent, day, NOW + 5 * DAY, cap=7),
    )


def test_what_is_kept_ready_says_the_same_as_reading_every_paper_anew(sqlite_store: Engine) -> None:
    recent = RecentPapersIndex(DAYS)
    shown = 0
    with read_session(filled(sqlite_store)) as session:
        for lines in QUERIES:
            anew, ready = both(session, parse_keywords_or_raise(lines), recent)
            assert ready == anew, lines
            shown += len(ready.papers)
    assert shown > len(QUERIES)


def test_which_of_some_papers_a_part_finds_is_the_same_as_reading_them(sqlite_store: Engine) -> None:
    recent = RecentPapersIndex(DAYS)
    with read_session(filled(sqlite_store)) as session:
        listed = recent_paper_ids(session, DAYS)
        assert recent.match_bits(parse("model").phrases[0], listed) is None
        recent.refresh(session)
        some = list(papers_by_id(session, listed[::3]).values())
        read = build_documents(session, some)
    for leaf in {
        leaf
        for lines in QUERIES
        for each in parse_keywords_or_raise(lines)
        for leaf in parse_canonical(each.canonical).terms
    }:
        [anew] = Matcher([Query("", leaf)]).match_bits(read)
        assert recent.match_bits(leaf, [each.id for each in read]) == anew.matched, leaf
    assert recent.match_bits(parse("model").phrases[0], [0]) is None


def test_what_is_read_later_is_taken_in(shelf: Engine) -> None:
    recent = RecentPapersIndex(DAYS)
    saved = parse_keywords_or_raise(["model", "-speech"])
    with read_session(shelf) as session:
        both(session, saved, recent)
    with write_session(shelf) as session:
        arrive(session, NOW + 5 * DAY, 200, 40)  # and with it the first of the three days goes
    with read_session(shelf) as session:
        anew, ready = both(session, saved, recent)
        assert ready == anew
    with write_session(shelf) as session:
        # A later reading finds another title and more upvotes, and no new listing.
        session.execute(update(Paper).where(col(Paper.arxiv_id) == "2607.00170").values(title="A model", upvotes=999))
        session.add(
            SourceFetch(source="arxiv", list_day=NOW.date(), started_at=NOW, seconds=1, status=FetchStatus.UNCHANGED)
        )
    with read_session(shelf) as session:
        anew, ready = both(session, saved, recent)
        assert ready == anew
        assert ready.papers[0].paper.title == "A model"
