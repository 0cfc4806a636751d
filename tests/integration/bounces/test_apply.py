"""What a mail that came back does to its letter and its reader, on both stores."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from digest.bounces import handle_message
from digest.bounces.apply import BounceAction
from digest.context import AppContext
from digest.database import write_session
from digest.database.models import BounceClass, Delivery, DeliveryState, SubscriberStatus
from digest.errors import TokenError
from digest.jobs.pipeline import plan
from digest.mail import ReturnPathKind
from digest.subscribers import (
    REASON_UNCONFIRMED,
    Preferences,
    erase_by_email,
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
from tests.support.contexts import ADA, DAY, TUESDAY, Record, arrive, token

SOON = TUESDAY + timedelta(minutes=5)


@pytest.fixture
def at(store: Engine) -> AppContext:
    return context_with_delivery(store)


@pytest.fixture
def record(at: AppContext) -> Record:
    return Record(at.engine)


def test_a_hard_bounce_suppresses_its_reader_at_once(at: AppContext, record: Record) -> None:
    arrive(at, TUESDAY + DAY, "Another robot")
    asyncio.run(plan(at, TUESDAY + DAY))
    assert receive_bounce(at, "no-such-mailbox", first_delivery_id(record)) is BounceAction.SUPPRESSED
    ada = record.of(ADA)
    assert (ada.status, ada.reason) == (SubscriberStatus.SUPPRESSED, "bounced: 5.1.1 no such mailbox")
    assert [each.state for each in record.letters(ADA)] == [DeliveryState.FAILED, DeliveryState.CANCELLED]
    (noted,) = bounce_records(at)
    assert (noted.bounce_class, noted.status_code, noted.reason) == (BounceClass.HARD, "5.1.1", "no such mailbox")
    assert (noted.parser, noted.received_at) == ("rfc3464", LATER)


def test_a_mail_that_is_read_twice_counts_once(at: AppContext, record: Record) -> None:
    number = first_delivery_id(record)
    raw = bounce_message("mailbox-full", return_address(at, number))
    assert handle_message(at, raw, LATER).action is BounceAction.RECORDED
    by_another_way = b"Received: from here by there\r\nDelivered-To: x\r\n" + raw.replace(b"\n", b"\r\n")
    assert handle_message(at, by_another_way, LATER + DAY).action is BounceAction.DUPLICATE
    assert len(bounce_records(at)) == 1
    assert receive_bounce(at, "mailbox-full", number, n=2) is BounceAction.RECORDED


def test_the_papers_of_a_letter_that_came_back_are_in_the_next_one(at: AppContext, record: Record) -> None:
    (paper,) = record.letters(ADA)[0].papers
    assert receive_bounce(at, "mailbox-full", first_delivery_id(record)) is BounceAction.RECORDED
    assert record.letters(ADA)[0].state == DeliveryState.FAILED
    asyncio.run(plan(at, TUESDAY + DAY))
    assert record.letters(ADA)[1].papers == [paper]


@pytest.mark.parametrize(
    ("came_back", "status"),
    [
        ((0, 1, 2), SubscriberStatus.PAUSED),
        ((0, 2, 4), SubscriberStatus.PAUSED),
        ((0, 4), SubscriberStatus.ACTIVE),
        ((3, 3, 3), SubscriberStatus.ACTIVE),  # the same letter: one
    ],
)
def test_three_soft_bounces_of_five_letters_pause(
    at: AppContext, record: Record, came_back: tuple[int, ...], status: SubscriberStatus
) -> None:
    numbers = deliver_more(at, record, 4)
    deeds = [receive_bounce(at, "mailbox-full", numbers[each], n) for n, each in enumerate(came_back)]
    ada = record.of(ADA)
    assert (ada.status, ada.paused_until) == (status, None)
    if status == SubscriberStatus.PAUSED:
        assert deeds == [BounceAction.RECORDED, BounceAction.RECORDED, BounceAction.PAUSED]
        assert ada.reason == "3 of the last 5 letters came back, the last one: 5.2.2 mailbox full"


def test_a_reader_who_resumes_gets_letters_again(at: AppContext, record: Record) -> None:
    for n, number in enumerate(deliver_more(at, record, 2)):
        receive_bounce(at, "mailbox-full", number, n)
    asyncio.run(plan(at, TUESDAY + 20 * DAY))
    assert record.of(ADA).status == SubscriberStatus.PAUSED
    link = token(at, ADA, TokenPurpose.PREFERENCES, TUESDAY)
    update_preferences(at, link, Preferences(), parse_keywords_or_raise(["robot"]), None, TUESDAY + 20 * DAY)
    assert (record.of(ADA).status, record.of(ADA).reason) == (SubscriberStatus.ACTIVE, "")
    asyncio.run(plan(at, TUESDAY + 20 * DAY))
    assert len(record.letters(ADA)[-1].papers) == 3


def test_what_is_our_fault_leaves_the_reader_alone_and_is_told(at: AppContext, record: Record) -> None:
    names = ("taken-for-spam", "no-route", "system-fault", "sender-refused", "signature-failed")
    for name, number in zip(names, deliver_more(at, record, 4), strict=True):
        assert receive_bounce(at, name, number) is BounceAction.RECORDED
    assert record.of(ADA).status == SubscriberStatus.ACTIVE
    assert {each.bounce_class for each in bounce_records(at)} == {BounceClass.SENDER_FAULT}


def test_a_complaint_suppresses_for_good(at: AppContext, record: Record) -> None:
    # A feedback loop sends to an address of its own; the letter is named inside.
    handled = handle_message(at, bounce_message("complaint", return_address(at, first_delivery_id(record))), LATER)
    assert (handled.action, handled.delivery_id) == (BounceAction.SUPPRESSED, first_delivery_id(record))
    subscribe(at, ADA, Preferences(), [], LATER)
    ada = record.of(ADA)
    assert (ada.status, ada.reason) == (SubscriberStatus.SUPPRESSED, "complaint: called spam")
    assert record.kinds(ADA) == ["digest"]


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("no-such-mailbox", DeliveryState.FAILED),
        ("taken-for-spam", DeliveryState.FAILED),
        ("delayed", DeliveryState.SENT),
        ("complaint", DeliveryState.SENT),
    ],
)
def test_a_letter_in_doubt_is_settled_by_what_comes_back(
    at: AppContext, record: Record, name: str, state: DeliveryState
) -> None:
    number = first_delivery_id(record)
    with write_session(at.engine) as session:
        session.get_one(Delivery, number).state = DeliveryState.UNCERTAIN
    receive_bounce(at, name, number)
    (letter,) = record.letters(ADA)
    assert (letter.state, letter.settled_at, letter.owner) == (state, LATER, None)


def test_a_mail_can_unsubscribe(at: AppContext, record: Record) -> None:
    arrive(at, TUESDAY + DAY, "Another robot")
    asyncio.run(plan(at, TUESDAY + DAY))
    raw = unsubscribe_message(return_address(at, first_delivery_id(record), ReturnPathKind.UNSUBSCRIBE))
    assert handle_message(at, raw, LATER).action is BounceAction.UNSUBSCRIBED
    assert handle_message(at, raw, LATER).action is BounceAction.DUPLICATE
    assert record.of(ADA).status == SubscriberStatus.UNSUBSCRIBED
    assert [each.state for each in record.letters(ADA)] == [DeliveryState.SENT, DeliveryState.CANCELLED]
    assert [each.bounce_class for each in bounce_records(at)] == [BounceClass.UNSUBSCRIBE]


def test_leaving_by_mail_can_be_undone_unless_somebody_has_asked_anew(at: AppContext, record: Record) -> None:
    raw = unsubscribe_message(return_address(at, first_delivery_id(record), ReturnPathKind.UNSUBSCRIBE))
    handle_message(at, raw, LATER)
    way_back = get_unsubscribe_state(at, token(at, ADA, TokenPurpose.UNSUBSCRIBE, LATER), LATER + DAY).undo
    assert resubscribe(at, way_back, LATER + DAY).profile.status == SubscriberStatus.ACTIVE
    unsubscribe(at, token(at, ADA, TokenPurpose.UNSUBSCRIBE, LATER), LATER + DAY)
    subscribe(at, ADA, Preferences(), parse_keywords_or_raise(["casino"]), LATER + DAY)
    assert handle_message(at, b"X-Again: yes\n" + raw + b"\nagain", LATER + DAY).action is BounceAction.UNSUBSCRIBED
    with pytest.raises(TokenError, match="cannot be undone"):
        resubscribe(at, way_back, LATER + DAY)
    assert (record.of(ADA).status, record.of(ADA).reason) == (SubscriberStatus.UNSUBSCRIBED, REASON_UNCONFIRMED)


def test_who_was_erased_leaves_nothing_to_bounce(at: AppContext, record: Record) -> None:
    number = first_delivery_id(record)
    receive_bounce(at, "mailbox-full", number)
    erase_by_email(at.engine, ADA)
    assert bounce_records(at) == []
    assert receive_bounce(at, "no-such-mailbox", number) is BounceAction.DELIVERY_ERASED
