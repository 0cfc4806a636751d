"""Circuit breaker of the relay: while it refuses us or is down, nothing is sent and no delivery is charged.

The circuit opens for all senders of a store. After a pause that grows, one of them probes the relay: without a message
first, then with a single one.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy import delete
from sqlmodel import Session, col

from digest.context import AppContext
from digest.database import RELAY_LOCK, acquire_lock, read_session, write_session
from digest.database.models import ClaimedDelivery, RelayCircuit
from digest.delivery.retry import DeliveryOutcome
from digest.delivery.store_executor import StoreExecutor
from digest.errors import DeliveryError, RelayRefusedError, RelayUnavailableError
from digest.mail import RelayConfig, SmtpConnection, replies

log = structlog.get_logger()

INITIAL_PAUSE = timedelta(seconds=30)
MAX_PAUSE = timedelta(minutes=15)
# In a row, without a message that was accepted:
MAX_UNREACHABLE = 3  # connections that failed
MAX_SLOW_DOWNS = 6  # requests to slow down, each at half the pace of the one before
MAX_EQUAL_REFUSALS = 5  # of different recipients, for the same reason
MAX_REFUSALS = 20  # for any reasons that are about us or unknown


class UndecidedRefusal(NamedTuple):
    """Refusal of a message; `outcome` is what follows if it is about this message. `key`: equal for the same reason."""

    key: str
    delivery: ClaimedDelivery
    outcome: DeliveryOutcome


def find_circuit(session: Session, relay: str) -> RelayCircuit | None:
    """Return the open circuit of a relay (host:port), if there is one."""
    return session.get(RelayCircuit, relay)


def is_open(circuit: RelayCircuit, now: datetime) -> bool:
    """Return whether it is too early for a probe. A clock that was set back says nothing about the time that passed."""
    return circuit.last_failure_at <= now < circuit.retry_at


def open_circuit(session: Session, relay: str, *, code: int, reply: str, now: datetime) -> RelayCircuit:
    """Open the circuit for 30 seconds, for twice as long after each failure in a row, up to 15 minutes.

    Several senders that are refused at the same time count as one failure.
    """
    acquire_lock(session, RELAY_LOCK)
    circuit = session.get(RelayCircuit, relay)
    circuit = circuit or RelayCircuit(relay=relay, opened_at=now, last_failure_at=now, retry_at=now)
    if circuit.failure_count and is_open(circuit, now):
        return circuit
    circuit.failure_count += 1
    pause = min(INITIAL_PAUSE * (1 << min(circuit.failure_count - 1, 10)), MAX_PAUSE)
    circuit.last_failure_at, circuit.retry_at, circuit.reply_code, circuit.reply = now, now + pause, code, reply
    session.add(circuit)
    return circuit


def close_circuit(session: Session, relay: str) -> None:
    """Close the circuit: the relay takes messages again."""
    session.execute(delete(RelayCircuit).where(col(RelayCircuit.relay) == relay))


class CircuitBreaker:
    """Circuit of one relay during one delivery.

    Refusals that are about us, or that nobody can classify, are undecided until the relay accepts a message, which
    makes them the messages' own, or refuses so many that they are the relay's.
    """

    def __init__(self, ctx: AppContext, relay: RelayConfig, executor: StoreExecutor) -> None:
        self._ctx, self._relay, self._executor = ctx, relay, executor
        self._unreachable_count = self._slow_down_count = 0  # in a row
        self._undecided: list[UndecidedRefusal] = []
        self.is_half_open = False  # in the store; after a probe, until a message got through

    async def check(self, now: datetime, *, force: bool) -> str:
        """Return why nothing may be sent now; empty if the circuit is closed or a probe succeeded."""
        circuit = await self._executor.run(self._find)
        self.is_half_open = circuit is not None
        if circuit is None:
            return ""
        if is_open(circuit, now) and not force:
            return circuit.reply
        try:
            async with SmtpConnection(self._relay) as connection:
                await connection.probe(self._ctx.settings.bounce_address or self._ctx.sender_address)
        except (RelayRefusedError, RelayUnavailableError) as error:
            return (await self.open(error, now)).reply
        return ""

    def counts_unreachable(self) -> bool:
        """Count an attempt to connect that failed; return whether it opens the circuit."""
        self._unreachable_count += 1
        return self._unreachable_count >= MAX_UNREACHABLE

    def counts_slow_down(self) -> bool:
        """Count a "slow down" that changed the pace; return whether it opens the circuit."""
        self._slow_down_count += 1
        return self._slow_down_count >= MAX_SLOW_DOWNS

    def counts_refusal(self, key: str, delivery: ClaimedDelivery, outcome: DeliveryOutcome) -> bool:
        """Hold a refusal until it is decided whose it is; return whether it is the relay's, and opens the circuit."""
        self._undecided.append(UndecidedRefusal(key, delivery, outcome))
        equal = {refusal.delivery.subscriber_id for refusal in self._undecided if refusal.key == key}
        return len(equal) >= (1 if self.is_half_open else MAX_EQUAL_REFUSALS) or len(self._undecided) >= MAX_REFUSALS

    def take_undecided(self) -> list[UndecidedRefusal]:
        """Return the refusals that were held, and forget them."""
        undecided, self._undecided = self._undecided, []
        return undecided

    async def find_open(self, now: datetime) -> RelayCircuit | None:
        """Return the circuit if it is open by now: another sender may have opened it."""
        circuit = await self._executor.run(self._find)
        return circuit if circuit and is_open(circuit, now) else None

    def record_reply(self) -> None:
        """Note that the relay lets us in."""
        self._unreachable_count = 0

    async def record_success(self) -> None:
        """Note that a message got through, and close the circuit if it is open."""

        def close() -> None:
            with write_session(self._ctx.engine) as session:
                close_circuit(session, self._relay.name)

        self._unreachable_count = self._slow_down_count = 0
        if self.is_half_open:
            self.is_half_open = False
            await self._executor.run(close)
            log.info("relay.circuit_closed")

    async def open(self, error: DeliveryError, now: datetime) -> RelayCircuit:
        """Open the circuit because of an error that every other message would meet, too."""
        advice = replies.classify_error(error).advice
        reply = "; ".join(filter(None, (replies.redact_addresses(str(error)), advice)))

        def store() -> RelayCircuit:
            with write_session(self._ctx.engine) as session:
                return open_circuit(session, self._relay.name, code=error.code, reply=reply, now=now)

        circuit = await self._executor.run(store)
        self.is_half_open = True
        # An error once; after that it is no news.
        is_new = circuit.failure_count == 1
        emit, event = (log.error, "relay.circuit_opened") if is_new else (log.warning, "relay.circuit_reopened")
        emit(event, code=error.code, reply=reply, next_try=circuit.retry_at.isoformat())
        return circuit

    def _find(self) -> RelayCircuit | None:
        with read_session(self._ctx.engine) as session:
            return find_circuit(session, self._relay.name)
