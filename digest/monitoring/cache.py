"""What was found is kept for a moment, so that many who ask cost one look."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


MAX_COMPUTE_SHARE = 0.05  # of the time that may go into looking: what takes a second is kept for twenty


class TimedCache(Generic[T]):
    """The last answer of a look, for so many seconds and for at least twenty times as long as the look took."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = Lock()
        self._entry: tuple[datetime, datetime, T] | None = None  # from, until, what

    def get(self, now: datetime, compute: Callable[[], T]) -> T:
        """The kept answer while it is fresh, or while another thread looks; else a new one. Errors are not kept."""
        known = self._entry
        if known and known[0] <= now < known[1]:  # a clock that was set back makes nothing last longer
            return known[2]
        if not self._lock.acquire(blocking=known is None):
            assert known is not None  # noqa: S101  - otherwise it would have waited
            return known[2]
        try:
            known = self._entry
            if known and known[0] <= now < known[1]:
                return known[2]
            begun = time.monotonic()
            found = compute()
            lasts = max(self._seconds, (time.monotonic() - begun) / MAX_COMPUTE_SHARE)
            self._entry = (now, now + timedelta(seconds=lasts), found)
            return found
        finally:
            self._lock.release()

    def clear(self) -> None:
        """The next one looks anew."""
        self._entry = None
