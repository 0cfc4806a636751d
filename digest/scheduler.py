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

from digest import daily, db, retention
from digest.apart import apart
from digest.bounces import mailbox
from digest.errors import DigestError
from digest.house import House

log = structlog.get_logger()

READ_AT_MINUTE = 40  # of every hour, so that letters at the full hour have fresh lists
TICK_SECONDS = 10  # also how long a confirmation mail may wait
STOP_SECONDS = 30
FORGET_HOURS = 24
UNCOUNT_HOURS = 1
FETCH_MINUTES = 3  # between looks into the mailbox that bounces come to


class Clockwork:
    """The jobs, one at a time each, and an end that lets the letters on the wire arrive."""

    def __init__(self, house: House, clock: Callable[[], datetime], *, works: bool = True) -> None:
        self._house, self._clock, self._works = house, clock, works
        self._stop = asyncio.Event()
        self._reading = asyncio.Lock()
        self._planning = asyncio.Lock()
        self._delivering = asyncio.Lock()
        self._fetching = asyncio.Lock()
        self._has_read = False
        self._soon: set[asyncio.Task[None]] = set()

    async def read(self) -> None:
        """Read the sources, then see who is due."""
        async with self._reading:
            await self._guarded("collect", daily.collect(self._house, self._clock()))
            self._has_read = True
        await self.plan()
        delivery = asyncio.create_task(self.deliver())  # not awaited: a long one would hold up the next reading
        self._soon.add(delivery)
        delivery.add_done_callback(self._soon.discard)

    async def tick(self) -> None:
        """Plan for who is due and send what may go."""
        await self.plan()
        await self.deliver()

    async def plan(self) -> None:
        """Queue letters for who is due, and tell the workers where there may be any."""
        async with self._planning:
            # After a night off, a plan made before the first reading would be a letter without today's papers.
            if self._works and self._has_read and not self._stop.is_set():
                await self._guarded("plan", self._plan())
            if db.on_server(self._house.engine) and not self._stop.is_set():
                await self._guarded("hand out", asyncio.to_thread(self._hand_out))

    async def deliver(self) -> None:
        """Send what may go."""
        async with self._delivering:
            if self._works and not self._stop.is_set():
                delivering = partial(daily.deliver, self._house, self._clock, stop=self._stop)
                await self._guarded("deliver", apart(delivering))

    async def fetch(self) -> None:
        """Read what came back, where a mailbox is set for it."""
        async with self._fetching:
            if self._house.settings.mailbox and not self._stop.is_set():
                await self._guarded("fetch", asyncio.to_thread(mailbox.fetch, self._house, self._clock()))

    async def forget(self) -> None:
        """Erase the keywords of people whose way back has ended."""
        await self._guarded("forget", asyncio.to_thread(retention.forget_who_left, self._house, self._clock()))

    async def uncount(self) -> None:
        """Erase counts of forms whose time is over."""
        await self._guarded("uncount", asyncio.to_thread(retention.forget_counts, self._house, self._clock()))

    async def close(self) -> None:
        """Send nothing new, and wait for what is on the wire, at most STOP_SECONDS."""
        self._stop.set()
        try:
            async with asyncio.timeout(STOP_SECONDS), self._planning, self._delivering, self._fetching:
                log.info("clock.stopped")
        except TimeoutError:
            log.warning("clock.stopped", on_wire=True)  # the next start will find these letters and call them uncertain

    async def _plan(self) -> None:
        planned = await daily.plan(self._house, self._clock(), over=self._stop.is_set)
        if planned.due:
            log.info("planned", due=planned.due, letters=planned.letters, quiet=planned.quiet)

    def _hand_out(self) -> None:
        from digest import workers  # procrastinate is needed where there may be workers, and slow to load

        workers.prepare(self._house.engine)
        workers.hand_out(self._house, self._clock(), plan=self._has_read)

    async def _guarded(self, job: str, work: Awaitable[object]) -> None:
        try:
            await work
        except (DigestError, SQLAlchemyError, OSError):
            log.exception("job.failed", job=job)  # the next tick tries again; what is due stays due


@asynccontextmanager
async def running(house: House, clock: Callable[[], datetime], *, works: bool = True) -> AsyncIterator[Clockwork]:
    """The clock, ticking until the block ends."""
    work = Clockwork(house, clock, works=works)
    ticker = AsyncIOScheduler(
        timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
    )
    ticker.add_job(work.read, CronTrigger(minute=READ_AT_MINUTE, timezone=UTC), id="read", jitter=300)
    for job in (work.plan, work.deliver):
        ticker.add_job(job, IntervalTrigger(seconds=TICK_SECONDS, timezone=UTC), id=job.__name__)
    ticker.add_job(work.read, id="start")
    soon = datetime.now(UTC)
    ticker.add_job(work.forget, IntervalTrigger(hours=FORGET_HOURS, timezone=UTC), id="forget", next_run_time=soon)
    ticker.add_job(work.uncount, IntervalTrigger(hours=UNCOUNT_HOURS, timezone=UTC), id="uncount", next_run_time=soon)
    if house.settings.mailbox:
        ticker.add_job(work.fetch, IntervalTrigger(minutes=FETCH_MINUTES, timezone=UTC), id="fetch", next_run_time=soon)
    ticker.start()
    try:
        yield work
    finally:
        # In this order: the scheduler's own end cancels what runs, letters on the wire among it.
        ticker.pause()
        await work.close()
        ticker.shutdown(wait=False)
        await asyncio.sleep(0)  # that end is only a callback yet
