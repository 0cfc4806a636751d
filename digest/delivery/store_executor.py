"""Where a sender waits for the store: on its event loop with SQLite, in a thread with PostgreSQL."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Engine

from digest.database import is_postgresql

Result = TypeVar("Result")


class StoreExecutor:
    """Runs one piece of store work after the other.

    SQLite answers within microseconds, and a thread would compete with the event loop for the GIL. A server takes a
    round trip, during which the loop can render and send. So on SQLite nothing else should run on a sender's loop.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        # A single thread: what one sender asks for is done in order.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name) if is_postgresql(engine) else None

    async def run(self, work: Callable[[], Result]) -> Result:
        """Return the result of `work`."""
        if self._thread is None:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """Stop the thread when it is idle."""
        if self._thread:
            self._thread.shutdown(wait=False)
