"""Group commit: state changes of many connections go into one transaction.

A commit costs milliseconds (fsync, or a round trip), an update within it microseconds. Each connection submits the
change that it is about to send DATA, and each reply; one transaction writes all that was submitted while the one before
was committed. A kill between two commits leaves at most one message a connection in doubt.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, Engine
from sqlmodel import Session

from digest.database import WriteConnection
from digest.database.models import DeliveryState, Subscriber, SubscriberStatus
from digest.delivery.claims import ON_WIRE_LEASE
from digest.delivery.retry import DeliveryOutcome
from digest.delivery.statements import AttemptKey, mark_on_wire, record_outcomes
from digest.delivery.store_executor import StoreExecutor

GATHER_SECONDS = 0.002  # wait for company: a commit costs as much for one update as for ten


@dataclass(frozen=True, slots=True)
class _PendingUpdate:
    key: AttemptKey
    outcome: DeliveryOutcome | None
    now: datetime
    committed: asyncio.Future[DeliveryState | None]


class GroupCommitter:
    """Commits state changes for all connections of one sender, in one event loop."""

    def __init__(self, engine: Engine, owner: str) -> None:
        self._connection, self._owner = WriteConnection(engine), owner
        self._executor = StoreExecutor(engine, "group-commit")
        self._pending: list[_PendingUpdate] = []
        self._writer: asyncio.Task[None] | None = None

    def submit(
        self, delivery_id: int, attempt: int, outcome: DeliveryOutcome | None, now: datetime
    ) -> asyncio.Future[DeliveryState | None]:
        """Queue a state change for the next group commit; `outcome=None` marks the delivery as on the wire.

        It is committed whether or not the caller waits. The future has the committed state: CANCELLED instead of
        ON_WIRE if the subscriber has left meanwhile, None if the delivery is not this sender's any more.
        """
        update = _PendingUpdate((delivery_id, attempt), outcome, now, asyncio.get_running_loop().create_future())
        self._pending.append(update)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._commit_all())
        return update.committed

    async def close(self) -> None:
        """Wait until everything submitted is committed, then release the connection."""
        if self._writer:
            await asyncio.shield(self._writer)
        await self._executor.run(self._connection.close)
        self._executor.close()

    async def _commit_all(self) -> None:
        while self._pending:
            await asyncio.sleep(GATHER_SECONDS)
            updates, self._pending = self._pending, []
            try:
                states = await self._executor.run(partial(self._commit, updates))
            except Exception as error:  # noqa: BLE001  - every waiting connection gets it
                # Those submitted since, too: no message may leave on a connection whose last reply is not recorded.
                updates, self._pending = [*updates, *self._pending], []
                for update in updates:
                    if not update.committed.done():
                        update.committed.set_exception(error)
                continue
            for update, state in zip(updates, states, strict=True):
                if not update.committed.done():
                    update.committed.set_result(state)

    def _commit(self, updates: Sequence[_PendingUpdate]) -> list[DeliveryState | None]:
        now = updates[-1].now
        departures = [update.key for update in updates if update.outcome is None]
        outcomes = {update.key: update.outcome for update in updates if update.outcome}
        with self._connection.begin() as connection:
            states = mark_on_wire(connection, self._owner, departures, now, now + ON_WIRE_LEASE)
            settled = record_outcomes(connection, self._owner, outcomes, now)
            for key, subscriber_id in settled.items():
                if outcomes[key].suppress:
                    _suppress(connection, subscriber_id, outcomes[key], now)

        def state_of(update: _PendingUpdate) -> DeliveryState | None:
            if update.outcome is None:
                return states.get(update.key)
            return update.outcome.state if update.key in settled else None

        return [state_of(update) for update in updates]


def _suppress(connection: Connection, subscriber_id: int, outcome: DeliveryOutcome, now: datetime) -> None:
    """End a subscription whose address the relay refuses for good, within the transaction of `connection`."""
    with Session(connection) as session:
        # Locked, so that a subscriber who leaves at this moment is not overwritten.
        subscriber = session.get_one(Subscriber, subscriber_id, with_for_update=True)
        if subscriber.status in {SubscriberStatus.ACTIVE, SubscriberStatus.PENDING, SubscriberStatus.PAUSED}:
            reason = f"refused: {outcome.code} {outcome.reply}"[:200]
            subscriber.end_subscription(SubscriberStatus.SUPPRESSED, reason, now)
        session.commit()
