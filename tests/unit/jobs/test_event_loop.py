"""Work on a loop of its own: the other loop goes on, and who is cancelled is cancelled there, too."""

import asyncio
from threading import Event

import pytest

from digest.jobs.event_loop import run_in_own_loop


def test_work_that_keeps_its_loop_waiting_holds_up_no_other() -> None:
    begun, requested, answered = Event(), Event(), Event()

    async def work() -> str:
        begun.set()
        requested.wait(30)  # its whole loop stands still
        answered.set()
        return "done"

    async def beside() -> str:
        doing = asyncio.create_task(run_in_own_loop(work))
        while not begun.is_set():  # noqa: ASYNC110  - of another thread
            await asyncio.sleep(0.01)
        assert not answered.is_set()
        requested.set()
        return await doing

    assert asyncio.run(beside()) == "done"
    assert answered.is_set()


def test_what_goes_wrong_there_is_heard_here() -> None:
    async def work() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        asyncio.run(run_in_own_loop(work))


def test_cancelled_it_tidies_up_before_it_ends() -> None:
    begun, results = Event(), []

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.1)
            results.append("tidy")

    async def cancelled() -> None:
        doing = asyncio.create_task(run_in_own_loop(work))
        while not begun.is_set():  # noqa: ASYNC110  - of another thread
            await asyncio.sleep(0.01)
        doing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await doing
        assert results == ["tidy"]

    asyncio.run(cancelled())


def test_cancelled_before_it_began_it_ends_too() -> None:
    async def work() -> None:
        await asyncio.sleep(60)

    async def cancelled() -> None:
        doing = asyncio.create_task(run_in_own_loop(work))
        await asyncio.sleep(0)
        doing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await doing

    asyncio.run(asyncio.wait_for(cancelled(), 30))
