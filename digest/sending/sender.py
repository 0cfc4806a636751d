"""The life of one delivery: claim letters, write them, hand them over on a few connections, record each answer."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from digest.deliveries import Claimed, Ledger, Outcome, Sent, outcome_of
from digest.deliveries.outcome import reply_without_addresses
from digest.errors import Lost, RelayDown, SendError, StoreError
from digest.mail.smtp import Connection, Relay, Withdrawn
from digest.models import State
from digest.sending.intake import Intake
from digest.sending.lane import Way
from digest.sending.outbox import BATCH, Outbox, now
from digest.sending.shares import Shares, pace_of
from digest.writing import Outgoing

log = structlog.get_logger()

AGAIN = (1.0, 4.0)  # seconds between attempts to reach a store that is away for a moment
STORE_FAULTS = (StoreError, SQLAlchemyError)
GROW_SECONDS = 60.0  # after the relay refused a connection, before another one is tried
Result = TypeVar("Result")


class Sender:
    """The life of one delivery."""

    def __init__(self, intake: Intake, relay: Relay, stop: asyncio.Event, tell: Callable[[Sent], None]) -> None:
        house = intake.house
        self._intake, self._relay, self._stop, self._tell = intake, relay, stop, tell
        self._clock, self._dice, self._settings = intake.clock, intake.dice, house.settings
        self._ledger = Ledger(house.engine, intake.place.name)
        shares = Shares(house, relay.name)
        self._outbox = Outbox(pace_of(house), 2 * house.settings.smtp_connections, lambda: self._over, shares.borrow)
        self._way = Way(house, relay)
        # One thread, not any of a pool: each keeps the memory that it has once taken for a batch of letters.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="letters")
        self._connections = 0
        self._refused_at: float | None = None
        self._sent = Sent()
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
        _, self._sent.uncertain = await asyncio.to_thread(self._intake.sweep)
        self._sent.closed = await self._way.closed(self._clock(), insist=insist)
        if self._sent.closed:
            return self._sent
        try:
            async with asyncio.TaskGroup() as group:
                await self._grow(group, await asyncio.to_thread(self._intake.worth, self._allowed))
                group.create_task(self._claim_all(group, most))
        finally:
            await asyncio.shield(self._leave())
        if self._fault:
            raise self._fault
        if not self._sent.closed:
            await self._way.passed()
        return self._sent

    async def _leave(self) -> None:
        await self._ledger.close()
        # After what that thread may still be claiming.
        await asyncio.get_running_loop().run_in_executor(self._writer, self._intake.release)
        self._writer.shutdown(wait=False)

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
        loop = asyncio.get_running_loop()
        written, unwritten = await self._patiently(lambda: loop.run_in_executor(self._writer, self._intake.claim, full))
        for each, outcome in unwritten:
            await self._settle(each, outcome)
        await self._outbox.put(written)
        return len(written) + len(unwritten)

    async def _sweep(self) -> int:
        again, uncertain = await self._patiently(lambda: asyncio.to_thread(self._intake.sweep))
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
        async with Connection(self._relay) as connection:
            while outgoing := await self._next():
                try:
                    await self._send(connection, outgoing)
                except RelayDown as error:
                    await self._outbox.put([outgoing])
                    if self._connections > 1:
                        self._refused_at = now()
                        break  # the relay takes fewer for now
                    await self._consider(error)
                except STORE_FAULTS as error:
                    self._give_up(error)
                if cancelled():
                    raise asyncio.CancelledError  # it came as Unknown, so that its letter could be settled
            self._connections -= 1  # at once: the last one has to stay for what others put back

    async def _next(self) -> Outgoing | None:
        try:
            return await self._outbox.get()
        except STORE_FAULTS as error:  # the rates are kept there too
            self._give_up(error)
            return None

    async def _send(self, connection: Connection, outgoing: Outgoing) -> None:
        claimed = outgoing.claimed
        refused: SendError | None = None
        fate: State | None = None

        async def on_wire() -> bool:
            nonlocal fate
            fate = await self._ledger.on_wire(claimed.id, claimed.attempts, self._clock())
            return fate is State.ON_WIRE

        try:
            reply = await connection.send(outgoing.sender, outgoing.recipient, outgoing.raw, on_wire)
            code, _, said = reply.partition(" ")
            outcome = Outcome(State.SENT, int(code), reply_without_addresses(said))
        except Withdrawn:
            if fate is State.CANCELLED:
                self._sent.count(claimed, Outcome(State.CANCELLED))
                log.info("letter.cancelled", delivery=claimed.id, kind=claimed.kind, attempt=claimed.attempts, code=0)
            else:
                log.warning("letter.not_ours", delivery=claimed.id)  # another sender has it, or had
            return
        except asyncio.CancelledError:
            # Nothing of it has left, whatever the record says by now.
            stopped = Outcome(State.QUEUED, 0, "stopped before it left")
            await self._ledger.settle(claimed.id, claimed.attempts, stopped, self._clock())
            raise
        except RelayDown:
            raise  # nobody has heard of this letter yet
        except SendError as error:
            refused, outcome = error, outcome_of(error, attempts=claimed.attempts, now=self._clock(), dice=self._dice)
        await self._settle(claimed, outcome)
        await (self._consider(refused) if refused else self._way.passed())

    async def _consider(self, error: SendError) -> None:
        # What is our fault or the relay's would happen to every other letter too: nothing more is tried for a while.
        if why := await self._way.refused(error, self._clock()):
            self._sent.closed, self._given_up = why, True

    def _give_up(self, fault: Exception) -> None:
        # The other connections still hear what becomes of the letters they have on the wire.
        self._fault, self._given_up = self._fault or fault, True

    async def _settle(self, claimed: Claimed, outcome: Outcome) -> None:
        ours = await self._patiently(lambda: self._ledger.settle(claimed.id, claimed.attempts, outcome, self._clock()))
        if not ours:
            log.warning("letter.not_ours", delivery=claimed.id, fate=outcome.state)
        self._sent.count(claimed, outcome)
        self._tell(self._sent)
        level = log.info if outcome.state is State.SENT else log.warning
        level(
            "letter." + outcome.state,
            delivery=claimed.id,
            kind=claimed.kind,
            attempt=claimed.attempts,
            code=outcome.code,
        )

    async def _patiently(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """`work`, again if the store is away for a moment: what an answer says, only this process knows."""
        for pause in AGAIN:
            try:
                return await work()
            except Lost:
                raise
            except StoreError:
                log.warning("store.away", exc_info=True)
                await asyncio.sleep(pause)
        return await work()


def cancelled() -> bool:
    """Whether somebody wants the running task to end."""
    task = asyncio.current_task()
    return bool(task and task.cancelling())
