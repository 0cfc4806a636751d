"""Keeps a computed value for some seconds, so that many who ask cost one computation."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock, Thread
from typing import Generic, TypeVar

T = TypeVar("T")
MAX_COMPUTE_SHARE = 0.05  # of the time: what takes a second to compute is kept for twenty


class TimedCache(Generic[T]):
    """Cache of one value, for some seconds and for at least twenty times as long as it took to compute."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = Lock()
        self._thread: Thread | None = None  # computes for `get_soon`
        self._entry: tuple[datetime, datetime, T] | None = None  # valid from, valid until, value

    def get(self, now: datetime, compute: Callable[[], T]) -> T:
        """Return the cached value while it is fresh, or while another thread computes; else compute it.

        Errors are not cached.
        """
        entry = self._entry
        if entry and entry[0] <= now < entry[1]:  # a clock that was set back makes nothing last longer
            return entry[2]
        if not self._lock.acquire(blocking=entry is None):
            assert entry is not None  # noqa: S101  - otherwise acquire would have blocked
            return entry[2]
        try:
            entry = self._entry
            if entry and entry[0] <= now < entry[1]:
                return entry[2]
            started = time.monotonic()
            value = compute()
            seconds = max(self._seconds, (time.monotonic() - started) / MAX_COMPUTE_SHARE)
            self._entry = (now, now + timedelta(seconds=seconds), value)
            return value
        finally:
            self._lock.release()

    def get_soon(self, now: datetime, compute: Callable[[], T], wait_seconds: float) -> T | None:
        """Return the value, computed within `wait_seconds`; else that of before, or None, while a thread computes on.

        Raises the errors of `compute` that come in time.
        """
        entry = self._entry
        if entry and entry[0] <= now < entry[1]:
            return entry[2]
        errors: list[Exception] = []

        def run() -> None:
            try:
                self.get(now, compute)
            except Exception as error:  # noqa: BLE001  - whoever waits for it gets it, the next one computes again
                errors.append(error)

        if self._thread is None or not self._thread.is_alive():  # one wait for one computation
            self._thread = Thread(target=run, daemon=True)
            self._thread.start()
            self._thread.join(wait_seconds)
        if errors:
            raise errors[0]
        return self._entry[2] if self._entry else None

    def expire(self) -> None:
        """Compute the value anew when it is needed; until then it is that of before for those who do not wait."""
        if entry := self._entry:
            self._entry = (entry[0], entry[0], entry[2])

    def clear(self) -> None:
        """Drop the cached value."""
        self._entry = None
