"""Where a sender waits for the store: on its event loop with SQLite, in a thread with PostgreSQL."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from sqlalchemy import Engine

from digest.database import is_postgresql
from digest.errors import OwnershipLostError, StoreError

log = structlog.get_logger()

RETRY_PAUSES = (1.0, 4.0)  # seconds between attempts to reach a store that is away for a moment
Result = TypeVar("Result")


class StoreExecutor:
    """Runs one piece of store work after the other, again while the store is away for a moment.

    SQLite answers within microseconds, and a thread would compete with the event loop for the GIL. A server takes a
    round trip, during which the loop can render and send. So on SQLite nothing else should run on a sender's loop.
    """

    def __init__(self, engine: Engine, name: str, retry_pauses: Sequence[float] = RETRY_PAUSES) -> None:
        # A single thread: what one sender asks for is done in order.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name) if is_postgresql(engine) else None
        self._retry_pauses = retry_pauses

    async def run(self, work: Callable[[], Result], *, retries: bool = True) -> Result:
        """Return the result of `work`. Raises StoreError when the store stays away."""
        for pause in self._retry_pauses if retries else ():
            try:
                return await self.run(work, retries=False)
            except OwnershipLostError:
                raise
            except StoreError as error:  # only this process knows what the relay replied
                log.warning("database.unavailable", reason=str(error))
                await asyncio.sleep(pause)
        if self._thread is None:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """Stop the thread when it is idle."""
        if self._thread:
            self._thread.shutdown(wait=False)
