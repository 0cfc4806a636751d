"""First digest of a new subscriber, which is the welcome, and the link to undo in the goodbye."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from sqlalchemy import Engine, update

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import ClaimedDelivery, Delivery, DeliveryKind, DeliveryState, SubscriberStatus
from digest.delivery import count_due
from digest.rendering import load_batch, prepare_email
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


def emails_after_plan(ctx: AppContext, email: str, now: datetime = NOW) -> list[Delivery]:
    """Plan, and return what is queued for a subscriber but the confirmation."""
    plan_digests(ctx, now)
    return [row for row in StoreView(ctx.engine).deliveries(email) if row.kind != DeliveryKind.CONFIRM]


def mark_sent(ctx: AppContext) -> None:
    with write_session(ctx.engine) as session:
        session.execute(update(Delivery).values(state=DeliveryState.SENT))


def message_of(ctx: AppContext, delivery: Delivery, now: datetime = NOW) -> EmailMessage:
    claimed = [ClaimedDelivery.from_delivery(delivery)]
    with read_session(ctx.engine) as session:
        raw = prepare_email(ctx, load_batch(session, claimed, now), claimed[0], now).render()
    return message_from_bytes(raw, policy=policy.default)


def render(ctx: AppContext, delivery: Delivery, now: datetime = NOW) -> tuple[str, str]:
    """Text and HTML of an e-mail, as a mail program decodes them."""
    message = message_of(ctx, delivery, now)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content(), html.get_content()


def count_due_now(ctx: AppContext, now: datetime) -> int:
    with read_session(ctx.engine) as session:
        return count_due(session, now, limit=10)


def test_welcome_and_first_digest_are_one_email(ctx: AppContext) -> None:
    store_papers(ctx, NOW - DAY, "An old robot")
    store_papers(ctx, NOW, "A robot", "A protein", "A survey of robots")
    subscribe_and_confirm(ctx, ADA, "-survey", "robot")
    [first] = emails_after_plan(ctx, ADA)
    assert (first.kind, len(first.papers)) == (DeliveryKind.DIGEST, 1)
    for part in render(ctx, first):
        assert "Welcome to Paper Digest" in part
        assert "the next one may arrive" in part
        assert "Thursday 30 July" in part
        assert "robot" in part
        assert "survey" in part  # what is excluded
    mark_sent(ctx)
    store_papers(ctx, NOW + DAY, "Another robot")
    [_, second] = emails_after_plan(ctx, ADA, NOW + DAY)
    assert "Welcome" not in "".join(render(ctx, second, NOW + DAY))


def test_without_papers_the_welcome_is_sent_once_planned_and_the_first_digest_is_an_ordinary_one(
    ctx: AppContext,
) -> None:
    store_papers(ctx, NOW, "A robot")
    subscribe_and_confirm(ctx, ADA, "speech")
    assert count_due_now(ctx, NOW) == 1  # the confirmation: the welcome waits for the plan
    [welcome] = emails_after_plan(ctx, ADA)
    assert (welcome.kind, count_due_now(ctx, NOW)) == (DeliveryKind.WELCOME, 2)
    text, _ = render(ctx, welcome)
    assert "No new papers match right now." in text
    assert "Your first digest may arrive on Thursday 30 July." in text
    mark_sent(ctx)
    store_papers(ctx, NOW + DAY, "Speech")
    [_, digest] = emails_after_plan(ctx, ADA, NOW + DAY)
    assert digest.kind == DeliveryKind.DIGEST
    assert "Welcome" not in "".join(render(ctx, digest, NOW + DAY))


def test_a_welcome_that_is_still_queued_gives_way_to_a_first_digest(ctx: AppContext) -> None:
    subscribe_and_confirm(ctx, ADA, "robot")
    assert [row.kind for row in emails_after_plan(ctx, ADA)] == [DeliveryKind.WELCOME]
    store_papers(ctx, NOW + DAY, "A robot")
    [first] = emails_after_plan(ctx, ADA, NOW + DAY)
    assert (first.kind, "Welcome to" in render(ctx, first, NOW + DAY)[0]) == (DeliveryKind.DIGEST, True)


def test_a_welcome_does_not_wait_for_a_plan_that_never_comes(ctx: AppContext) -> None:
    subscribe_and_confirm(ctx, ADA, "robot")
    assert [count_due_now(ctx, NOW + wait * timedelta(minutes=1)) for wait in (0, 14, 15)] == [1, 1, 2]


def test_who_comes_back_is_welcomed_again_and_a_first_digest_that_failed_is_not_counted(ctx: AppContext) -> None:
    store_papers(ctx, NOW, "A robot")
    subscribe_and_confirm(ctx, ADA, "robot")
    emails_after_plan(ctx, ADA)
    with write_session(ctx.engine) as session:
        session.execute(update(Delivery).values(state=DeliveryState.FAILED))
    [_, again] = emails_after_plan(ctx, ADA, NOW + DAY)  # brings the paper that did not arrive
    assert "Welcome to" in render(ctx, again, NOW + DAY)[0]
    mark_sent(ctx)
    later = NOW + 9 * DAY
    unsubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.UNSUBSCRIBE, later), later)
    subscribe_and_confirm(ctx, ADA, "robot", now=later)
    store_papers(ctx, later, "One more robot")
    assert "Welcome to" in render(ctx, emails_after_plan(ctx, ADA, later)[-1], later)[0]


def test_the_welcome_names_the_next_day_in_the_subscribers_time_zone(ctx: AppContext) -> None:
    for email, zone, day in ((ADA, "Pacific/Kiritimati", "Monday 3 August"), (BOB, "UTC", "Thursday 30 July")):
        subscribe_and_confirm(ctx, email, "robot", timezone=zone, frequency="weekly" if email == ADA else "daily")
        assert day in render(ctx, StoreView(ctx.engine).deliveries(email)[-1])[0]


def test_the_first_digest_of_a_subscriber_without_keywords_has_the_trending_papers(ctx: AppContext) -> None:
    store_papers(ctx, NOW, "A robot", "A protein", source="huggingface", upvotes=9)
    subscribe_and_confirm(ctx, ADA)
    [first] = emails_after_plan(ctx, ADA)
    assert "your first 2 papers" in message_of(ctx, first)["Subject"]


def test_the_goodbye_has_the_link_that_undoes_it(ctx: AppContext) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=NOW - 9 * DAY)
    unsubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.UNSUBSCRIBE, NOW), NOW)
    record = StoreView(ctx.engine)
    for part in render(ctx, record.deliveries(ADA)[-1]):
        key = part.partition("https://digest.example.org/return/")[2].split('"')[0].split()[0]
        assert resubscribe(ctx, key, NOW + 30 * DAY).profile.status == SubscriberStatus.ACTIVE
        unsubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.UNSUBSCRIBE, NOW), NOW)
    assert record.subscriber(ADA).status == SubscriberStatus.UNSUBSCRIBED
