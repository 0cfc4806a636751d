"""News about papers that a subscriber had: told once, with a next digest, to those who got the paper."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import ClaimedDelivery, Delivery, DeliveryKind, DeliveryState
from digest.identifiers import Identifier, LinkRelation, StatedLink
from digest.papers import link_papers, store_listings, unlink_papers
from digest.rendering import digest_context, load_batch
from digest.rendering.digest import render_digest
from digest.sources import ListedPaper
from tests.support.contexts import ADA, BOB, StoreView, add_active_subscriber, plan_digests

MONDAY = datetime(2026, 7, 27, 8, tzinfo=UTC)
DAY = timedelta(days=1)
PREPRINT, ARTICLE, NOTICE = (Identifier("doi", f"10.{name}") for name in ("1101/123456", "5555/article", "5555/notice"))
TITLE = "A protein that folds by itself in the cell of a mouse"


def list_paper(ctx: AppContext, now: datetime, *identifiers: Identifier, **more: Any) -> None:
    listing: dict[str, Any] = {
        "source": "biorxiv",
        "kind": "new",
        "list_day": now.date(),
        "rank": 1,
        "title": TITLE,
        "abstract": "It folds.",
        "authors": ("Ada Byron",),
        "identifiers": identifiers,
        "url": "https://example.org",
    }
    with write_session(ctx.engine) as session:
        store_listings(session, [ListedPaper(**(listing | more))], now)


def send_day(ctx: AppContext, record: StoreView, now: datetime, state: DeliveryState = DeliveryState.SENT) -> None:
    """List something that matches, plan, and let the e-mails leave an hour later."""
    number = now.toordinal()
    list_paper(ctx, now, Identifier("doi", f"10.5555/{number}"), title=f"Protein number {number}", authors=())
    plan_digests(ctx, now)
    record.set_state(state)
    with write_session(ctx.engine) as session:
        for delivery in session.exec(select(Delivery).where(col(Delivery.settled_at).is_(None))):
            delivery.settled_at = now + timedelta(hours=1)


def news_of(record: StoreView, email: str = ADA) -> list[list[int]]:
    return [delivery.news for delivery in record.deliveries(email) if delivery.kind == DeliveryKind.DIGEST]


def test_news_come_once_to_those_who_had_the_paper(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "protein", now=MONDAY - DAY)
    add_active_subscriber(ctx, BOB, "protein number", now=MONDAY - DAY)
    list_paper(ctx, MONDAY, PREPRINT)
    send_day(ctx, record, MONDAY)
    list_paper(ctx, MONDAY + timedelta(hours=5), PREPRINT, kind="replace", version=2, abstract="It unfolds.")
    for days in (1, 2):
        send_day(ctx, record, MONDAY + days * DAY)
    assert news_of(record) == [[], [1], []]
    assert news_of(record, BOB) == [[], [], []], "he never had it"


def test_news_are_never_alone_and_wait_for_the_next_digest(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "protein", now=MONDAY - DAY)
    list_paper(ctx, MONDAY, PREPRINT)
    send_day(ctx, record, MONDAY)
    list_paper(ctx, MONDAY + DAY, NOTICE, title="Retraction: x", links=(StatedLink(LinkRelation.RETRACTS, PREPRINT),))
    assert plan_digests(ctx, MONDAY + DAY).digests == 0
    send_day(ctx, record, MONDAY + 3 * DAY, DeliveryState.FAILED)
    send_day(ctx, record, MONDAY + 4 * DAY)
    assert news_of(record) == [[], [1], [1]], "the digest that failed has told nothing"


def test_what_is_known_when_the_paper_is_sent_is_no_news(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "protein", now=MONDAY - DAY)
    list_paper(ctx, MONDAY, PREPRINT, links=(StatedLink(LinkRelation.PUBLISHED, ARTICLE),))
    for days in range(2):
        send_day(ctx, record, MONDAY + days * DAY)
    assert news_of(record) == [[], []]


def test_news_reach_a_paper_under_another_name_and_go_with_their_link(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "protein", now=MONDAY - DAY)
    list_paper(ctx, MONDAY, Identifier("openreview", "abcde12345"), source="openreview", kind="listed")
    send_day(ctx, record, MONDAY)
    list_paper(ctx, MONDAY + DAY, PREPRINT, authors=())
    with write_session(ctx.engine) as session:
        link_papers(session, 1, 3, LinkRelation.SAME, MONDAY + DAY)
    stated = StatedLink(LinkRelation.PUBLISHED, ARTICLE)
    list_paper(ctx, MONDAY + DAY, PREPRINT, kind="replace", links=(stated,))
    list_paper(ctx, MONDAY + DAY, ARTICLE, title="Another title", kind="listed", source="journal", abstract="")
    send_day(ctx, record, MONDAY + DAY)
    assert news_of(record) == [[], [1]]
    with write_session(ctx.engine) as session:
        unlink_papers(session, 2, MONDAY + DAY)
    assert "News about papers" not in rendered(ctx)[-1], "the web copy says no more what was false"


@pytest.mark.parametrize("venue", ["", "Journal of <b>Mice</b>"])
def test_news_stand_in_the_digest_behind_its_papers(ctx: AppContext, record: StoreView, venue: str) -> None:
    add_active_subscriber(ctx, ADA, "protein", now=MONDAY - DAY)
    list_paper(ctx, MONDAY, PREPRINT)
    send_day(ctx, record, MONDAY)
    stated = StatedLink(LinkRelation.PUBLISHED, ARTICLE, venue=venue, stated_on=date(2026, 7, 20))
    changes = {
        "version": 2,
        "abstract": "It unfolds.",
        "code_url": "https://example.org/c",
        "project_url": "https://e.org",
    }
    list_paper(ctx, MONDAY + DAY, PREPRINT, kind="replace", links=(stated,), **changes)
    send_day(ctx, record, MONDAY + DAY)
    assert len(news_of(record)[1]) == 3, "no more than three"
    first, second = rendered(ctx)
    assert "News about papers" not in first
    plain, _, html = second.partition("\f")
    text, where = " ".join(plain.split()), f"in {venue}" if venue else "in a journal or at a conference"
    assert text.index("*Protein* number") < text.index("News about papers you had") < text.index(TITLE)
    assert f"It was published {where}. A new version has a changed abstract. Its code was released." in text
    assert "/papers/1" in text
    assert ">News about papers you had</h2>" in html
    assert "<b>Mice</b>" not in html


def rendered(ctx: AppContext) -> list[str]:
    """Return the digests as plain text, a form feed and HTML."""
    with read_session(ctx.engine) as session:
        rows = session.exec(
            select(Delivery).where(Delivery.kind == DeliveryKind.DIGEST).order_by(col(Delivery.id))
        ).all()
        claimed = [ClaimedDelivery.from_delivery(row) for row in rows]
        batch = load_batch(session, claimed, MONDAY, is_sent=True)
        contents = [render_digest(digest_context(ctx, batch, delivery)) for delivery in claimed]
    return [f"{content.text}\f{content.html}" for content in contents]
