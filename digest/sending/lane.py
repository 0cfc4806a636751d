"""Whether the relay takes letters from us at all. It closes when the relay refuses us or is down, and opens by itself:
after a pause that grows, the relay is asked whether it would take a letter, without one.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import structlog

from digest import db
from digest.deliveries import lane
from digest.deliveries.outcome import reply_without_addresses
from digest.errors import LaneClosed, RelayDown, SendError
from digest.house import House
from digest.mail.smtp import Connection, Relay
from digest.models import RelayCircuit

log = structlog.get_logger()

REFUSALS = 3  # connections refused in a row that are no chance any more


class Way:
    """The way to one relay, during one delivery."""

    def __init__(self, house: House, relay: Relay, aside: Callable[[Callable[[], Any]], Awaitable[Any]]) -> None:
        """`aside` does what waits for the store, where the sender has it done."""
        self._house, self._relay, self._aside = house, relay, aside
        self._refusals = 0
        self._shut = False  # the record says so; after a probe, until a letter has got through the door

    async def closed(self, now: datetime, *, insist: bool) -> str:
        """Why no letter may be tried now; empty when the way is open, or a probe has found it so."""
        known: RelayCircuit | None = await self._aside(self._known)
        self._shut = known is not None
        if known is None:
            return ""
        if lane.rests(known, now) and not insist:
            return known.reply
        try:
            async with Connection(self._relay) as connection:
                await connection.probe(self._house.settings.bounce_address or self._house.sender)
        except (LaneClosed, RelayDown) as error:
            return await self._close(error, now)
        return ""

    async def refused(self, error: SendError, now: datetime) -> str:
        """What happened to a letter; why the way is closed now, empty when it is not."""
        if isinstance(error, LaneClosed):
            return await self._close(error, now)
        if not isinstance(error, RelayDown):
            await self.passed()  # an answer about a letter: the door is open
            return ""
        self._refusals += 1
        return await self._close(error, now) if self._refusals >= REFUSALS else ""

    async def passed(self) -> None:
        """A letter has got through the door."""
        self._refusals = 0
        if self._shut:
            self._shut = False
            await self._aside(self._reopen)
            log.info("relay.open")

    async def _close(self, error: SendError, now: datetime) -> str:
        said = reply_without_addresses(str(error))
        known = await self._aside(lambda: self._write(error.code, said, now))
        # Loud once; after that it is no news.
        tell, event = (log.error, "relay.closed") if known.failure_count == 1 else (log.warning, "relay.still_closed")
        tell(event, code=error.code, reply=said, next_try=known.retry_at.isoformat())
        return said

    def _known(self) -> RelayCircuit | None:
        with db.reading(self._house.engine) as session:
            return lane.closed(session, self._relay.name)

    def _write(self, code: int, said: str, now: datetime) -> RelayCircuit:
        with db.writing(self._house.engine) as session:
            return lane.close(session, self._relay.name, code=code, reply=said, now=now)

    def _reopen(self) -> None:
        with db.writing(self._house.engine) as session:
            lane.reopen(session, self._relay.name)
