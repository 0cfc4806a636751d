"""Work on a loop of its own, in a thread of its own, so that it may keep that loop waiting."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

Result = TypeVar("Result")


async def run_in_own_loop(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """What comes of `work`, done elsewhere. Cancelled, it is cancelled there and may still tidy up."""
    import uvloop

    begun: Future[Callable[[], object]] = Future()

    async def there() -> Result:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        begun.set_result(lambda: loop.call_soon_threadsafe(task.cancel) if task else None)
        return await work()

    done = asyncio.ensure_future(asyncio.to_thread(lambda: uvloop.run(there())))
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        if not done.done():
            (await asyncio.wrap_future(begun))()
            with suppress(asyncio.CancelledError):
                await asyncio.shield(done)
        raise
