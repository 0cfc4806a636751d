"""On the wire and settled, for many connections at once: whoever waits joins the next commit.

A commit costs milliseconds (the disk must have it), a letter less. So each connection that is about to send DATA, and
each that has an answer, hands its line in; one transaction writes all lines handed in while the last one was on its
way. A kill between two commits leaves at most one letter a connection in doubt.

A line is of one claim: the sender's name and the letter's attempt. A sender that was away for longer than its leases
may claim a letter again that it still holds from before; the older copy must neither leave nor settle the newer one.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection, Engine, update
from sqlmodel import Session

from digest.database import WriteConnection
from digest.database.models import DeliveryState, Subscriber, SubscriberStatus
from digest.delivery.claims import DELIVERY_TABLE, ON_WIRE_LEASE
from digest.delivery.retry import DeliveryOutcome
from digest.delivery.statements import SETTLEABLE_STATES, AttemptKey, mark_on_wire, update_all_or_none
from digest.delivery.store_executor import StoreExecutor

GATHER_SECONDS = 0.002  # seconds that a commit waits for company: it costs as much for one line as for ten


class _PendingUpdate(NamedTuple):
    delivery_id: int
    attempt: int
    outcome: DeliveryOutcome | None  # None: about to go on the wire
    now: datetime
    done: asyncio.Future[DeliveryState | None]

    @property
    def key(self) -> AttemptKey:
        return self.delivery_id, self.attempt


class GroupCommitter:
    """The record as the connections of one sender see it. Lives in one event loop."""

    def __init__(self, engine: Engine, owner: str) -> None:
        self._changes = WriteConnection(engine)
        self._owner = owner
        self._pending: list[_PendingUpdate] = []
        self._writer: asyncio.Task[None] | None = None
        self._executor = StoreExecutor(engine, "group-commit")

    async def mark_on_wire(self, delivery_id: int, attempt: int, now: datetime) -> DeliveryState | None:
        """Commit that the letter is about to leave: ON_WIRE. It may not leave when it is CANCELLED, because the reader
        left, or when there is no answer: somebody has taken it for a dead sender's.
        """
        return await self.submit(delivery_id, attempt, None, now)

    async def settle(self, delivery_id: int, attempt: int, outcome: DeliveryOutcome, now: datetime) -> bool:
        """Commit how the attempt ended. False: the letter was not ours any more."""
        return await self.submit(delivery_id, attempt, outcome, now) is not None

    async def close(self) -> None:
        """Wait until all that was handed in is written, also for those who did not wait for it themselves."""
        if self._writer:
            await asyncio.shield(self._writer)
        await self._executor.run(self._changes.close)
        self._executor.close()

    def submit(
        self, delivery_id: int, attempt: int, outcome: DeliveryOutcome | None, now: datetime
    ) -> asyncio.Future[DeliveryState | None]:
        """A line for the next commit: how the attempt ended, or that it is about to (None). Whether somebody waits for
        it or not, it is written; the answer is the letter's state, or None where it was not ours.
        """
        line = _PendingUpdate(delivery_id, attempt, outcome, now, asyncio.get_running_loop().create_future())
        self._pending.append(line)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._commit_all())
        return line.done

    async def _commit_all(self) -> None:
        while self._pending:
            await asyncio.sleep(GATHER_SECONDS)
            lines, self._pending = self._pending, []
            try:
                written = await self._executor.run(partial(self._commit, lines))
            except Exception as error:  # noqa: BLE001  - whatever it was, nobody may wait for ever: each line gets it
                # Those behind it, too: no letter may leave over a connection whose last answer was not written.
                lines, self._pending = [*lines, *self._pending], []
                for line in lines:
                    if not line.done.done():
                        line.done.set_exception(error)
                continue
            for line in lines:
                if not line.done.done():
                    line.done.set_result(written.get(line.key))

    def _commit(self, lines: Sequence[_PendingUpdate]) -> dict[AttemptKey, DeliveryState]:
        now = lines[-1].now
        until = now + ON_WIRE_LEASE
        written: dict[AttemptKey, DeliveryState] = {}
        if all(_is_plain(line.outcome) for line in lines):
            usual = {line.key: line.outcome for line in lines}
            written = update_all_or_none(self._changes, self._owner, usual, now, until)
        if rest := [line for line in lines if line.key not in written]:
            with self._changes.begin() as connection:
                leaving = [line.key for line in rest if line.outcome is None]
                if leaving:
                    written |= mark_on_wire(connection, self._owner, leaving, now, until)
                for line in rest:
                    if line.outcome and self._settle(connection, line, line.outcome):
                        written[line.key] = line.outcome.state
        return written

    def _settle(self, connection: Connection, line: _PendingUpdate, outcome: DeliveryOutcome) -> bool:
        final = outcome.state is not DeliveryState.QUEUED
        subscriber_id = connection.scalar(
            update(DELIVERY_TABLE)
            .where(DELIVERY_TABLE.c.id == line.delivery_id, DELIVERY_TABLE.c.attempts == line.attempt)
            .where(DELIVERY_TABLE.c.owner == self._owner, DELIVERY_TABLE.c.state.in_(SETTLEABLE_STATES))
            .values(
                state=outcome.state,
                owner=None,
                lease_expires_at=None,
                attempts=DELIVERY_TABLE.c.attempts - (0 if outcome.counts_as_attempt else 1),
                reply_code=outcome.code,
                reply=outcome.reply,
                next_attempt_at=outcome.retry_at,
                settled_at=line.now if final else None,
            )
            .returning(DELIVERY_TABLE.c.subscriber_id)
        )
        if subscriber_id is not None and outcome.suppress:
            _suppress(connection, subscriber_id, f"refused: {outcome.code} {outcome.reply}"[:200], line.now)
        return subscriber_id is not None


def _suppress(connection: Connection, subscriber_id: int, reason: str, now: datetime) -> None:
    with Session(connection) as session:  # part of the caller's transaction
        # Locked, lest a reader who leaves at this moment be overwritten.
        reader = session.get_one(Subscriber, subscriber_id, with_for_update=True)
        if reader.status in {SubscriberStatus.ACTIVE, SubscriberStatus.PENDING, SubscriberStatus.PAUSED}:
            reader.end_subscription(SubscriberStatus.SUPPRESSED, reason, now)
        session.commit()


def _is_plain(outcome: DeliveryOutcome | None) -> bool:
    """As nearly all lines are: a letter leaves, or the relay took it and nothing follows from that."""
    return outcome is None or (
        outcome.state is DeliveryState.SENT
        and outcome.counts_as_attempt
        and not outcome.suppress
        and outcome.retry_at is None
    )
