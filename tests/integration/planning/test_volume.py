"""A day of 6,500 papers: caps, ranking and rates hold, and nobody without a matching keyword notices."""

from collections import Counter

from sqlalchemy import Engine, event, insert
from sqlmodel import Session

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Listing, Paper
from digest.matching import KeywordInput, parse
from digest.papers import RecentPapersIndex
from digest.planning import preview_recent
from digest.web.previews import estimate_rate
from tests.support.contexts import (
    ADA,
    BOB,
    TUESDAY,
    StoreView,
    add_active_subscriber,
    mailed_paper_ids,
    make_context,
    plan_digests,
)

EVE, DAN = "eve@example.org", "dan@example.org"
SOURCES = ("arxiv", "pubmed", "biorxiv", "crossref", "jacs")
MANY, USUAL = 6500, 1000


def add_papers(session: Session, count: int) -> None:
    """Add papers of five sources: one in ten has "protein", one in 500 "graph", in the title or in the abstract."""
    papers, listings = [], []
    for number in range(1, count + 1):
        words = f"{'protein ' * (number % 10 == 0)}{'graph' * (number % 500 == 0)}"
        in_title = number % 20 == 0
        papers.append(
            {
                "id": number,
                "key": f"test:{number}",
                "title": f"Study {number} {words if in_title else ''}",
                "abstract": f"We measured something else. {'' if in_title else words}",
                "url": f"https://example.org/{number}",
                "text_source": SOURCES[number % 5],
                "upvotes": number % 7 if number % 5 == 0 else None,
                "first_listing_id": number,
                "first_seen_at": TUESDAY,
                "changed_at": TUESDAY,
                "authors": [],
                "categories": [],
                "subjects": [],
                "ai_keywords": [],
            }
        )
        listings.append(
            {
                "id": number,
                "paper_id": number,
                "source": SOURCES[number % 5],
                "list_day": TUESDAY.date(),
                "rank": number,
                "first_seen_at": TUESDAY,
                "last_seen_at": TUESDAY,
            }
        )
    session.execute(insert(Paper), papers)
    session.execute(insert(Listing), listings)


def ranked(count: int, step: int, sources: tuple[str, ...] = SOURCES) -> list[int]:
    """Return the papers with a word, worked out by hand: titles first, then upvotes, then the later listing."""
    matching = [number for number in range(step, count + 1, step) if SOURCES[number % 5] in sources]
    upvotes = {number: number % 7 if number % 5 == 0 else 0 for number in matching}
    return sorted(matching, key=lambda number: (number % 20 == 0, upvotes[number], number), reverse=True)


def plan_statements(ctx: AppContext) -> Counter[str]:
    """Plan, and count the statements by their first words."""
    statements: Counter[str] = Counter()

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements[statement.split(" FROM ", maxsplit=1)[0][:40]] += 1

    event.listen(ctx.engine, "before_cursor_execute", note)
    plan_digests(ctx, TUESDAY)
    event.remove(ctx.engine, "before_cursor_execute", note)
    return statements


def add_subscribers(ctx: AppContext) -> None:
    add_active_subscriber(ctx, ADA, "graph", now=TUESDAY)
    add_active_subscriber(ctx, BOB, "protein", now=TUESDAY, cap=20)
    add_active_subscriber(ctx, EVE, "zebra", now=TUESDAY)
    add_active_subscriber(ctx, DAN, "protein", now=TUESDAY, cap=5, sources=("arxiv", "jacs"))


def test_caps_and_ranking_hold_and_only_matching_keywords_notice(sqlite_store: Engine) -> None:
    ctx = make_context(sqlite_store)
    add_subscribers(ctx)
    with write_session(sqlite_store) as session:
        add_papers(session, MANY)
    statements = plan_statements(ctx)
    record = StoreView(sqlite_store)
    graphs, proteins, own = ranked(MANY, 500), ranked(MANY, 10), ranked(MANY, 10, ("arxiv", "jacs"))
    assert mailed_paper_ids(record, ADA) == [graphs]
    assert mailed_paper_ids(record, BOB) == [proteins[:20]]
    assert mailed_paper_ids(record, DAN) == [own[:5]]
    assert mailed_paper_ids(record, EVE) == []
    omitted = {email: record.deliveries(email)[0].omitted_papers for email in (BOB, DAN)}
    assert omitted == {BOB: proteins[20:], DAN: own[5:]}
    assert len(proteins) == 650
    # Seven for each thousand papers, and some for the plan; none for a subscriber or a paper.
    assert sum(statements.values()) <= 72


def test_about_so_many_a_day_is_right_with_many_papers(sqlite_store: Engine) -> None:
    with write_session(sqlite_store) as session:
        add_papers(session, MANY)
    index = RecentPapersIndex(30)
    with read_session(sqlite_store) as session:
        index.refresh(session)
        for keyword, count in (("protein", 650), ("graph", 13), ("zebra", 0)):
            keywords = [KeywordInput.from_query(parse(keyword))]
            found = preview_recent(session, keywords, index, TUESDAY, cap=3)
            assert found is not None
            assert (len(found.paper_ids) + found.omitted_count, found.considered_count) == (count, MANY)
            rate = estimate_rate(count, found.days)
            assert rate == ((count, "day") if count else None)
            assert list(found.paper_ids) == ranked(MANY, {650: 10, 13: 500}[count])[:3] if count else True
