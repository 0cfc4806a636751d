"""What the relay has answered, on its way into the record: handed in at once, counted and told when it is committed."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from digest.database.models import ClaimedDelivery, DeliveryState
from digest.delivery.claimer import Clock
from digest.delivery.group_commit import GroupCommitter
from digest.delivery.report import DeliveryReport
from digest.delivery.retry import DeliveryOutcome
from digest.errors import OwnershipLostError, StoreError

log = structlog.get_logger()


RETRY_PAUSES = (1.0, 4.0)  # seconds between attempts to reach a store that is away for a moment


STORE_ERRORS = (StoreError, SQLAlchemyError)


Result = TypeVar("Result")


@dataclass(slots=True)
class PendingResult:
    """An answer that is handed in, and may be committed by now."""

    claimed: ClaimedDelivery
    outcome: DeliveryOutcome
    commit: asyncio.Future[DeliveryState | None]
    is_finished: bool = False

    @property
    def has_failed(self) -> bool:
        """It was not committed; whoever ends it tries again."""
        return not self.is_finished and self.commit.done() and self.commit.exception() is not None


class ResultRecorder:
    """The answers to the letters of one delivery. `sent` counts them."""

    def __init__(self, committer: GroupCommitter, clock: Clock, on_progress: Callable[[DeliveryReport], None]) -> None:
        self.report = DeliveryReport()
        self._committer, self._clock, self._on_progress = committer, clock, on_progress
        self._log = log.bind()  # once, not for each of so many lines

    def submit(self, claimed: ClaimedDelivery, outcome: DeliveryOutcome) -> PendingResult:
        """Hand an answer in. Its connection may turn to the next letter: what is handed in later is written with it or
        after it, so that a kill finds one letter a connection in doubt, not two.
        """
        return PendingResult(claimed, outcome, self._commit(claimed, outcome))

    async def record(self, claimed: ClaimedDelivery, outcome: DeliveryOutcome) -> None:
        """Commit an answer. Raises StoreError when it cannot be recorded."""
        await self.finish(self.submit(claimed, outcome))

    async def finish(self, pending: PendingResult | None) -> None:
        """Wait until what has begun is committed, and count it, once. Whoever is interrupted here interrupts only the
        waiting. Raises StoreError when it cannot be recorded.
        """
        if pending is None or pending.is_finished:
            return
        pending.is_finished, claimed, outcome = True, pending.claimed, pending.outcome
        if await retry_on_store_error(lambda: self._commit(claimed, outcome), pending.commit) is None:
            log.warning("delivery.claim_lost", delivery=claimed.id, state=outcome.state)
        self.count(claimed, outcome)
        self._on_progress(self.report)

    def count(self, claimed: ClaimedDelivery, outcome: DeliveryOutcome) -> None:
        """Count a fate that is in the record, and tell it in the log."""
        self.report.add(claimed, outcome)
        usual = outcome.state in {DeliveryState.SENT, DeliveryState.CANCELLED}
        (self._log.info if usual else self._log.warning)(
            "delivery." + outcome.state,
            delivery=claimed.id,
            kind=claimed.kind,
            attempt=claimed.attempts,
            code=outcome.code,
        )

    def _commit(self, claimed: ClaimedDelivery, outcome: DeliveryOutcome) -> asyncio.Future[DeliveryState | None]:
        return self._committer.submit(claimed.id, claimed.attempts, outcome, self._clock())


async def retry_on_store_error(
    operation: Callable[[], Awaitable[Result]], first_attempt: Awaitable[Result] | None = None
) -> Result:
    """`work`, again if the store is away for a moment: what an answer says, only this process knows. `begun`: the first
    attempt, where it is under way.
    """
    for pause in RETRY_PAUSES:
        try:
            return await (first_attempt or operation())
        except OwnershipLostError:
            raise
        except StoreError:
            log.warning("database.unavailable", exc_info=True)
            first_attempt = None
            await asyncio.sleep(pause)
    return await operation()
