"""What links do to digests: nothing comes twice under another name, and what is undone comes to all who lack it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import ClaimedDelivery, Delivery, DeliveryState, Subscriber
from digest.identifiers import Identifier, LinkRelation, StatedLink
from digest.papers import delivered_paper_ids, link_papers, prune_papers, store_listings, unlink_papers
from digest.rendering import load_batch
from digest.sources import ListedPaper
from tests.support.contexts import ADA, BOB, StoreView, add_active_subscriber, mailed_paper_ids, plan_digests

MONDAY = datetime(2026, 7, 27, 8, tzinfo=UTC)
DAY = timedelta(days=1)
TITLE = "A protein that folds by itself in the cell of a mouse"
ARTICLE = Identifier("doi", "10.5555/article")


def list_papers(ctx: AppContext, now: datetime, *identifiers: Identifier, **more: Any) -> None:
    listing: dict[str, Any] = {
        "source": "journal",
        "list_day": now.date(),
        "rank": 1,
        "title": TITLE,
        "abstract": "It folds.",
        "authors": ("Ada Byron",),
        "identifiers": identifiers,
        "url": "https://example.org",
        "published_on": date(2026, 7, 1),
    }
    with write_session(ctx.engine) as session:
        store_listings(session, [ListedPaper(**(listing | more))], now)


def list_preprint(ctx: AppContext, now: datetime, **more: Any) -> None:
    list_papers(ctx, now, Identifier("arxiv", "2607.00001"), source="arxiv", **more)


def plan_and_send(ctx: AppContext, record: StoreView, now: datetime) -> int:
    digests = plan_digests(ctx, now).digests
    record.set_state(DeliveryState.SENT)
    return digests


def test_a_published_version_comes_to_whom_its_preprint_could_not_reach(ctx: AppContext, record: StoreView) -> None:
    link = (StatedLink(LinkRelation.PUBLISHED, ARTICLE),)
    list_papers(ctx, MONDAY - 2 * DAY, Identifier("pmid", "7"), title="Something before", authors=())
    add_active_subscriber(ctx, ADA, "protein", now=MONDAY - DAY)
    add_active_subscriber(ctx, "eve@example.org", "enzyme", now=MONDAY - DAY)
    list_preprint(ctx, MONDAY, links=link)
    assert plan_and_send(ctx, record, MONDAY) == 1
    list_papers(ctx, MONDAY + DAY, Identifier("pmid", "8"), title="Something between", authors=())
    add_active_subscriber(ctx, BOB, "protein", now=MONDAY + DAY)  # covers what is listed from today on
    list_papers(ctx, MONDAY + DAY, ARTICLE, title="A protein and an enzyme that fold", abstract="Both fold.")
    plan_and_send(ctx, record, MONDAY + DAY)
    assert mailed_paper_ids(record, ADA) == [[2]], "she had the preprint"
    assert mailed_paper_ids(record, BOB) == [[4]], "he came after it"
    assert mailed_paper_ids(record, "eve@example.org") == [[4]], "her keyword does not find the preprint"
    assert plan_and_send(ctx, record, MONDAY + 2 * DAY) == 0


@pytest.mark.parametrize("first", ["preprint", "article"])
def test_a_version_that_did_not_arrive_is_not_sent_again_when_the_other_one_did(
    ctx: AppContext, record: StoreView, first: str
) -> None:
    def list_article(now: datetime, **more: Any) -> None:
        list_papers(ctx, now, ARTICLE, title="A protein and an enzyme", **more)

    add_active_subscriber(ctx, ADA, "protein", now=MONDAY - DAY)
    list_preprint(ctx, MONDAY) if first == "preprint" else list_article(MONDAY)
    plan_and_send(ctx, record, MONDAY)
    list_article(MONDAY + DAY) if first == "preprint" else list_preprint(ctx, MONDAY + DAY)
    list_papers(ctx, MONDAY + DAY, Identifier("pmid", "7"), title="A protein of another paper", authors=())
    plan_digests(ctx, MONDAY + DAY)
    record.set_state(DeliveryState.FAILED)
    assert [sorted(papers) for papers in mailed_paper_ids(record)] == [[1], [2, 3]]
    list_preprint(ctx, MONDAY + 2 * DAY, links=(StatedLink(LinkRelation.PUBLISHED, ARTICLE),))
    plan_and_send(ctx, record, MONDAY + 2 * DAY)
    assert mailed_paper_ids(record)[2:] == [[3]]


def test_two_articles_of_one_preprint_are_versions_of_each_other(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "protein", now=MONDAY - DAY)
    other = Identifier("pmid", "7")
    list_papers(ctx, MONDAY, ARTICLE, title="A protein and an enzyme")
    plan_and_send(ctx, record, MONDAY)
    links = (StatedLink(LinkRelation.PUBLISHED, ARTICLE), StatedLink(LinkRelation.PUBLISHED, other))
    list_preprint(ctx, MONDAY + DAY, links=links)
    list_papers(ctx, MONDAY + DAY, other, title="A protein as another journal has it")
    assert plan_and_send(ctx, record, MONDAY + DAY) == 0
    assert mailed_paper_ids(record) == [[1]]


def test_of_both_versions_listed_on_one_day_the_first_one_comes(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "protein", now=MONDAY - DAY)
    list_papers(ctx, MONDAY, ARTICLE)
    list_preprint(ctx, MONDAY)
    plan_and_send(ctx, record, MONDAY)
    assert mailed_paper_ids(record) == [[1]]


def test_a_keyword_that_is_added_later_does_not_bring_the_article_of_a_preprint_that_was_sent(
    ctx: AppContext, record: StoreView
) -> None:
    add_active_subscriber(ctx, ADA, "mouse", now=MONDAY - DAY)
    list_preprint(ctx, MONDAY, links=(StatedLink(LinkRelation.PUBLISHED, ARTICLE),))
    plan_and_send(ctx, record, MONDAY)
    with write_session(ctx.engine) as session:
        saved = session.exec(select(Subscriber)).one()
        saved.covered_from = 99  # as if she had subscribed later; the first digest has days before, too
    list_papers(ctx, MONDAY + DAY, ARTICLE)
    assert plan_and_send(ctx, record, MONDAY + DAY) == 0


def test_a_paper_under_a_second_name_is_not_new(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "protein", now=MONDAY - DAY)
    list_papers(ctx, MONDAY, Identifier("openreview", "abcde12345"), source="openreview")
    plan_and_send(ctx, record, MONDAY)
    list_preprint(ctx, MONDAY + DAY)
    assert plan_and_send(ctx, record, MONDAY + DAY) == 0
    with write_session(ctx.engine) as session:
        unlink_papers(session, 1, MONDAY + DAY)
    plan_and_send(ctx, record, MONDAY + 2 * DAY)
    assert mailed_paper_ids(record) == [[1], [2]], "the link was false"


def test_undoing_a_published_version_brings_it_to_all_who_lack_it(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "protein", now=MONDAY - DAY)
    list_preprint(ctx, MONDAY)
    plan_and_send(ctx, record, MONDAY)
    add_active_subscriber(ctx, BOB, "folds", now=MONDAY + DAY)
    list_papers(ctx, MONDAY + DAY, ARTICLE)
    plan_and_send(ctx, record, MONDAY + DAY)
    assert [mailed_paper_ids(record, who) for who in (ADA, BOB)] == [[[1]], [[1]]]
    with write_session(ctx.engine) as session:
        unlink_papers(session, 1, MONDAY + DAY)
    plan_and_send(ctx, record, MONDAY + 2 * DAY)
    assert [mailed_paper_ids(record, who) for who in (ADA, BOB)] == [[[1], [2]], [[1], [2]]]


def test_a_queued_digest_has_the_row_that_stands_and_no_paper_twice(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "protein", now=MONDAY - DAY)
    list_papers(ctx, MONDAY, Identifier("pmid", "1"), authors=())
    plan_and_send(ctx, record, MONDAY)
    list_papers(ctx, MONDAY + DAY, Identifier("pii", "S0140673620301835"), authors=())
    plan_digests(ctx, MONDAY + DAY)
    assert mailed_paper_ids(record) == [[1], [2]]
    with write_session(ctx.engine) as session:
        link_papers(session, 1, 2, LinkRelation.SAME, MONDAY + DAY)
    with read_session(ctx.engine) as session:
        rows = session.exec(select(Delivery).where(Delivery.kind == "digest").order_by(col(Delivery.id))).all()
        claimed = [ClaimedDelivery.from_delivery(row) for row in rows]
        batch = load_batch(session, claimed[1:], MONDAY)
        assert batch.empty == frozenset({claimed[1].id})
        assert claimed[1].papers == []
        load_batch(session, claimed[:1], MONDAY, is_sent=True)
        assert claimed[0].papers == [1]
        assert delivered_paper_ids(session, [rows[0].subscriber_id]) == {rows[0].subscriber_id: {1, 2}}


def test_papers_that_are_one_are_not_pruned_in_pieces(ctx: AppContext) -> None:
    list_papers(ctx, MONDAY, Identifier("pmid", "1"), authors=())
    list_papers(ctx, MONDAY, Identifier("pii", "S0140673620301835"), authors=())
    list_papers(ctx, MONDAY, ARTICLE, title="Something else", links=(StatedLink(LinkRelation.CORRECTS, ARTICLE),))
    with write_session(ctx.engine) as session:
        link_papers(session, 1, 2, LinkRelation.SAME, MONDAY)
    assert prune_papers(ctx.engine, MONDAY.date() + 9 * DAY) == 1


@pytest.mark.parametrize("title", ["WITHDRAWN: a protein that does not fold", "Editorial: the protein of the year"])
def test_what_is_no_paper_is_not_sent(ctx: AppContext, record: StoreView, title: str) -> None:
    add_active_subscriber(ctx, ADA, "protein", now=MONDAY - DAY)
    list_papers(ctx, MONDAY, ARTICLE, title=title)
    assert plan_and_send(ctx, record, MONDAY) == 0


def test_a_paper_that_is_retracted_before_its_email_leaves_is_not_sent(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "protein", now=MONDAY - DAY)
    add_active_subscriber(ctx, BOB, "mouse", now=MONDAY - DAY)
    notice, other = (Identifier("doi", f"10.5555/{name}") for name in ("notice", "other"))
    list_papers(ctx, MONDAY, ARTICLE)
    list_papers(ctx, MONDAY, other, title="A protein that stays", authors=())
    assert plan_digests(ctx, MONDAY).digests == 2
    retracts = (StatedLink(LinkRelation.RETRACTS, ARTICLE),)
    list_papers(ctx, MONDAY, notice, kind="replace", title="Retraction notice to: a protein", links=retracts)
    with read_session(ctx.engine) as session:
        rows = session.exec(select(Delivery).where(Delivery.kind == "digest").order_by(col(Delivery.id))).all()
        claimed = [ClaimedDelivery.from_delivery(row) for row in rows]
        assert load_batch(session, claimed, MONDAY).empty == {claimed[1].id}
        assert [delivery.papers for delivery in claimed] == [[2], []]
        sent = [ClaimedDelivery.from_delivery(row) for row in rows]
        load_batch(session, sent, MONDAY, is_sent=True)
        assert sorted(sent[0].papers) == [1, 2]
