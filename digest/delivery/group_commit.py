"""Where a sender works with the store: in a thread beside its loop, or on the loop itself.

A thread lets letters be written while a disk or a server takes its time. It has its price: two that work at once in one
process take turns at the interpreter, and pay for each turn. So where the store answers at once, as an SQLite file on a
good disk does, the loop does the work itself: it would have to wait for it anyway, and sends an eighth more.

A loop that sends therefore sends and does nothing else (digest.apart gives it one of its own where there are others).

On the wire and settled, for many connections at once: whoever waits joins the next commit.

A commit costs milliseconds (the disk must have it), a letter less. So each connection that is about to send DATA, and
each that has an answer, hands its line in; one transaction writes all lines handed in while the last one was on its
way. A kill between two commits leaves at most one letter a connection in doubt.

A line is of one claim: the sender's name and the letter's attempt. A sender that was away for longer than its leases
may claim a letter again that it still holds from before; the older copy must neither leave nor settle the newer one.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from math import inf
from statistics import median
from time import monotonic, thread_time
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection, Engine, update
from sqlmodel import Session

from digest.database import WriteConnection, is_postgresql
from digest.database.models import DeliveryState, Subscriber, SubscriberStatus
from digest.delivery.claims import DELIVERY_TABLE, ON_WIRE_LEASE
from digest.delivery.retry import DeliveryOutcome
from digest.delivery.statements import SETTLEABLE_STATES, AttemptKey, mark_on_wire, update_all_or_none

Result = TypeVar("Result")


class Aside:
    """One piece of work after the other. `here`: on the loop that asks for it; may change between two."""

    def __init__(self, name: str) -> None:
        self.here = False
        # One thread, not any of a pool: each keeps the memory that it has once taken for a batch of letters.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    def do(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        """Begin `work`; what is returned has what comes of it."""
        loop = asyncio.get_running_loop()
        if not self.here:
            return loop.run_in_executor(self._thread, work)
        done: asyncio.Future[Result] = loop.create_future()
        try:
            done.set_result(work())
        except Exception as error:  # noqa: BLE001  - it belongs to whoever waits for the result
            done.set_exception(error)
        return done

    def close(self) -> None:
        """Nothing more will be asked for."""
        self._thread.shutdown(wait=False)


QUICK = 0.002  # seconds that a commit may wait for the disk; for a slower one it waits in a thread,


LOOKS, AGAIN = 9, 10.0  # as so many commits tell, and for so many seconds


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
    """The record as the connections of one sender see it. Lives in one event loop.

    `again`: seconds after which that loop is tried again, where its commits had to wait for the disk.
    """

    def __init__(self, engine: Engine, owner: str, *, again: float = AGAIN) -> None:
        self._changes = WriteConnection(engine)
        self._owner, self._again = owner, again
        self._pending: list[_PendingUpdate] = []
        self._writer: asyncio.Task[None] | None = None
        self._aside = Aside("ledger")
        self._here_from = inf if is_postgresql(engine) else 0.0  # when the loop may commit itself
        self._waits: deque[float] = deque(maxlen=LOOKS)

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
        await self._aside.do(self._changes.close)
        self._aside.close()

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
            self._aside.here = monotonic() > self._here_from
            try:
                written = await self._aside.do(partial(self._write, lines))
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

    def _write(self, lines: Sequence[_PendingUpdate]) -> dict[AttemptKey, DeliveryState]:
        begun = monotonic() - thread_time()
        written = self._commit(lines)
        if self._aside.here:  # in a thread it waits for the interpreter, too
            self._waits.append(monotonic() - thread_time() - begun)
            if len(self._waits) == LOOKS and median(self._waits) > QUICK:
                self._here_from = monotonic() + self._again
                self._waits.clear()
        return written

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
