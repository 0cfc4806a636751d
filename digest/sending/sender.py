"""The life of one delivery: claim letters, write them, hand them over on a few connections, record each answer."""

import asyncio
import random
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from digest import db, deliveries
from digest.deliveries import Claimed, Ledger, Outcome, Sent, outcome_of
from digest.deliveries.outcome import reply_without_addresses
from digest.errors import RelayDown, SendError, StoreError
from digest.house import House
from digest.letters.known import Known
from digest.mail.rate import Pace
from digest.mail.smtp import Connection, Relay, Withdrawn
from digest.models import State
from digest.sending.lane import Way
from digest.sending.outbox import Outbox, batch
from digest.welcoming import first_papers
from digest.writing import Desk, Outgoing, lay_out, write

log = structlog.get_logger()

LETTERS_EACH = 100  # one connection is enough for so many; a second would only be one more to be in doubt after a crash
SETTLE_AGAIN = (1.0, 4.0)  # seconds between attempts to record an answer that only this process knows
STORE_FAULTS = (StoreError, SQLAlchemyError)
Clock = Callable[[], datetime]


class Sender:
    """The life of one delivery. Hold the sender's lock around it."""

    def __init__(
        self, house: House, relay: Relay, clock: Clock, stop: asyncio.Event, tell: Callable[[Sent], None]
    ) -> None:
        self._house, self._relay, self._clock, self._stop, self._tell = house, relay, clock, stop, tell
        self._owner = secrets.token_hex(8)
        self._ledger = Ledger(house.engine, self._owner)
        self._known = Known()
        self._dice = random.Random()  # noqa: S311  - jitter, no secret
        rates = house.settings.smtp_rate, house.settings.smtp_domain_rate
        self._batch = batch(*rates)
        self._outbox = Outbox(Pace(*rates), 2 * house.settings.smtp_connections, lambda: self._over)
        self._way = Way(house, relay)
        self._connections = 1
        self._sent = Sent()
        self._given_up = False
        self._fault: Exception | None = None

    @property
    def _over(self) -> bool:
        # `stop` belongs to the caller, who may start the next delivery with it: giving up is a thing of this one.
        return self._given_up or self._stop.is_set()

    async def run(self, *, insist: bool) -> Sent:
        """Sweep up after a dead sender, then claim and send until nothing is left that may go now.

        While the way to the relay is closed nothing is claimed; `insist` asks the relay even before its time.

        Raises StoreError when the record cannot be kept, after the letters on the wire have had their answers.
        """
        self._sent.uncertain += await asyncio.to_thread(self._sweep)
        self._sent.closed = await self._way.closed(self._clock(), insist=insist)
        if self._sent.closed:
            return self._sent
        self._connections = await asyncio.to_thread(self._wanted)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._connections):
                    group.create_task(self._connection())
                group.create_task(self._claim_all())
        finally:
            await asyncio.shield(self._leave())
        if self._fault:
            raise self._fault
        if not self._sent.closed:
            await self._way.passed()
        return self._sent

    async def _leave(self) -> None:
        await self._ledger.close()
        await asyncio.to_thread(self._release)

    def _sweep(self) -> int:
        with db.writing(self._house.engine) as session:
            again, uncertain = deliveries.sweep(session, self._owner)
        if again or uncertain:
            log.warning("sender.swept", queued_again=again, uncertain=uncertain)
        return uncertain

    def _wanted(self) -> int:
        with db.reading(self._house.engine) as session:
            queued = deliveries.waiting(session)
        return min(self._house.settings.smtp_connections, 1 + queued // LETTERS_EACH)

    def _release(self) -> None:
        with db.writing(self._house.engine) as session:
            deliveries.release(session, self._owner)

    async def _claim_all(self) -> None:
        try:
            while not self._over:
                full = await self._outbox.wanted()
                written, unwritten = await asyncio.to_thread(self._claim, full)
                for claimed, outcome in unwritten:
                    await self._settle(claimed, outcome)
                await self._outbox.put(written)
                if not written and not unwritten:
                    if not full:
                        break
                    await self._outbox.freed(full)
        except STORE_FAULTS as error:
            self._give_up(error)
        await self._outbox.close()

    def _claim(self, full: Collection[str]) -> tuple[list[Outgoing], list[tuple[Claimed, Outcome]]]:
        now = self._clock()
        with db.writing(self._house.engine) as session:
            claimed = deliveries.claim(session, self._owner, now, self._batch, without=full)
        with db.reading(self._house.engine) as session:
            laid = lay_out(session, claimed, now, self._known)
            desk = replace(laid, first=first_papers(session, claimed, now))
            return self._write(desk, claimed, now)

    def _write(
        self, desk: Desk, claimed: Sequence[Claimed], now: datetime
    ) -> tuple[list[Outgoing], list[tuple[Claimed, Outcome]]]:
        written, unwritten = [], []
        for each in claimed:
            try:
                written.append(write(self._house, desk, each, now))
            except SendError as error:  # nobody could be addressed this way
                unwritten.append((each, outcome_of(error, attempts=each.attempts, now=now, dice=self._dice)))
            except Exception as error:
                log.exception("letter.unwritten", delivery=each.id)
                retry = now + deliveries.backoff(each.attempts, self._dice)
                said = reply_without_addresses(f"cannot be written: {error!r}")
                unwritten.append((each, Outcome(State.QUEUED, 0, said, retry)))
        return written, unwritten

    async def _connection(self) -> None:
        async with Connection(self._relay) as connection:
            while outgoing := await self._outbox.get():
                try:
                    await self._send(connection, outgoing)
                except RelayDown as error:
                    await self._outbox.put([outgoing])
                    if self._connections > 1:
                        break  # the relay takes fewer; the next delivery may find that it takes more
                    await self._consider(error)
                except STORE_FAULTS as error:
                    self._give_up(error)
                if cancelled():
                    raise asyncio.CancelledError  # it came as Unknown, so that its letter could be settled
            self._connections -= 1  # at once: the last one has to stay for what others put back

    async def _send(self, connection: Connection, outgoing: Outgoing) -> None:
        claimed = outgoing.claimed
        refused: SendError | None = None

        async def on_wire() -> bool:
            return await self._ledger.on_wire(claimed.id, self._clock())

        try:
            reply = await connection.send(outgoing.sender, outgoing.recipient, outgoing.raw, on_wire)
            code, _, said = reply.partition(" ")
            outcome = Outcome(State.SENT, int(code), reply_without_addresses(said))
        except Withdrawn:
            self._sent.count(claimed, Outcome(State.CANCELLED))
            return
        except asyncio.CancelledError:
            # Nothing of it has left, whatever the record says by now.
            await self._ledger.settle(claimed.id, Outcome(State.QUEUED, 0, "stopped before it left"), self._clock())
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
        if not await self._record(claimed, outcome):
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

    async def _record(self, claimed: Claimed, outcome: Outcome) -> bool:
        for pause in SETTLE_AGAIN:
            try:
                return await self._ledger.settle(claimed.id, outcome, self._clock())
            except StoreError:
                log.warning("letter.unsettled", delivery=claimed.id, fate=outcome.state, exc_info=True)
                await asyncio.sleep(pause)
        return await self._ledger.settle(claimed.id, outcome, self._clock())


def cancelled() -> bool:
    """Whether somebody wants the running task to end."""
    task = asyncio.current_task()
    return bool(task and task.cancelling())
