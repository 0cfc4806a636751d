"""How many connections a sender may open: by what waits, by the pace, by settings, and by what the relay takes."""

import asyncio
from time import monotonic

import pytest
from sqlalchemy import Engine

from digest.delivery.claimer import Claimer, SenderIdentity
from digest.delivery.sender import CONNECTION_PAUSE_SECONDS, DELIVERIES_PER_CONNECTION, PACE_PER_CONNECTION, Sender
from digest.mail import RelayConfig
from digest.rendering import RenderCache
from tests.support.contexts import make_context
from tests.support.factories import NOW


@pytest.fixture
def sender(sqlite_store: Engine) -> Sender:
    ctx = make_context(sqlite_store, smtp_connections=6)
    claimer = Claimer(ctx, lambda: NOW, SenderIdentity("one"), RenderCache())
    return Sender(claimer, RelayConfig(host="relay.test", port=25), asyncio.Event())


@pytest.mark.parametrize(
    ("claimed", "expected"),
    [
        (0, 1),
        (1, 1),
        (DELIVERIES_PER_CONNECTION, 1),
        (DELIVERIES_PER_CONNECTION + 1, 2),
        (6 * DELIVERIES_PER_CONNECTION, 6),
        (60 * DELIVERIES_PER_CONNECTION, 6),
    ],
)
def test_a_connection_for_each_hundred_up_to_the_setting(sender: Sender, claimed: int, expected: int) -> None:
    sender._queue.claimed_count = claimed
    assert sender._allowed_connections == expected


@pytest.mark.parametrize(
    ("pace", "expected"), [(PACE_PER_CONNECTION / 2, 1), (3 * PACE_PER_CONNECTION, 3), (99 * PACE_PER_CONNECTION, 6)]
)
def test_a_slow_relay_is_worth_few(sender: Sender, pace: float, expected: int) -> None:
    sender._queue.claimed_count = 6000
    sender._limits.pace = pace
    assert sender._allowed_connections == expected


def test_a_relay_that_refused_one_keeps_those_it_took_for_a_while(sender: Sender) -> None:
    sender._queue.claimed_count = 6000
    sender._refused_at, sender._relay_connections = monotonic(), 2
    assert sender._allowed_connections == 2
    sender._refused_at = monotonic() - CONNECTION_PAUSE_SECONDS
    assert sender._allowed_connections == 6


def test_a_circuit_that_is_half_open_gets_one(sender: Sender) -> None:
    sender._queue.claimed_count = 6000
    sender._breaker.is_half_open = True
    assert sender._allowed_connections == 1
