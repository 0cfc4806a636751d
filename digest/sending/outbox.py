"""Letters that wait for a connection, or for their turn: a domain at its limit holds up no other."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from math import ceil
from time import monotonic
from typing import Any

from digest.mail.rate import Pace, Rate
from digest.writing import Outgoing

AHEAD = 5.0  # seconds of work that are claimed beforehand where a rate is set
MOST = 500  # letters in memory
LOOK = 0.5  # seconds between looks whether it is over
BATCH = 100  # letters claimed at a time


Borrow = Callable[[Sequence[tuple[str, Rate]]], Awaitable[None]]


class Outbox:
    """Between one that claims and the connections that send. Lives in one event loop.

    `room`: how many letters may wait for a connection before nothing more is claimed. `over`: whether it is time to
    end; then nobody gets a letter any more. `borrow`: ask for slices of rates that are shared with other senders.
    """

    def __init__(self, pace: Pace, room: int, over: Callable[[], bool], borrow: Borrow) -> None:
        self._pace, self._room, self.over, self._borrow = pace, room, over, borrow
        self._waiting: dict[str, deque[tuple[int, Outgoing]]] = {}  # by domain, where domains have a limit
        self._number = 0
        self._closed = False
        # Those who wait are woken one by one: a hundred letters to sixteen connections would else be 1,600 wakings.
        self._filled = asyncio.Condition()
        self._taken = asyncio.Event()  # for the one that claims
        self._hold = ceil(pace.a_domain * AHEAD)

    @property
    def hurried(self) -> bool:
        """Whether a letter waits for nothing but a connection."""
        return bool(self._waiting) and self._pace.free

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    async def put(self, letters: Sequence[Outgoing]) -> None:
        """Letters to be sent, in this order as far as rates allow."""
        async with self._filled:
            for outgoing in letters:
                domain = domain_of(outgoing.recipient) if self._hold else ""
                self._number += 1
                self._waiting.setdefault(domain, deque()).append((self._number, outgoing))
            self._filled.notify(len(letters))

    async def close(self) -> None:
        """Nothing more will come."""
        async with self._filled:
            self._closed = True
            self._filled.notify_all()

    async def get(self) -> Outgoing | None:
        """The next letter that may go, as soon as there is one; None when all are through or it is over."""
        async with self._filled:
            while not self.over():
                if self._waiting and (lacking := self._pace.lacking(self._waiting, now())):
                    await self._borrow(lacking)
                found, seconds = self._next(now())
                if found:
                    self._tell_of_room()
                    if self._closed and not self._waiting:
                        self._filled.notify_all()
                    return found
                if self._closed and not self._waiting:
                    return None
                await _pause(self._filled.wait(), seconds)
        return None

    def more(self, most: int) -> list[Outgoing]:
        """Up to so many further letters, but for the last; none where rates have to be kept."""
        waiting = None if self.over() or not self._pace.free else self._waiting.get("")
        if not waiting:
            return []
        taken = [waiting.popleft()[1] for _ in range(min(most, len(waiting) - 1))]
        self._tell_of_room()
        return taken

    async def wanted(self) -> frozenset[str]:
        """Wait until more letters are wanted; the domains of which there are enough already."""
        while not self.over() and not self._has_room(now()):
            await self._next_taken()
        return self._full()

    async def freed(self, full: frozenset[str]) -> None:
        """Wait until a domain that was `full` is so no more."""
        while not self.over() and full <= self._full():
            await self._next_taken()

    async def _next_taken(self) -> None:
        self._taken.clear()
        await _pause(self._taken.wait(), LOOK)

    def _tell_of_room(self) -> None:
        if self._hold or self._has_room(now()):
            self._taken.set()

    def _next(self, at: float) -> tuple[Outgoing | None, float]:
        """The first letter that may go now, or how many seconds until one may."""
        seconds = self._pace.wait(at)
        if seconds or not self._waiting:
            return None, seconds or LOOK
        waits = {domain: self._pace.wait_for(domain, at) for domain in self._waiting}
        ready = [(self._waiting[domain][0][0], domain) for domain, wait in waits.items() if not wait]
        if not ready:
            return None, min(waits.values())
        _, domain = min(ready)
        _, outgoing = self._waiting[domain].popleft()
        if not self._waiting[domain]:
            del self._waiting[domain]
        self._pace.take(domain, at)
        return outgoing, 0.0

    def _has_room(self, at: float) -> bool:
        if len(self) >= MOST:
            return False
        # Those that wait for their domain alone are no reason to leave connections idle.
        return sum(len(many) for domain, many in self._waiting.items() if not self._pace.wait_for(domain, at)) < (
            self._room
        )

    def _full(self) -> frozenset[str]:
        if not self._hold:
            return frozenset()
        return frozenset(domain for domain, many in self._waiting.items() if len(many) >= self._hold)


async def _pause(changed: Coroutine[Any, Any, bool], seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(min(seconds, LOOK)):
            await changed


def batch(*rates: float) -> int:
    """How many letters are claimed at a time: those of the next seconds, lest a request wait behind digests."""
    return min(BATCH, *(ceil(each * AHEAD) for each in rates if each), BATCH)


def domain_of(address: str) -> str:
    """What a limit counts by."""
    return address.rpartition("@")[2].lower()


now = monotonic  # as the loop's clock, it never goes back
