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

from digest.errors import Throttled

# Seconds between the beginnings of two requests. arXiv's terms of use: one request every three seconds, one at a time.
GAPS = {"export.arxiv.org": 3.0, "rss.arxiv.org": 3.0, "huggingface.co": 0.6}
GAP = 1.0


class Traffic:
    """Who was asked when, and who asked to be left alone until when."""

    def __init__(self, tick: Callable[[], float] = time.monotonic) -> None:
        self._tick = tick
        self._guard = threading.Lock()
        self._next: dict[str, float] = {}
        self._closed: dict[str, datetime] = {}
        self._doors: WeakKeyDictionary[asyncio.AbstractEventLoop, defaultdict[str, asyncio.Lock]] = WeakKeyDictionary()

    def refuse(self, url: str, now: datetime) -> None:
        """Raise Throttled while the host behind `url` wants no requests."""
        until = self._closed.get(closable(url))
        if until and now < until:
            host = urlsplit(url).hostname
            raise Throttled(f"{host} asked for a pause; nothing is asked before {until:%H:%M} UTC", until=until)

    def close(self, url: str, until: datetime) -> None:
        self._closed[closable(url)] = until

    @asynccontextmanager
    async def turn(self, url: str, sleep: Callable[[float], Awaitable[object]]) -> AsyncIterator[None]:
        """Wait for this host's next turn; one request at a time. Loopback needs no manners."""
        host = urlsplit(url).hostname or ""
        if is_loopback(host):
            yield
            return
        with self._guard:
            doors = self._doors.setdefault(asyncio.get_running_loop(), defaultdict(asyncio.Lock))
        async with doors[host]:
            if (wait := self._book(host)) > 0:
                await sleep(wait)
            yield

    def _book(self, host: str) -> float:
        with self._guard:
            now = self._tick()
            start = max(now, self._next.get(host, now))
            self._next[host] = start + GAPS.get(host, GAP)
        return start - now


TRAFFIC = Traffic()


def closable(url: str) -> str:
    """What a 429 closes: the host's part that was asked. Hugging Face counts its API and its pages apart."""
    parts = urlsplit(url)
    return "/".join([parts.netloc.rpartition("@")[2], *parts.path.split("/")[1:3]])


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def redirect_allowed(here: str, there: str) -> bool:
    """Only within the same host: same scheme and port, or from http to https. Never to an address by number that is
    not the one already asked, so nothing outside can lead us into a private network.
    """
    old, new = urlsplit(here), urlsplit(there)
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
