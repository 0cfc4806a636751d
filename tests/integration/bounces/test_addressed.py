"""Which mails that come back are believed, and which letters and readers they may touch."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from digest.bounces import handle_message
from digest.bounces.apply import BounceAction
from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import BounceClass, Delivery, DeliveryState, SubscriberStatus
from digest.delivery import count_by_state
from digest.errors import UnparsableMessageError
from digest.jobs.pipeline import deliver, plan
from digest.mail import ReturnPathKind
from digest.monitoring.checks.configuration import check_database
from digest.subscribers import Preferences, add_subscriber, remove_subscriber, subscribe
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
from tests.support.contexts import ADA, BOB, DAY, TUESDAY, Record, arrive, make_context, put, reader
from tests.support.relay import relay

SOON = TUESDAY + timedelta(minutes=5)


@pytest.fixture
def at(sqlite_store: Engine) -> AppContext:
    return context_with_delivery(sqlite_store)


@pytest.fixture
def record(at: AppContext) -> Record:
    return Record(at.engine)


def test_a_letter_leaves_from_an_address_that_names_it(sqlite_store: Engine) -> None:
    with relay() as to:
        at = make_context(
            sqlite_store,
            smtp_host="127.0.0.1",
            smtp_port=to.port,
            smtp_tls="none",
            secret_key="x" * 43,
            bounce_address=BOUNCES,
        )
        reader(at, ADA, "robot", now=TUESDAY - DAY)
        reader(at, BOB, "robot", now=TUESDAY - DAY)
        arrive(at, TUESDAY, "A robot")
        asyncio.run(plan(at, TUESDAY))
        asyncio.run(deliver(at, lambda: TUESDAY))
    for email in (ADA, BOB):
        (letter,) = Record(sqlite_store).letters(email)
        assert letter.id
        assert to.senders[email] == [return_address(at, letter.id)]
        (message,) = to.mails()[email]
        page, by_mail = str(message["List-Unsubscribe"]).split(", ")
        assert page.startswith("<http://127.0.0.1:8000/unsubscribe/")
        assert by_mail == f"<mailto:{return_address(at, letter.id, ReturnPathKind.UNSUBSCRIBE)}?subject=unsubscribe>"
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_without_an_address_for_bounces_the_sender_is_the_sender(sqlite_store: Engine) -> None:
    with relay() as to:
        at = make_context(sqlite_store, smtp_host="127.0.0.1", smtp_port=to.port, smtp_tls="none", secret_key="x" * 43)
        add_subscriber(at, ADA, Preferences(), [], TUESDAY, confirmed=False)
        asyncio.run(deliver(at, lambda: TUESDAY))
    assert to.senders[ADA] == ["digest@example.org"]


def test_a_bounce_of_long_ago_is_none_of_the_last_five(at: AppContext, record: Record) -> None:
    numbers = deliver_more(at, record, 6)
    for n, each in enumerate((0, 1, 6)):
        receive_bounce(at, "mailbox-full", numbers[each], n)
    assert record.of(ADA).status == SubscriberStatus.ACTIVE


@pytest.mark.parametrize("name", ["delayed", "taken-for-spam", "away"])
def test_only_a_letter_that_came_back_for_the_readers_sake_counts(at: AppContext, record: Record, name: str) -> None:
    numbers = deliver_more(at, record, 2)
    receive_bounce(at, name, numbers[0])
    for number in numbers[1:]:
        assert receive_bounce(at, "mailbox-full", number) is BounceAction.RECORDED
    assert record.of(ADA).status == SubscriberStatus.ACTIVE


def test_a_delay_is_noted_and_costs_nothing(at: AppContext, record: Record) -> None:
    for n, number in enumerate(deliver_more(at, record, 4)):
        assert receive_bounce(at, "delayed", number, n) is BounceAction.RECORDED
    assert record.of(ADA).status == SubscriberStatus.ACTIVE
    assert {each.state for each in record.letters(ADA)} == {DeliveryState.SENT}


def test_the_doctor_tells_what_is_our_fault(at: AppContext, record: Record) -> None:
    assert [each for each in check_database(at.settings) if each.name == "refusals"] == []
    handle_message(
        at, bounce_message("taken-for-spam", return_address(at, first_delivery_id(record))), datetime.now(UTC)
    )
    (check,) = [each for each in check_database(at.settings) if each.name == "refusals"]
    assert not check.ok
    assert "because of us: 5.7.1 taken for spam (1); see: digest bounces list" in check.message


def test_a_complaint_of_somebody_who_has_left_counts_too(at: AppContext, record: Record) -> None:
    remove_subscriber(at, ADA, LATER)
    assert receive_bounce(at, "complaint", first_delivery_id(record)) is BounceAction.SUPPRESSED
    assert record.of(ADA).reason == "complaint: called spam"


def test_an_automatic_reply_is_noted_only(at: AppContext, record: Record) -> None:
    assert receive_bounce(at, "away", first_delivery_id(record)) is BounceAction.RECORDED
    assert (record.of(ADA).status, record.letters(ADA)[0].state) == (SubscriberStatus.ACTIVE, DeliveryState.SENT)
    assert [each.bounce_class for each in bounce_records(at)] == [BounceClass.AUTO_REPLY]


def test_what_is_no_bounce_is_not_noted(at: AppContext, record: Record) -> None:
    for name in ("person", "not-spam", "delivered"):
        assert receive_bounce(at, name, first_delivery_id(record)) is BounceAction.IGNORED
    assert bounce_records(at) == []


def test_a_letter_that_expired_stays_expired(at: AppContext, record: Record) -> None:
    with write_session(at.engine) as session:
        session.get_one(Delivery, first_delivery_id(record)).state = DeliveryState.EXPIRED
    receive_bounce(at, "taken-for-spam", first_delivery_id(record))
    assert record.letters(ADA)[0].state == DeliveryState.EXPIRED


def test_a_bounce_may_be_quicker_than_the_relays_answer(at: AppContext, record: Record) -> None:
    number = first_delivery_id(record)
    with write_session(at.engine) as session:
        letter = session.get_one(Delivery, number)
        letter.state, letter.owner = DeliveryState.ON_WIRE, "the sender"
    receive_bounce(at, "mailbox-full", number)
    assert (record.letters(ADA)[0].state, record.letters(ADA)[0].owner) == (DeliveryState.FAILED, None)


@pytest.mark.parametrize("to", ["bounces@digest.example.org", f"bounces+{'a' * 39}@digest.example.org", ""])
def test_without_a_valid_token_nothing_happens(at: AppContext, record: Record, to: str) -> None:
    for name in ("no-such-mailbox", "complaint", "mailbox-full", "away"):
        handled = handle_message(at, bounce_message(name, to), LATER)
        assert (handled.action, handled.delivery_id) == (BounceAction.IGNORED, None)
    assert (bounce_records(at), record.of(ADA).status) == ([], SubscriberStatus.ACTIVE)


def test_a_token_for_leaving_cannot_bounce_and_a_bounce_cannot_leave(at: AppContext, record: Record) -> None:
    assert (
        handle_message(at, unsubscribe_message(return_address(at, first_delivery_id(record))), LATER).action
        is BounceAction.IGNORED
    )
    to = return_address(at, first_delivery_id(record), ReturnPathKind.UNSUBSCRIBE)
    assert handle_message(at, bounce_message("no-such-mailbox", to), LATER).action is BounceAction.UNSUBSCRIBED


def test_the_token_is_found_where_servers_put_it(at: AppContext, record: Record) -> None:
    to = return_address(at, first_delivery_id(record)).upper()
    for n, header in enumerate(("Delivered-To", "X-Original-To", "Envelope-To", "Original-Recipient", "Cc")):
        raw = f"{header}: rfc822;{to}\n".encode() + bounce_message("away", "list@example.org", n)
        assert handle_message(at, raw, LATER).action is BounceAction.RECORDED, header


def test_the_envelope_may_tell_the_token(at: AppContext, record: Record) -> None:
    raw = bounce_message("no-such-mailbox", "list@example.org")
    assert (
        handle_message(at, raw, LATER, [return_address(at, first_delivery_id(record))]).action
        is BounceAction.SUPPRESSED
    )


def test_who_was_suppressed_stays_so_when_leaving(at: AppContext, record: Record) -> None:
    receive_bounce(at, "no-such-mailbox", first_delivery_id(record))
    assert (
        handle_message(
            at, unsubscribe_message(return_address(at, first_delivery_id(record), ReturnPathKind.UNSUBSCRIBE)), LATER
        ).action
        is BounceAction.RECORDED
    )
    assert record.of(ADA).status == SubscriberStatus.SUPPRESSED


def test_an_old_bounce_does_not_end_a_subscription_that_was_confirmed_since(at: AppContext, record: Record) -> None:
    number = first_delivery_id(record)
    remove_subscriber(at, ADA, SOON)
    add_subscriber(at, ADA, Preferences(), [], SOON, confirmed=True)
    assert receive_bounce(at, "no-such-mailbox", number) is BounceAction.RECORDED
    assert record.of(ADA).status == SubscriberStatus.ACTIVE


def test_a_confirmation_that_bounces_ends_the_wait(sqlite_store: Engine) -> None:
    at = make_context(sqlite_store, bounce_address=BOUNCES)
    subscribe(at, ADA, Preferences(), [], TUESDAY)
    record = Record(sqlite_store)
    record.settle(DeliveryState.SENT)
    assert receive_bounce(at, "mailbox-disabled", first_delivery_id(record)) is BounceAction.SUPPRESSED
    assert record.of(ADA).status == SubscriberStatus.SUPPRESSED


def test_the_other_reader_is_not_touched(at: AppContext, record: Record) -> None:
    reader(at, BOB, "robot", now=TUESDAY)
    receive_bounce(at, "no-such-mailbox", first_delivery_id(record))
    assert record.of(BOB).status == SubscriberStatus.ACTIVE


def test_a_mail_that_cannot_be_read_changes_nothing(at: AppContext) -> None:
    with pytest.raises(UnparsableMessageError):
        handle_message(at, b"\xff\xfe", LATER)
    assert bounce_records(at) == []


def test_a_paused_reader_is_suppressed_by_a_hard_bounce(at: AppContext, record: Record) -> None:
    put(at.engine, ADA, SubscriberStatus.PAUSED)
    assert receive_bounce(at, "no-such-mailbox", first_delivery_id(record)) is BounceAction.SUPPRESSED
    with read_session(at.engine) as session:
        assert count_by_state(session)[DeliveryState.FAILED] == 1
