"""Sender: send claimed e-mails over a few connections, and record what the relay replies.

On SQLite there is one sender at a time, whoever comes first; the others leave the work to it. On PostgreSQL there may
be any number: each holds a lock that shows it is alive, none waits for another, and what a dead one leaves is
recovered.
"""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic

import structlog
from sqlalchemy.exc import SQLAlchemyError

from digest.context import AppContext
from digest.database import SENDER_LOCK, ensure_mark, exclusive_lock, is_postgresql, liveness_lock
from digest.database.models import ClaimedDelivery, DeliveryState
from digest.delivery import messages
from digest.delivery.circuit_breaker import CircuitBreaker
from digest.delivery.claimer import ClaimedEmail, Claimer, Clock, SenderIdentity
from digest.delivery.group_commit import GroupCommitter
from digest.delivery.history import DeliveryReport
from digest.delivery.rate_limit import RateLimits
from digest.delivery.retry import DeliveryOutcome, outcome_from_error
from digest.delivery.send_queue import SendQueue
from digest.delivery.store_executor import StoreExecutor
from digest.errors import DeliveryError, RelayRefusedError, RelayUnavailableError, StoreError
from digest.mail import (
    LocalMailbox,
    OutgoingMessage,
    RelayConfig,
    SendCancelled,
    SmtpConnection,
    SmtpReply,
    replies,
)
from digest.mail.replies import ReplyTopic
from digest.rendering import RenderCache

log = structlog.get_logger()

# One connection is enough for so many; each one more may leave a message in doubt after a crash.
DELIVERIES_PER_CONNECTION = 100
PACE_PER_CONNECTION = 8.0  # messages a second; fewer connections are enough for a slow relay
CONNECTION_PAUSE_SECONDS = 60.0  # after the relay refused a connection, before another one is opened
STORE_ERRORS = (StoreError, SQLAlchemyError)


async def send_queued(
    ctx: AppContext,
    clock: Clock,
    *,
    stop: asyncio.Event | None = None,
    on_progress: Callable[[DeliveryReport], None] | None = None,
    force: bool = False,
    limit: int | None = None,
    cache: RenderCache | None = None,
) -> DeliveryReport:
    """Send everything that is due, or the first `limit` deliveries; setting `stop` ends it after those on the wire.

    With SQLite the event loop waits for the store: nothing else should run on it. `force` probes a relay even before
    its circuit allows it. `cache` outlives one delivery, and serves one at a time. Raises
    StoreError when the record cannot be kept, after the messages on the wire have had their replies.
    """
    with register_sender(ctx) as identity:
        if identity is None:
            log.info("sender.busy")
            return DeliveryReport(busy=True)
        ensure_mark(ctx.engine, clock())
        async with open_relay(ctx) as relay:
            claimer = Claimer(ctx, clock, identity, RenderCache() if cache is None else cache)
            return await Sender(claimer, relay, stop or asyncio.Event(), on_progress).run(force=force, limit=limit)


@asynccontextmanager
async def open_relay(ctx: AppContext) -> AsyncIterator[RelayConfig]:
    """Yield the relay of the settings, or the local mailbox while none is set."""
    if ctx.settings.has_relay:
        yield ctx.relay_config()
        return
    async with LocalMailbox(ctx.mailbox_directory) as mailbox:
        yield RelayConfig(host=mailbox.host, port=mailbox.port)


@contextmanager
def register_sender(ctx: AppContext) -> Iterator[SenderIdentity | None]:
    """Yield the identity of this sender; None if there may be only one, and another one is at work."""
    name = secrets.token_hex(8)
    if is_postgresql(ctx.engine):
        with liveness_lock(ctx.engine, name) as ensure_alive:
            yield SenderIdentity(name, ensure_alive)
        return
    with exclusive_lock(ctx.engine, SENDER_LOCK) as is_only:
        yield SenderIdentity(name) if is_only else None


