"""The process that does the work: it waits for a database that fits, takes jobs, and ends in good order."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from digest.context import AppContext
from digest.database import KEEPALIVE, schema_versions
from digest.delivery import Clock
from digest.errors import StoreError
from digest.jobs.pipeline import deliver, plan
from digest.jobs.task_tables import SCHEMA, installed_version, prepare_tables, required_version
from digest.jobs.tasks import DELIVER, DELIVERIES_PER_JOB, PLAN, defer_delivery, defer_planner
from digest.planning import CHUNK_SIZE, PlanReport
from digest.rendering import RenderCache

if TYPE_CHECKING:
    from procrastinate import PsycopgConnector
    from psycopg import AsyncConnection


log = structlog.get_logger()


RECONNECT_SECONDS = 5.0  # seconds between looks at a database that does not fit


SCHEMA_CHECK_SECONDS = 5.0  # seconds between looks whether it still fits


HEARTBEAT_SECONDS = 5.0


STALLED_SECONDS = 20.0  # seconds without a heartbeat, after which a worker's jobs are taken from the list


SHUTDOWN_SECONDS = 30.0  # seconds that what is on the wire may take at the end


async def run_worker(
    open_context: Callable[[], AppContext], clock: Clock, stop: asyncio.Event, *, until_idle: bool = False
) -> None:
    """Do the work that is handed out until `stop` is set, or, with `until_idle`, until none is left.

    While the database is away, or its schema is older or newer than this program's, the worker says so once and waits.
    """
    told = ""
    while not stop.is_set():
        try:
            ctx = await asyncio.to_thread(_open_with_tables, open_context)
        except StoreError as error:
            if str(error) != told:
                told = str(error)
                log.warning("worker.waits", why=told)
            await _wait_for(stop, RECONNECT_SECONDS)
            continue
        told = ""
        log.info("worker.ready")
        try:
            await Worker(ctx, clock, stop).run(wait=not until_idle)
            if until_idle:
                break
        except connection_errors():
            log.warning("worker.cut_off", exc_info=True)
            await _wait_for(stop, RECONNECT_SECONDS)
        finally:
            ctx.engine.dispose()
    log.info("worker.stopped")


def connection_errors() -> tuple[type[Exception], ...]:
    """What it means that the database has gone away, in the words of all who talk to it."""
    from procrastinate.exceptions import ConnectorException
    from psycopg import Error as DriverError
    from psycopg_pool import PoolTimeout

    return (StoreError, SQLAlchemyError, ConnectorException, DriverError, PoolTimeout, OSError)


def _open_with_tables(open_context: Callable[[], AppContext]) -> AppContext:
    ctx = open_context()
    try:
        prepare_tables(ctx.engine)
    except StoreError:
        ctx.engine.dispose()
        raise
    return ctx


async def _wait_for(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


class QueueRunner(Protocol):
    """One who takes jobs from a queue: procrastinate's Worker, which leaves the types of these open."""

    async def run(self) -> None: ...
    def stop(self) -> None: ...


class Worker:
    """One stretch of work on one database, until somebody says stop or the schema changes."""

    def __init__(self, ctx: AppContext, clock: Clock, stop: asyncio.Event) -> None:
        from procrastinate import App

        self._ctx, self._clock, self._stop = ctx, clock, stop
        self._ended = asyncio.Event()
        self._render_cache = RenderCache()
        self._app = App(connector=create_connector(ctx.engine.url))
        self._app.task(name=PLAN)(self._plan)
        self._app.task(name=DELIVER)(self._deliver)

    async def run(self, *, wait: bool) -> None:
        """Raises one of `away` when the database goes away."""
        async with self._app.open_async():
            takers = [self._create_runner(queue, wait=wait) for queue in (PLAN, DELIVER)]
            if not wait:  # planning makes work for delivering
                for each in takers:
                    await each.run()
                return
            jobs = [asyncio.create_task(each.run()) for each in takers]
            watching, told = asyncio.create_task(self._watch_schema()), asyncio.create_task(self._stop.wait())
            await asyncio.wait([*jobs, watching, told], return_when=asyncio.FIRST_COMPLETED)
            # Jobs end at the next letter, or the next chunk of readers. Nobody who talks to the database is cancelled:
            # before Python 3.12 asyncio.wait_for may lose that, and whoever is just connecting would never end.
            self._ended.set()
            for each in takers:
                each.stop()
            told.cancel()
            ended = await asyncio.gather(*jobs, watching, told, return_exceptions=True)
        for fault in ended:
            if isinstance(fault, BaseException) and not isinstance(fault, asyncio.CancelledError):
                raise fault

    def _create_runner(self, queue: str, *, wait: bool) -> QueueRunner:
        from procrastinate.worker import Worker

        return Worker(
            self._app,
            queues=[queue],
            concurrency=1,
            wait=wait,
            delete_jobs="always",
            install_signal_handlers=False,
            shutdown_graceful_timeout=SHUTDOWN_SECONDS,
            update_heartbeat_interval=HEARTBEAT_SECONDS,
            stalled_worker_timeout=STALLED_SECONDS,
        )

    async def _watch_schema(self) -> None:
        """Ends when the schema fits no more; meanwhile jobs of dead workers are taken from the list."""
        from procrastinate.jobs import Status

        while await asyncio.to_thread(self._schema_matches):
            jobs = self._app.job_manager
            for job in await jobs.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
                await jobs.finish_job(job, Status.FAILED, delete_job=True)
            await _wait_for(self._ended, SCHEMA_CHECK_SECONDS)
            if self._ended.is_set():
                return
        log.warning("worker.schema_changed")

    def _schema_matches(self) -> bool:
        current, head = schema_versions(self._ctx.engine)
        return current == head and installed_version(self._ctx.engine) == required_version()

    async def _plan(self, shard: int) -> None:
        full = False

        def chunk_is_planned(session: Any, planned: PlanReport) -> None:
            nonlocal full
            defer_delivery(session, planned)
            if planned.due >= CHUNK_SIZE and not full:
                full = True
                defer_planner(self._ctx, shard)

        if await asyncio.to_thread(self._schema_matches):
            now = self._clock()
            planned = await plan(self._ctx, now, on_chunk=chunk_is_planned, should_stop=self._ended.is_set)
            log.info("planned", due=planned.due, letters=planned.digests, quiet=planned.without_papers, shard=shard)

    async def _deliver(self, limit: int = DELIVERIES_PER_JOB, letters: int | None = None) -> None:
        """Send up to `limit` queued e-mails. Jobs queued before schema 0006 name the limit `letters`."""
        if await asyncio.to_thread(self._schema_matches):
            sent = await deliver(
                self._ctx, self._clock, stop=self._ended, limit=letters or limit, render_cache=self._render_cache
            )
            log.info("delivered", sent=sent.sent, deferred=sent.deferred, failed=sent.failed, uncertain=sent.uncertain)


def create_connector(url: URL) -> "PsycopgConnector":
    """The way of procrastinate to the database; it sees only its own tables.

    Each statement is a transaction by itself. Else a worker that is paused (its machine is moved, say) between taking a
    job and its commit would hold up whoever hands out the next one, for as long as it is paused.
    """
    from procrastinate import PsycopgConnector

    async def alone(connection: "AsyncConnection[Any]") -> None:
        await connection.set_autocommit(True)

    _, about = url.get_dialect()().create_connect_args(url)
    about = {**about, "options": f"-c search_path={SCHEMA}", **KEEPALIVE}
    return PsycopgConnector(min_size=1, max_size=4, kwargs=about, configure=alone)
