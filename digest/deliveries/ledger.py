"""On the wire and settled, for many connections at once: whoever waits joins the next commit.

A commit costs milliseconds (the disk must have it), a letter less. So each connection that is about to send DATA, and
each that has an answer, hands its line in; one transaction writes all lines handed in while the last one was on its
way. A kill between two commits leaves at most one letter a connection in doubt.

A line is of one claim: the sender's name and the letter's attempt. A sender that was away for longer than its leases
may claim a letter again that it still holds from before; the older copy must neither leave nor settle the newer one.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, and_, exists, or_, tuple_, update
from sqlmodel import Session, col, select

from digest import subscribers
from digest.db import writing
from digest.deliveries.outcome import Outcome
from digest.deliveries.record import LEASE_ON_WIRE
from digest.models import Delivery, Kind, State, Status, Subscriber

# Who may still get which letter at the very moment before it leaves.
STILL_WANTED = {
    Kind.DIGEST: (Status.ACTIVE,),
    Kind.WELCOME: (Status.ACTIVE,),
    Kind.CONFIRM: (Status.PENDING,),
    Kind.ALREADY: (Status.ACTIVE, Status.PAUSED),
    Kind.GOODBYE: (Status.UNSUBSCRIBED,),
}


# Uncertain too: somebody took this sender for dead, and here comes the answer that only this sender has heard.
OURS_TO_SETTLE = (State.SENDING, State.ON_WIRE, State.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class _Line:
    delivery_id: int
    attempt: int
    outcome: Outcome | None  # None: about to go on the wire
    now: datetime
    done: asyncio.Future[State | None]


class Ledger:
    """The record as the connections of one sender see it. Lives in one event loop."""

    def __init__(self, engine: Engine, owner: str) -> None:
        self._engine = engine
        self._owner = owner
        self._waiting: list[_Line] = []
        self._writer: asyncio.Task[None] | None = None

    async def on_wire(self, delivery_id: int, attempt: int, now: datetime) -> State | None:
        """Commit that the letter is about to leave: ON_WIRE. It may not leave when it is CANCELLED, because the reader
        left, or when there is no answer: somebody has taken it for a dead sender's.
        """
        return await self._hand_in(delivery_id, attempt, None, now)

    async def settle(self, delivery_id: int, attempt: int, outcome: Outcome, now: datetime) -> bool:
        """Commit how the attempt ended. False: the letter was not ours any more."""
        return await self._hand_in(delivery_id, attempt, outcome, now) is not None

    async def close(self) -> None:
        """Wait until all that was handed in is written, also for those who did not wait for it themselves."""
        if self._writer:
            await asyncio.shield(self._writer)

    async def _hand_in(self, delivery_id: int, attempt: int, outcome: Outcome | None, now: datetime) -> State | None:
        line = _Line(delivery_id, attempt, outcome, now, asyncio.get_running_loop().create_future())
        self._waiting.append(line)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())
        # A connection that is cancelled must not take the line back: what is handed in is written.
        return await asyncio.shield(line.done)

    async def _write_all(self) -> None:
        while self._waiting:
            lines, self._waiting = self._waiting, []
            try:
                written = await asyncio.to_thread(self._commit, lines)
            except Exception as error:  # noqa: BLE001  - whatever it was, nobody may wait for ever: each line gets it
                for line in lines:
                    if not line.done.done():
                        line.done.set_exception(error)
                continue
            for line in lines:
                if not line.done.done():
                    line.done.set_result(written.get((line.delivery_id, line.attempt)))

    def _commit(self, lines: Sequence[_Line]) -> dict[tuple[int, int], State]:
        with writing(self._engine) as session:
            leaving = [line for line in lines if line.outcome is None]
            written = self._put_on_wire(session, leaving) if leaving else {}
            for line in lines:
                if line.outcome and self._settle(session, line, line.outcome):
                    written[line.delivery_id, line.attempt] = line.outcome.state
            return written

    def _put_on_wire(self, session: Session, lines: Sequence[_Line]) -> dict[tuple[int, int], State]:
        claims = [(line.delivery_id, line.attempt) for line in lines]
        ours = (
            col(Delivery.id).in_([number for number, _ in claims]),  # by its key; of pairs no index knows
            tuple_(col(Delivery.id), col(Delivery.attempts)).in_(claims),
            col(Delivery.state) == State.SENDING,
            col(Delivery.owner) == self._owner,
        )
        wanted = or_(
            *(
                and_(col(Delivery.kind) == kind, col(Subscriber.status).in_(statuses))
                for kind, statuses in STILL_WANTED.items()
            )
        )
        reader = exists(select(1).where(col(Subscriber.id) == col(Delivery.subscriber_id), wanted))
        now = lines[0].now
        leaves = {"state": State.ON_WIRE, "lease_until": now + LEASE_ON_WIRE}
        stays = {"state": State.CANCELLED, "owner": None, "lease_until": None, "settled_at": now}
        changes = {
            State.ON_WIRE: update(Delivery).where(*ours, reader).values(**leaves),
            # Said again: between the two a letter may have become ours.
            State.CANCELLED: update(Delivery).where(*ours, ~reader).values(**stays),
        }
        fates: dict[tuple[int, int], State] = {}
        for state, change in changes.items():
            told = change.returning(col(Delivery.id), col(Delivery.attempts))
            changed = session.execute(told.execution_options(synchronize_session=False))
            fates |= {(int(number or 0), attempt): state for number, attempt in changed}
        return fates

    def _settle(self, session: Session, line: _Line, outcome: Outcome) -> bool:
        final = outcome.state is not State.QUEUED
        subscriber_id = session.scalar(
            update(Delivery)
            .where(col(Delivery.id) == line.delivery_id, col(Delivery.attempts) == line.attempt)
            .where(col(Delivery.owner) == self._owner)
            .where(col(Delivery.state).in_(OURS_TO_SETTLE))
            .values(
                state=outcome.state,
                owner=None,
                lease_until=None,
                attempts=col(Delivery.attempts) - (0 if outcome.charged else 1),
                reply_code=outcome.code,
                reply=outcome.reply,
                next_attempt_at=outcome.retry_at,
                settled_at=line.now if final else None,
            )
            .returning(col(Delivery.subscriber_id))
            .execution_options(synchronize_session=False)
        )
        if subscriber_id is not None and outcome.suppress:
            # Locked, lest a reader who leaves at this moment be overwritten.
            reader = session.get_one(Subscriber, subscriber_id, with_for_update=True)
            if reader.status in {Status.ACTIVE, Status.PENDING, Status.PAUSED}:
                subscribers.end(reader, Status.SUPPRESSED, f"refused: {outcome.code} {outcome.reply}"[:200], line.now)
        return subscriber_id is not None