@dataclass(slots=True)
class ConnectionState:
    """Commit of the last result of a connection, and the message that follows."""

    previous: asyncio.Future[DeliveryState | None] | None = None
    following: tuple[ClaimedEmail, OutgoingMessage] | None = None


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
        self._ctx, self._claimer, self._relay, self._stop = ctx, claimer, relay, stop
        self._clock, self._on_progress = claimer.clock, on_progress
        self._rng = random.Random()  # noqa: S311  - jitter, no secret
        self._report = DeliveryReport()
        self._log = log.bind()  # once, because a line is written for every message
        self._executor = StoreExecutor(ctx.engine, "sender")
        self._committer = GroupCommitter(ctx.engine, claimer.identity.name)
        self._breaker = CircuitBreaker(ctx, relay, self._executor)
        rates = ctx.settings.smtp_rate, ctx.settings.smtp_domain_rate
        self._limits = RateLimits(ctx.engine, relay.name, *rates)
        self._queue = SendQueue(claimer, self._limits, self._executor, lambda: self._should_stop)
        self._connections = 0
        self._refused_at: float | None = None
        self._relay_connections = 1  # that it took then
        self._is_aborted = False
        self._error: BaseException | None = None

    @property
    def _should_stop(self) -> bool:
        # `stop` belongs to the caller, who may start the next delivery with it.
        return self._is_aborted or self._stop.is_set()

    async def run(self, *, force: bool, limit: int | None = None) -> DeliveryReport:
        """Recover what dead senders left, then claim and send all that is due, or the first `limit` deliveries.

        While the relay's circuit is open nothing is claimed; `force` probes the relay even before its time.
        """
        try:
            await self._executor.run(self._claimer.recover_abandoned)
            self._report.failed += await self._executor.run(self._claimer.give_up)
            self._report.relay_error = await self._breaker.check(self._clock(), force=force)
            await self._executor.run(self._limits.load_pace)
            if not self._report.relay_error:
                await self._deliver(limit)
            self._report.uncertain += self._claimer.uncertain
            self._report.unreadable += len(self._claimer.unreadable)
            return self._report
        finally:
            self._executor.close()

    async def _deliver(self, limit: int | None) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._open_connection(group)
                try:
                    await self._queue.claim_all(limit)
                except STORE_ERRORS as error:
                    self._abort(error)
            if not self._error:
                await self._decide_refusals()
        finally:
            await asyncio.shield(self._shut_down())
        if self._error:
            raise self._error
        if not self._report.relay_error:
            await self._breaker.record_success()

    async def _shut_down(self) -> None:
        await self._committer.close()
        # On the same executor as the claims: one that is under way ends before.
        await self._executor.run(self._claimer.release, retries=False)

    @property
    def _allowed_connections(self) -> int:
        """How many connections the queue is worth, and settings and relay allow."""
        is_refused = self._refused_at is not None and monotonic() < self._refused_at + CONNECTION_PAUSE_SECONDS
        if self._breaker.is_half_open:
            return 1
        worthwhile = 1 + (self._queue.claimed_count - 1) // DELIVERIES_PER_CONNECTION
        if self._limits.pace:
            worthwhile = min(worthwhile, int(self._limits.pace / PACE_PER_CONNECTION))
        limit = self._relay_connections if is_refused else self._ctx.settings.smtp_connections
        return max(1, min(worthwhile, limit))

    def _open_connection(self, group: asyncio.TaskGroup) -> None:
        if self._connections < self._allowed_connections:
            self._connections += 1
            group.create_task(self._run_connection(group))

    async def _run_connection(self, group: asyncio.TaskGroup) -> None:
        state = ConnectionState()
        async with SmtpConnection(self._relay) as connection:
            while not self._should_stop and (current := state.following or await self._next_message()):
                state.following = None
                email, message = current
                self._open_connection(group)
                try:
                    if connection.is_used_up:
                        await self._finish(state)
                    await self._send(connection, email, message, state)
                except RelayUnavailableError as error:
                    self._queue.put_back(email)
                    if self._connections > 1:
                        # The relay takes fewer connections for now.
                        self._refused_at, self._relay_connections = monotonic(), self._connections - 1
                    elif self._breaker.counts_unreachable():
                        await self._open_circuit(error)
                except STORE_ERRORS as error:
                    self._abort(error)
                task = asyncio.current_task()
                if task and task.cancelling():
                    raise asyncio.CancelledError  # it came as UncertainDeliveryError, so that the result was recorded
                if self._connections > self._allowed_connections:
                    break
            self._connections -= 1  # at once: the last connection stays for what others put back
            self._put_back(None, state, connection)
            # Before QUIT: a kill then finds messages in doubt on open connections only.
            await self._finish(state)

    def _put_back(self, email: ClaimedEmail | None, state: ConnectionState, connection: SmtpConnection) -> None:
        """Return an e-mail and the one that follows it to the queue, but not one whose envelope has been sent."""
        if state.following and not (email and connection.has_pipelined):
            self._queue.put_back(state.following[0])
            state.following = None
        if email:
            self._queue.put_back(email)

    async def _next_message(self) -> tuple[ClaimedEmail, OutgoingMessage] | None:
        while email := await self._queue.get():
            if message := self._render(email):
                return email, message
        return None

    def _render(self, email: ClaimedEmail) -> OutgoingMessage | None:
        """Return the message; None if it cannot be rendered, which is recorded."""
        # On the event loop: a second thread would compete for the GIL.
        try:
            return email.render(self._ctx)
        except Exception as error:
            if not isinstance(error, DeliveryError):  # else the recipient's address cannot stand in a header
                log.exception("delivery.render_failed", delivery=email.delivery.id)
            self._record(email.delivery, self._outcome(email.delivery, error))
            self._queue.done()
            return None

    async def _send(
        self, connection: SmtpConnection, email: ClaimedEmail, message: OutgoingMessage, state: ConnectionState
    ) -> None:
        delivery, pace, committed, is_done = email.delivery, self._limits.pace, None, True

        async def may_send() -> bool:
            nonlocal committed
            on_wire = self._committer.submit(delivery.id, delivery.attempts, None, self._clock())
            if following := self._queue.get_early(self._connections):
                rendered = self._render(following)
                state.following = (following, rendered) if rendered else None
            committed = await on_wire  # and with it, or before it, the previous result
            return committed is DeliveryState.ON_WIRE

        try:
            reply = await connection.send(message, may_send, lambda: state.following[1] if state.following else None)
        except SendCancelled:
            self._count_unsent(delivery, committed)
        except asyncio.CancelledError:
            # Nothing of it has left, whatever the record says by now.
            await self._record(delivery, DeliveryOutcome(DeliveryState.QUEUED, 0, messages.STOPPED_BEFORE_SENDING))
            raise
        except DeliveryError as error:
            if isinstance(error, RelayUnavailableError):
                raise  # the relay has not heard of this message yet
            is_done = await self._handle_refusal(email, error, pace)
            if not is_done:
                self._put_back(email, state, connection)
        else:
            # Not awaited: the next message is marked in the same commit or a later one, so that a kill leaves one
            # message a connection in doubt and not two.
            state.previous = self._record_accepted(delivery, reply)
            await self._breaker.record_success()
        if is_done:
            self._queue.done()

    def _record_accepted(self, delivery: ClaimedDelivery, reply: SmtpReply) -> asyncio.Future[DeliveryState | None]:
        self._limits.speed_up()
        for refusal in self._breaker.take_undecided():
            self._record(refusal.delivery, refusal.outcome)
        return self._record(
            delivery, DeliveryOutcome(DeliveryState.SENT, reply.code, replies.redact_addresses(reply.text))
        )

    async def _handle_refusal(self, email: ClaimedEmail, error: DeliveryError, pace: float | None) -> bool:
        """Record what follows from a refusal; return whether the e-mail is done, and does not go back to the queue.

        `pace` is the one at which it left.
        """
        delivery, outcome, meaning = email.delivery, self._outcome(email.delivery, error), replies.classify_error(error)
        held = DeliveryOutcome(DeliveryState.SENDING, error.code, outcome.reply)
        if isinstance(error, RelayRefusedError):
            await self._record(delivery, outcome)
            await self._open_circuit(error)
            return True
        self._breaker.record_reply()
        is_reply = error.code and outcome.state is not DeliveryState.UNCERTAIN
        if is_reply and replies.asks_to_slow_down(error):
            if await self._record(delivery, held) is not DeliveryState.SENDING:
                return True
            if await self._executor.run(partial(self._limits.slow_down, pace)):
                log.warning("relay.slowed_down", code=error.code, reply=held.reply, pace=self._limits.pace)
                self._queue.hold_ready()
                if self._breaker.counts_slow_down():
                    await self._open_circuit(error)
            return False
        if is_reply and meaning.topic in {ReplyTopic.SENDER, ReplyTopic.UNKNOWN}:
            is_held = await self._record(delivery, held) is DeliveryState.SENDING
            if is_held and self._breaker.counts_refusal(meaning.key, delivery, outcome):
                await self._open_circuit(error)
            return True
        await self._record(delivery, outcome)
        return True

    async def _open_circuit(self, error: DeliveryError) -> None:
        """Stop for a while: the error is about us or the relay, and would happen to every other message too."""
        if not self._report.relay_error:
            self._report.relay_error = (await self._breaker.open(error, self._clock())).reply
            self._is_aborted = True

    async def _decide_refusals(self) -> None:
        """Charge the last refusals to their messages, or to the relay if its circuit is open by now."""
        if undecided := self._breaker.take_undecided():
            circuit = await self._breaker.find_open(self._clock())
            for _, delivery, outcome in undecided:
                if circuit:
                    reply = outcome.code, outcome.reply, circuit.retry_at
                    outcome = DeliveryOutcome(DeliveryState.QUEUED, *reply, counts_as_attempt=False)  # noqa: PLW2901
                self._record(delivery, outcome)

    def _outcome(self, delivery: ClaimedDelivery, error: Exception) -> DeliveryOutcome:
        return outcome_from_error(error, attempts=delivery.attempts, now=self._clock(), rng=self._rng)

    def _record(self, delivery: ClaimedDelivery, outcome: DeliveryOutcome) -> asyncio.Future[DeliveryState | None]:
        """Submit a result, to be counted and logged when it is committed."""
        commit = self._committer.submit(delivery.id, delivery.attempts, outcome, self._clock())
        commit.add_done_callback(partial(self._recorded, delivery, outcome))
        return commit

    def _recorded(
        self, delivery: ClaimedDelivery, outcome: DeliveryOutcome, commit: asyncio.Future[DeliveryState | None]
    ) -> None:
        if commit.cancelled():
            return
        if error := commit.exception():
            self._abort(error)
            return
        if commit.result() is None:
            log.warning("delivery.claim_lost", delivery=delivery.id, state=outcome.state)
        self._count(delivery, outcome)
        if self._on_progress:
            self._on_progress(self._report)

    def _count(self, delivery: ClaimedDelivery, outcome: DeliveryOutcome) -> None:
        if outcome.state is DeliveryState.SENDING:
            return  # not decided yet
        self._report.add(delivery, outcome)
        is_usual = outcome.state in {DeliveryState.SENT, DeliveryState.CANCELLED}
        (self._log.info if is_usual else self._log.warning)(
            f"delivery.{outcome.state}",
            delivery=delivery.id,
            kind=delivery.kind,
            attempt=delivery.attempts,
            code=outcome.code,
        )

    def _count_unsent(self, delivery: ClaimedDelivery, state: DeliveryState | None) -> None:
        if state is DeliveryState.CANCELLED:
            self._count(delivery, DeliveryOutcome(DeliveryState.CANCELLED))
        else:
            log.warning("delivery.claim_lost", delivery=delivery.id)

    async def _finish(self, state: ConnectionState) -> None:
        """Wait until the last result is committed; one that cannot be ends the run."""
        if state.previous:
            with suppress(*STORE_ERRORS):
                await state.previous

    def _abort(self, error: BaseException) -> None:
        # The other connections still read the replies to the messages that they have on the wire.
        self._error, self._is_aborted = self._error or error, True
