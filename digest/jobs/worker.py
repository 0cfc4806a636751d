"""Process of `digest worker`: waits for a database that fits, runs tasks, and shuts down in good order."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from digest.context import AppContext
from digest.database import schema_versions
from digest.delivery import Clock
from digest.errors import StoreError, one_line_reason
from digest.jobs import pipeline
from digest.jobs.task_tables import installed_version, prepare_tables, required_version
from digest.jobs.tasks import DELIVER, DELIVERIES_PER_TASK, PLAN, defer_delivery, defer_planner
from digest.planning import CHUNK_SIZE, PlanReport
from digest.rendering import RenderCache

log = structlog.get_logger()

RECONNECT_SECONDS = 5.0  # between looks at a database that does not fit
SCHEMA_CHECK_SECONDS = 5.0  # between looks whether it still fits
HEARTBEAT_SECONDS = 5.0
STALLED_SECONDS = 20.0  # without a heartbeat, after which the tasks of a worker are deleted
SHUTDOWN_SECONDS = 30.0  # that e-mails on the wire may take at the end


async def run_worker(
    open_context: Callable[[], AppContext], clock: Clock, stop: asyncio.Event, *, until_idle: bool = False
) -> None:
    """Run tasks until `stop` is set, or, with `until_idle`, until none is left.

    While the database is away, or its schema is older or newer than this program's, the worker logs that once and
    waits.
    """

    def open_with_tables() -> AppContext:
        ctx = open_context()
        try:
            prepare_tables(ctx.engine)
        except StoreError:
            ctx.engine.dispose()
            raise
        return ctx

    logged_reason = ""
    while not stop.is_set():
        try:
            ctx = await asyncio.to_thread(open_with_tables)
        except StoreError as error:
            if str(error) != logged_reason:
                logged_reason = str(error)
                log.warning("worker.waiting", reason=logged_reason)
            await _wait(stop, RECONNECT_SECONDS)
            continue
        logged_reason = ""
        log.info("worker.ready")
        try:
            await Worker(ctx, clock, stop).run(wait=not until_idle)
            if until_idle:
                break
        except connection_errors() as error:
            log.warning("worker.disconnected", reason=one_line_reason(error))
            await _wait(stop, RECONNECT_SECONDS)
        finally:
            ctx.engine.dispose()
    log.info("worker.stopped")


def connection_errors() -> tuple[type[Exception], ...]:
    """Return what the libraries raise when the database goes away."""
    from procrastinate.exceptions import ConnectorException
    from psycopg import Error as DriverError
    from psycopg_pool import PoolTimeout

    return (StoreError, SQLAlchemyError, ConnectorException, DriverError, PoolTimeout, OSError)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, at most so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


class QueueRunner(Protocol):
    """Types of procrastinate's Worker, which leaves them open."""

    async def run(self) -> None: ...
    def stop(self) -> None: ...


class Worker:
    """Worker on one database, until it is told to stop or the schema changes."""

    def __init__(self, ctx: AppContext, clock: Clock, stop: asyncio.Event) -> None:
        from procrastinate import App

        from digest.jobs.task_connection import create_connector

        self._ctx, self._clock, self._stop = ctx, clock, stop
        self._ended = asyncio.Event()
        self._cache = RenderCache()
        self._app = App(connector=create_connector(ctx.engine.url))
        self._app.task(name=PLAN)(self._plan)
        self._app.task(name=DELIVER)(self._deliver)

    async def run(self, *, wait: bool) -> None:
        """Run tasks. Raises one of `connection_errors` when the database goes away."""
        from procrastinate import worker

        async with self._app.open_async():
            runners: list[QueueRunner] = [
                worker.Worker(
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
                for queue in (PLAN, DELIVER)
            ]
            if not wait:  # one after the other: planning queues what delivering sends
                for runner in runners:
                    await runner.run()
                return
            tasks = [asyncio.create_task(runner.run()) for runner in runners]
            watching, stopping = asyncio.create_task(self._watch_schema()), asyncio.create_task(self._stop.wait())
            await asyncio.wait([*tasks, watching, stopping], return_when=asyncio.FIRST_COMPLETED)
            # Tasks end at the next e-mail, or the next chunk of subscribers. No task that talks to the database is
            # cancelled: before Python 3.12 asyncio.wait_for may lose a cancellation while a connection is being opened.
            self._ended.set()
            for runner in runners:
                runner.stop()
            stopping.cancel()
            results = await asyncio.gather(*tasks, watching, stopping, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result

    async def _watch_schema(self) -> None:
        """Return when the schema no longer matches; meanwhile delete the tasks of dead workers."""
        from procrastinate.jobs import Status

        while await asyncio.to_thread(self._schema_matches):
            jobs = self._app.job_manager
            for job in await jobs.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
                await jobs.finish_job(job, Status.FAILED, delete_job=True)
            await _wait(self._ended, SCHEMA_CHECK_SECONDS)
            if self._ended.is_set():
                return
        log.warning("worker.schema_changed")

    def _schema_matches(self) -> bool:
        current, head = schema_versions(self._ctx.engine)
        return current == head and installed_version(self._ctx.engine) == required_version()

    async def _plan(self, shard: int) -> None:
        """Plan in chunks; a full first chunk defers one more planner."""
        deferred_planner = False

        def defer_followers(session: Any, chunk: PlanReport) -> None:
            nonlocal deferred_planner
            defer_delivery(session, chunk)
            if chunk.due >= CHUNK_SIZE and not deferred_planner:
                deferred_planner = True
                defer_planner(self._ctx, shard)

        if await asyncio.to_thread(self._schema_matches):
            report = await pipeline.plan(
                self._ctx, self._clock(), on_chunk=defer_followers, should_stop=self._ended.is_set
            )
            log.info(
                "plan.finished",
                due=report.due,
                digests=report.digests,
                without_papers=report.without_papers,
                shard=shard,
            )

    async def _deliver(self, limit: int = DELIVERIES_PER_TASK, **former_arguments: int) -> None:
        """Send up to `limit` queued e-mails. Tasks deferred before schema 0006 name the limit `letters`."""
        if await asyncio.to_thread(self._schema_matches):
            sent = await pipeline.deliver(
                self._ctx,
                self._clock,
                stop=self._ended,
                limit=former_arguments.get("letters", limit),
                cache=self._cache,
            )
            log.info(
                "worker.delivered",
                sent=sent.sent,
                deferred=sent.deferred,
                failed=sent.failed,
                uncertain=sent.uncertain,
            )
