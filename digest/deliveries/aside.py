"""Where a sender works with the store: in a thread beside its loop, or on the loop itself.

A thread lets letters be written while a disk or a server takes its time. It has its price: two that work at once in one
process take turns at the interpreter, and pay for each turn. So where the store answers at once, as an SQLite file on a
good disk does, the loop does the work itself: it would have to wait for it anyway, and sends an eighth more.

A loop that sends therefore sends and does nothing else (digest.apart gives it one of its own where there are others).
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class Aside:
    """One piece of work after the other. `here`: on the loop that asks for it; may change between two."""

    def __init__(self, name: str) -> None:
        self.here = False
        # One thread, not any of a pool: each keeps the memory that it has once taken for a batch of letters.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    def do(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        """Begin `work`; what is returned has what comes of it."""
        loop = asyncio.get_running_loop()
        if not self.here:
            return loop.run_in_executor(self._thread, work)
        done: asyncio.Future[Result] = loop.create_future()
        try:
            done.set_result(work())
        except Exception as error:  # noqa: BLE001  - it belongs to whoever waits for the result
            done.set_exception(error)
        return done

    def close(self) -> None:
        """Nothing more will be asked for."""
        self._thread.shutdown(wait=False)
