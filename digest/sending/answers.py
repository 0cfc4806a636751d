"""What the relay has answered, on its way into the record: handed in at once, counted and told when it is committed."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from digest.deliveries import Claimed, Ledger, Outcome, Sent
from digest.errors import Lost, StoreError
from digest.models import DeliveryState
from digest.sending.intake import Clock

log = structlog.get_logger()

AGAIN = (1.0, 4.0)  # seconds between attempts to reach a store that is away for a moment
STORE_FAULTS = (StoreError, SQLAlchemyError)
Result = TypeVar("Result")


@dataclass(slots=True)
class Recording:
    """An answer that is handed in, and may be committed by now."""

    claimed: Claimed
    outcome: Outcome
    handed_in: asyncio.Future[DeliveryState | None]
    ended: bool = False

    @property
    def failed(self) -> bool:
        """It was not committed; whoever ends it tries again."""
        return not self.ended and self.handed_in.done() and self.handed_in.exception() is not None


class Answers:
    """The answers to the letters of one delivery. `sent` counts them."""

    def __init__(self, ledger: Ledger, clock: Clock, tell: Callable[[Sent], None]) -> None:
        self.sent = Sent()
        self._ledger, self._clock, self._tell = ledger, clock, tell
        self._log = log.bind()  # once, not for each of so many lines

    def begin(self, claimed: Claimed, outcome: Outcome) -> Recording:
        """Hand an answer in. Its connection may turn to the next letter: what is handed in later is written with it or
        after it, so that a kill finds one letter a connection in doubt, not two.
        """
        return Recording(claimed, outcome, self._hand_in(claimed, outcome))

    async def record(self, claimed: Claimed, outcome: Outcome) -> None:
        """Commit an answer. Raises StoreError when it cannot be recorded."""
        await self.end(self.begin(claimed, outcome))

    async def end(self, begun: Recording | None) -> None:
        """Wait until what has begun is committed, and count it, once. Whoever is interrupted here interrupts only the
        waiting. Raises StoreError when it cannot be recorded.
        """
        if begun is None or begun.ended:
            return
        begun.ended, claimed, outcome = True, begun.claimed, begun.outcome
        if await patiently(lambda: self._hand_in(claimed, outcome), begun.handed_in) is None:
            log.warning("letter.not_ours", delivery=claimed.id, fate=outcome.state)
        self.count(claimed, outcome)
        self._tell(self.sent)

    def count(self, claimed: Claimed, outcome: Outcome) -> None:
        """Count a fate that is in the record, and tell it in the log."""
        self.sent.count(claimed, outcome)
        usual = outcome.state in {DeliveryState.SENT, DeliveryState.CANCELLED}
        (self._log.info if usual else self._log.warning)(
            "letter." + outcome.state,
            delivery=claimed.id,
            kind=claimed.kind,
            attempt=claimed.attempts,
            code=outcome.code,
        )

    def _hand_in(self, claimed: Claimed, outcome: Outcome) -> asyncio.Future[DeliveryState | None]:
        return self._ledger.hand_in(claimed.id, claimed.attempts, outcome, self._clock())


async def patiently(work: Callable[[], Awaitable[Result]], begun: Awaitable[Result] | None = None) -> Result:
    """`work`, again if the store is away for a moment: what an answer says, only this process knows. `begun`: the first
    attempt, where it is under way.
    """
    for pause in AGAIN:
        try:
            return await (begun or work())
        except Lost:
            raise
        except StoreError:
            log.warning("store.away", exc_info=True)
            begun = None
            await asyncio.sleep(pause)
    return await work()
