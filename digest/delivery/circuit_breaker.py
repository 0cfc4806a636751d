"""Circuit breaker of the relay: while it refuses us or is down, nothing is sent and no delivery is charged.

The circuit opens for all senders of a store. After a pause that grows, one of them probes the relay without a message.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete
from sqlmodel import Session, col

from digest.context import AppContext
from digest.database import RELAY_LOCK, acquire_lock, read_session, write_session
from digest.database.models import RelayCircuit
from digest.delivery.store_executor import StoreExecutor
from digest.errors import DeliveryError, RelayRefusedError, RelayUnavailableError
from digest.mail import RelayConfig, SmtpConnection, replies

log = structlog.get_logger()

INITIAL_PAUSE = timedelta(seconds=30)
MAX_PAUSE = timedelta(minutes=15)
MAX_REFUSALS = 3  # connections refused in a row


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
    """Circuit of one relay during one delivery."""

    def __init__(self, ctx: AppContext, relay: RelayConfig, executor: StoreExecutor) -> None:
        self._ctx, self._relay, self._executor = ctx, relay, executor
        self._refusals = 0
        self._is_open = False  # in the store; after a probe, until a message got through

    async def check(self, now: datetime, *, force: bool) -> str:
        """Return why nothing may be sent now; empty if the circuit is closed or a probe succeeded."""

        def load() -> RelayCircuit | None:
            with read_session(self._ctx.engine) as session:
                return find_circuit(session, self._relay.name)

        circuit = await self._executor.run(load)
        self._is_open = circuit is not None
        if circuit is None:
            return ""
        if is_open(circuit, now) and not force:
            return circuit.reply
        try:
            async with SmtpConnection(self._relay) as connection:
                await connection.probe(self._ctx.settings.bounce_address or self._ctx.sender_address)
        except (RelayRefusedError, RelayUnavailableError) as error:
            return await self._open(error, now)
        return ""

    async def record_failure(self, error: DeliveryError, now: datetime) -> str:
        """Count an error; return why the circuit is open now, empty if it is not."""
        if isinstance(error, RelayRefusedError):
            return await self._open(error, now)
        if not isinstance(error, RelayUnavailableError):
            await self.record_success()  # a reply about a message: the relay lets us in
            return ""
        self._refusals += 1
        return await self._open(error, now) if self._refusals >= MAX_REFUSALS else ""

    async def record_success(self) -> None:
        """Note that the relay lets us in, and close the circuit if it is open."""

        def close() -> None:
            with write_session(self._ctx.engine) as session:
                close_circuit(session, self._relay.name)

        self._refusals = 0
        if self._is_open:
            self._is_open = False
            await self._executor.run(close)
            log.info("relay.circuit_closed")

    async def _open(self, error: DeliveryError, now: datetime) -> str:
        reply = replies.redact_addresses(str(error))

        def store() -> RelayCircuit:
            with write_session(self._ctx.engine) as session:
                return open_circuit(session, self._relay.name, code=error.code, reply=reply, now=now)

        circuit = await self._executor.run(store)
        # An error once; after that it is no news.
        is_new = circuit.failure_count == 1
        emit, event = (log.error, "relay.circuit_opened") if is_new else (log.warning, "relay.circuit_reopened")
        emit(event, code=error.code, reply=reply, next_try=circuit.retry_at.isoformat())
        return reply
