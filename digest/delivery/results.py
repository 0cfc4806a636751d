"""Results on their way into the record: submitted at once, counted and logged when they are committed."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from digest.database.models import ClaimedDelivery, DeliveryState
from digest.delivery.group_commit import GroupCommitter
from digest.delivery.history import DeliveryReport
from digest.delivery.retry import DeliveryOutcome
from digest.errors import OwnershipLostError, StoreError

log = structlog.get_logger()

RETRY_PAUSES = (1.0, 4.0)  # seconds between attempts to reach a store that is away for a moment
STORE_ERRORS = (StoreError, SQLAlchemyError)
Result = TypeVar("Result")


@dataclass(slots=True)
class PendingResult:
    """Result that was submitted and may be committed by now."""

    delivery: ClaimedDelivery
    outcome: DeliveryOutcome
    commit: asyncio.Future[DeliveryState | None]
    is_finished: bool = False

    @property
    def has_failed(self) -> bool:
        """Whether the commit failed and has to be tried again."""
        return not self.is_finished and self.commit.done() and self.commit.exception() is not None


class ResultRecorder:
    """Records how attempts ended; `report` counts them."""

    def __init__(
        self,
        committer: GroupCommitter,
        clock: Callable[[], datetime],
        on_progress: Callable[[DeliveryReport], None] | None = None,
    ) -> None:
        self.report = DeliveryReport()
        self._committer, self._clock, self._on_progress = committer, clock, on_progress
        self._log = log.bind()  # once, because a line is written for every message

    def submit(self, delivery: ClaimedDelivery, outcome: DeliveryOutcome) -> PendingResult:
        """Submit a result without waiting for the commit.

        Its connection may go on: whatever is submitted later is committed with it or after it, so that a kill leaves
        one message a connection in doubt and not two.
        """
        return PendingResult(delivery, outcome, self._commit(delivery, outcome))

    async def record(self, delivery: ClaimedDelivery, outcome: DeliveryOutcome) -> None:
        """Commit and count a result. Raises StoreError."""
        await self.finish(self.submit(delivery, outcome))

    async def finish(self, pending: PendingResult | None) -> None:
        """Wait until a result is committed, and count it once. Raises StoreError."""
        if pending is None or pending.is_finished:
            return
        delivery, outcome = pending.delivery, pending.outcome
        state = await retry_on_store_error(lambda: self._commit(delivery, outcome), pending.commit)
        pending.is_finished = True
        if state is None:
            log.warning("delivery.claim_lost", delivery=delivery.id, state=outcome.state)
        self.count(delivery, outcome)
        if self._on_progress:
            self._on_progress(self.report)

    def count(self, delivery: ClaimedDelivery, outcome: DeliveryOutcome) -> None:
        """Count and log a result that is in the record."""
        self.report.add(delivery, outcome)
        is_usual = outcome.state in {DeliveryState.SENT, DeliveryState.CANCELLED}
        (self._log.info if is_usual else self._log.warning)(
            f"delivery.{outcome.state}",
            delivery=delivery.id,
            kind=delivery.kind,
            attempt=delivery.attempts,
            code=outcome.code,
        )

    def _commit(self, delivery: ClaimedDelivery, outcome: DeliveryOutcome) -> asyncio.Future[DeliveryState | None]:
        return self._committer.submit(delivery.id, delivery.attempts, outcome, self._clock())


async def retry_on_store_error(
    operation: Callable[[], Awaitable[Result]], first_attempt: Awaitable[Result] | None = None
) -> Result:
    """Await `operation`, again while the store is away for a moment: only this process knows what the relay replied.

    `first_attempt` has begun already, if given.
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
