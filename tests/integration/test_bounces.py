"""What a mail that came back does to its letter and its reader, on both stores."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from digest import daily, db, deliveries, desk, roll
from digest.bounces.post import handle
from digest.bounces.record import Deed
from digest.doctor import check_database
from digest.errors import Unreadable
from digest.house import House
from digest.mail.verp import Errand
from digest.models import Delivery, State, Status, Verdict
from digest.subscribers import Purpose, Wish
from tests.house import ADA, BOB, DAY, TUESDAY, Record, arrive, house, put, reader, token
from tests.relay import relay
from tests.returned import BOUNCES, address, evidence, leaving, mail

SOON = TUESDAY + timedelta(minutes=5)
LATER = TUESDAY + timedelta(hours=1)


@pytest.fixture
def at(store: Engine) -> House:
    """A house with a reader who has had one letter, with one paper."""
    at = house(store, bounce_address=BOUNCES)
    reader(at, ADA, "robot", now=TUESDAY - DAY)
    arrive(at, TUESDAY, "A robot")
    asyncio.run(daily.plan(at, TUESDAY))
    Record(store).settle(State.SENT)
    return at


@pytest.fixture
def record(at: House) -> Record:
    return Record(at.engine)


def first(record: Record) -> int:
    return int(record.letters(ADA)[0].id or 0)


def came(at: House, name: str, number: int, n: int = 0) -> Deed:
    return handle(at, mail(name, address(at, number), n), LATER).deed


def test_a_letter_leaves_from_an_address_that_names_it(store: Engine) -> None:
    with relay() as to:
        at = house(
            store,
            smtp_host="127.0.0.1",
            smtp_port=to.port,
            smtp_tls="none",
            secret_key="x" * 43,
            bounce_address=BOUNCES,
        )
        reader(at, ADA, "robot", now=TUESDAY - DAY)
        reader(at, BOB, "robot", now=TUESDAY - DAY)
        arrive(at, TUESDAY, "A robot")
        asyncio.run(daily.plan_and_deliver(at, lambda: TUESDAY))
    for email in (ADA, BOB):
        (letter,) = Record(store).letters(email)
        assert letter.id
        assert to.senders[email] == [address(at, letter.id)]
        (message,) = to.mails()[email]
        page, by_mail = str(message["List-Unsubscribe"]).split(", ")
        assert page.startswith("<http://127.0.0.1:8000/unsubscribe/")
        assert by_mail == f"<mailto:{address(at, letter.id, Errand.LEAVE)}?subject=unsubscribe>"
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_without_an_address_for_bounces_the_sender_is_the_sender(store: Engine) -> None:
    with relay() as to:
        at = house(store, smtp_host="127.0.0.1", smtp_port=to.port, smtp_tls="none", secret_key="x" * 43)
        desk.add(at, ADA, Wish(), [], TUESDAY, confirmed=False)
        asyncio.run(daily.deliver(at, lambda: TUESDAY))
    assert to.senders[ADA] == ["digest@example.org"]


def test_a_hard_bounce_suppresses_its_reader_at_once(at: House, record: Record) -> None:
    arrive(at, TUESDAY + DAY, "Another robot")
    asyncio.run(daily.plan(at, TUESDAY + DAY))
    assert came(at, "no-such-mailbox", first(record)) is Deed.SUPPRESSED
    ada = record.of(ADA)
    assert (ada.status, ada.reason) == (Status.SUPPRESSED, "bounced: 5.1.1 no such mailbox")
    assert [each.state for each in record.letters(ADA)] == [State.FAILED, State.CANCELLED]
    (noted,) = evidence(at)
    assert (noted.verdict, noted.status, noted.reason) == (Verdict.HARD, "5.1.1", "no such mailbox")
    assert (noted.parser, noted.received_at) == ("rfc3464", LATER)


def test_a_mail_that_is_read_twice_counts_once(at: House, record: Record) -> None:
    number = first(record)
    raw = mail("mailbox-full", address(at, number))
    assert handle(at, raw, LATER).deed is Deed.RECORDED
    by_another_way = b"Received: from here by there\r\nDelivered-To: x\r\n" + raw.replace(b"\n", b"\r\n")
    assert handle(at, by_another_way, LATER + DAY).deed is Deed.KNOWN
    assert len(evidence(at)) == 1
    assert came(at, "mailbox-full", number, n=2) is Deed.RECORDED


def test_the_papers_of_a_letter_that_came_back_are_in_the_next_one(at: House, record: Record) -> None:
    (paper,) = record.letters(ADA)[0].papers
    assert came(at, "mailbox-full", first(record)) is Deed.RECORDED
    assert record.letters(ADA)[0].state == State.FAILED
    asyncio.run(daily.plan(at, TUESDAY + DAY))
    assert record.letters(ADA)[1].papers == [paper]


def letters(at: House, record: Record, count: int) -> list[int]:
    """Letters to Ada, one a day, all of which the relay took; their numbers."""
    for day in range(1, count + 1):
        arrive(at, TUESDAY + day * DAY, f"Robot {day}")
        asyncio.run(daily.plan(at, TUESDAY + day * DAY))
        record.settle(State.SENT)
    return [int(each.id or 0) for each in record.letters(ADA)]


@pytest.mark.parametrize(
    ("came_back", "status"),
    [
        ((0, 1, 2), Status.PAUSED),
        ((0, 2, 4), Status.PAUSED),
        ((0, 4), Status.ACTIVE),
        ((3, 3, 3), Status.ACTIVE),  # the same letter: one
    ],
)
def test_three_soft_bounces_of_five_letters_pause(
    at: House, record: Record, came_back: tuple[int, ...], status: Status
) -> None:
    numbers = letters(at, record, 4)
    deeds = [came(at, "mailbox-full", numbers[each], n) for n, each in enumerate(came_back)]
    ada = record.of(ADA)
    assert (ada.status, ada.paused_until) == (status, None)
    if status == Status.PAUSED:
        assert deeds == [Deed.RECORDED, Deed.RECORDED, Deed.PAUSED]
        assert ada.reason == "3 of the last 5 letters came back, the last one: 5.2.2 mailbox full"


def test_a_bounce_of_long_ago_is_none_of_the_last_five(at: House, record: Record) -> None:
    numbers = letters(at, record, 6)
    for n, each in enumerate((0, 1, 6)):
        came(at, "mailbox-full", numbers[each], n)
    assert record.of(ADA).status == Status.ACTIVE


def test_a_delay_is_noted_and_costs_nothing(at: House, record: Record) -> None:
    for n, number in enumerate(letters(at, record, 4)):
        assert came(at, "delayed", number, n) is Deed.RECORDED
    assert record.of(ADA).status == Status.ACTIVE
    assert {each.state for each in record.letters(ADA)} == {State.SENT}


def test_a_reader_who_resumes_gets_letters_again(at: House, record: Record) -> None:
    for n, number in enumerate(letters(at, record, 2)):
        came(at, "mailbox-full", number, n)
    asyncio.run(daily.plan(at, TUESDAY + 20 * DAY))
    assert record.of(ADA).status == Status.PAUSED
    link = token(at, ADA, Purpose.PREFERENCES, TUESDAY)
    desk.change(at, link, Wish(), desk.understood(["robot"]), None, TUESDAY + 20 * DAY)
    assert (record.of(ADA).status, record.of(ADA).reason) == (Status.ACTIVE, "")
    asyncio.run(daily.plan(at, TUESDAY + 20 * DAY))
    assert len(record.letters(ADA)[-1].papers) == 3


def test_what_is_our_fault_leaves_the_reader_alone_and_is_told(at: House, record: Record) -> None:
    names = ("taken-for-spam", "no-route", "system-fault", "sender-refused", "signature-failed")
    for name, number in zip(names, letters(at, record, 4), strict=True):
        assert came(at, name, number) is Deed.RECORDED
    assert record.of(ADA).status == Status.ACTIVE
    assert {each.verdict for each in evidence(at)} == {Verdict.OURS}


def test_the_doctor_tells_what_is_our_fault(at: House, record: Record) -> None:
    assert [each for each in check_database(at.settings) if each.name == "refusals"] == []
    handle(at, mail("taken-for-spam", address(at, first(record))), datetime.now(UTC))
    (check,) = [each for each in check_database(at.settings) if each.name == "refusals"]
    assert not check.ok
    assert "because of us: 5.7.1 taken for spam (1); see: digest bounces list" in check.says


def test_a_complaint_suppresses_for_good(at: House, record: Record) -> None:
    # A feedback loop sends to an address of its own; the letter is named inside.
    handled = handle(at, mail("complaint", address(at, first(record))), LATER)
    assert (handled.deed, handled.delivery) == (Deed.SUPPRESSED, first(record))
    desk.subscribe(at, ADA, Wish(), [], LATER)
    ada = record.of(ADA)
    assert (ada.status, ada.reason) == (Status.SUPPRESSED, "complaint: called spam")
    assert record.kinds(ADA) == ["digest"]


def test_a_complaint_of_somebody_who_has_left_counts_too(at: House, record: Record) -> None:
    desk.remove(at, ADA, LATER)
    assert came(at, "complaint", first(record)) is Deed.SUPPRESSED
    assert record.of(ADA).reason == "complaint: called spam"


def test_an_automatic_reply_is_noted_only(at: House, record: Record) -> None:
    assert came(at, "away", first(record)) is Deed.RECORDED
    assert (record.of(ADA).status, record.letters(ADA)[0].state) == (Status.ACTIVE, State.SENT)
    assert [each.verdict for each in evidence(at)] == [Verdict.REPLY]


def test_what_is_no_bounce_is_not_noted(at: House, record: Record) -> None:
    for name in ("person", "not-spam", "delivered"):
        assert came(at, name, first(record)) is Deed.NOTHING
    assert evidence(at) == []


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("no-such-mailbox", State.FAILED),
        ("taken-for-spam", State.FAILED),
        ("delayed", State.SENT),
        ("complaint", State.SENT),
    ],
)
def test_a_letter_in_doubt_is_settled_by_what_comes_back(at: House, record: Record, name: str, state: State) -> None:
    number = first(record)
    with db.writing(at.engine) as session:
        session.get_one(Delivery, number).state = State.UNCERTAIN
    came(at, name, number)
    (letter,) = record.letters(ADA)
    assert (letter.state, letter.settled_at, letter.owner) == (state, LATER, None)


def test_a_letter_that_expired_stays_expired(at: House, record: Record) -> None:
    with db.writing(at.engine) as session:
        session.get_one(Delivery, first(record)).state = State.EXPIRED
    came(at, "taken-for-spam", first(record))
    assert record.letters(ADA)[0].state == State.EXPIRED


def test_a_bounce_may_be_quicker_than_the_relays_answer(at: House, record: Record) -> None:
    number = first(record)
    with db.writing(at.engine) as session:
        letter = session.get_one(Delivery, number)
        letter.state, letter.owner = State.ON_WIRE, "the sender"
    came(at, "mailbox-full", number)
    assert (record.letters(ADA)[0].state, record.letters(ADA)[0].owner) == (State.FAILED, None)


@pytest.mark.parametrize("to", ["bounces@digest.example.org", f"bounces+{'a' * 39}@digest.example.org", ""])
def test_without_a_valid_token_nothing_happens(at: House, record: Record, to: str) -> None:
    for name in ("no-such-mailbox", "complaint", "mailbox-full", "away"):
        handled = handle(at, mail(name, to), LATER)
        assert (handled.deed, handled.delivery) == (Deed.NOTHING, None)
    assert (evidence(at), record.of(ADA).status) == ([], Status.ACTIVE)


def test_a_token_for_leaving_cannot_bounce_and_a_bounce_cannot_leave(at: House, record: Record) -> None:
    assert handle(at, leaving(address(at, first(record))), LATER).deed is Deed.NOTHING
    to = address(at, first(record), Errand.LEAVE)
    assert handle(at, mail("no-such-mailbox", to), LATER).deed is Deed.LEFT


def test_the_token_is_found_where_servers_put_it(at: House, record: Record) -> None:
    to = address(at, first(record)).upper()
    for n, header in enumerate(("Delivered-To", "X-Original-To", "Envelope-To", "Original-Recipient", "Cc")):
        raw = f"{header}: rfc822;{to}\n".encode() + mail("away", "list@example.org", n)
        assert handle(at, raw, LATER).deed is Deed.RECORDED, header


def test_the_envelope_may_tell_the_token(at: House, record: Record) -> None:
    raw = mail("no-such-mailbox", "list@example.org")
    assert handle(at, raw, LATER, [address(at, first(record))]).deed is Deed.SUPPRESSED


def test_a_mail_can_unsubscribe(at: House, record: Record) -> None:
    arrive(at, TUESDAY + DAY, "Another robot")
    asyncio.run(daily.plan(at, TUESDAY + DAY))
    raw = leaving(address(at, first(record), Errand.LEAVE))
    assert handle(at, raw, LATER).deed is Deed.LEFT
    assert handle(at, raw, LATER).deed is Deed.KNOWN
    assert record.of(ADA).status == Status.UNSUBSCRIBED
    assert [each.state for each in record.letters(ADA)] == [State.SENT, State.CANCELLED]
    assert [each.verdict for each in evidence(at)] == [Verdict.LEAVE]


def test_who_was_suppressed_stays_so_when_leaving(at: House, record: Record) -> None:
    came(at, "no-such-mailbox", first(record))
    assert handle(at, leaving(address(at, first(record), Errand.LEAVE)), LATER).deed is Deed.RECORDED
    assert record.of(ADA).status == Status.SUPPRESSED


def test_an_old_bounce_does_not_end_a_subscription_that_was_confirmed_since(at: House, record: Record) -> None:
    number = first(record)
    desk.remove(at, ADA, SOON)
    desk.add(at, ADA, Wish(), [], SOON, confirmed=True)
    assert came(at, "no-such-mailbox", number) is Deed.RECORDED
    assert record.of(ADA).status == Status.ACTIVE


def test_a_confirmation_that_bounces_ends_the_wait(store: Engine) -> None:
    at = house(store, bounce_address=BOUNCES)
    desk.subscribe(at, ADA, Wish(), [], TUESDAY)
    record = Record(store)
    record.settle(State.SENT)
    assert came(at, "mailbox-disabled", first(record)) is Deed.SUPPRESSED
    assert record.of(ADA).status == Status.SUPPRESSED


def test_who_was_erased_leaves_nothing_to_bounce(at: House, record: Record) -> None:
    number = first(record)
    came(at, "mailbox-full", number)
    roll.erase(at, ADA)
    assert evidence(at) == []
    assert came(at, "no-such-mailbox", number) is Deed.FORGOTTEN


def test_the_other_reader_is_not_touched(at: House, record: Record) -> None:
    reader(at, BOB, "robot", now=TUESDAY)
    came(at, "no-such-mailbox", first(record))
    assert record.of(BOB).status == Status.ACTIVE


def test_a_mail_that_cannot_be_read_changes_nothing(at: House) -> None:
    with pytest.raises(Unreadable):
        handle(at, b"\xff\xfe", LATER)
    assert evidence(at) == []


def test_a_paused_reader_is_suppressed_by_a_hard_bounce(at: House, record: Record) -> None:
    put(at.engine, ADA, Status.PAUSED)
    assert came(at, "no-such-mailbox", first(record)) is Deed.SUPPRESSED
    with db.reading(at.engine) as session:
        assert deliveries.tally(session)[State.FAILED] == 1
