"""Which messages are believed, and which deliveries and subscribers they may touch."""

import asyncio
from base64 import b32encode
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from digest.bounces import BounceAction, handle_message
from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import BounceClass, Delivery, DeliveryState, SubscriberStatus
from digest.delivery import count_by_state
from digest.errors import UnparsableMessageError
from digest.jobs.pipeline import deliver, plan
from digest.mail import ReturnPathKind
from digest.mail.verp import _mask, _sign
from digest.monitoring.checks.configuration import check_database
from digest.subscribers import Preferences, add_subscriber, subscribe
from tests.support.bounce_messages import (
    BOUNCES,
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
from tests.support.contexts import (
    ADA,
    BOB,
    DAY,
    KEY,
    TUESDAY,
    StoreView,
    add_active_subscriber,
    make_context,
    remove_subscriber,
    set_status,
    store_papers,
)
from tests.support.relay import relay
from tests.support.spoiled_rows import spoil

SOON = TUESDAY + timedelta(minutes=5)


@pytest.fixture
def ctx(sqlite_store: Engine) -> AppContext:
    return context_with_delivery(sqlite_store)


@pytest.fixture
def record(ctx: AppContext) -> StoreView:
    return StoreView(ctx.engine)


def test_a_digest_is_sent_from_a_return_path_that_names_it(sqlite_store: Engine) -> None:
    with relay() as to:
        ctx = make_context(
            sqlite_store,
            smtp_host="127.0.0.1",
            smtp_port=to.port,
            smtp_tls="none",
            secret_key="x" * 43,
            bounce_address=BOUNCES,
        )
        add_active_subscriber(ctx, ADA, "robot", now=TUESDAY - DAY)
        add_active_subscriber(ctx, BOB, "robot", now=TUESDAY - DAY)
        store_papers(ctx, TUESDAY, "A robot")
        asyncio.run(plan(ctx, TUESDAY))
        asyncio.run(deliver(ctx, lambda: TUESDAY))
    for email in (ADA, BOB):
        (delivery,) = StoreView(sqlite_store).deliveries(email)
        assert delivery.id
        assert to.senders[email] == [return_address(ctx, delivery.id)]
        (message,) = to.mails()[email]
        page, by_mail = str(message["List-Unsubscribe"]).split(", ")
        assert page.startswith("<http://127.0.0.1:8000/unsubscribe/")
        assert by_mail == f"<mailto:{return_address(ctx, delivery.id, ReturnPathKind.UNSUBSCRIBE)}?subject=unsubscribe>"
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_without_a_bounce_address_the_return_path_is_the_sender(sqlite_store: Engine) -> None:
    with relay() as to:
        ctx = make_context(sqlite_store, smtp_host="127.0.0.1", smtp_port=to.port, smtp_tls="none", secret_key="x" * 43)
        add_subscriber(ctx, ADA, Preferences(), [], TUESDAY, confirmed=False)
        asyncio.run(deliver(ctx, lambda: TUESDAY))
    assert to.senders[ADA] == ["digest@example.org"]


def test_an_old_bounce_is_none_of_the_last_five(ctx: AppContext, record: StoreView) -> None:
    delivery_ids = deliver_more(ctx, record, 6)
    for n, index in enumerate((0, 1, 6)):
        receive_bounce(ctx, "mailbox-full", delivery_ids[index], n)
    assert record.subscriber(ADA).status == SubscriberStatus.ACTIVE


@pytest.mark.parametrize("name", ["delayed", "taken-for-spam", "away"])
def test_only_a_soft_bounce_counts_towards_a_pause(ctx: AppContext, record: StoreView, name: str) -> None:
    delivery_ids = deliver_more(ctx, record, 2)
    receive_bounce(ctx, name, delivery_ids[0])
    for delivery_id in delivery_ids[1:]:
        assert receive_bounce(ctx, "mailbox-full", delivery_id) is BounceAction.RECORDED
    assert record.subscriber(ADA).status == SubscriberStatus.ACTIVE


def test_a_delay_is_recorded_and_has_no_consequence(ctx: AppContext, record: StoreView) -> None:
    for n, delivery_id in enumerate(deliver_more(ctx, record, 4)):
        assert receive_bounce(ctx, "delayed", delivery_id, n) is BounceAction.RECORDED
    assert record.subscriber(ADA).status == SubscriberStatus.ACTIVE
    assert {delivery.state for delivery in record.deliveries(ADA)} == {DeliveryState.SENT}


def test_the_doctor_reports_faults_of_the_sender(ctx: AppContext, record: StoreView) -> None:
    assert [check for check in check_database(ctx.settings) if check.name == "refusals"] == []
    handle_message(
        ctx, bounce_message("taken-for-spam", return_address(ctx, first_delivery_id(record))), datetime.now(UTC)
    )
    (check,) = [check for check in check_database(ctx.settings) if check.name == "refusals"]
    assert not check.ok
    assert "because of their sender: 5.7.1 taken for spam (1); see: digest bounces list; publish SPF" in check.message


def test_a_complaint_after_unsubscribing_counts_too(ctx: AppContext, record: StoreView) -> None:
    remove_subscriber(ctx, ADA, LATER)
    assert receive_bounce(ctx, "complaint", first_delivery_id(record)) is BounceAction.SUPPRESSED
    assert record.subscriber(ADA).reason == "complaint: called spam"


def test_an_automatic_reply_is_only_recorded(ctx: AppContext, record: StoreView) -> None:
    assert receive_bounce(ctx, "away", first_delivery_id(record)) is BounceAction.RECORDED
    assert (record.subscriber(ADA).status, record.deliveries(ADA)[0].state) == (
        SubscriberStatus.ACTIVE,
        DeliveryState.SENT,
    )
    assert [bounce.bounce_class for bounce in bounce_records(ctx)] == [BounceClass.AUTO_REPLY]


def test_other_messages_are_not_recorded(ctx: AppContext, record: StoreView) -> None:
    for name in ("person", "not-spam", "delivered"):
        assert receive_bounce(ctx, name, first_delivery_id(record)) is BounceAction.IGNORED
    assert bounce_records(ctx) == []


def test_an_expired_delivery_stays_expired(ctx: AppContext, record: StoreView) -> None:
    with write_session(ctx.engine) as session:
        session.get_one(Delivery, first_delivery_id(record)).state = DeliveryState.EXPIRED
    receive_bounce(ctx, "taken-for-spam", first_delivery_id(record))
    assert record.deliveries(ADA)[0].state == DeliveryState.EXPIRED


def test_a_bounce_may_arrive_before_the_reply_of_the_relay(ctx: AppContext, record: StoreView) -> None:
    delivery_id = first_delivery_id(record)
    with write_session(ctx.engine) as session:
        delivery = session.get_one(Delivery, delivery_id)
        delivery.state, delivery.owner = DeliveryState.ON_WIRE, "the sender"
    receive_bounce(ctx, "mailbox-full", delivery_id)
    assert (record.deliveries(ADA)[0].state, record.deliveries(ADA)[0].owner) == (DeliveryState.FAILED, None)


@pytest.mark.parametrize("to", ["bounces@digest.example.org", f"bounces+{'a' * 39}@digest.example.org", ""])
def test_without_a_valid_token_nothing_happens(ctx: AppContext, record: StoreView, to: str) -> None:
    for name in ("no-such-mailbox", "complaint", "mailbox-full", "away"):
        result = handle_message(ctx, bounce_message(name, to), LATER)
        assert (result.action, result.delivery_id) == (BounceAction.IGNORED, None)
    assert (bounce_records(ctx), record.subscriber(ADA).status) == ([], SubscriberStatus.ACTIVE)


def test_a_token_can_do_only_what_it_was_made_for(ctx: AppContext, record: StoreView) -> None:
    assert (
        handle_message(ctx, unsubscribe_message(return_address(ctx, first_delivery_id(record))), LATER).action
        is BounceAction.IGNORED
    )
    to = return_address(ctx, first_delivery_id(record), ReturnPathKind.UNSUBSCRIBE)
    assert handle_message(ctx, bounce_message("no-such-mailbox", to), LATER).action is BounceAction.UNSUBSCRIBED


def test_the_token_is_found_where_servers_put_it(ctx: AppContext, record: StoreView) -> None:
    to = return_address(ctx, first_delivery_id(record)).upper()
    for n, header in enumerate(("Delivered-To", "X-Original-To", "Envelope-To", "Original-Recipient", "Cc")):
        raw = f"{header}: rfc822;{to}\n".encode() + bounce_message("away", "list@example.org", n)
        assert handle_message(ctx, raw, LATER).action is BounceAction.RECORDED, header


def address_of_schema_0006(delivery_id: int) -> str:
    """Return a return path that names an id alone."""
    kind, plain = ReturnPathKind.BOUNCE, delivery_id.to_bytes(8, "big")
    signature = _sign(KEY, kind, plain)
    token = b32encode(signature + _mask(KEY, kind, signature, plain)).decode().rstrip("=").lower()
    return f"bounces+{token}@digest.example.org"


@pytest.mark.parametrize("names", ["subscriber", "message", "neither"])
def test_an_old_token_counts_only_with_a_message_that_names_its_email(
    ctx: AppContext, record: StoreView, names: str
) -> None:
    delivery = record.deliveries(ADA)[0]
    raw = bounce_message("no-such-mailbox", address_of_schema_0006(int(delivery.id or 0)))
    raw = raw.replace(ADA.encode(), b"eve@example.org")
    named = {"subscriber": f"To: {ADA.upper()}", "message": f"Message-ID: {delivery.message_id}", "neither": ""}[names]
    result = handle_message(ctx, raw + f"\n{named}\n".encode(), LATER)
    expected = BounceAction.IGNORED if names == "neither" else BounceAction.SUPPRESSED
    assert result.action is expected


def test_an_old_token_of_a_delivery_that_is_gone_names_nothing(ctx: AppContext) -> None:
    raw = bounce_message("no-such-mailbox", address_of_schema_0006(4711))
    assert handle_message(ctx, raw + ADA.encode(), LATER).action is BounceAction.IGNORED


def test_an_old_token_of_a_missing_subscriber_names_nothing(ctx: AppContext, record: StoreView) -> None:
    delivery = record.deliveries(ADA)[0]
    spoil(ctx.engine, "UPDATE delivery SET subscriber_id = 4711")
    raw = bounce_message("no-such-mailbox", address_of_schema_0006(int(delivery.id or 0)))
    assert handle_message(ctx, raw + delivery.message_id.encode(), LATER).action is BounceAction.IGNORED


def test_the_envelope_may_hold_the_token(ctx: AppContext, record: StoreView) -> None:
    raw = bounce_message("no-such-mailbox", "list@example.org")
    assert (
        handle_message(ctx, raw, LATER, [return_address(ctx, first_delivery_id(record))]).action
        is BounceAction.SUPPRESSED
    )


def test_a_suppressed_subscriber_stays_suppressed_after_unsubscribing(ctx: AppContext, record: StoreView) -> None:
    receive_bounce(ctx, "no-such-mailbox", first_delivery_id(record))
    assert (
        handle_message(
            ctx, unsubscribe_message(return_address(ctx, first_delivery_id(record), ReturnPathKind.UNSUBSCRIBE)), LATER
        ).action
        is BounceAction.RECORDED
    )
    assert record.subscriber(ADA).status == SubscriberStatus.SUPPRESSED


def test_an_old_bounce_does_not_end_a_subscription_that_was_confirmed_since(ctx: AppContext, record: StoreView) -> None:
    delivery_id = first_delivery_id(record)
    remove_subscriber(ctx, ADA, SOON)
    add_subscriber(ctx, ADA, Preferences(), [], SOON, confirmed=True)
    assert receive_bounce(ctx, "no-such-mailbox", delivery_id) is BounceAction.RECORDED
    assert record.subscriber(ADA).status == SubscriberStatus.ACTIVE


def test_a_bounced_confirmation_suppresses_the_pending_subscriber(sqlite_store: Engine) -> None:
    ctx = make_context(sqlite_store, bounce_address=BOUNCES)
    subscribe(ctx, ADA, Preferences(), [], TUESDAY)
    record = StoreView(sqlite_store)
    record.set_state(DeliveryState.SENT)
    assert receive_bounce(ctx, "mailbox-disabled", first_delivery_id(record)) is BounceAction.SUPPRESSED
    assert record.subscriber(ADA).status == SubscriberStatus.SUPPRESSED


def test_other_subscribers_are_not_touched(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, BOB, "robot", now=TUESDAY)
    receive_bounce(ctx, "no-such-mailbox", first_delivery_id(record))
    assert record.subscriber(BOB).status == SubscriberStatus.ACTIVE


def test_a_message_that_cannot_be_parsed_changes_nothing(ctx: AppContext) -> None:
    with pytest.raises(UnparsableMessageError):
        handle_message(ctx, b"\xff\xfe", LATER)
    assert bounce_records(ctx) == []


def test_a_paused_subscriber_is_suppressed_by_a_hard_bounce(ctx: AppContext, record: StoreView) -> None:
    set_status(ctx.engine, ADA, SubscriberStatus.PAUSED)
    assert receive_bounce(ctx, "no-such-mailbox", first_delivery_id(record)) is BounceAction.SUPPRESSED
    with read_session(ctx.engine) as session:
        assert count_by_state(session)[DeliveryState.FAILED] == 1
