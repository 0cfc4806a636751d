"""The clock of the service: it reads at the start, delivers at each tick, survives a bad one, stops in good order."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlmodel import select
from structlog.testing import capture_logs

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import DeliveryKind, Paper, SourceFetch
from digest.delivery.circuit_breaker import INITIAL_PAUSE
from digest.jobs import request_fetch, run_scheduler
from digest.jobs.scheduler import TICK_SECONDS, Scheduler
from tests.support.contexts import FixedClock, StoreView, add_active_subscriber, make_context
from tests.support.factories import NOW, TODAY, delivery, subscriber
from tests.support.listings import ListingHost, paper_entry, serve_listings
from tests.support.relay import Relay
from tests.support.rude_relay import HANG, RudeRelay


@pytest.fixture
def lists() -> Iterator[ListingHost]:
    with serve_listings(ListingHost(TODAY, {TODAY: [paper_entry("2607.00001", "A graph of everything")]})) as host:
        yield host


def scheduler_context(store: Engine, lists: ListingHost, port: int) -> AppContext:
    relay_at = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_tls": "none"}
    return make_context(store, sources="huggingface", huggingface_url=lists.url, **relay_at)


def queue(store: Engine) -> str:
    """An email to a new subscriber, who has had the day's digest; the address."""
    with write_session(store) as session:
        session.add(to := subscriber(last_due_day=TODAY))
        session.flush()
        session.add(delivery(to, kind=DeliveryKind.WELCOME))
        return to.email


def recipients(polite: Relay) -> list[str]:
    return [row for row, _ in polite.accepted]


