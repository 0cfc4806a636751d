"""What a connection has in hand.

The life of one delivery: claim letters; on a few connections write each, hand it over, and record the answer.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass

import structlog

from digest.database.models import ClaimedDelivery, DeliveryState
from digest.delivery.buffer import CLAIM_BATCH, SendBuffer
from digest.delivery.circuit_breaker import CircuitBreaker
from digest.delivery.claimer import Claimer
from digest.delivery.group_commit import GroupCommitter
from digest.delivery.prefetch import MessagePrefetcher, RenderedMessage
from digest.delivery.rate_limit import SharedRateLimiter, now, rate_limits
from digest.delivery.report import DeliveryReport
from digest.delivery.results import STORE_ERRORS, PendingResult, ResultRecorder, retry_on_store_error
from digest.delivery.retry import DeliveryOutcome, outcome_from_error
from digest.delivery.store_executor import StoreExecutor
from digest.errors import DeliveryError, RelayUnavailableError
from digest.mail import OutgoingMessage, RelayConfig, SendCancelled, SmtpConnection, replies


@dataclass(slots=True)
class ConnectionState:
    """What a connection has beside the letter that it sends: the answer to the one before, if it may not be recorded
    yet, and the one that follows. The relay `took` so many seconds for the last one that `left`.
    """

    previous: PendingResult | None = None
    next_message: RenderedMessage | None = None
    left: float = 0.0
    took: float = 0.0

    def announced(self) -> OutgoingMessage | None:
        """What will be sent next, asked as a letter leaves."""
        self.left = now()
        return self.next_message[1] if self.next_message else None


log = structlog.get_logger()


CONNECTION_PAUSE_SECONDS = 60.0  # after the relay refused a connection, before another one is tried


class Sender:
    """The life of one delivery."""

    def __init__(
        self, claimer: Claimer, relay: RelayConfig, stop: asyncio.Event, on_progress: Callable[[DeliveryReport], None]
    ) -> None:
        ctx = claimer.ctx
        self._claimer, self._relay, self._stop = claimer, relay, stop
        self._clock, self._rng, self._settings = claimer.clock, claimer.rng, ctx.settings
        self._committer = GroupCommitter(ctx.engine, claimer.identity.name)
        self._recorder = ResultRecorder(self._committer, claimer.clock, on_progress)
        self._report = self._recorder.report
        shares = SharedRateLimiter(ctx, relay.name)
        self._buffer = SendBuffer(
            rate_limits(ctx), max(CLAIM_BATCH, ctx.settings.smtp_connections), lambda: self._should_stop, shares.reserve
        )
        self._executor = StoreExecutor(ctx.engine, "sender")
        self._breaker = CircuitBreaker(ctx, relay, self._executor.run)
        self._prefetcher = MessagePrefetcher(self._buffer, claimer, self._recorder)
        self._connections = 0
        self._refused_at: float | None = None
        self._aborted = False
        self._error: Exception | None = None

    @property
    def _should_stop(self) -> bool:
        # `stop` belongs to the caller, who may start the next delivery with it: giving up is a thing of this one.
        return self._aborted or self._stop.is_set()

    async def run(self, *, force: bool, limit: int | None = None) -> DeliveryReport:
        """Sweep up after dead senders, then claim and send until nothing is left that may go now, or `most` letters
        have been claimed.

        While the way to the relay is closed nothing is claimed; `insist` asks the relay even before its time.

        Raises StoreError when the record cannot be kept, after the letters on the wire have had their answers.
        """
        try:
            _, self._report.uncertain = await self._executor.run(self._claimer.recover_abandoned)
            self._report.relay_error = await self._breaker.check(self._clock(), force=force)
            if not self._report.relay_error:
                await self._deliver(limit)
            return self._report
        finally:
            self._executor.close()

    async def _deliver(self, limit: int | None) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                await self._open_connections(
                    group, await self._executor.run(lambda: self._claimer.connections_needed(self._max_connections))
                )
                group.create_task(self._claim_all(group, limit))
        finally:
            await asyncio.shield(self._shut_down())
        if self._error:
            raise self._error
        if not self._report.relay_error:
            await self._breaker.record_success()

    async def _shut_down(self) -> None:
        await self._committer.close()
        # After what that thread may still be claiming.
        await self._executor.run(self._claimer.release)

    async def _claim_all(self, group: asyncio.TaskGroup, limit: int | None) -> None:
        try:
            await self._claim_until_empty(group, limit)
        except STORE_ERRORS as error:
            self._abort(error)
        await self._buffer.close()

    async def _claim_until_empty(self, group: asyncio.TaskGroup, limit: int | None) -> None:
        claimed = 0
        while not self._should_stop and (limit is None or claimed < limit):
            full = await self._buffer.wait_for_capacity()
            found = await self._claim_batch(full)
            claimed += found
            if found >= CLAIM_BATCH and self._connections < self._max_connections:
                await self._open_connections(group, self._connections + 1)
            again = await self._recover_abandoned() if self._claimer.is_recovery_due() or not found else 0
            if found or again:
                continue
            if not full:
                break
            await self._buffer.wait_for_domain(full)

    async def _claim_batch(self, full_domains: Collection[str]) -> int:
        taken, unwritten = await retry_on_store_error(
            lambda: self._executor.run(lambda: self._claimer.claim(full_domains))
        )
        for each, outcome in unwritten:
            await self._recorder.record(each, outcome)
        await self._buffer.put(taken)
        return len(taken) + len(unwritten)

    async def _recover_abandoned(self) -> int:
        again, uncertain = await retry_on_store_error(lambda: self._executor.run(self._claimer.recover_abandoned))
        self._report.uncertain += uncertain
        return again

    @property
    def _max_connections(self) -> int:
        """How many connections the settings and the relay allow now."""
        refused = self._refused_at is not None and now() < self._refused_at + CONNECTION_PAUSE_SECONDS
        return max(1, self._connections) if refused else self._settings.smtp_connections

    async def _open_connections(self, group: asyncio.TaskGroup, connections: int) -> None:
        while self._connections < connections:
            self._connections += 1
            group.create_task(self._run_connection())

    async def _run_connection(self) -> None:
        state = ConnectionState()
        async with SmtpConnection(self._relay) as connection:
            while letter := (None if self._should_stop else state.next_message) or await self._next_message(
                state.previous
            ):
                state.next_message = None
                try:
                    if connection.is_used_up:
                        await self._recorder.finish(state.previous)
                    await self._send(connection, letter, state)
                except RelayUnavailableError as error:
                    await self._buffer.put([letter[0]])
                    if self._connections > 1:
                        self._refused_at = now()
                        break  # the relay takes fewer for now
                    await self._check_relay(error)
                except STORE_ERRORS as error:
                    self._abort(error)
                if is_cancelled():
                    raise asyncio.CancelledError  # it came as Unknown, so that its letter could be settled
            self._connections -= 1  # at once: the last one has to stay for what others put back
            # Here and above before the relay hears goodbye: a kill finds letters in doubt on open connections only.
            await self._finish_result(state.previous)

    async def _next_message(self, last: PendingResult | None) -> RenderedMessage | None:
        try:
            if not self._prefetcher.is_ready:
                await self._recorder.finish(last)
            return await self._prefetcher.next()
        except STORE_ERRORS as error:  # the rates are kept there too
            self._abort(error)
            return None

    async def _finish_result(self, last: PendingResult | None) -> None:
        try:
            await self._recorder.finish(last)
        except STORE_ERRORS as error:
            self._abort(error)

    async def _send(self, connection: SmtpConnection, message: RenderedMessage, state: ConnectionState) -> None:
        claimed, parcel = message[0].delivery, message[1]
        committed_state: DeliveryState | None = None

        async def on_wire() -> bool:
            nonlocal committed_state
            committed_state = await self._commit_on_wire(claimed, state)
            return committed_state is DeliveryState.ON_WIRE

        try:
            reply = await connection.send(parcel, on_wire, state.announced)
        except SendCancelled:
            self._record_cancelled(claimed, committed_state)
        except asyncio.CancelledError:
            # Nothing of it has left, whatever the record says by now.
            stopped = DeliveryOutcome(DeliveryState.QUEUED, 0, "stopped before it left")
            await self._committer.submit(claimed.id, claimed.attempts, stopped, self._clock())
            raise
        except RelayUnavailableError:
            raise  # nobody has heard of this letter yet
        except DeliveryError as error:
            outcome = outcome_from_error(error, attempts=claimed.attempts, now=self._clock(), rng=self._rng)
            await self._recorder.record(claimed, outcome)
            await self._check_relay(error)
        else:
            state.took = now() - state.left
            state.previous = self._recorder.submit(
                claimed, DeliveryOutcome(DeliveryState.SENT, reply.code, replies.redact_addresses(reply.text))
            )
            await self._breaker.record_success()

    async def _commit_on_wire(self, claimed: ClaimedDelivery, state: ConnectionState) -> DeliveryState | None:
        """Commit that the letter is about to leave, with or after the answer to the one before. Meanwhile another one
        is written.
        """
        unsure = state.previous and state.previous.has_failed
        begun = None if unsure else self._committer.submit(claimed.id, claimed.attempts, None, self._clock())
        state.next_message = self._prefetcher.prefetched(self._connections, state.took)
        committed_state = await retry_on_store_error(lambda: self._mark_on_wire_after(state.previous, claimed), begun)
        await self._recorder.finish(state.previous)  # which is written by now, and has to be counted
        return committed_state

    async def _mark_on_wire_after(
        self, previous: PendingResult | None, claimed: ClaimedDelivery
    ) -> DeliveryState | None:
        if previous and previous.has_failed:
            await self._recorder.finish(previous)
        return await self._committer.submit(claimed.id, claimed.attempts, None, self._clock())

    def _record_cancelled(self, claimed: ClaimedDelivery, committed_state: DeliveryState | None) -> None:
        if committed_state is DeliveryState.CANCELLED:
            self._recorder.count(claimed, DeliveryOutcome(DeliveryState.CANCELLED))
        else:
            log.warning("delivery.claim_lost", delivery=claimed.id)  # another sender has it, or had

    async def _check_relay(self, error: DeliveryError) -> None:
        # What is our fault or the relay's would happen to every other letter too: nothing more is tried for a while.
        if why := await self._breaker.record_failure(error, self._clock()):
            self._report.relay_error, self._aborted = why, True

    def _abort(self, error: Exception) -> None:
        # The other connections still hear what becomes of the letters they have on the wire.
        self._error, self._aborted = self._error or error, True


def is_cancelled() -> bool:
    """Whether somebody wants the running task to end."""
    task = asyncio.current_task()
    return bool(task and task.cancelling())
