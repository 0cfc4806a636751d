"""The rules of the road: how often a host is asked, when it is left alone, and where a redirect may lead.

One Traffic is shared by all clients of a process, so that two runs at once keep the same pace.
"""

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from digest.errors import SourceThrottledError

# Seconds between the beginnings of two requests. arXiv's terms of use: one request every three seconds, one at a time.
REQUEST_INTERVALS = {"export.arxiv.org": 3.0, "rss.arxiv.org": 3.0, "huggingface.co": 0.6}


DEFAULT_INTERVAL = 1.0


class HostThrottle:
    """Who was asked when, and who asked to be left alone until when."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._next_start: dict[str, float] = {}
        self._paused_until: dict[str, datetime] = {}
        self._host_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, defaultdict[str, asyncio.Lock]] = (
            WeakKeyDictionary()
        )

    def raise_if_paused(self, url: str, now: datetime) -> None:
        """Raise Throttled while the host behind `url` wants no requests."""
        until = self._paused_until.get(throttle_key(url))
        if until and now < until:
            host = urlsplit(url).hostname
            raise SourceThrottledError(
                f"{host} asked for a pause; nothing is asked before {until:%H:%M} UTC", until=until
            )

    def pause(self, url: str, until: datetime) -> None:
        self._paused_until[throttle_key(url)] = until

    @asynccontextmanager
    async def acquire(self, url: str, sleep: Callable[[float], Awaitable[object]]) -> AsyncIterator[None]:
        """Wait for this host's next turn; one request at a time. Loopback needs no manners."""
        host = urlsplit(url).hostname or ""
        if is_loopback(host):
            yield
            return
        with self._lock:
            doors = self._host_locks.setdefault(asyncio.get_running_loop(), defaultdict(asyncio.Lock))
        async with doors[host]:
            if (wait := self._reserve(host)) > 0:
                await sleep(wait)
            yield

    def _reserve(self, host: str) -> float:
        with self._lock:
            now = self._monotonic()
            start = max(now, self._next_start.get(host, now))
            self._next_start[host] = start + REQUEST_INTERVALS.get(host, DEFAULT_INTERVAL)
        return start - now


SHARED_THROTTLE = HostThrottle()


def throttle_key(url: str) -> str:
    """What a 429 closes: the host's part that was asked. Hugging Face counts its API and its pages apart."""
    parts = urlsplit(url)
    return "/".join([parts.netloc.rpartition("@")[2], *parts.path.split("/")[1:3]])


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_redirect_allowed(from_url: str, to_url: str) -> bool:
    """Only within the same host: same scheme and port, or from http to https. Never to an address by number that is
    not the one already asked, so nothing outside can lead us into a private network.
    """
    old, new = urlsplit(from_url), urlsplit(to_url)
    if not old.hostname or old.hostname != new.hostname or new.scheme not in {"http", "https"} or new.username:
        return False
    ports = {"http": 80, "https": 443}
    try:
        before, after = old.port or ports[old.scheme], new.port or ports[new.scheme]
    except (ValueError, KeyError):
        return False
    if old.scheme == new.scheme:
        return before == after
    return (old.scheme, new.scheme, before, after) == ("http", "https", 80, 443)
