"""The store behind a real PgBouncer, whose clients share sessions or even transactions."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import Engine, text

from digest import database
from digest.context import AppContext
from digest.database import dead_owners, liveness_lock, write_session
from digest.jobs import prepare_tables, run_worker
from digest.jobs.tasks import defer_tasks
from tests.conftest import Connect
from tests.support.contexts import StoreView, add_active_subscriber, make_context, store_papers
from tests.support.factories import NOW
from tests.support.pgbouncer import PROGRAM, pooler
from tests.support.postgres import Postgres
from tests.support.relay import Relay

pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="this machine has no PgBouncer (Debian: pgbouncer)"),
    pytest.mark.xdist_group("workers"),
]


@pytest.fixture(params=["session", "transaction"])
def pooled(
    request: pytest.FixtureRequest, postgres: Postgres, _postgres_template: str, connect: Connect
) -> Iterator[Engine]:
    """A store with its tables, reached through a pooler."""
    url = postgres.database(_postgres_template)
    with pooler(postgres, request.param) as port:
        yield connect(f"postgresql+psycopg://digest@127.0.0.1:{port}/{postgres.name(url)}")
    postgres.drop(url)


def test_papers_are_planned_and_sent_by_workers_through_a_pooler(pooled: Engine, polite: Relay) -> None:
    ctx = make_context(pooled, smtp_host="127.0.0.1", smtp_port=polite.port, smtp_tls="none", smtp_rate=1000)
    store_papers(ctx, NOW, "A graph of everything")
    for number in range(30):
        add_active_subscriber(ctx, f"r{number}@example.org", "graph", now=NOW, send_hour=5)
    prepare_tables(pooled)
    defer_tasks(ctx, NOW)

    def open_context() -> AppContext:
        return AppContext(ctx.settings, database.connect(str(ctx.settings.database_url)), ctx.token_signer)

    async def work_off() -> None:
        await asyncio.gather(*(run_worker(open_context, lambda: NOW, asyncio.Event(), until_idle=True) for _ in "ab"))

    asyncio.run(work_off())
    assert sorted(recipient for recipient, _ in polite.accepted) == sorted(f"r{n}@example.org" for n in range(30))
    assert {delivery.state for delivery in StoreView(pooled).deliveries()} == {"sent"}


def test_who_is_alive_is_seen_through_a_pooler(pooled: Engine) -> None:
    with ExitStack() as alive:
        still_there = alive.enter_context(liveness_lock(pooled, "one"))
        alive.enter_context(liveness_lock(pooled, "two"))
        for _ in range(3):
            with write_session(pooled) as session:
                assert dead_owners(session, ["one", "two", "three"]) == ["three"]
            still_there()
    until = time.monotonic() + 20  # the pooler closes the sessions in its own time
    dead: list[str] = []
    while len(dead) < 3 and time.monotonic() < until:
        with write_session(pooled) as session:
            dead = sorted(dead_owners(session, ["one", "two", "three"]))
    assert dead == ["one", "three", "two"]


def test_a_statement_that_is_run_often_is_found_whatever_session_the_pooler_has_for_it(pooled: Engine) -> None:
    """Prepared after some runs, it would be unknown to the next session."""
    statement = text("SELECT count(*) FROM subscriber WHERE id > :id")
    with ExitStack() as held, pooled.connect() as connection:
        for _ in range(12):
            with connection.begin():
                assert connection.scalar(statement, {"id": 0}) == 0
            held.enter_context(pooled.connect()).execute(text("SELECT 1"))
