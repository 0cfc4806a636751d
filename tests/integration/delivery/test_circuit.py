"""When the circuit of a relay opens: counts, refusals that are not decided, and pauses."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import ClaimedDelivery, DeliveryKind, DeliveryState, RelayCircuit
from digest.delivery import find_circuit
from digest.delivery.circuit_breaker import (
    INITIAL_PAUSE,
    MAX_EQUAL_REFUSALS,
    MAX_PAUSE,
    MAX_REFUSALS,
    MAX_SLOW_DOWNS,
    MAX_UNREACHABLE,
    CircuitBreaker,
    close_circuit,
    is_open,
    open_circuit,
)
from digest.delivery.retry import DeliveryOutcome
from digest.delivery.store_executor import StoreExecutor
from digest.mail import RelayConfig
from tests.support.contexts import make_context
from tests.support.factories import NOW

RELAY = "relay.test:25"
SECOND = timedelta(seconds=1)
FAILED = DeliveryOutcome(DeliveryState.FAILED, 550, "no")


@pytest.fixture
def breaker(sqlite_store: Engine) -> CircuitBreaker:
    ctx: AppContext = make_context(sqlite_store)
    return CircuitBreaker(ctx, RelayConfig(host="relay.test", port=25), StoreExecutor(sqlite_store, "test"))


def claimed(subscriber_id: int) -> ClaimedDelivery:
    return ClaimedDelivery(subscriber_id, subscriber_id, DeliveryKind.DIGEST, "2026-07-01", "<1@x>", 1, NOW)


def test_connections_that_fail_in_a_row_open_it(breaker: CircuitBreaker) -> None:
    for _ in range(2):
        assert [breaker.counts_unreachable() for _ in range(MAX_UNREACHABLE)] == [
            *[False] * (MAX_UNREACHABLE - 1),
            True,
        ]
        breaker.record_reply()
    assert [breaker.counts_slow_down() for _ in range(MAX_SLOW_DOWNS)] == [*[False] * (MAX_SLOW_DOWNS - 1), True]


def test_equal_refusals_of_different_subscribers_open_it(breaker: CircuitBreaker) -> None:
    assert not any(breaker.counts_refusal("policy", claimed(1), FAILED) for _ in range(MAX_EQUAL_REFUSALS + 1))
    assert not any(breaker.counts_refusal(f"other {n}", claimed(10 + n), FAILED) for n in range(MAX_EQUAL_REFUSALS))
    more = [breaker.counts_refusal("policy", claimed(n), FAILED) for n in range(2, MAX_EQUAL_REFUSALS + 1)]
    assert more == [*[False] * (MAX_EQUAL_REFUSALS - 2), True]
    taken = breaker.take_undecided()
    assert (taken[0].key, taken[0].delivery.id, taken[0].outcome) == ("policy", 1, FAILED)
    assert len(taken) == 3 * MAX_EQUAL_REFUSALS
    assert breaker.take_undecided() == []


def test_many_refusals_for_any_reason_open_it(breaker: CircuitBreaker) -> None:
    opened = [breaker.counts_refusal(f"reason {n}", claimed(n), FAILED) for n in range(MAX_REFUSALS)]
    assert opened == [*[False] * (MAX_REFUSALS - 1), True]


def test_after_a_probe_a_single_refusal_opens_it_again(breaker: CircuitBreaker) -> None:
    breaker.is_half_open = True
    assert breaker.counts_refusal("policy", claimed(1), FAILED)


def circuit_after(store: Engine, *instants: timedelta) -> RelayCircuit:
    """Return the circuit after failures at these times."""
    with write_session(store) as session:
        for instant in instants:
            open_circuit(session, RELAY, code=550, reply=f"at {instant}", now=NOW + instant)
    with read_session(store) as session:
        circuit = find_circuit(session, RELAY)
    assert circuit is not None
    return circuit


def test_failures_at_the_same_time_count_as_one(store: Engine) -> None:
    circuit = circuit_after(store, 0 * SECOND, 1 * SECOND, 29 * SECOND)
    assert (circuit.failure_count, circuit.retry_at, circuit.opened_at) == (1, NOW + INITIAL_PAUSE, NOW)
    assert (circuit.reply_code, circuit.reply) == (550, "at 0:00:00")
    with write_session(store) as session:
        close_circuit(session, "another:25")
        assert find_circuit(session, RELAY)
        close_circuit(session, RELAY)
        assert find_circuit(session, RELAY) is None


def test_the_pause_doubles_up_to_a_quarter_of_an_hour(store: Engine) -> None:
    instants = [timedelta(0)]
    pauses = []
    for _ in range(14):
        circuit = circuit_after(store, instants[-1])
        pauses.append(circuit.retry_at - circuit.last_failure_at)
        instants.append(circuit.retry_at - NOW)
    assert pauses == [min(INITIAL_PAUSE * 2**number, MAX_PAUSE) for number in range(14)]
    assert (circuit.failure_count, circuit.opened_at) == (14, NOW)


def test_it_is_open_until_the_pause_is_over_and_not_for_a_clock_that_was_set_back() -> None:
    circuit = RelayCircuit(relay=RELAY, opened_at=NOW, last_failure_at=NOW, retry_at=NOW + INITIAL_PAUSE)
    instants = (-SECOND, 0 * SECOND, INITIAL_PAUSE - SECOND, INITIAL_PAUSE)
    assert [is_open(circuit, NOW + instant) for instant in instants] == [False, True, True, False]
