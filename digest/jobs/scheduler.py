"""Scheduler of `digest serve`: asks "what is due?" by the clock and calls the pipeline. It keeps no state of its own.

Sources are fetched through the day, because lists keep growing. Every few seconds it plans for subscribers whose local
hour has come and, independently of that, sends what is due, so that a long delivery holds up no plan. The bounce
mailbox is polled every few minutes, expired rate-limit counters are deleted every hour, keywords of former subscribers
every day; once a day acronyms are learned from new papers. All jobs run at the start too, which makes up for what was
missed. What an operator asks for is fetched at the next tick. Two processes that tick at once are harmless.

On PostgreSQL the work is also deferred to the workers (`digest worker`); a scheduler without `run_jobs` leaves all of
it to them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from functools import partial

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy.exc import SQLAlchemyError

from digest import bounces
from digest.context import AppContext
from digest.database import is_postgresql
from digest.errors import DigestError, one_line_reason
from digest.jobs import pipeline, retention
from digest.jobs.event_loop import run_in_own_loop
from digest.jobs.fetch_requests import take_fetch_requests
from digest.schedule import COLLECT_MINUTE

log = structlog.get_logger()

TICK_SECONDS = 10  # also how long a confirmation e-mail may wait
POLL_MAILBOX_MINUTES = 3
PRUNE_HOURS = 24
PRUNE_COUNTERS_HOURS = 1
SHUTDOWN_SECONDS = 30


class Scheduler:
    """Jobs of the service, one at a time each, and a shutdown that waits for e-mails on the wire."""

    def __init__(self, ctx: AppContext, clock: Callable[[], datetime], *, run_jobs: bool = True) -> None:
        self._ctx, self._clock, self._run_jobs = ctx, clock, run_jobs
        self._stop = asyncio.Event()
        self._collect_lock = asyncio.Lock()
        self._plan_lock = asyncio.Lock()
        self._deliver_lock = asyncio.Lock()
        self._mailbox_lock = asyncio.Lock()
        self._has_collected = False
        self._learned_on: date | None = None
        self._failures: dict[str, str] = {}  # why a job failed the last time, by its name
        self._background_tasks: set[asyncio.Task[None]] = set()

    async def collect(self) -> None:
        """Fetch the sources, then plan and deliver, and once a day learn acronyms."""
        async with self._collect_lock:
            await self._run_job("collect", pipeline.collect(self._ctx, self._clock()))
            self._has_collected = True
        await self.plan()
        delivery = asyncio.create_task(self.deliver())  # not awaited: a long one would hold up the next fetch
        self._background_tasks.add(delivery)
        delivery.add_done_callback(self._background_tasks.discard)
        await self.learn()

    async def fetch_requested(self) -> None:
        """Fetch the sources that an operator asks for, then plan and deliver."""
        sources: list[str] = []
        if not self._stop.is_set():
            await self._run_job("take requests", asyncio.to_thread(self._take_requests, sources))
        if sources:
            async with self._collect_lock:
                await self._run_job("fetch requested", pipeline.collect(self._ctx, self._clock(), only=sources))
            await self.plan_and_deliver()

    def _take_requests(self, sources: list[str]) -> None:
        sources += take_fetch_requests(self._ctx, self._clock())

    async def learn(self) -> None:
        """Learn acronyms from new papers, once a day, and once a week which words tell papers apart."""
        today = self._clock().date()
        if today != self._learned_on:
            self._learned_on = today
            await self._run_job("learn", pipeline.learn(self._ctx, self._clock(), should_stop=self._stop.is_set))

    async def plan_and_deliver(self) -> None:
        """Queue digests for subscribers who are due, and send what is due."""
        await self.plan()
        await self.deliver()

    async def plan(self) -> None:
        """Queue digests for subscribers who are due, and defer tasks where there may be workers."""
        async with self._plan_lock:
            # After a night off, a plan made before the first fetch would be a digest without today's papers.
            if self._run_jobs and self._has_collected and not self._stop.is_set():
                await self._run_job("plan", self._run_plan())
            if is_postgresql(self._ctx.engine) and not self._stop.is_set():
                await self._run_job("defer tasks", asyncio.to_thread(self._defer_tasks))

    async def deliver(self) -> None:
        """Send what is due."""
        async with self._deliver_lock:
            if self._run_jobs and not self._stop.is_set():
                delivering = partial(pipeline.deliver, self._ctx, self._clock, stop=self._stop)
                await self._run_job("deliver", run_in_own_loop(delivering))

    async def poll_mailbox(self) -> None:
        """Handle the bounces in the mailbox, where one is set."""
        async with self._mailbox_lock:
            if self._ctx.settings.has_mailbox and not self._stop.is_set():
                await self._run_job("poll mailbox", asyncio.to_thread(bounces.poll_mailbox, self._ctx, self._clock()))

    async def prune_unsubscribed(self) -> None:
        """Delete the keywords of former subscribers who can no longer resubscribe."""
        pruning = asyncio.to_thread(retention.prune_unsubscribed, self._ctx, self._clock())
        await self._run_job("prune unsubscribed", pruning)

    async def prune_papers(self) -> None:
        """Delete old papers that stand in no e-mail, where the settings say so."""
        await self._run_job("prune papers", asyncio.to_thread(retention.prune_papers, self._ctx, self._clock()))

    async def prune_counters(self) -> None:
        """Delete expired rate-limit counters."""
        pruning = asyncio.to_thread(retention.prune_rate_limit_counters, self._ctx, self._clock())
        await self._run_job("prune counters", pruning)

    async def close(self) -> None:
        """Start nothing new, and wait for what is on the wire, at most SHUTDOWN_SECONDS."""
        self._stop.set()
        try:
            async with asyncio.timeout(SHUTDOWN_SECONDS), self._plan_lock, self._deliver_lock, self._mailbox_lock:
                log.info("scheduler.stopped")
        except TimeoutError:
            log.warning("scheduler.stopped", on_wire=True)  # the next start finds these deliveries: uncertain

    async def _run_plan(self) -> None:
        report = await pipeline.plan(self._ctx, self._clock(), should_stop=self._stop.is_set)
        if report.due:
            log.info("plan.finished", due=report.due, digests=report.digests, without_papers=report.without_papers)

    def _defer_tasks(self) -> None:
        from digest.jobs.task_tables import prepare_tables
        from digest.jobs.tasks import defer_tasks  # procrastinate is slow to import, and needed only with workers

        prepare_tables(self._ctx.engine)
        defer_tasks(self._ctx, self._clock(), plan=self._has_collected)

    async def _run_job(self, job: str, work: Awaitable[object]) -> None:
        try:
            await work
        except (DigestError, SQLAlchemyError, OSError) as error:
            # The next tick tries again; what is due stays due. A store that is away fails every job of every tick for
            # the same reason, which is one line in the log.
            reason = one_line_reason(error)
            is_known = reason in self._failures.values()
            self._failures[job] = reason
            if not is_known:
                log.error("job.failed", job=job, reason=reason)  # noqa: TRY400  - a foreseen error needs no traceback
        else:
            reason = self._failures.pop(job, "")
            if reason:  # one line for all jobs that failed for it
                self._failures = {name: other for name, other in self._failures.items() if other != reason}
                log.info("job.recovered", job=job)


@asynccontextmanager
async def run_scheduler(
    ctx: AppContext, clock: Callable[[], datetime], *, run_jobs: bool = True
) -> AsyncIterator[Scheduler]:
    """Run the jobs until the block ends."""
    jobs = Scheduler(ctx, clock, run_jobs=run_jobs)
    defaults = {"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
    scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=defaults)
    now = datetime.now(UTC)
    scheduler.add_job(jobs.collect, id="start")
    scheduler.add_job(jobs.collect, CronTrigger(minute=COLLECT_MINUTE, timezone=UTC), id="collect", jitter=300)
    for job in (jobs.plan, jobs.deliver, jobs.fetch_requested):
        scheduler.add_job(job, IntervalTrigger(seconds=TICK_SECONDS, timezone=UTC))
    scheduler.add_job(jobs.prune_unsubscribed, IntervalTrigger(hours=PRUNE_HOURS, timezone=UTC), next_run_time=now)
    scheduler.add_job(jobs.prune_papers, IntervalTrigger(hours=PRUNE_HOURS, timezone=UTC))
    scheduler.add_job(jobs.prune_counters, IntervalTrigger(hours=PRUNE_COUNTERS_HOURS, timezone=UTC), next_run_time=now)
    if ctx.settings.has_mailbox:
        polling = IntervalTrigger(minutes=POLL_MAILBOX_MINUTES, timezone=UTC)
        scheduler.add_job(jobs.poll_mailbox, polling, next_run_time=now)
    scheduler.start()
    try:
        yield jobs
    finally:
        # In this order: APScheduler's shutdown cancels what runs, deliveries on the wire among it.
        scheduler.pause()
        await jobs.close()
        scheduler.shutdown(wait=False)
        await asyncio.sleep(0)  # its shutdown is only a callback yet
