"""APScheduler as a clock: it asks "what is due?" and calls daily. It remembers nothing; the database says no.

Sources are read through the day, because lists keep growing. Every few seconds there is a look for readers whose local
hour has come, and, apart from it, for letters that may go: a long delivery holds up no plan. The mailbox for what comes
back is read every few minutes; once a day the keywords of people who left are erased, every hour the counts of forms
whose time is over. All run at the start too, which is how anything missed is made up. Two processes that tick at once
are harmless.

On PostgreSQL the work is also handed out to whatever workers there are (digest.workers); a clock that does not `work`
itself leaves it to them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy.exc import SQLAlchemyError

from digest import bounces
from digest.context import AppContext
from digest.database import is_postgresql
from digest.errors import DigestError
from digest.jobs import pipeline, retention
from digest.jobs.event_loop import run_in_own_loop
from digest.jobs.retention import prune_rate_limit_counters

log = structlog.get_logger()


COLLECT_MINUTE = 40  # of every hour, so that letters at the full hour have fresh lists


TICK_SECONDS = 10  # also how long a confirmation mail may wait


SHUTDOWN_SECONDS = 30


PRUNE_HOURS = 24


PRUNE_COUNTERS_HOURS = 1


POLL_MAILBOX_MINUTES = 3  # between looks into the mailbox that bounces come to


class Scheduler:
    """The jobs, one at a time each, and an end that lets the letters on the wire arrive."""

    def __init__(self, ctx: AppContext, clock: Callable[[], datetime], *, run_jobs: bool = True) -> None:
        self._ctx, self._clock, self._run_jobs = ctx, clock, run_jobs
        self._stop = asyncio.Event()
        self._collect_lock = asyncio.Lock()
        self._plan_lock = asyncio.Lock()
        self._deliver_lock = asyncio.Lock()
        self._mailbox_lock = asyncio.Lock()
        self._has_collected = False
        self._background_tasks: set[asyncio.Task[None]] = set()

    async def collect(self) -> None:
        """Read the sources, then see who is due."""
        async with self._collect_lock:
            await self._run_job("collect", pipeline.collect(self._ctx, self._clock()))
            self._has_collected = True
        await self.plan()
        delivery = asyncio.create_task(self.deliver())  # not awaited: a long one would hold up the next reading
        self._background_tasks.add(delivery)
        delivery.add_done_callback(self._background_tasks.discard)

    async def plan_and_deliver(self) -> None:
        """Plan for who is due and send what may go."""
        await self.plan()
        await self.deliver()

    async def plan(self) -> None:
        """Queue letters for who is due, and tell the workers where there may be any."""
        async with self._plan_lock:
            # After a night off, a plan made before the first reading would be a letter without today's papers.
            if self._run_jobs and self._has_collected and not self._stop.is_set():
                await self._run_job("plan", self._run_plan())
            if is_postgresql(self._ctx.engine) and not self._stop.is_set():
                await self._run_job("hand out", asyncio.to_thread(self._defer_jobs))

    async def deliver(self) -> None:
        """Send what may go."""
        async with self._deliver_lock:
            if self._run_jobs and not self._stop.is_set():
                delivering = partial(pipeline.deliver, self._ctx, self._clock, stop=self._stop)
                await self._run_job("deliver", run_in_own_loop(delivering))

    async def poll_mailbox(self) -> None:
        """Read what came back, where a mailbox is set for it."""
        async with self._mailbox_lock:
            if self._ctx.settings.has_mailbox and not self._stop.is_set():
                await self._run_job("fetch", asyncio.to_thread(bounces.poll_mailbox, self._ctx, self._clock()))

    async def prune_unsubscribed(self) -> None:
        """Erase the keywords of people whose way back has ended."""
        await self._run_job("forget", asyncio.to_thread(retention.prune_unsubscribed, self._ctx, self._clock()))

    async def prune_counters(self) -> None:
        """Erase counts of forms whose time is over."""
        await self._run_job("uncount", asyncio.to_thread(prune_rate_limit_counters, self._ctx, self._clock()))

    async def close(self) -> None:
        """Send nothing new, and wait for what is on the wire, at most STOP_SECONDS."""
        self._stop.set()
        try:
            async with asyncio.timeout(SHUTDOWN_SECONDS), self._plan_lock, self._deliver_lock, self._mailbox_lock:
                log.info("clock.stopped")
        except TimeoutError:
            log.warning("clock.stopped", on_wire=True)  # the next start will find these letters and call them uncertain

    async def _run_plan(self) -> None:
        planned = await pipeline.plan(self._ctx, self._clock(), should_stop=self._stop.is_set)
        if planned.due:
            log.info("planned", due=planned.due, letters=planned.digests, quiet=planned.without_papers)

    def _defer_jobs(self) -> None:
        from digest.jobs.task_tables import prepare_tables
        from digest.jobs.tasks import defer_jobs  # procrastinate is needed where there may be workers, and slow to load

        prepare_tables(self._ctx.engine)
        defer_jobs(self._ctx, self._clock(), plan=self._has_collected)

    async def _run_job(self, job: str, work: Awaitable[object]) -> None:
        try:
            await work
        except (DigestError, SQLAlchemyError, OSError):
            log.exception("job.failed", job=job)  # the next tick tries again; what is due stays due


@asynccontextmanager
async def run_scheduler(
    ctx: AppContext, clock: Callable[[], datetime], *, run_jobs: bool = True
) -> AsyncIterator[Scheduler]:
    """The clock, ticking until the block ends."""
    work = Scheduler(ctx, clock, run_jobs=run_jobs)
    ticker = AsyncIOScheduler(
        timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
    )
    ticker.add_job(work.collect, CronTrigger(minute=COLLECT_MINUTE, timezone=UTC), id="read", jitter=300)
    for job in (work.plan, work.deliver):
        ticker.add_job(job, IntervalTrigger(seconds=TICK_SECONDS, timezone=UTC), id=job.__name__)
    ticker.add_job(work.collect, id="start")
    soon = datetime.now(UTC)
    ticker.add_job(
        work.prune_unsubscribed, IntervalTrigger(hours=PRUNE_HOURS, timezone=UTC), id="forget", next_run_time=soon
    )
    ticker.add_job(
        work.prune_counters, IntervalTrigger(hours=PRUNE_COUNTERS_HOURS, timezone=UTC), id="uncount", next_run_time=soon
    )
    if ctx.settings.has_mailbox:
        ticker.add_job(
            work.poll_mailbox,
            IntervalTrigger(minutes=POLL_MAILBOX_MINUTES, timezone=UTC),
            id="fetch",
            next_run_time=soon,
        )
    ticker.start()
    try:
        yield work
    finally:
        # In this order: the scheduler's own end cancels what runs, letters on the wire among it.
        ticker.pause()
        await work.close()
        ticker.shutdown(wait=False)
        await asyncio.sleep(0)  # that end is only a callback yet