async def until(true: Callable[[], object], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110  - what it waits for is in another thread or a database
            await asyncio.sleep(0.02)


def within(
    block: Callable[[], AbstractAsyncContextManager[Scheduler]], act: Callable[[Scheduler], Coroutine[Any, Any, None]]
) -> None:
    async def together() -> None:
        async with asyncio.timeout(90), block() as work:
            await act(work)

    asyncio.run(together())


def test_a_store_that_keeps_a_sender_waiting_holds_up_nothing_else_of_the_service(
    store: Engine, lists: ListingHost, polite: Relay
) -> None:
    ctx = scheduler_context(store, lists, polite.port)
    queue(store)
    waits, goes_on = Event(), Event()

    def wait(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if "UPDATE delivery" in " ".join(statement.split()) and "on_wire" in statement:
            waits.set()
            assert goes_on.wait(30)

    event.listen(store, "before_cursor_execute", wait)

    async def act(work: Scheduler) -> None:
        delivering = asyncio.create_task(work.deliver())
        await until(waits.is_set)
        await asyncio.sleep(0.1)  # as pages would be served
        goes_on.set()
        await delivering
        assert len(polite.accepted) == 1

    asyncio.run(act(Scheduler(ctx, FixedClock())))


def test_at_the_start_the_sources_are_read_and_who_is_due_gets_an_email(
    store: Engine, lists: ListingHost, polite: Relay
) -> None:
    ctx = scheduler_context(store, lists, polite.port)
    add_active_subscriber(ctx, "ada@example.org", "graph", now=NOW, send_hour=5)

    async def act(_work: Scheduler) -> None:
        await until(lambda: polite.accepted)

    within(lambda: run_scheduler(ctx, FixedClock()), act)
    assert recipients(polite) == ["ada@example.org"]
    with read_session(store) as session:
        assert session.exec(select(Paper.title)).all() == ["A graph of everything"]
    (delivered,) = StoreView(store).deliveries()
    assert (delivered.state, delivered.kind) == ("sent", "digest")


def test_each_tick_sends_what_has_been_queued_since(sqlite_store: Engine, lists: ListingHost, polite: Relay) -> None:
    async def act(work: Scheduler) -> None:
        await until(lambda: lists.requested_paths)
        by_hand = queue(sqlite_store)
        await work.plan_and_deliver()
        assert recipients(polite) == [by_hand]
        by_itself = queue(sqlite_store)
        await until(lambda: by_itself in recipients(polite), TICK_SECONDS + 20)

    within(lambda: run_scheduler(scheduler_context(sqlite_store, lists, polite.port), FixedClock()), act)


def test_a_source_that_the_operator_requests_is_fetched_once_more(
    sqlite_store: Engine, lists: ListingHost, polite: Relay
) -> None:
    ctx = scheduler_context(sqlite_store, lists, polite.port)
    work = Scheduler(ctx, FixedClock())
    asyncio.run(work.fetch_requested())
    assert not lists.requested_paths
    request_fetch(ctx, "ada", "huggingface", NOW)
    asyncio.run(work.fetch_requested())
    count = len(lists.requested_paths)
    assert count
    asyncio.run(work.fetch_requested())
    assert len(lists.requested_paths) == count


def test_before_the_first_reading_nothing_is_planned_and_what_waits_is_sent(
    store: Engine, lists: ListingHost, polite: Relay
) -> None:
    ctx = scheduler_context(store, lists, polite.port)
    add_active_subscriber(ctx, "ada@example.org", "graph", now=NOW, send_hour=5)
    confirm = queue(store)
    work = Scheduler(ctx, FixedClock())
    asyncio.run(work.plan_and_deliver())
    assert recipients(polite) == [confirm]
    # Had the tick planned, this subscriber's day would be over: nothing was listed yet.

    async def read_and_deliver() -> None:
        await work.collect()
        await work.deliver()

    asyncio.run(read_and_deliver())
    assert recipients(polite) == [confirm, "ada@example.org"]


def test_a_broken_source_is_noted_and_emails_leave_all_the_same(
    sqlite_store: Engine, lists: ListingHost, polite: Relay
) -> None:
    lists.is_broken = True
    waiting = queue(sqlite_store)

    async def act(_work: Scheduler) -> None:
        await until(lambda: polite.accepted)

    within(lambda: run_scheduler(scheduler_context(sqlite_store, lists, polite.port), FixedClock()), act)
    assert recipients(polite) == [waiting]
    with read_session(sqlite_store) as session:
        assert {row.status for row in session.exec(select(SourceFetch)).all()} == {"failed"}


def test_a_job_that_fails_is_logged_and_the_next_tick_works(store: Engine, lists: ListingHost, polite: Relay) -> None:
    def rename(old: str, new: str) -> None:
        with write_session(store) as session:
            session.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

    waiting = queue(store)
    work = Scheduler(scheduler_context(store, lists, polite.port), FixedClock())
    rename("delivery", "hidden")
    with capture_logs() as logs:
        for _ in range(2):  # a failure that lasts is one line, whichever jobs and ticks it fails
            asyncio.run(work.plan_and_deliver())
    first = "defer tasks" if store.dialect.name == "postgresql" else "deliver"
    failed = [row for row in logs if row["event"] == "job.failed"]
    assert [(row["job"], row["log_level"]) for row in failed] == [(first, "error")]
    assert "delivery" in failed[0]["reason"]
    assert not any("\n" in row.get("reason", "") or "exc_info" in row for row in logs)
    rename("hidden", "delivery")
    with capture_logs() as logs:
        asyncio.run(work.plan_and_deliver())
    assert [row["job"] for row in logs if row["event"] == "job.recovered"] == [first]
    assert recipients(polite) == [waiting]


def test_a_relay_that_refuses_us_is_left_alone_for_a_while_and_tried_again(store: Engine, lists: ListingHost) -> None:
    clock = FixedClock()

    async def act() -> None:
        async with RudeRelay({"greeting": ["554 5.7.1 not you"] * 2}) as rude:
            work = Scheduler(scheduler_context(store, lists, rude.port), clock)
            for _ in range(3):
                queue(store)
                await work.plan_and_deliver()
            assert len(rude.heard) == 1
            clock.now += INITIAL_PAUSE - timedelta(seconds=1)
            await work.plan_and_deliver()
            assert len(rude.heard) == 1
            clock.now += timedelta(seconds=1)
            await work.plan_and_deliver()
            assert [len(rude.heard), len(rude.messages)] == [2, 0]
            clock.now += 2 * INITIAL_PAUSE - timedelta(seconds=1)
            await work.plan_and_deliver()
            assert len(rude.heard) == 2
            # A clock that is set back has nothing to say about how long it has been.
            clock.now -= timedelta(days=30)
            await work.plan_and_deliver()
            assert len(rude.messages) >= 1

    asyncio.run(act())


def test_a_relay_that_was_down_gets_all_emails_when_it_is_back(store: Engine, lists: ListingHost) -> None:
    clock = FixedClock()

    async def act() -> None:
        async with RudeRelay({"greeting": ["421 4.3.2 not now"] * 3}) as rude:
            work = Scheduler(scheduler_context(store, lists, rude.port), clock)
            for _ in range(5):
                queue(store)
            await work.plan_and_deliver()
            clock.now += timedelta(minutes=10)
            await work.plan_and_deliver()
            assert len(rude.messages) == 5

    asyncio.run(act())


def test_the_end_waits_for_the_email_on_the_wire_and_sends_no_other(store: Engine, lists: ListingHost) -> None:
    class Slow(RudeRelay):
        async def _reply(self, verb: str, writer: asyncio.StreamWriter) -> bool:
            if verb == "dot":
                self.waiting.set()
                await asyncio.sleep(0.7)
            return await super()._reply(verb, writer)

    async def act() -> None:
        queue(store)
        queue(store)
        async with asyncio.timeout(60), Slow() as slow:
            async with run_scheduler(scheduler_context(store, lists, slow.port), FixedClock()):
                await slow.waiting.wait()
            assert len(slow.messages) == 1
        assert [(row.state, row.owner) for row in StoreView(store).deliveries()] == [("sent", None), ("queued", None)]

    asyncio.run(act())


def test_the_end_does_not_wait_for_a_source(sqlite_store: Engine, polite: Relay) -> None:
    async def act() -> None:
        # Rude in another trade: a host that takes the request and never answers.
        async with asyncio.timeout(20), RudeRelay({"greeting": [HANG]}) as silent:
            host = ListingHost(TODAY, url=f"http://127.0.0.1:{silent.port}")
            async with run_scheduler(scheduler_context(sqlite_store, host, polite.port), FixedClock()):
                await silent.waiting.wait()

    asyncio.run(act())


def test_after_the_end_no_tick_sends_anything(sqlite_store: Engine, lists: ListingHost, polite: Relay) -> None:
    queue(sqlite_store)

    async def act() -> None:
        work = Scheduler(scheduler_context(sqlite_store, lists, polite.port), FixedClock())
        await work.close()
        await work.plan_and_deliver()

    asyncio.run(act())
    assert polite.accepted == []
