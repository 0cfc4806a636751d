"""An event loop in a thread of its own, for work that may block it.

A sender on SQLite waits for the store on its event loop; in `digest serve` pages must be answered meanwhile.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

Result = TypeVar("Result")


async def run_in_own_loop(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Run `work` in an event loop of its own. Cancellation is passed on, and its cleanup awaited."""
    import uvloop

    started: Future[Callable[[], object]] = Future()

    async def run() -> Result:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        started.set_result(lambda: loop.call_soon_threadsafe(task.cancel) if task else None)
        return await work()

    result = asyncio.ensure_future(asyncio.to_thread(lambda: uvloop.run(run())))
    try:
        return await asyncio.shield(result)
    except asyncio.CancelledError:
        if not result.done():
            cancel = await asyncio.wrap_future(started)
            cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.shield(result)
        raise
