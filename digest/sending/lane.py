"""Whether the relay takes letters from us at all. It closes when the relay refuses us or is down, and opens by itself:
after a pause that grows, the relay is asked whether it would take a letter, without one.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import structlog

from digest import db
from digest.deliveries import lane
from digest.deliveries.outcome import redact_addresses
from digest.errors import DeliveryError, RelayRefusedError, RelayUnavailableError
from digest.house import AppContext
from digest.mail.smtp import RelayConfig, SmtpConnection
from digest.models import RelayCircuit

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
        if lane.is_open(known, now) and not force:
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
            log.info("relay.open")

    async def _open(self, error: DeliveryError, now: datetime) -> str:
        said = redact_addresses(str(error))
        known = await self._run(lambda: self._store_failure(error.code, said, now))
        # Loud once; after that it is no news.
        tell, event = (log.error, "relay.closed") if known.failure_count == 1 else (log.warning, "relay.still_closed")
        tell(event, code=error.code, reply=said, next_try=known.retry_at.isoformat())
        return said

    def _load(self) -> RelayCircuit | None:
        with db.read_session(self._ctx.engine) as session:
            return lane.find_circuit(session, self._relay.name)

    def _store_failure(self, code: int, said: str, now: datetime) -> RelayCircuit:
        with db.write_session(self._ctx.engine) as session:
            return lane.open_circuit(session, self._relay.name, code=code, reply=said, now=now)

    def _store_success(self) -> None:
        with db.write_session(self._ctx.engine) as session:
            lane.close_circuit(session, self._relay.name)
