"""Rates, connections and the circuit of the relay, with real emails over real connections."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import select
from structlog.testing import capture_logs

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import DeliveryKind, RelayCircuit, SharedTokenBucket
from digest.delivery import DeliveryReport, send_queued
from digest.delivery.circuit_breaker import INITIAL_PAUSE, MAX_PAUSE, open_circuit
from digest.monitoring.checks.configuration import check_database
from digest.web import create_app
from tests.support.browser import Browser
from tests.support.contexts import FixedClock, StoreView, make_context
from tests.support.factories import NOW, delivery, subscriber
from tests.support.relay import Relay
from tests.support.rude_relay import RudeRelay


def relay_context(store: Engine, port: int, **given: object) -> AppContext:
    return make_context(store, smtp_host="127.0.0.1", smtp_port=port, smtp_tls="none", **given)


def queue_welcomes(store: Engine, *domains: str) -> list[str]:
    """A welcome to a new subscriber at each domain, in this order."""
    with write_session(store) as session:
        recipients_to = [subscriber(email=f"r{number}-{id(store)}@{domain}") for number, domain in enumerate(domains)]
        session.add_all(recipients_to)
        session.flush()
        session.add_all(delivery(recipient, kind=DeliveryKind.WELCOME) for recipient in recipients_to)
        return [recipient.email for recipient in recipients_to]


def deliver(at: AppContext) -> DeliveryReport:
    async def limited() -> DeliveryReport:
        async with asyncio.timeout(60):
            return await send_queued(at, lambda: NOW)

    return asyncio.run(limited())


def load_circuit(store: Engine) -> RelayCircuit | None:
    with read_session(store) as session:
        return session.exec(select(RelayCircuit)).first()


def test_all_connections_together_keep_the_rate(sqlite_store: Engine, polite: Relay) -> None:
    """The record of the rate has room for all, one slice after another; `test_rate_limits.py` turns the clock."""
    queue_welcomes(sqlite_store, *["a.test"] * 250)
    began = datetime.now(UTC)
    assert deliver(relay_context(sqlite_store, polite.port, smtp_rate=200)).sent == 250
    assert polite.sessions >= 3
    with read_session(sqlite_store) as session:
        reserved = session.exec(select(SharedTokenBucket.available_at)).one() - began
    assert reserved >= timedelta(seconds=2), "250 e-mails need two slices of 200, each a second"


def test_a_domain_at_its_limit_holds_up_no_other(store: Engine, polite: Relay) -> None:
    wanted = queue_welcomes(store, *["big.test"] * 35, *["small.test", "other.test", "Small.TEST"] * 5)
    assert deliver(relay_context(store, polite.port, smtp_domain_rate=10)).sent == 50
    domains = [address.rpartition("@")[2].lower() for address, _ in polite.accepted]
    assert Counter(address for address, _ in polite.accepted) == Counter(wanted)
    # Though they were queued last, the small ones were through while the large one waited for its turn.
    assert domains[-12:] == ["big.test"] * 12


@pytest.mark.parametrize(("most", "count"), [(1, 210), (6, 510)])
def test_there_are_as_many_connections_as_the_setting_says(
    sqlite_store: Engine, polite: Relay, most: int, count: int
) -> None:
    queue_welcomes(sqlite_store, *["a.test"] * count)
    assert deliver(relay_context(sqlite_store, polite.port, smtp_connections=most, smtp_reuse=10_000)).sent == count
    assert polite.sessions == most


def test_a_connection_is_closed_after_as_many_emails_as_the_setting_says(sqlite_store: Engine, polite: Relay) -> None:
    queue_welcomes(sqlite_store, *["a.test"] * 21)
    assert deliver(relay_context(sqlite_store, polite.port, smtp_reuse=7)).sent == 21
    assert polite.sessions == 3


def test_a_relay_that_takes_few_connections_gets_all_emails_over_those(sqlite_store: Engine) -> None:
    queue_welcomes(sqlite_store, *["a.test"] * 300)

    async def act() -> None:
        async with asyncio.timeout(60), OneAtATime() as busy:
            sent = await send_queued(relay_context(sqlite_store, busy.port), lambda: NOW)
            assert (sent.sent, sent.relay_error, len(busy.messages)) == (300, "", 300)
            assert busy.refused <= 3
        assert {row.attempts for row in StoreView(sqlite_store).deliveries()} == {1}

    asyncio.run(act())


class OneAtATime(RudeRelay):
    """It takes a second connection for an attack."""

    def __init__(self) -> None:
        super().__init__()
        self.open = self.refused = 0

    async def _listen(self, stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.open:
            self.refused += 1
            writer.write(b"421 4.7.0 too many connections\r\n")
            return
        self.open += 1
        try:
            await super()._listen(stream, writer)
        finally:
            self.open -= 1


# --- the circuit breaker


def test_while_the_circuit_is_open_nothing_is_tried_for_a_pause_that_grows(store: Engine) -> None:
    queue_welcomes(store, "a.test", "a.test")
    clock = FixedClock()

    async def act() -> None:
        async with asyncio.timeout(60), RudeRelay({"greeting": ["554 5.7.1 not you"] * 8}) as rude:
            at = relay_context(store, rude.port)
            expected = INITIAL_PAUSE
            for tries in range(1, 9):
                with capture_logs() as events:
                    sent = await send_queued(at, clock)
                assert "554" in sent.relay_error
                assert len(rude.heard) == tries
                loud = [entry for entry in events if entry["log_level"] == "error"]
                assert [entry["event"] for entry in loud] == (["relay.circuit_opened"] if tries == 1 else [])
                circuit = load_circuit(store)
                assert circuit
                assert (circuit.opened_at, circuit.failure_count, circuit.reply_code) == (NOW, tries, 554)
                assert circuit.retry_at - clock.now == expected
                clock.now += expected - timedelta(seconds=1)
                assert (await send_queued(at, clock)).relay_error == sent.relay_error
                assert len(rude.heard) == tries
                clock.now += timedelta(seconds=1)
                expected = min(2 * expected, MAX_PAUSE)
            assert {(row.state, row.attempts, row.owner) for row in StoreView(store).deliveries()} == {
                ("queued", 0, None)
            }
            assert (await send_queued(at, clock)).sent == 2
        assert load_circuit(store) is None

    asyncio.run(act())


def test_a_forced_run_tries_at_once_and_the_trial_costs_no_email(store: Engine) -> None:
    queue_welcomes(store, "a.test")

    async def act() -> None:
        no, yes = "535 5.7.8 wrong password", "250 2.1.0 ok"
        async with asyncio.timeout(60), RudeRelay({"MAIL": [no, no, yes]}) as rude:
            at = relay_context(store, rude.port)
            for _ in range(2):
                assert (await send_queued(at, lambda: NOW, force=True)).relay_error
            assert [len(rude.messages), [row.attempts for row in StoreView(store).deliveries()]] == [0, [0]]
            assert (await send_queued(at, lambda: NOW, force=True)).sent == 1
        assert load_circuit(store) is None
        assert [row.attempts for row in StoreView(store).deliveries()] == [1]

    asyncio.run(act())


def test_the_circuit_closes_only_when_an_email_was_accepted(store: Engine) -> None:
    queue_welcomes(store, "a.test")
    later = NOW + INITIAL_PAUSE

    async def act() -> None:
        # Asked with MAIL alone it says yes, and to an email no: it wants a login for RCPT.
        async with asyncio.timeout(60), RudeRelay({"RCPT": ["530 5.7.0 log in"] * 2}) as rude:
            at = relay_context(store, rude.port)
            await send_queued(at, lambda: NOW)
            assert (await send_queued(at, lambda: later)).relay_error
            circuit = load_circuit(store)
            assert circuit
            assert (circuit.failure_count, circuit.opened_at, circuit.retry_at) == (2, NOW, later + 2 * INITIAL_PAUSE)

    asyncio.run(act())


def test_with_nothing_to_send_a_relay_that_accepts_us_closes_the_circuit(store: Engine, polite: Relay) -> None:
    at = relay_context(store, polite.port)
    with write_session(store) as session:
        open_circuit(session, at.relay_config().name, code=421, reply="not now", now=NOW)
    assert not asyncio.run(send_queued(at, lambda: NOW + INITIAL_PAUSE)).relay_error
    assert load_circuit(store) is None


def test_a_refusal_after_on_wire_costs_no_attempt_either(store: Engine) -> None:
    queue_welcomes(store, "a.test")

    async def act() -> None:
        async with asyncio.timeout(60), RudeRelay({"DATA": ["530 5.7.0 log in"]}) as rude:
            assert (await send_queued(relay_context(store, rude.port), lambda: NOW)).relay_error
        (row,) = StoreView(store).deliveries()
        assert (row.state, row.attempts, row.owner, row.next_attempt_at) == ("queued", 0, None, None)

    asyncio.run(act())


def test_the_circuit_of_one_relay_is_not_that_of_another(store: Engine, polite: Relay) -> None:
    queue_welcomes(store, "a.test")
    with write_session(store) as session:
        open_circuit(session, "elsewhere:25", code=554, reply="no", now=NOW)
    assert deliver(relay_context(store, polite.port)).sent == 1


def test_doctor_and_health_report_an_open_circuit(store: Engine, polite: Relay) -> None:
    at = relay_context(store, polite.port)
    client = Browser(create_app(at, clock=lambda: NOW))
    assert client.get("/healthz").json()["relay"] == "open"
    assert not [check for check in check_database(at.settings) if not check.ok]
    with write_session(store) as session:
        open_circuit(session, at.relay_config().name, code=535, reply="535 wrong password", now=NOW)
    health = Browser(create_app(at, clock=lambda: NOW)).get("/healthz")  # what was seen a moment ago is kept
    assert (health.status_code, health.json()["relay"]) == (200, "closed since 2026-07-01T06:00Z")
    assert "535" not in health.text
    (found,) = (check for check in check_database(at.settings) if not check.ok)
    assert found.message == (
        "no e-mails have been sent since 2026-07-01 06:00 UTC; the relay says: 535 wrong password; "
        "next attempt at 06:00:30 UTC, or now with: digest run"
    )
