"""First papers of a new subscriber in the welcome, and the link to undo in the goodbye."""

from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from digest.database import read_session
from digest.database.models import ClaimedDelivery, Delivery, DeliveryKind, Subscriber, SubscriberStatus
from digest.planning import first_papers
from digest.rendering import FirstPapers, load_batch, prepare_email
from digest.subscribers import Preferences, confirm, parse_keywords_or_raise, resubscribe, subscribe, unsubscribe
from digest.tokens import TokenPurpose
from tests.support.contexts import (
    ADA,
    BOB,
    StoreView,
    add_active_subscriber,
    make_context,
    plan_digests,
    sign_token,
    store_papers,
)

NOW = datetime(2026, 7, 29, 8, tzinfo=UTC)  # a Wednesday
DAY = timedelta(days=1)


@pytest.fixture
def ctx(store: Engine) -> AppContext:
    return make_context(store, base_url="https://digest.example.org")


def subscribe_and_confirm(
    ctx: AppContext, email: str, *keywords: str, now: datetime = NOW, **preferences: object
) -> None:
    subscribe(ctx, email, Preferences(**preferences), parse_keywords_or_raise(keywords), now)  # type: ignore[arg-type]
    confirm(ctx, sign_token(ctx, email, TokenPurpose.CONFIRM, now), now)


def first_papers_by_email(ctx: AppContext, now: datetime = NOW) -> dict[str, FirstPapers]:
    with read_session(ctx.engine) as session:
        found = first_papers(
            session, [ClaimedDelivery.from_delivery(delivery) for delivery in StoreView(ctx.engine).deliveries()], now
        )
    with read_session(ctx.engine) as session:
        return {session.get_one(Subscriber, number).email: papers for number, papers in found.items()}


def render(ctx: AppContext, delivery: Delivery, now: datetime = NOW) -> tuple[str, str]:
    """Text and HTML of an e-mail, as a mail program decodes them."""
    claimed = [ClaimedDelivery.from_delivery(delivery)]
    with read_session(ctx.engine) as session:
        raw = prepare_email(ctx, load_batch(session, claimed, now), claimed[0], now).render()
    message = message_from_bytes(raw, policy=policy.default)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content(), html.get_content()


def test_the_welcome_shows_what_the_latest_list_has_for_its_subscriber(ctx: AppContext) -> None:
    store_papers(ctx, NOW - DAY, "An old robot")
    store_papers(ctx, NOW, *(f"Robot {n}" for n in range(7)), "A protein", "A survey of proteins")
    subscribe_and_confirm(ctx, ADA, "-survey", "protein", "speech")
    subscribe_and_confirm(ctx, BOB, "robot", "tree")
    found = first_papers_by_email(ctx)
    ada, bob = found[ADA], found[BOB]
    assert ([view.paper.title for view in ada.papers], ada.matched, ada.follows) == (["A protein"], 1, True)
    assert ada.papers[0].matched_in == ((0, "title"),)  # exclusions come last
    assert (len(bob.papers), bob.matched, bob.day) == (5, 7, date(2026, 7, 29))


def test_the_promised_first_digest_is_planned_at_once_with_these_papers(ctx: AppContext) -> None:
    store_papers(ctx, NOW, "A robot", "A protein")
    subscribe_and_confirm(ctx, ADA, "robot")
    subscribe_and_confirm(ctx, BOB, "speech")
    before = first_papers_by_email(ctx)
    plan_digests(ctx, NOW)
    digests = [row for row in StoreView(ctx.engine).deliveries() if row.kind == DeliveryKind.DIGEST]
    assert [len(digest.papers) for digest in digests] == [1]
    assert (before[ADA].follows, before[BOB].follows) == (True, False)
    # A welcome that was put off until after the plan promises nothing more.
    assert not first_papers_by_email(ctx)[ADA].follows
    store_papers(ctx, NOW, "Another robot")
    assert not first_papers_by_email(ctx)[ADA].follows


def test_papers_that_were_mailed_before_are_not_promised(ctx: AppContext) -> None:
    store_papers(ctx, NOW, "A robot")
    subscribe_and_confirm(ctx, ADA, "robot")
    plan_digests(ctx, NOW)
    unsubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.UNSUBSCRIBE, NOW), NOW)
    subscribe_and_confirm(ctx, ADA, "robot", now=NOW + timedelta(hours=1))
    seen = first_papers_by_email(ctx)[ADA]
    assert (seen.matched, seen.follows) == (1, False)


def test_before_the_first_fetch_there_are_no_first_papers(ctx: AppContext) -> None:
    subscribe_and_confirm(ctx, ADA, "robot")
    assert first_papers_by_email(ctx) == {}
    text, html = render(ctx, StoreView(ctx.engine).deliveries(ADA)[-1])
    for part in (text, html):
        assert "The first letter may come on Thursday 30 July." in part


def test_the_welcome_names_the_next_day_in_the_subscribers_time_zone(ctx: AppContext) -> None:
    for email, zone, day in ((ADA, "Pacific/Kiritimati", "Monday 3 August"), (BOB, "UTC", "Thursday 30 July")):
        subscribe_and_confirm(ctx, email, "robot", timezone=zone, frequency="weekly" if email == ADA else "daily")
        assert day in render(ctx, StoreView(ctx.engine).deliveries(email)[-1])[0]


def test_without_keywords_the_trending_papers_are_shown(ctx: AppContext) -> None:
    store_papers(ctx, NOW, "A robot", "A protein", source="huggingface", upvotes=9)
    subscribe_and_confirm(ctx, ADA)
    seen = first_papers_by_email(ctx)[ADA]
    assert ([view.paper.title for view in seen.papers], seen.follows) == (["A robot", "A protein"], True)


def test_the_goodbye_has_the_link_that_undoes_it(ctx: AppContext) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=NOW - 9 * DAY)
    unsubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.UNSUBSCRIBE, NOW), NOW)
    record = StoreView(ctx.engine)
    for part in render(ctx, record.deliveries(ADA)[-1]):
        key = part.partition("https://digest.example.org/return/")[2].split('"')[0].split()[0]
        assert resubscribe(ctx, key, NOW + 30 * DAY).profile.status == SubscriberStatus.ACTIVE
        unsubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.UNSUBSCRIBE, NOW), NOW)
    assert record.subscriber(ADA).status == SubscriberStatus.UNSUBSCRIBED
