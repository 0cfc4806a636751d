"""Request intervals and pauses of hosts.

One HostThrottle is shared by all clients of a process, so that two runs at once keep the same interval.
"""

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from digest.errors import SourceThrottledError
from digest.sources import messages

DEFAULT_GAP = 1.0  # seconds between the beginnings of two requests to a host of which nothing is known


class HostThrottle:
    """Next request time of each host, and the pauses that hosts asked for. Safe for threads and event loops."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._gaps: dict[str, float] = {}
        self._next_start: dict[str, float] = {}
        self._paused_until: dict[str, datetime] = {}
        # An asyncio.Lock belongs to one event loop, and a process may run several.
        self._host_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, defaultdict[str, asyncio.Lock]] = (
            WeakKeyDictionary()
        )

    def keep_gaps(self, gaps: Mapping[str, float]) -> None:
        """Leave at least so many seconds between two requests to a host; of several, the largest counts."""
        with self._lock:
            for host, seconds in gaps.items():
                self._gaps[host.lower()] = max(seconds, self._gaps.get(host.lower(), 0.0))

    def raise_if_paused(self, url: str, now: datetime) -> None:
        """Raise SourceThrottledError while the host of `url` wants no requests."""
        until = self._paused_until.get(pause_key(url))
        if until and now < until:
            host = urlsplit(url).hostname
            raise SourceThrottledError(messages.host_paused(str(host), until), until=until)

    def pause(self, url: str, until: datetime) -> None:
        """Refuse requests to the host of `url` until that time."""
        self._paused_until[pause_key(url)] = until

    @asynccontextmanager
    async def acquire(self, url: str, sleep: Callable[[float], Awaitable[object]]) -> AsyncIterator[None]:
        """Wait until the host of `url` may be asked; one request at a time. Loopback is not throttled."""
        host = urlsplit(url).hostname or ""
        if is_loopback(host):
            yield
            return
        with self._lock:
            locks = self._host_locks.setdefault(asyncio.get_running_loop(), defaultdict(asyncio.Lock))
        async with locks[host]:
            with self._lock:
                now = self._monotonic()
                start = max(now, self._next_start.get(host, now))
                self._next_start[host] = start + self._gaps.get(host, DEFAULT_GAP)
            if start > now:
                await sleep(start - now)
            yield


SHARED_THROTTLE = HostThrottle()


def pause_key(url: str) -> str:
    """Return what a 429 response covers: host and first two path segments.

    Hugging Face counts requests to its API and to its pages apart.
    """
    parts = urlsplit(url)
    return "/".join([parts.netloc.rpartition("@")[2], *parts.path.split("/")[1:3]])


def is_loopback(host: str) -> bool:
    """Return whether the host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
