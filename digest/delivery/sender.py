"""Sender: claim deliveries, send each over one of a few connections, and record the replies."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from time import monotonic

import structlog

from digest.database.models import ClaimedDelivery, DeliveryState
from digest.delivery.buffer import CLAIM_BATCH, SendBuffer
from digest.delivery.circuit_breaker import CircuitBreaker
from digest.delivery.claimer import Claimer
from digest.delivery.group_commit import GroupCommitter
from digest.delivery.history import DeliveryReport
from digest.delivery.prefetch import MessagePrefetcher, RenderedMessage
from digest.delivery.rate_limit import SharedRateLimiter, rate_limits
from digest.delivery.results import STORE_ERRORS, PendingResult, ResultRecorder, retry_on_store_error
from digest.delivery.retry import DeliveryOutcome, outcome_from_error
from digest.delivery.store_executor import StoreExecutor
from digest.errors import DeliveryError, OwnershipLostError, RelayUnavailableError, StoreError
from digest.mail import OutgoingMessage, RelayConfig, SendCancelled, SmtpConnection, replies

log = structlog.get_logger()

CONNECTION_PAUSE_SECONDS = 60.0  # after the relay refused a connection, before another one is opened


@dataclass(slots=True)
class ConnectionState:
    """Result of the last message, which may not be committed yet, and the message that follows."""

    previous: PendingResult | None = None
    next_message: RenderedMessage | None = None

    def announce(self) -> OutgoingMessage | None:
        """Return the message whose envelope may be pipelined."""
        return self.next_message.message if self.next_message else None


class Sender:
    """Delivery run, from the first claim to the last reply."""

    def __init__(
        self,
        claimer: Claimer,
        relay: RelayConfig,
        stop: asyncio.Event,
        on_progress: Callable[[DeliveryReport], None] | None = None,
    ) -> None:
        ctx = claimer.ctx
        self._claimer, self._relay, self._stop = claimer, relay, stop
        self._clock, self._rng, self._settings = claimer.clock, claimer.rng, ctx.settings
        self._executor = StoreExecutor(ctx.engine, "sender")
        self._committer = GroupCommitter(ctx.engine, claimer.identity.name)
        self._recorder = ResultRecorder(self._committer, claimer.clock, on_progress)
        self._report = self._recorder.report
        self._breaker = CircuitBreaker(ctx, relay, self._executor)
        self._buffer = SendBuffer(
            rate_limits(ctx),
            max(CLAIM_BATCH, ctx.settings.smtp_connections),
            lambda: self._should_stop,
            SharedRateLimiter(ctx, relay.name).reserve,
        )
        self._prefetcher = MessagePrefetcher(self._buffer, claimer, self._recorder)
        self._connections = 0
        self._refused_at: float | None = None
        self._is_aborted = False
        self._error: Exception | None = None

    @property
    def _should_stop(self) -> bool:
        # `stop` belongs to the caller, who may start the next delivery with it.
        return self._is_aborted or self._stop.is_set()

    async def run(self, *, force: bool, limit: int | None = None) -> DeliveryReport:
        """Recover what dead senders left, then claim and send all that is due, or the first `limit` deliveries.

        While the relay's circuit is open nothing is claimed; `force` probes the relay even before its time.

        Raises StoreError when the record cannot be kept, after the messages on the wire have had their replies.
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
                needed = await self._executor.run(lambda: self._claimer.connections_needed(self._max_connections))
                self._open_connections(group, needed)
                group.create_task(self._claim_all(group, limit))
        finally:
            await asyncio.shield(self._shut_down())
        if self._error:
            raise self._error
        if not self._report.relay_error:
            await self._breaker.record_success()

    async def _shut_down(self) -> None:
        await self._committer.close()
        # On the same executor as the claims: one that is under way ends before.
        await self._executor.run(self._claimer.release)

    async def _claim_all(self, group: asyncio.TaskGroup, limit: int | None) -> None:
        claimed = 0
        try:
            while not self._should_stop and (limit is None or claimed < limit):
                full_domains = await self._buffer.wait_for_capacity()
                count = await self._claim_batch(full_domains)
                claimed += count
                if count >= CLAIM_BATCH and self._connections < self._max_connections:
                    self._open_connections(group, self._connections + 1)
                requeued = 0
                if self._claimer.is_recovery_due() or not count:
                    recover = partial(self._executor.run, self._claimer.recover_abandoned)
                    requeued, uncertain = await retry_on_store_error(recover)
                    self._report.uncertain += uncertain
                if count or requeued:
                    continue
                if not full_domains:
                    break
                await self._buffer.wait_for_domain(full_domains)
        except STORE_ERRORS as error:
            self._abort(error)
        await self._buffer.close()

    async def _claim_batch(self, full_domains: Collection[str]) -> int:
        claim = partial(self._executor.run, partial(self._claimer.claim, full_domains))
        emails, failed = await retry_on_store_error(claim)
        for delivery, outcome in failed:
            await self._recorder.record(delivery, outcome)
        await self._buffer.put(emails)
        return len(emails) + len(failed)

    @property
    def _max_connections(self) -> int:
        """How many connections the settings and the relay allow now."""
        is_refused = self._refused_at is not None and monotonic() < self._refused_at + CONNECTION_PAUSE_SECONDS
        return max(1, self._connections) if is_refused else self._settings.smtp_connections

    def _open_connections(self, group: asyncio.TaskGroup, count: int) -> None:
        while self._connections < count:
            self._connections += 1
            group.create_task(self._run_connection())

    async def _run_connection(self) -> None:
        state = ConnectionState()
        async with SmtpConnection(self._relay) as connection:
            while rendered := (None if self._should_stop else state.next_message) or await self._next_message(state):
                state.next_message = None
                try:
                    if connection.is_used_up:
                        await self._recorder.finish(state.previous)
                    await self._send(connection, rendered, state)
                except RelayUnavailableError as error:
                    await self._buffer.put([rendered.email])
                    if self._connections > 1:
                        self._refused_at = monotonic()
                        break  # the relay takes fewer connections for now
                    await self._check_relay(error)
                except STORE_ERRORS as error:
                    self._abort(error)
                task = asyncio.current_task()
                if task and task.cancelling():
                    raise asyncio.CancelledError  # it came as UncertainDeliveryError, so that the result was recorded
            self._connections -= 1  # at once: the last connection stays for what others put back
            # Before QUIT: a kill then finds messages in doubt on open connections only.
            try:
                await self._recorder.finish(state.previous)
            except STORE_ERRORS as error:
                self._abort(error)

    async def _next_message(self, state: ConnectionState) -> RenderedMessage | None:
        try:
            if not self._prefetcher.is_ready:
                await self._recorder.finish(state.previous)
            return await self._prefetcher.next_message()
        except STORE_ERRORS as error:  # shared rates are in the store, too
            self._abort(error)
            return None

    async def _send(self, connection: SmtpConnection, rendered: RenderedMessage, state: ConnectionState) -> None:
        delivery, committed = rendered.email.delivery, None

        async def may_send() -> bool:
            nonlocal committed
            committed = await self._mark_on_wire(delivery, state)
            return committed is DeliveryState.ON_WIRE

        try:
            reply = await connection.send(rendered.message, may_send, state.announce)
        except SendCancelled:
            if committed is DeliveryState.CANCELLED:
                self._recorder.count(delivery, DeliveryOutcome(DeliveryState.CANCELLED))
            else:
                log.warning("delivery.claim_lost", delivery=delivery.id)
        except asyncio.CancelledError:
            # Nothing of it has left, whatever the record says by now.
            stopped = DeliveryOutcome(DeliveryState.QUEUED, 0, "stopped before it left")
            await self._committer.submit(delivery.id, delivery.attempts, stopped, self._clock())
            raise
        except RelayUnavailableError:
            raise  # the relay has not heard of this message yet
        except DeliveryError as error:
            outcome = outcome_from_error(error, attempts=delivery.attempts, now=self._clock(), rng=self._rng)
            await self._recorder.record(delivery, outcome)
            await self._check_relay(error)
        else:
            outcome = DeliveryOutcome(DeliveryState.SENT, reply.code, replies.redact_addresses(reply.text))
            state.previous = self._recorder.submit(delivery, outcome)
            await self._breaker.record_success()

    async def _mark_on_wire(self, delivery: ClaimedDelivery, state: ConnectionState) -> DeliveryState | None:
        """Commit that a message is about to leave, in one transaction with the previous result or after it."""
        if state.previous and state.previous.has_failed:
            await self._recorder.finish(state.previous)
        on_wire = self._submit_on_wire(delivery)
        state.next_message = self._prefetcher.prefetched(self._connections)
        try:
            committed = await on_wire
        except OwnershipLostError:
            raise
        except StoreError:
            await self._recorder.finish(state.previous)  # which may have failed in the same commit
            committed = await retry_on_store_error(lambda: self._submit_on_wire(delivery))
        await self._recorder.finish(state.previous)  # committed by now, and to be counted
        return committed

    def _submit_on_wire(self, delivery: ClaimedDelivery) -> asyncio.Future[DeliveryState | None]:
        return self._committer.submit(delivery.id, delivery.attempts, None, self._clock())

    async def _check_relay(self, error: DeliveryError) -> None:
        """Stop for a while where an error is about us or the relay: it would happen to every other message too."""
        if relay_error := await self._breaker.record_failure(error, self._clock()):
            self._report.relay_error, self._is_aborted = relay_error, True

    def _abort(self, error: Exception) -> None:
        # The other connections still read the replies to the messages that they have on the wire.
        self._error, self._is_aborted = self._error or error, True
