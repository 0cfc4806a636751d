"""Letters that wait for a connection, or for their turn: a domain at its limit holds up no other."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from math import ceil
from typing import Any

from digest.delivery.rate_limit import RateLimits, TokenBucket, now
from digest.rendering import PreparedEmail

CLAIM_AHEAD_SECONDS = 5.0  # seconds of work that are claimed beforehand where a rate is set


MAX_BUFFERED = 500  # letters in memory


POLL_SECONDS = 0.5  # seconds between looks whether it is over


CLAIM_BATCH = 100  # letters claimed at a time


ReserveSlices = Callable[[Sequence[tuple[str, TokenBucket]]], Awaitable[None]]


class SendBuffer:
    """Between one that claims and the connections that send. Lives in one event loop.

    `room`: how many letters may wait for a connection before nothing more is claimed. `over`: whether it is time to
    end; then nobody gets a letter any more. `borrow`: ask for slices of rates that are shared with other senders.
    """

    def __init__(
        self, limits: RateLimits, capacity: int, should_stop: Callable[[], bool], reserve: ReserveSlices
    ) -> None:
        self._limits, self._capacity, self.should_stop, self._reserve = limits, capacity, should_stop, reserve
        self._waiting: dict[str, deque[tuple[int, PreparedEmail]]] = {}  # by domain, where domains have a limit
        self._sequence = 0
        self._closed = False
        # Those who wait are woken one by one: a hundred letters to sixteen connections would else be 1,600 wakings.
        self._filled = asyncio.Condition()
        self._removed = asyncio.Event()  # for the one that claims
        self._domain_capacity = ceil(limits.per_domain * CLAIM_AHEAD_SECONDS)

    @property
    def is_ready(self) -> bool:
        """Whether a letter waits for nothing but a connection."""
        return bool(self._waiting) and self._limits.is_unlimited

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    async def put(self, emails: Sequence[PreparedEmail]) -> None:
        """Letters to be sent, in this order as far as rates allow."""
        async with self._filled:
            for outgoing in emails:
                domain = domain_of(outgoing.recipient) if self._domain_capacity else ""
                self._sequence += 1
                self._waiting.setdefault(domain, deque()).append((self._sequence, outgoing))
            self._filled.notify(len(emails))

    async def close(self) -> None:
        """Nothing more will come."""
        async with self._filled:
            self._closed = True
            self._filled.notify_all()

    async def get(self) -> PreparedEmail | None:
        """The next letter that may go, as soon as there is one; None when all are through or it is over."""
        async with self._filled:
            while not self.should_stop():
                if self._waiting and (lacking := self._limits.buckets_needing_slice(self._waiting, now())):
                    await self._reserve(lacking)
                found, seconds = self._pop_ready(now())
                if found:
                    self._signal_capacity()
                    if self._closed and not self._waiting:
                        self._filled.notify_all()
                    return found
                if self._closed and not self._waiting:
                    return None
                await _wait_for(self._filled.wait(), seconds)
        return None

    def take_ready(self, limit: int) -> list[PreparedEmail]:
        """Up to so many further letters, but for the last; none where rates have to be kept."""
        waiting = None if self.should_stop() or not self._limits.is_unlimited else self._waiting.get("")
        if not waiting:
            return []
        taken = [waiting.popleft()[1] for _ in range(min(limit, len(waiting) - 1))]
        self._signal_capacity()
        return taken

    async def wait_for_capacity(self) -> frozenset[str]:
        """Wait until more letters are wanted; the domains of which there are enough already."""
        while not self.should_stop() and not self._has_capacity(now()):
            await self._wait_for_removal()
        return self._full_domains()

    async def wait_for_domain(self, full_domains: frozenset[str]) -> None:
        """Wait until a domain that was `full` is so no more."""
        while not self.should_stop() and full_domains <= self._full_domains():
            await self._wait_for_removal()

    async def _wait_for_removal(self) -> None:
        self._removed.clear()
        await _wait_for(self._removed.wait(), POLL_SECONDS)

    def _signal_capacity(self) -> None:
        if self._domain_capacity or self._has_capacity(now()):
            self._removed.set()

    def _pop_ready(self, at: float) -> tuple[PreparedEmail | None, float]:
        """The first letter that may go now, or how many seconds until one may."""
        seconds = self._limits.wait(at)
        if seconds or not self._waiting:
            return None, seconds or POLL_SECONDS
        waits = {domain: self._limits.wait_for_domain(domain, at) for domain in self._waiting}
        ready = [(self._waiting[domain][0][0], domain) for domain, wait in waits.items() if not wait]
        if not ready:
            return None, min(waits.values())
        _, domain = min(ready)
        _, outgoing = self._waiting[domain].popleft()
        if not self._waiting[domain]:
            del self._waiting[domain]
        self._limits.take(domain, at)
        return outgoing, 0.0

    def _has_capacity(self, at: float) -> bool:
        if len(self) >= MAX_BUFFERED:
            return False
        # Those that wait for their domain alone are no reason to leave connections idle.
        return sum(
            len(many) for domain, many in self._waiting.items() if not self._limits.wait_for_domain(domain, at)
        ) < (self._capacity)

    def _full_domains(self) -> frozenset[str]:
        if not self._domain_capacity:
            return frozenset()
        return frozenset(domain for domain, many in self._waiting.items() if len(many) >= self._domain_capacity)


async def _wait_for(changed: Coroutine[Any, Any, bool], seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(min(seconds, POLL_SECONDS)):
            await changed


def claim_batch_size(*rates: float) -> int:
    """How many letters are claimed at a time: those of the next seconds, lest a request wait behind digests."""
    return min(CLAIM_BATCH, *(ceil(each * CLAIM_AHEAD_SECONDS) for each in rates if each), CLAIM_BATCH)


def domain_of(address: str) -> str:
    """What a limit counts by."""
    return address.rpartition("@")[2].lower()
