"""Many processes on one PostgreSQL: work is handed out, taken by whoever is there, and survives whoever dies."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from procrastinate import App, PsycopgConnector
from sqlalchemy import Engine, text
from sqlmodel import col, select
from structlog.testing import capture_logs

from digest import database
from digest.context import AppContext
from digest.database import ensure_schema, read_session, write_session
from digest.database.models import Delivery, DeliveryState, SharedTokenBucket
from digest.database.schema import alembic_config
from digest.errors import StoreError
from digest.jobs import prepare_tables, run_worker
from digest.jobs.pipeline import deliver
from digest.jobs.scheduler import Scheduler
from digest.jobs.task_connection import create_connector
from digest.jobs.task_tables import installed_version, required_version
from digest.jobs.tasks import defer_tasks
from tests.conftest import Connect
from tests.support.command import Command
from tests.support.contexts import KEY, StoreView, add_active_subscriber, make_context, store_papers
from tests.support.factories import NOW, TODAY, delivery, subscriber
from tests.support.postgres import Postgres
from tests.support.relay import Relay

pytestmark = pytest.mark.xdist_group("workers")


@pytest.fixture
def served(postgres: Postgres, _postgres_template: str, connect: Connect) -> Iterator[Engine]:
    """A store on the server, with its tables."""
    url = postgres.database(_postgres_template)
    yield connect(url)
    postgres.drop(url)


def at_the(store: Engine, polite: Relay, **more: object) -> AppContext:
    return make_context(store, smtp_host="127.0.0.1", smtp_port=polite.port, smtp_tls="none", **more)


def queue(store: Engine, emails: int, created_at: datetime = NOW) -> None:
    with write_session(store) as session:
        for number in range(emails):
            session.add(to := subscriber(email=f"reader{number}@example.org", last_due_day=TODAY))
            session.flush()
            session.add(delivery(to, kind="welcome", edition=str(number), created_at=created_at))


def handed_out(store: Engine, polite: Relay, emails: int, created_at: datetime = NOW) -> AppContext:
    """So many emails wait, and so does the job to send them."""
    ctx = at_the(store, polite)
    queue(store, emails, created_at)
    prepare_tables(store)
    defer_tasks(ctx, NOW)
    return ctx


def opened(ctx: AppContext) -> Callable[[], AppContext]:
    """What a worker is given: each stretch of work disposes of its engine."""
    return lambda: AppContext(ctx.settings, database.connect(str(ctx.settings.database_url)), ctx.token_signer)


def work_off(ctx: AppContext) -> None:
    asyncio.run(run_worker(opened(ctx), lambda: NOW, asyncio.Event(), until_idle=True))


def jobs(store: Engine) -> Counter[str]:
    with read_session(store) as session:
        rows = session.execute(text("SELECT task_name, count(*) FROM procrastinate.procrastinate_jobs GROUP BY 1"))
        return Counter({str(name): int(count) for name, count in rows})


def test_what_is_due_is_planned_and_sent_by_a_worker_and_each_job_waits_once(served: Engine, polite: Relay) -> None:
    ctx = at_the(served, polite)
    store_papers(ctx, NOW, "A graph of everything")
    for number in range(3):
        add_active_subscriber(ctx, f"r{number}@example.org", "graph", now=NOW, send_hour=5)
    prepare_tables(served)
    for _ in range(3):
        defer_tasks(ctx, NOW)
    assert jobs(served) == {"plan": 1}
    work_off(ctx)
    assert {row.state for row in StoreView(served).deliveries()} == {"sent"}
    assert sorted(row for row, _ in polite.accepted) == [f"r{number}@example.org" for number in range(3)]
    assert jobs(served) == {}
    defer_tasks(ctx, NOW)
    assert jobs(served) == {}, "nothing is left to do, so nothing is handed out"


def test_a_job_that_was_queued_before_schema_0006_is_run(served: Engine, polite: Relay) -> None:
    ctx = at_the(served, polite)
    queue(served, 1)
    prepare_tables(served)
    with write_session(served) as session:
        arguments = [("plan", '{"shard": 0}'), ("deliver", '{"letters": 8000}')]
        session.execute(text("SET LOCAL search_path = procrastinate"))
        for task, args in arguments:
            session.execute(
                text("INSERT INTO procrastinate_jobs (task_name, queue_name, args) VALUES (:task, :task, :args)"),
                {"task": task, "args": args},
            )
    work_off(ctx)
    assert len(polite.accepted) == 1
    assert jobs(served) == {}


def test_a_clock_that_does_not_work_itself_leaves_the_emails_to_the_workers(served: Engine, polite: Relay) -> None:
    ctx = at_the(served, polite)
    queue(served, 3)
    idle = Scheduler(ctx, lambda: NOW, run_jobs=False)
    asyncio.run(idle.plan_and_deliver())
    asyncio.run(Scheduler(ctx, lambda: NOW, run_jobs=False).plan_and_deliver())  # two schedulers at once are harmless
    assert (polite.accepted, jobs(served)) == ([], {"deliver": 1})
    work_off(ctx)
    assert len(polite.accepted) == 3


def test_several_workers_share_the_emails_and_keep_one_rate_together(served: Engine, polite: Relay) -> None:
    ctx = at_the(served, polite, smtp_rate=20)
    queue(served, 60)
    prepare_tables(served)

    async def together() -> None:
        await asyncio.gather(*(deliver(ctx, lambda: NOW) for _ in range(3)))

    began = datetime.now(UTC)
    asyncio.run(together())
    assert set(Counter(row for row, _ in polite.accepted).values()) == {1}
    assert len(polite.accepted) == 60
    assert slices(served, began) >= 3, "sixty e-mails at twenty a second take three slices of one second, whoever sends"


def test_a_rate_of_one_domain_binds_all_together_and_holds_up_no_other(served: Engine, polite: Relay) -> None:
    ctx = at_the(served, polite, smtp_domain_rate=5)
    queue(served, 12)
    with write_session(served) as session:
        for number in range(10):
            session.add(to := subscriber(email=f"other{number}@example.net", last_due_day=TODAY))
            session.flush()
            session.add(delivery(to, kind="welcome", edition=f"other {number}"))

    async def together() -> None:
        await asyncio.gather(*(deliver(ctx, lambda: NOW) for _ in range(2)))

    began = datetime.now(UTC)
    asyncio.run(together())
    assert len(polite.accepted) == 22
    assert slices(served, began, " example.org") >= 3, "twelve at five a second"
    assert slices(served, began, " example.net") >= 2, "ten at five a second, beside them"


def slices(store: Engine, began: datetime, ending: str = "") -> float:
    """Slices of one second that senders have reserved in the shared bucket, one after another."""
    with read_session(store) as session:
        buckets = session.exec(select(SharedTokenBucket)).all()
    (available_at,) = (bucket.available_at for bucket in buckets if bucket.name.endswith(ending))
    return (available_at - began) / timedelta(seconds=1)


def test_a_worker_waits_for_a_schema_that_fits_and_says_so_once(served: Engine, polite: Relay) -> None:
    ctx = handed_out(served, polite, 1)

    async def act() -> None:
        stop = asyncio.Event()
        with write_session(served) as session:
            session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with capture_logs() as logs:
            working = asyncio.create_task(run_worker(checked(ctx), lambda: NOW, stop))
            await until(lambda: any(row["event"] == "worker.waiting" for row in logs))
            assert polite.accepted == []
            await asyncio.to_thread(restore, served)
            await until(lambda: polite.accepted)
            stop.set()
            await working
        waits = [row["reason"] for row in logs if row["event"] == "worker.waiting"]
        assert len(waits) == 1
        assert "newer version of digest" in waits[0]

    asyncio.run(act())


def test_a_worker_at_work_stops_when_the_schema_changes_under_it(served: Engine, polite: Relay) -> None:
    ctx = at_the(served, polite)
    prepare_tables(served)

    async def act() -> None:
        stop = asyncio.Event()
        with capture_logs() as logs:
            working = asyncio.create_task(run_worker(checked(ctx), lambda: NOW, stop))
            await until(lambda: any(row["event"] == "worker.ready" for row in logs))
            with write_session(served) as session:
                session.execute(text("COMMENT ON SCHEMA procrastinate IS 'of another time'"))
            await until(lambda: any(row["event"] == "worker.waiting" for row in logs))
            stop.set()
            await working
        assert "worker.schema_changed" in [row["event"] for row in logs]
        assert "digest migrate" in next(row["reason"] for row in logs if row["event"] == "worker.waiting")

    asyncio.run(act())
    with pytest.raises(StoreError, match="run: digest migrate"):
        prepare_tables(served)
    prepare_tables(served, recreate=True)
    assert installed_version(served) == required_version()


def test_a_worker_that_is_signaled_while_it_starts_stops(served: Engine, polite: Relay) -> None:
    ctx = at_the(served, polite)
    prepare_tables(served)

    async def act() -> None:
        for milliseconds in range(40):
            stop = asyncio.Event()
            with capture_logs() as logs:
                working = asyncio.create_task(run_worker(checked(ctx), lambda: NOW, stop))
                await until(lambda: any(row["event"] == "worker.ready" for row in logs))
                await asyncio.sleep(milliseconds / 1000)
                stop.set()
                await until(working.done)

    asyncio.run(act())


def test_work_of_a_killed_worker_comes_back_within_seconds(served: Engine, polite: Relay, tmp_path: Path) -> None:
    # The workers go by the clock of the machine, and give up what has waited for days.
    ctx = handed_out(served, polite, 40, created_at=datetime.now(UTC))
    polite.stall_from = 10
    settings = {
        "DIGEST_DATABASE_URL": served.url.render_as_string(hide_password=False),
        "DIGEST_SECRET_KEY": KEY,
        "DIGEST_MAIL_FROM": "Paper Digest <digest@example.org>",
        "DIGEST_SMTP_HOST": "127.0.0.1",
        "DIGEST_SMTP_PORT": str(polite.port),
        "DIGEST_SMTP_TLS": "none",
    }
    with ExitStack() as stack:
        command = Command(tmp_path, settings)
        doomed = stack.enter_context(command.start("worker"))
        stack.callback(doomed.kill)
        assert polite.hanging.wait(60), "the first worker never got to work"
        polite.stall_from = None
        doomed.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        other = stack.enter_context(command.start("worker"))
        stack.callback(other.kill)
        defer_tasks(ctx, NOW)  # what the next tick does
        while states(served)["sent"] < 39 and time.monotonic() < killed + 120:
            time.sleep(0.05)
        other.send_signal(signal.SIGTERM)
        out, err = other.communicate(timeout=60)
    assert states(served) == {"sent": 39, "uncertain": 1}, out + err
    assert other.returncode == 0, err
    assert set(Counter(row for row, _ in polite.accepted).values()) == {1}


def test_a_worker_that_is_paused_while_it_takes_a_job_holds_up_no_other(served: Engine, polite: Relay) -> None:
    ctx = handed_out(served, polite, 1)

    async def paused() -> None:
        async with App(connector=create_connector(served.url)).open_async() as app:
            taker = app.connector
            assert isinstance(taker, PsycopgConnector)
            async with taker.pool.connection() as connection:
                took = await connection.execute("SELECT id FROM procrastinate_fetch_job_v2(NULL, NULL)")
                assert await took.fetchone() != (None,)
                async with asyncio.timeout(10):  # here it is paused
                    await asyncio.to_thread(defer_tasks, ctx, NOW)

    asyncio.run(paused())
    assert jobs(served) == {"deliver": 2}


def test_the_server_ends_a_transaction_in_whose_midst_a_process_is_paused(served: Engine) -> None:
    with read_session(served) as session:
        assert session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "5min"

    def paused() -> None:
        with write_session(served) as session:
            session.add(subscriber(email="held@example.org"))
            session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '100ms'"))
            time.sleep(0.5)  # here it is paused, for less than five minutes
            session.execute(text("SELECT 1"))

    with pytest.raises(StoreError, match=r"idle-in-transaction timeout; was this process, or its machine, paused\?"):
        paused()
    with write_session(served) as session:
        assert session.scalar(text("SELECT count(*) FROM subscriber")) == 0


def states(store: Engine) -> Counter[str]:
    with read_session(store) as session:
        return Counter(DeliveryState(row).value for row in session.exec(select(col(Delivery.state))))


def checked(ctx: AppContext) -> Callable[[], AppContext]:
    """Open the store as the command does: only where the schema fits."""

    def build() -> AppContext:
        result = opened(ctx)()
        try:
            ensure_schema(result.engine)
        except StoreError:
            result.engine.dispose()
            raise
        return result

    return build


def restore(store: Engine) -> None:
    with write_session(store) as session:
        head = ScriptDirectory.from_config(alembic_config()).get_current_head()
        session.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": head})


async def until(true: Callable[[], object], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110  - what it waits for is in another thread or a database
            await asyncio.sleep(0.02)
