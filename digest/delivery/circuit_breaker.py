"""The way to the relay, as the record has it: while the relay refuses us, no letter is tried and none is to blame.

Whether the relay takes letters from us at all. It closes when the relay refuses us or is down, and opens by itself:
after a pause that grows, the relay is asked whether it would take a letter, without one.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete
from sqlmodel import Session, col

from digest.context import AppContext
from digest.database import RELAY_LOCK, acquire_lock, read_session, write_session
from digest.database.models import RelayCircuit
from digest.errors import DeliveryError, RelayRefusedError, RelayUnavailableError
from digest.mail import RelayConfig, SmtpConnection, replies

INITIAL_PAUSE = timedelta(seconds=30)


MAX_PAUSE = timedelta(minutes=15)


def find_circuit(session: Session, relay: str) -> RelayCircuit | None:
    """Since when and why the way to `relay` is closed, if it is."""
    return session.get(RelayCircuit, relay)


def is_open(circuit: RelayCircuit, now: datetime) -> bool:
    """Whether it is too early to try again. A clock that was set back has nothing to say about how long it has been."""
    return circuit.last_failure_at <= now < circuit.retry_at


def open_circuit(session: Session, relay: str, *, code: int, reply: str, now: datetime) -> RelayCircuit:
    """Try nothing for 30 seconds; for twice as long after each refusal in a row, up to 15 minutes.

    `tries` is 1 when the way was open before. Several senders that are refused together count as one try.
    """
    acquire_lock(session, RELAY_LOCK)
    circuit = session.get(RelayCircuit, relay) or RelayCircuit(
        relay=relay, opened_at=now, last_failure_at=now, retry_at=now
    )
    if circuit.failure_count and is_open(circuit, now):
        return circuit
    circuit.failure_count += 1
    pause = min(INITIAL_PAUSE * (1 << min(circuit.failure_count - 1, 10)), MAX_PAUSE)
    circuit.last_failure_at, circuit.retry_at, circuit.reply_code, circuit.reply = now, now + pause, code, reply
    session.add(circuit)
    return circuit


def close_circuit(session: Session, relay: str) -> None:
    """It takes letters again."""
    session.execute(delete(RelayCircuit).where(col(RelayCircuit.relay) == relay))


log = structlog.get_logger()


MAX_REFUSALS = 3  # connections refused in a row that are no chance any more


class CircuitBreaker:
    """The way to one relay, during one delivery."""

    def __init__(self, ctx: AppContext, relay: RelayConfig, run: Callable[[Callable[[], Any]], Awaitable[Any]]) -> None:
        """`aside` does what waits for the store, where the sender has it done."""
        self._ctx, self._relay, self._run = ctx, relay, run
        self._refusals = 0
        self._is_open = False  # the record says so; after a probe, until a letter has got through the door

    async def check(self, now: datetime, *, force: bool) -> str:
        """Why no letter may be tried now; empty when the way is open, or a probe has found it so."""
        known: RelayCircuit | None = await self._run(self._load)
        self._is_open = known is not None
        if known is None:
            return ""
        if is_open(known, now) and not force:
            return known.reply
        try:
            async with SmtpConnection(self._relay) as connection:
                await connection.probe(self._ctx.settings.bounce_address or self._ctx.sender_address)
        except (RelayRefusedError, RelayUnavailableError) as error:
            return await self._open(error, now)
        return ""

    async def record_failure(self, error: DeliveryError, now: datetime) -> str:
        """What happened to a letter; why the way is closed now, empty when it is not."""
        if isinstance(error, RelayRefusedError):
            return await self._open(error, now)
        if not isinstance(error, RelayUnavailableError):
            await self.record_success()  # an answer about a letter: the door is open
            return ""
        self._refusals += 1
        return await self._open(error, now) if self._refusals >= MAX_REFUSALS else ""

    async def record_success(self) -> None:
        """A letter has got through the door."""
        self._refusals = 0
        if self._is_open:
            self._is_open = False
            await self._run(self._store_success)
            log.info("relay.circuit_closed")

    async def _open(self, error: DeliveryError, now: datetime) -> str:
        said = replies.redact_addresses(str(error))
        known = await self._run(lambda: self._store_failure(error.code, said, now))
        # Loud once; after that it is no news.
        tell, event = (
            (log.error, "relay.circuit_opened") if known.failure_count == 1 else (log.warning, "relay.circuit_reopened")
        )
        tell(event, code=error.code, reply=said, next_try=known.retry_at.isoformat())
        return said

    def _load(self) -> RelayCircuit | None:
        with read_session(self._ctx.engine) as session:
            return find_circuit(session, self._relay.name)

    def _store_failure(self, code: int, said: str, now: datetime) -> RelayCircuit:
        with write_session(self._ctx.engine) as session:
            return open_circuit(session, self._relay.name, code=code, reply=said, now=now)

    def _store_success(self) -> None:
        with write_session(self._ctx.engine) as session:
            close_circuit(session, self._relay.name)
