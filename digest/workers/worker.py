"""The process that does the work: it waits for a database that fits, takes jobs, and ends in good order."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from digest import daily, db
from digest.errors import StoreError
from digest.house import House
from digest.planning import CHUNK, Planned
from digest.sending import Clock
from digest.workers import tables
from digest.workers.jobs import DELIVER, PLAN, SHARE, announce, call_for_help
from digest.writing import Memory

if TYPE_CHECKING:
    from procrastinate import PsycopgConnector
    from psycopg import AsyncConnection

log = structlog.get_logger()

WAIT = 5.0  # seconds between looks at a database that does not fit
LOOK = 5.0  # seconds between looks whether it still fits
HEARTBEAT = 5.0
SILENT = 20.0  # seconds without a heartbeat, after which a worker's jobs are taken from the list
STOP = 30.0  # seconds that what is on the wire may take at the end


async def work(open_house: Callable[[], House], clock: Clock, stop: asyncio.Event, *, until_idle: bool = False) -> None:
    """Do the work that is handed out until `stop` is set, or, with `until_idle`, until none is left.

    While the database is away, or its schema is older or newer than this program's, the worker says so once and waits.
    """
    told = ""
    while not stop.is_set():
        try:
            house = await asyncio.to_thread(_opened, open_house)
        except StoreError as error:
            if str(error) != told:
                told = str(error)
                log.warning("worker.waits", why=told)
            await _pause(stop, WAIT)
            continue
        told = ""
        log.info("worker.ready")
        try:
            await Bench(house, clock, stop).work(wait=not until_idle)
            if until_idle:
                break
        except away():
            log.warning("worker.cut_off", exc_info=True)
            await _pause(stop, WAIT)
        finally:
            house.engine.dispose()
    log.info("worker.stopped")


def away() -> tuple[type[Exception], ...]:
    """What it means that the database has gone away, in the words of all who talk to it."""
    from procrastinate.exceptions import ConnectorException
    from psycopg import Error as DriverError
    from psycopg_pool import PoolTimeout

    return (StoreError, SQLAlchemyError, ConnectorException, DriverError, PoolTimeout, OSError)


def _opened(open_house: Callable[[], House]) -> House:
    house = open_house()
    try:
        tables.prepare(house.engine)
    except StoreError:
        house.engine.dispose()
        raise
    return house


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


class Taker(Protocol):
    """One who takes jobs from a queue: procrastinate's Worker, which leaves the types of these open."""

    async def run(self) -> None: ...
    def stop(self) -> None: ...


class Bench:
    """One stretch of work on one database, until somebody says stop or the schema changes."""

    def __init__(self, house: House, clock: Clock, stop: asyncio.Event) -> None:
        from procrastinate import App

        self._house, self._clock, self._stop = house, clock, stop
        self._over = asyncio.Event()
        self._known = Memory()
        self._app = App(connector=connector(house.engine.url))
        self._app.task(name=PLAN)(self._plan)
        self._app.task(name=DELIVER)(self._deliver)

    async def work(self, *, wait: bool) -> None:
        """Raises one of `away` when the database goes away."""
        async with self._app.open_async():
            takers = [self._taker(queue, wait=wait) for queue in (PLAN, DELIVER)]
            if not wait:  # planning makes work for delivering
                for each in takers:
                    await each.run()
                return
            jobs = [asyncio.create_task(each.run()) for each in takers]
            watching, told = asyncio.create_task(self._watch()), asyncio.create_task(self._stop.wait())
            await asyncio.wait([*jobs, watching, told], return_when=asyncio.FIRST_COMPLETED)
            # Jobs end at the next letter, or the next chunk of readers. Nobody who talks to the database is cancelled:
            # before Python 3.12 asyncio.wait_for may lose that, and whoever is just connecting would never end.
            self._over.set()
            for each in takers:
                each.stop()
            told.cancel()
            ended = await asyncio.gather(*jobs, watching, told, return_exceptions=True)
        for fault in ended:
            if isinstance(fault, BaseException) and not isinstance(fault, asyncio.CancelledError):
                raise fault

    def _taker(self, queue: str, *, wait: bool) -> Taker:
        from procrastinate.worker import Worker

        return Worker(
            self._app,
            queues=[queue],
            concurrency=1,
            wait=wait,
            delete_jobs="always",
            install_signal_handlers=False,
            shutdown_graceful_timeout=STOP,
            update_heartbeat_interval=HEARTBEAT,
            stalled_worker_timeout=SILENT,
        )

    async def _watch(self) -> None:
        """Ends when the schema fits no more; meanwhile jobs of dead workers are taken from the list."""
        from procrastinate.jobs import Status

        while await asyncio.to_thread(self._fits):
            jobs = self._app.job_manager
            for job in await jobs.get_stalled_jobs(seconds_since_heartbeat=SILENT):
                await jobs.finish_job(job, Status.FAILED, delete_job=True)
            await _pause(self._over, LOOK)
            if self._over.is_set():
                return
        log.warning("worker.schema_changed")

    def _fits(self) -> bool:
        current, head = db.versions(self._house.engine)
        return current == head and tables.present(self._house.engine) == tables.needed()

    async def _plan(self, shard: int) -> None:
        full = False

        def chunk_is_planned(session: Any, planned: Planned) -> None:
            nonlocal full
            announce(session, planned)
            if planned.due >= CHUNK and not full:
                full = True
                call_for_help(self._house, shard)

        if await asyncio.to_thread(self._fits):
            now = self._clock()
            planned = await daily.plan(self._house, now, told=chunk_is_planned, over=self._over.is_set)
            log.info("planned", due=planned.due, letters=planned.letters, quiet=planned.quiet, shard=shard)

    async def _deliver(self, limit: int = SHARE, letters: int | None = None) -> None:
        """Send up to `limit` queued e-mails. Jobs queued before schema 0006 name the limit `letters`."""
        if await asyncio.to_thread(self._fits):
            sent = await daily.deliver(
                self._house, self._clock, stop=self._over, most=letters or limit, known=self._known
            )
            log.info("delivered", sent=sent.sent, deferred=sent.deferred, failed=sent.failed, uncertain=sent.uncertain)


def connector(url: URL) -> "PsycopgConnector":
    """The way of procrastinate to the database; it sees only its own tables.

    Each statement is a transaction by itself. Else a worker that is paused (its machine is moved, say) between taking a
    job and its commit would hold up whoever hands out the next one, for as long as it is paused.
    """
    from procrastinate import PsycopgConnector

    async def alone(connection: "AsyncConnection[Any]") -> None:
        await connection.set_autocommit(True)

    _, about = url.get_dialect()().create_connect_args(url)
    about = {**about, "options": f"-c search_path={tables.SCHEMA}", **db.KEEPALIVE}
    return PsycopgConnector(min_size=1, max_size=4, kwargs=about, configure=alone)
