"""The life of one delivery: claim letters; on a few connections write each, hand it over, and record the answer."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection

import structlog

from digest import db
from digest.deliveries import Aside, Claimed, Ledger, Outcome, Sent, outcome_of
from digest.deliveries.outcome import reply_without_addresses
from digest.errors import RelayDown, SendError
from digest.mail.smtp import Connection, Relay, Withdrawn
from digest.models import DeliveryState
from digest.sending.answers import STORE_FAULTS, Answers, Recording, patiently
from digest.sending.hand import Hand
from digest.sending.intake import Intake
from digest.sending.lane import Way
from digest.sending.outbox import BATCH, Outbox, now
from digest.sending.pen import Letter, Pen
from digest.sending.shares import Shares, pace_of

log = structlog.get_logger()

NEAR, ANSWERS = 0.005, 32  # a relay is near whose quickest of so many answers took fewer seconds
GROW_SECONDS = 60.0  # after the relay refused a connection, before another one is tried


class Sender:
    """The life of one delivery."""

    def __init__(self, intake: Intake, relay: Relay, stop: asyncio.Event, tell: Callable[[Sent], None]) -> None:
        house = intake.house
        self._intake, self._relay, self._stop = intake, relay, stop
        self._clock, self._dice, self._settings = intake.clock, intake.dice, house.settings
        self._ledger = Ledger(house.engine, intake.place.name)
        self._answers = Answers(self._ledger, intake.clock, tell)
        self._sent = self._answers.sent
        shares = Shares(house, relay.name)
        self._outbox = Outbox(
            pace_of(house), max(BATCH, house.settings.smtp_connections), lambda: self._over, shares.borrow
        )
        self._aside = Aside("letters")
        self._embedded = not db.on_server(house.engine)
        self._took: deque[float] = deque(maxlen=ANSWERS)
        self._way = Way(house, relay, self._aside.do)
        self._pen = Pen(self._outbox, intake, self._answers)
        self._connections = 0
        self._refused_at: float | None = None
        self._given_up = False
        self._fault: Exception | None = None

    @property
    def _over(self) -> bool:
        # `stop` belongs to the caller, who may start the next delivery with it: giving up is a thing of this one.
        return self._given_up or self._stop.is_set()

    async def run(self, *, insist: bool, most: int | None = None) -> Sent:
        """Sweep up after dead senders, then claim and send until nothing is left that may go now, or `most` letters
        have been claimed.

        While the way to the relay is closed nothing is claimed; `insist` asks the relay even before its time.

        Raises StoreError when the record cannot be kept, after the letters on the wire have had their answers.
        """
        try:
            _, self._sent.uncertain = await self._aside.do(self._intake.sweep)
            self._sent.closed = await self._way.closed(self._clock(), insist=insist)
            if not self._sent.closed:
                await self._deliver(most)
            return self._sent
        finally:
            self._aside.close()

    async def _deliver(self, most: int | None) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                await self._grow(group, await self._aside.do(lambda: self._intake.worth(self._allowed)))
                group.create_task(self._claim_all(group, most))
        finally:
            await asyncio.shield(self._leave())
        if self._fault:
            raise self._fault
        if not self._sent.closed:
            await self._way.passed()

    async def _leave(self) -> None:
        await self._ledger.close()
        # After what that thread may still be claiming.
        await self._aside.do(self._intake.release)

    async def _claim_all(self, group: asyncio.TaskGroup, most: int | None) -> None:
        try:
            await self._claim_until_empty(group, most)
        except STORE_FAULTS as error:
            self._give_up(error)
        await self._outbox.close()

    async def _claim_until_empty(self, group: asyncio.TaskGroup, most: int | None) -> None:
        claimed = 0
        while not self._over and (most is None or claimed < most):
            full = await self._outbox.wanted()
            found = await self._take_in(full)
            claimed += found
            if found >= BATCH and self._connections < self._allowed:
                await self._grow(group, self._connections + 1)
            again = await self._sweep() if self._intake.sweeps_now() or not found else 0
            if found or again:
                continue
            if not full:
                break
            await self._outbox.freed(full)

    async def _take_in(self, full: Collection[str]) -> int:
        # Between two answers of a far relay there is time that a thread can use. A near one leaves none, and before the
        # first letter there is nothing to wait for.
        self._aside.here = self._embedded and min(self._took, default=0) < NEAR
        taken, unwritten = await patiently(lambda: self._aside.do(lambda: self._intake.claim(full)))
        for each, outcome in unwritten:
            await self._answers.record(each, outcome)
        await self._outbox.put(taken)
        return len(taken) + len(unwritten)

    async def _sweep(self) -> int:
        again, uncertain = await patiently(lambda: self._aside.do(self._intake.sweep))
        self._sent.uncertain += uncertain
        return again

    @property
    def _allowed(self) -> int:
        """How many connections the settings and the relay allow now."""
        refused = self._refused_at is not None and now() < self._refused_at + GROW_SECONDS
        return max(1, self._connections) if refused else self._settings.smtp_connections

    async def _grow(self, group: asyncio.TaskGroup, connections: int) -> None:
        while self._connections < connections:
            self._connections += 1
            group.create_task(self._connection())

    async def _connection(self) -> None:
        hand = Hand()
        async with Connection(self._relay) as connection:
            while letter := (None if self._over else hand.following) or await self._next(hand.last):
                hand.following = None
                try:
                    if connection.worn:
                        await self._answers.end(hand.last)
                    await self._send(connection, letter, hand)
                except RelayDown as error:
                    await self._outbox.put([letter[0]])
                    if self._connections > 1:
                        self._refused_at = now()
                        break  # the relay takes fewer for now
                    await self._consider(error)
                except STORE_FAULTS as error:
                    self._give_up(error)
                if cancelled():
                    raise asyncio.CancelledError  # it came as Unknown, so that its letter could be settled
            self._connections -= 1  # at once: the last one has to stay for what others put back
            # Here and above before the relay hears goodbye: a kill finds letters in doubt on open connections only.
            await self._end(hand.last)

    async def _next(self, last: Recording | None) -> Letter | None:
        try:
            if not self._pen.hurried:
                await self._answers.end(last)
            return await self._pen.next()
        except STORE_FAULTS as error:  # the rates are kept there too
            self._give_up(error)
            return None

    async def _end(self, last: Recording | None) -> None:
        try:
            await self._answers.end(last)
        except STORE_FAULTS as error:
            self._give_up(error)

    async def _send(self, connection: Connection, letter: Letter, hand: Hand) -> None:
        claimed, parcel = letter[0].claimed, letter[1]
        fate: DeliveryState | None = None

        async def on_wire() -> bool:
            nonlocal fate
            fate = await self._fence(claimed, hand)
            return fate is DeliveryState.ON_WIRE

        try:
            reply = await connection.send(parcel, on_wire, hand.announced)
        except Withdrawn:
            self._withdrawn(claimed, fate)
        except asyncio.CancelledError:
            # Nothing of it has left, whatever the record says by now.
            stopped = Outcome(DeliveryState.QUEUED, 0, "stopped before it left")
            await self._ledger.settle(claimed.id, claimed.attempts, stopped, self._clock())
            raise
        except RelayDown:
            raise  # nobody has heard of this letter yet
        except SendError as error:
            outcome = outcome_of(error, attempts=claimed.attempts, now=self._clock(), dice=self._dice)
            await self._answers.record(claimed, outcome)
            await self._consider(error)
        else:
            hand.took = now() - hand.left
            self._took.append(hand.took)
            code, _, said = reply.partition(" ")
            hand.last = self._answers.begin(
                claimed, Outcome(DeliveryState.SENT, int(code), reply_without_addresses(said))
            )
            await self._way.passed()

    async def _fence(self, claimed: Claimed, hand: Hand) -> DeliveryState | None:
        """Commit that the letter is about to leave, with or after the answer to the one before. Meanwhile another one
        is written.
        """
        unsure = hand.last and hand.last.failed
        begun = None if unsure else self._ledger.hand_in(claimed.id, claimed.attempts, None, self._clock())
        hand.following = self._pen.further(self._connections, hand.took)
        fate = await patiently(lambda: self._leave_after(hand.last, claimed), begun)
        await self._answers.end(hand.last)  # which is written by now, and has to be counted
        return fate

    async def _leave_after(self, last: Recording | None, claimed: Claimed) -> DeliveryState | None:
        if last and last.failed:
            await self._answers.end(last)
        return await self._ledger.on_wire(claimed.id, claimed.attempts, self._clock())

    def _withdrawn(self, claimed: Claimed, fate: DeliveryState | None) -> None:
        if fate is DeliveryState.CANCELLED:
            self._answers.count(claimed, Outcome(DeliveryState.CANCELLED))
        else:
            log.warning("letter.not_ours", delivery=claimed.id)  # another sender has it, or had

    async def _consider(self, error: SendError) -> None:
        # What is our fault or the relay's would happen to every other letter too: nothing more is tried for a while.
        if why := await self._way.refused(error, self._clock()):
            self._sent.closed, self._given_up = why, True

    def _give_up(self, fault: Exception) -> None:
        # The other connections still hear what becomes of the letters they have on the wire.
        self._fault, self._given_up = self._fault or fault, True


def cancelled() -> bool:
    """Whether somebody wants the running task to end."""
    task = asyncio.current_task()
    return bool(task and task.cancelling())
