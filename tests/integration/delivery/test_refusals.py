"""Whose a refusal is: the mailbox's, the message's or ours; and what a relay that wants less gets."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from digest.database import read_session, write_session
from digest.database.models import Delivery, DeliveryKind, DeliveryState, RelayCircuit, SharedTokenBucket
from digest.delivery import DeliveryReport, send_queued
from digest.delivery.circuit_breaker import INITIAL_PAUSE, MAX_EQUAL_REFUSALS, MAX_REFUSALS, MAX_SLOW_DOWNS
from digest.delivery.rate_limit import INITIAL_PACE
from digest.delivery.transitions import GIVE_UP_AFTER
from tests.integration.delivery.test_send import against, queue_deliveries, relay_context, states
from tests.support.contexts import StoreView
from tests.support.factories import NOW
from tests.support.rude_relay import RudeRelay

OURS = "550 5.7.1 relaying denied"
UNKNOWN = "550 the moon is in the wrong place"
DEAD = "550 5.1.1 no such user"


def send(store: Engine, rude: RudeRelay, minutes: float = 0, **given: object) -> DeliveryReport:
    """One run against a relay, so many minutes later."""
    reports: list[DeliveryReport] = []

    async def act(rude: RudeRelay) -> None:
        context = relay_context(store, rude.port, **given)
        reports.append(await send_queued(context, lambda: NOW + timedelta(minutes=minutes)))

    against(rude, act)
    return reports[0]


def find_circuit(store: Engine) -> RelayCircuit | None:
    with read_session(store) as session:
        return session.exec(select(RelayCircuit)).first()


def statuses(store: Engine, addresses: list[str]) -> set[str]:
    return {StoreView(store).subscriber(address).status for address in addresses}


@pytest.mark.parametrize("verb", ["RCPT", "dot"])
@pytest.mark.parametrize("reply", [OURS, UNKNOWN, "451 4.3.0 the moon is in the wrong place"])
def test_the_same_refusal_for_five_recipients_is_the_relays_and_costs_none_of_them(
    store: Engine, verb: str, reply: str
) -> None:
    addresses = queue_deliveries(store, 12)
    rude = RudeRelay({verb: [reply] * 20})
    report = send(store, rude, smtp_connections=1)
    assert (report.sent, report.failed, report.deferred) == (0, 0, 0)
    assert reply.rpartition(" ")[2] in report.relay_error
    assert sum(line.startswith("RCPT") for line in rude.words.splitlines()) == MAX_EQUAL_REFUSALS
    assert {(row.state, row.attempts, row.owner) for row in StoreView(store).deliveries()} == {("queued", 0, None)}
    assert statuses(store, addresses) == {"active"}
    assert find_circuit(store)


def test_the_operator_learns_what_to_do(store: Engine) -> None:
    queue_deliveries(store, 6)
    send(store, RudeRelay({"RCPT": [OURS] * 20}))
    circuit = find_circuit(store)
    assert circuit
    assert "relaying denied" in circuit.reply
    assert "DIGEST_SMTP_USERNAME" in circuit.reply


def test_refusals_of_many_kinds_without_an_accepted_message_are_the_relays_too(store: Engine) -> None:
    queue_deliveries(store, 40)
    moons = ["red", "blue", "new", "full", "half", "low"] * 7
    rude = RudeRelay({"RCPT": [f"550 the moon is {moon}" for moon in moons]})
    report = send(store, rude, smtp_connections=1)
    assert report.relay_error
    assert sum(line.startswith("RCPT") for line in rude.words.splitlines()) == MAX_REFUSALS
    assert set(states(store)) == {"queued"}


def test_refusals_before_an_accepted_message_are_the_messages_own(store: Engine) -> None:
    addresses = queue_deliveries(store, 9)
    rude = RudeRelay({"RCPT": [*[UNKNOWN] * 4, "250 ok", *[UNKNOWN] * 4]})
    report = send(store, rude, smtp_connections=1)
    assert (report.sent, report.failed, report.relay_error) == (1, 8, "")
    assert Counter(states(store)) == {"failed": 8, "sent": 1}
    assert statuses(store, addresses) == {"active"}
    assert find_circuit(store) is None


def test_replies_about_mailboxes_never_count(store: Engine) -> None:
    addresses = queue_deliveries(store, 12)
    report = send(store, RudeRelay({"RCPT": [DEAD] * 11}), smtp_connections=1)
    assert (report.sent, report.failed, report.relay_error) == (1, 11, "")
    assert statuses(store, addresses[:11]) == {"suppressed"}


def test_after_a_pause_one_message_asks_and_its_acceptance_closes_the_circuit(store: Engine) -> None:
    queue_deliveries(store, 8)
    send(store, RudeRelay({"RCPT": [UNKNOWN] * 20}), smtp_connections=1)
    minutes = INITIAL_PAUSE / timedelta(minutes=1)

    async def act(rude: RudeRelay) -> None:
        with write_session(store) as session:  # the same relay, though it has another port by now
            circuit = session.exec(select(RelayCircuit)).one()
            circuit.relay = relay_context(store, rude.port).relay_config().name
        context = relay_context(store, rude.port)
        later = NOW + INITIAL_PAUSE
        assert (await send_queued(context, lambda: later)).relay_error
        assert sum(line.startswith("RCPT") for line in rude.words.splitlines()) == 1
        assert set(states(store)) == {"queued"}
        assert (await send_queued(context, lambda: later + 2 * INITIAL_PAUSE)).sent == 8

    against(RudeRelay({"RCPT": [UNKNOWN]}), act)
    assert minutes
    assert find_circuit(store) is None
    assert {row.attempts for row in StoreView(store).deliveries()} == {1}


# --- a relay that wants less


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "dot"])
def test_slow_down_is_no_attempt_and_the_email_is_the_next_one(store: Engine, verb: str) -> None:
    addresses = queue_deliveries(store, 5)
    rude = RudeRelay({verb: ["250 ok" if verb != "DATA" else "354 go", "454 4.7.0 too many messages, slow down"]})
    report = send(store, rude, smtp_connections=1)
    assert (report.sent, report.deferred) == (5, 0)
    assert {row.attempts for row in StoreView(store).deliveries()} == {1}
    commands = [line for line in rude.words.splitlines() if line.startswith("RCPT")]
    assert commands[-4:] == [f"RCPT TO:<{address}>" for address in addresses[1:]]
    with read_session(store) as session:
        pace = session.exec(select(SharedTokenBucket.pace)).one()
    assert pace is not None
    assert INITIAL_PACE <= pace < INITIAL_PACE + 1


@pytest.mark.parametrize("offers", [(), ("PIPELINING",)])
def test_a_relay_that_wants_nothing_more_ends_the_run_with_few_sessions(store: Engine, offers: tuple[str, ...]) -> None:
    queue_deliveries(store, 30)
    rude = RudeRelay({"MAIL": ["250 ok"] * 3 + ["421 4.4.2 message rate exceeded"] * 50}, offers=offers)
    report = send(store, rude)
    assert (report.sent, report.deferred, report.failed) == (3, 0, 0)
    assert "rate exceeded" in report.relay_error
    assert len(rude.heard) <= MAX_SLOW_DOWNS + 2
    waiting = [row for row in StoreView(store).deliveries() if row.state == DeliveryState.QUEUED]
    assert len(waiting) == 27
    assert {(row.attempts, row.next_attempt_at, row.owner) for row in waiting} == {(0, None, None)}


class ShortSessions(RudeRelay):
    """Takes ten messages a session."""

    async def _reply(self, verb: str, writer: asyncio.StreamWriter) -> bool:
        if verb == "MAIL" and sum(line.startswith("MAIL") for line in self.heard[-1]) > 10:
            self.replies["MAIL"].append("452 4.5.3 too many messages in this session")
        return await super()._reply(verb, writer)


@pytest.mark.parametrize("offers", [(), ("PIPELINING",)])
def test_a_session_that_is_full_is_followed_by_a_new_one(store: Engine, offers: tuple[str, ...]) -> None:
    queue_deliveries(store, 45)
    rude = ShortSessions(offers=offers)
    report = send(store, rude, smtp_connections=1)
    assert (report.sent, report.deferred) == (45, 0)
    assert len(rude.heard) == 5
    assert rude.words.count("MAIL") == 46  # the relay had to say it once
    assert {row.attempts for row in StoreView(store).deliveries()} == {1}


class ClosingEarly(RudeRelay):
    """Ends its first session after six messages, the second after three, and says nothing of a rate."""

    reply = ""

    async def _reply(self, verb: str, writer: asyncio.StreamWriter) -> bool:
        most = {1: 6, 2: 3}.get(len(self.heard), 100)
        if verb == "MAIL" and sum(line.startswith("MAIL") for line in self.heard[-1]) > most:
            self.replies["MAIL"].append(f"{self.reply}, close")
        return await super()._reply(verb, writer)


@pytest.mark.parametrize(
    "reply",
    ["421 4.7.0 try again later", "421 4.7.0 bye", "421 4.3.0 closing", "421 Service not available, closing channel"],
)
def test_a_session_that_is_closed_sooner_than_the_one_before_asks_for_less(store: Engine, reply: str) -> None:
    queue_deliveries(store, 15)
    rude = ClosingEarly()
    rude.reply = reply
    report = send(store, rude, smtp_connections=1)
    assert (report.sent, report.deferred) == (15, 0)
    assert len(rude.heard) == 3
    with read_session(store) as session:
        assert session.exec(select(SharedTokenBucket.pace)).one() is not None
    assert {row.attempts for row in StoreView(store).deliveries()} == {1}


def test_a_relay_that_refuses_one_connection_more_keeps_those_it_has(sqlite_store: Engine) -> None:
    queue_deliveries(sqlite_store, 450)
    rude = RudeRelay({"greeting": ["220 one", "220 two", *["421 4.7.0 too many connections"] * 9]})
    report = send(sqlite_store, rude, smtp_reuse=10_000)
    assert (report.sent, report.relay_error) == (450, "")
    taken = [sum(line.startswith("RCPT") for line in lines) for lines in rude.heard]
    assert sorted(taken)[-2] > 50


# --- the end of trying


def test_after_four_days_an_email_is_given_up_and_a_digest_waits_for_the_next_edition(store: Engine) -> None:
    queue_deliveries(store, kind=DeliveryKind.CONFIRM, priority=0)
    queue_deliveries(store, kind=DeliveryKind.DIGEST, priority=2)
    with write_session(store) as session:
        for row in session.exec(select(Delivery)):
            row.created_at, row.reply, row.reply_code = NOW, "4.3.0 later", 451
    for days, expected in ((4, ["queued", "queued"]), (5, ["failed", "queued"])):
        rude = RudeRelay({"RCPT": ["450 4.2.1 the mailbox is busy, try later"] * 2})
        send(store, rude, minutes=days * 24 * 60)
        assert states(store) == expected
    row, _ = StoreView(store).deliveries()
    assert row.reply.startswith("given up after four days: 4.")
    assert row.settled_at is not None
    assert row.settled_at - row.created_at > GIVE_UP_AFTER
