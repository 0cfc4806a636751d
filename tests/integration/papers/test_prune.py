"""Retention of papers: what goes with DIGEST_KEEP_PAPERS_DAYS, and what never does."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlmodel import select

from digest.context import AppContext
from digest.database import is_postgresql, read_session, write_session
from digest.database.models import Listing, MarkKind, Paper, PaperMark, Subscriber
from digest.jobs import prune
from digest.jobs.retention import prune_papers
from digest.matching import parse
from digest.papers import SearchRequest, search_papers, update_index
from digest.papers.prune import delete_papers
from tests.support.contexts import DAY, add_active_subscriber, make_context, plan_digests, store_papers
from tests.support.factories import NOW

LATER = NOW + timedelta(days=200)
ADA, BOB = "ada@example.org", "bob@example.org"


@pytest.fixture
def ctx(store: Engine) -> AppContext:
    """Ada had the paper on graphs; nobody wanted the others, and the one on robots was listed again."""
    ctx = make_context(store, keep_papers_days=100)
    add_active_subscriber(ctx, ADA, "graph", now=NOW - DAY, send_hour=5)
    store_papers(ctx, NOW, "A graph", "A protein", "A robot")
    plan_digests(ctx, NOW)
    store_papers(ctx, NOW + 150 * DAY, "A robot", "A galaxy")
    plan_digests(ctx, NOW + 150 * DAY)
    index(ctx)
    return ctx


def index(ctx: AppContext) -> None:
    with write_session(ctx.engine) as session:
        update_index(session, 1000)


def titles(ctx: AppContext) -> list[str]:
    with read_session(ctx.engine) as session:
        return sorted(session.exec(select(Paper.title)))


def search(ctx: AppContext, keyword: str) -> list[str]:
    with read_session(ctx.engine) as session:
        return [paper.title for paper in search_papers(session, SearchRequest(parse(keyword)), limit=10).papers]


def test_only_papers_go_that_were_never_delivered_and_no_source_lists(ctx: AppContext) -> None:
    assert prune_papers(ctx, LATER, dry_run=True) == 1
    assert titles(ctx) == ["A galaxy", "A graph", "A protein", "A robot"]
    assert prune_papers(ctx, LATER) == 1
    assert titles(ctx) == ["A galaxy", "A graph", "A robot"]
    with read_session(ctx.engine) as session:
        assert len(session.exec(select(Listing)).all()) == 4  # of the robot two
    assert (search(ctx, "protein"), search(ctx, "robot")) == ([], ["A robot"])
    assert prune_papers(ctx, LATER) == 0


def test_nothing_goes_unless_the_setting_says_so(ctx: AppContext) -> None:
    forever = make_context(ctx.engine)
    assert prune_papers(forever, LATER) == 0
    assert prune(forever, LATER)["papers in no e-mail"] == 0
    assert prune(ctx, LATER, dry_run=True)["papers in no e-mail"] == 1
    assert prune(ctx, LATER)["papers in no e-mail"] == 1


def test_papers_that_are_still_new_for_a_subscriber_stay(ctx: AppContext) -> None:
    add_active_subscriber(ctx, BOB, "protein", now=NOW - DAY, send_hour=5)
    with write_session(ctx.engine) as session:
        session.execute(text("UPDATE subscriber SET covered_listing_id = 0 WHERE email = :email"), {"email": BOB})
    assert prune_papers(ctx, LATER) == 0
    plan_digests(ctx, LATER)
    assert prune_papers(ctx, LATER) == 0, "now it stands in Bob's digest"


def test_a_paper_stays_that_a_subscriber_has_marked(ctx: AppContext) -> None:
    with write_session(ctx.engine) as session:
        ada = session.exec(select(Subscriber.id).where(Subscriber.email == ADA)).one()
        protein = session.exec(select(Paper.id).where(Paper.title == "A protein")).one()
        session.add(PaperMark(subscriber_id=ada or 0, paper_id=protein or 0, kind=MarkKind.SAVED, created_at=NOW))
        assert delete_papers(session, [protein or 0], LATER.date()) == 0
    assert prune_papers(ctx, LATER) == 0


def test_papers_of_a_digest_that_cannot_be_read_stay(ctx: AppContext) -> None:
    with write_session(ctx.engine) as session:
        if is_postgresql(session):
            session.execute(text("UPDATE delivery SET papers = '{\"damaged\": 1}'"))
        else:
            session.execute(text("UPDATE delivery SET papers = '[1, dama'"))
    assert prune_papers(ctx, LATER) == 1
    assert "A graph" in titles(ctx)


def test_the_index_forgets_papers_that_are_gone(ctx: AppContext) -> None:
    store_papers(ctx, NOW, *(f"A quark of {number}" for number in range(30)), ids="q")
    plan_digests(ctx, NOW + DAY)
    index(ctx)
    assert prune_papers(ctx, LATER) == 31
    table = "paper_fulltext" if is_postgresql(ctx.engine) else "paper_fulltext_docsize"
    with read_session(ctx.engine) as session:
        assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 3
    assert (search(ctx, "quark"), search(ctx, "graph"), search(ctx, "galaxy")) == ([], ["A graph"], ["A galaxy"])
