"""What a bounce does to its delivery and its subscriber, on both stores."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from digest.bounces import BounceAction, count_sender_errors, handle_message
from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import BounceClass, Delivery, DeliveryState, SubscriberStatus
from digest.errors import TokenError
from digest.jobs.pipeline import plan
from digest.mail import ReturnPathKind
from digest.subscribers import (
    REASON_UNCONFIRMED,
    Preferences,
    get_unsubscribe_state,
    parse_keywords_or_raise,
    resubscribe,
    subscribe,
    unsubscribe,
    update_preferences,
)
from digest.tokens import TokenPurpose
from tests.support.bounce_messages import (
    LATER,
    bounce_message,
    bounce_records,
    context_with_delivery,
    deliver_more,
    first_delivery_id,
    receive_bounce,
    return_address,
    unsubscribe_message,
)
from tests.support.contexts import ADA, DAY, TUESDAY, StoreView, erase_by_email, sign_token, store_papers

SOON = TUESDAY + timedelta(minutes=5)


@pytest.fixture
def ctx(store: Engine) -> AppContext:
    return context_with_delivery(store)


@pytest.fixture
def record(ctx: AppContext) -> StoreView:
    return StoreView(ctx.engine)


def test_a_hard_bounce_suppresses_the_subscriber_at_once(ctx: AppContext, record: StoreView) -> None:
    store_papers(ctx, TUESDAY + DAY, "Another robot")
    asyncio.run(plan(ctx, TUESDAY + DAY))
    assert receive_bounce(ctx, "no-such-mailbox", first_delivery_id(record)) is BounceAction.SUPPRESSED
    ada = record.subscriber(ADA)
    assert (ada.status, ada.reason) == (SubscriberStatus.SUPPRESSED, "bounced: 5.1.1 no such mailbox")
    assert [delivery.state for delivery in record.deliveries(ADA)] == [DeliveryState.FAILED, DeliveryState.CANCELLED]
    (bounce,) = bounce_records(ctx)
    assert (bounce.bounce_class, bounce.status_code, bounce.reason) == (BounceClass.HARD, "5.1.1", "no such mailbox")
    assert (bounce.parser, bounce.received_at) == ("rfc3464", LATER)


def test_a_message_that_comes_twice_counts_once(ctx: AppContext, record: StoreView) -> None:
    delivery_id = first_delivery_id(record)
    raw = bounce_message("mailbox-full", return_address(ctx, delivery_id))
    assert handle_message(ctx, raw, LATER).action is BounceAction.RECORDED
    by_another_route = b"Received: from here by there\r\nDelivered-To: x\r\n" + raw.replace(b"\n", b"\r\n")
    assert handle_message(ctx, by_another_route, LATER + DAY).action is BounceAction.DUPLICATE
    assert len(bounce_records(ctx)) == 1
    assert receive_bounce(ctx, "mailbox-full", delivery_id, n=2) is BounceAction.RECORDED


def test_the_papers_of_a_bounced_digest_are_in_the_next_one(ctx: AppContext, record: StoreView) -> None:
    (paper,) = record.deliveries(ADA)[0].papers
    assert receive_bounce(ctx, "mailbox-full", first_delivery_id(record)) is BounceAction.RECORDED
    assert record.deliveries(ADA)[0].state == DeliveryState.FAILED
    asyncio.run(plan(ctx, TUESDAY + DAY))
    assert record.deliveries(ADA)[1].papers == [paper]


@pytest.mark.parametrize(
    ("bounced", "status"),
    [
        ((0, 1, 2), SubscriberStatus.PAUSED),
        ((0, 2, 4), SubscriberStatus.PAUSED),
        ((0, 4), SubscriberStatus.ACTIVE),
        ((3, 3, 3), SubscriberStatus.ACTIVE),  # one delivery counts once
    ],
)
def test_three_soft_bounces_in_five_deliveries_pause(
    ctx: AppContext, record: StoreView, bounced: tuple[int, ...], status: SubscriberStatus
) -> None:
    delivery_ids = deliver_more(ctx, record, 4)
    actions = [receive_bounce(ctx, "mailbox-full", delivery_ids[index], n) for n, index in enumerate(bounced)]
    ada = record.subscriber(ADA)
    assert (ada.status, ada.paused_until) == (status, None)
    if status == SubscriberStatus.PAUSED:
        assert actions == [BounceAction.RECORDED, BounceAction.RECORDED, BounceAction.PAUSED]
        assert ada.reason == "3 of the last 5 e-mails bounced, last: 5.2.2 mailbox full"


def test_a_subscriber_who_resumes_gets_digests_again(ctx: AppContext, record: StoreView) -> None:
    for n, delivery_id in enumerate(deliver_more(ctx, record, 2)):
        receive_bounce(ctx, "mailbox-full", delivery_id, n)
    asyncio.run(plan(ctx, TUESDAY + 20 * DAY))
    assert record.subscriber(ADA).status == SubscriberStatus.PAUSED
    link = sign_token(ctx, ADA, TokenPurpose.PREFERENCES, TUESDAY)
    update_preferences(ctx, link, Preferences(), parse_keywords_or_raise(["robot"]), None, TUESDAY + 20 * DAY)
    assert (record.subscriber(ADA).status, record.subscriber(ADA).reason) == (SubscriberStatus.ACTIVE, "")
    asyncio.run(plan(ctx, TUESDAY + 20 * DAY))
    assert len(record.deliveries(ADA)[-1].papers) == 3


def test_a_fault_of_the_sender_is_recorded_and_not_charged(ctx: AppContext, record: StoreView) -> None:
    names = ("taken-for-spam", "no-route", "system-fault", "sender-refused", "signature-failed")
    for name, delivery_id in zip(names, deliver_more(ctx, record, 4), strict=True):
        assert receive_bounce(ctx, name, delivery_id) is BounceAction.RECORDED
    assert record.subscriber(ADA).status == SubscriberStatus.ACTIVE
    assert {bounce.bounce_class for bounce in bounce_records(ctx)} == {BounceClass.SENDER_FAULT}


def test_faults_of_the_sender_are_counted_by_reason_and_nothing_else_is(ctx: AppContext, record: StoreView) -> None:
    names = ("no-route", "taken-for-spam", "mailbox-full", "taken-for-spam")
    for n, (name, delivery_id) in enumerate(zip(names, deliver_more(ctx, record, 3), strict=True)):
        receive_bounce(ctx, name, delivery_id, n)
    with read_session(ctx.engine) as session:
        counted = count_sender_errors(session, LATER)
        assert count_sender_errors(session, LATER + timedelta(seconds=1)) == []
    spam, route = (bounce_records(ctx)[index] for index in (1, 0))
    assert counted == [(spam.status_code, spam.reason, 2), (route.status_code, route.reason, 1)]


def test_only_a_fault_of_the_sender_is_logged_as_an_error(ctx: AppContext, record: StoreView) -> None:
    delivery_id = first_delivery_id(record)
    with capture_logs() as logs:
        for name in ("taken-for-spam", "taken-for-spam", "mailbox-full"):
            receive_bounce(ctx, name, delivery_id)
    assert [entry["log_level"] for entry in logs if "action" in entry] == ["error", "info", "info"]


def test_a_complaint_suppresses_permanently(ctx: AppContext, record: StoreView) -> None:
    # A feedback loop sends to an address of its own; the return path is named inside.
    result = handle_message(ctx, bounce_message("complaint", return_address(ctx, first_delivery_id(record))), LATER)
    assert (result.action, result.delivery_id) == (BounceAction.SUPPRESSED, first_delivery_id(record))
    subscribe(ctx, ADA, Preferences(), [], LATER)
    ada = record.subscriber(ADA)
    assert (ada.status, ada.reason) == (SubscriberStatus.SUPPRESSED, "complaint: called spam")
    assert record.delivery_kinds(ADA) == ["digest"]


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("no-such-mailbox", DeliveryState.FAILED),
        ("taken-for-spam", DeliveryState.FAILED),
        ("delayed", DeliveryState.SENT),
        ("complaint", DeliveryState.SENT),
    ],
)
def test_an_uncertain_delivery_is_settled_by_what_comes_back(
    ctx: AppContext, record: StoreView, name: str, state: DeliveryState
) -> None:
    delivery_id = first_delivery_id(record)
    with write_session(ctx.engine) as session:
        session.get_one(Delivery, delivery_id).state = DeliveryState.UNCERTAIN
    receive_bounce(ctx, name, delivery_id)
    (delivery,) = record.deliveries(ADA)
    assert (delivery.state, delivery.settled_at, delivery.owner) == (state, LATER, None)


def test_a_message_can_unsubscribe(ctx: AppContext, record: StoreView) -> None:
    store_papers(ctx, TUESDAY + DAY, "Another robot")
    asyncio.run(plan(ctx, TUESDAY + DAY))
    raw = unsubscribe_message(return_address(ctx, first_delivery_id(record), ReturnPathKind.UNSUBSCRIBE))
    assert handle_message(ctx, raw, LATER).action is BounceAction.UNSUBSCRIBED
    assert handle_message(ctx, raw, LATER).action is BounceAction.DUPLICATE
    assert record.subscriber(ADA).status == SubscriberStatus.UNSUBSCRIBED
    assert [delivery.state for delivery in record.deliveries(ADA)] == [DeliveryState.SENT, DeliveryState.CANCELLED]
    assert [bounce.bounce_class for bounce in bounce_records(ctx)] == [BounceClass.UNSUBSCRIBE]


def test_unsubscribing_by_mail_can_be_undone_until_a_new_subscription(ctx: AppContext, record: StoreView) -> None:
    raw = unsubscribe_message(return_address(ctx, first_delivery_id(record), ReturnPathKind.UNSUBSCRIBE))
    handle_message(ctx, raw, LATER)
    undo_token = get_unsubscribe_state(ctx, sign_token(ctx, ADA, TokenPurpose.UNSUBSCRIBE, LATER), LATER + DAY).undo
    assert resubscribe(ctx, undo_token, LATER + DAY).profile.status == SubscriberStatus.ACTIVE
    unsubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.UNSUBSCRIBE, LATER), LATER + DAY)
    subscribe(ctx, ADA, Preferences(), parse_keywords_or_raise(["casino"]), LATER + DAY)
    assert handle_message(ctx, b"X-Again: yes\n" + raw + b"\nagain", LATER + DAY).action is BounceAction.UNSUBSCRIBED
    with pytest.raises(TokenError, match="cannot be undone"):
        resubscribe(ctx, undo_token, LATER + DAY)
    assert (record.subscriber(ADA).status, record.subscriber(ADA).reason) == (
        SubscriberStatus.UNSUBSCRIBED,
        REASON_UNCONFIRMED,
    )


def test_an_erased_subscriber_leaves_nothing_to_bounce(ctx: AppContext, record: StoreView) -> None:
    delivery_id = first_delivery_id(record)
    receive_bounce(ctx, "mailbox-full", delivery_id)
    address = return_address(ctx, delivery_id)
    erase_by_email(ctx, ADA)
    assert bounce_records(ctx) == []
    # What was signed for a delivery that is gone cannot be told from what was forged.
    result = handle_message(ctx, bounce_message("no-such-mailbox", address), LATER)
    assert (result.action, result.delivery_id) == (BounceAction.IGNORED, None)
