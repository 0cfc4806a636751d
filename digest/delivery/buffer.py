"""Prepared e-mails that wait for a connection, or for the rate of their domain.

A domain at its limit holds up no other.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from math import ceil
from time import monotonic
from typing import Any

from digest.delivery.rate_limit import RateLimits, TokenBucket
from digest.rendering import PreparedEmail

CLAIM_BATCH = 100  # deliveries claimed at a time
CLAIM_AHEAD_SECONDS = 5.0  # so much work is claimed ahead where a rate is set
MAX_BUFFERED = 500
POLL_SECONDS = 0.5  # between checks whether to stop

ReserveSlices = Callable[[Sequence[tuple[str, TokenBucket]]], Awaitable[None]]


class SendBuffer:
    """Queue between the claimer and the connections of one sender, in one event loop.

    While `capacity` e-mails are ready nothing more is claimed. `reserve` asks for slices of rates that senders share.
    """

    def __init__(
        self, limits: RateLimits, capacity: int, should_stop: Callable[[], bool], reserve: ReserveSlices
    ) -> None:
        self._limits, self._capacity, self.should_stop, self._reserve = limits, capacity, should_stop, reserve
        self._waiting: dict[str, deque[tuple[int, PreparedEmail]]] = {}  # by domain, where domains have a limit
        self._sequence = 0
        self._is_closed = False
        # A condition wakes connections one by one; an event would wake all of them for every e-mail.
        self._changed = asyncio.Condition()
        self._removed = asyncio.Event()  # for the claimer
        self._domain_capacity = ceil(limits.per_domain * CLAIM_AHEAD_SECONDS)

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    @property
    def is_ready(self) -> bool:
        """Whether an e-mail waits for nothing but a connection."""
        return bool(self._waiting) and self._limits.is_unlimited

    async def put(self, emails: Sequence[PreparedEmail]) -> None:
        """Add e-mails, to leave in this order as far as rates allow."""
        async with self._changed:
            for email in emails:
                domain = email.recipient.rpartition("@")[2].lower() if self._domain_capacity else ""
                self._sequence += 1
                self._waiting.setdefault(domain, deque()).append((self._sequence, email))
            self._changed.notify(len(emails))

    async def close(self) -> None:
        """Announce that no more e-mails will come."""
        async with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    async def get(self) -> PreparedEmail | None:
        """Wait for the next e-mail that may leave; None when there are no more or the sender stops."""
        async with self._changed:
            while not self.should_stop():
                if self._waiting and (buckets := self._limits.buckets_needing_slice(self._waiting, monotonic())):
                    await self._reserve(buckets)
                email, seconds = self._pop_ready(monotonic())
                if email:
                    self._signal_capacity()
                is_exhausted = self._is_closed and not self._waiting
                if is_exhausted:
                    self._changed.notify_all()
                if email or is_exhausted:
                    return email
                await _wait_for(self._changed.wait(), seconds)
        return None

    def take_ready(self, limit: int) -> list[PreparedEmail]:
        """Take up to `limit` e-mails, but the last one; none where rates apply."""
        waiting = self._waiting.get("") if self._limits.is_unlimited and not self.should_stop() else None
        if not waiting:
            return []
        taken = [waiting.popleft()[1] for _ in range(min(limit, len(waiting) - 1))]
        self._signal_capacity()
        return taken

    async def wait_for_capacity(self) -> frozenset[str]:
        """Wait until more e-mails are wanted; return the domains of which there are enough."""
        while not self.should_stop() and not self._has_capacity(monotonic()):
            await self._wait_for_removal()
        return self._full_domains()

    async def wait_for_domain(self, full_domains: frozenset[str]) -> None:
        """Wait until one of `full_domains` has room again."""
        while not self.should_stop() and full_domains <= self._full_domains():
            await self._wait_for_removal()

    async def _wait_for_removal(self) -> None:
        self._removed.clear()
        await _wait_for(self._removed.wait(), POLL_SECONDS)

    def _signal_capacity(self) -> None:
        if self._domain_capacity or self._has_capacity(monotonic()):
            self._removed.set()

    def _pop_ready(self, now: float) -> tuple[PreparedEmail | None, float]:
        """Take the first e-mail that may leave now; else return after how many seconds one may."""
        seconds = self._limits.wait(now)
        if seconds or not self._waiting:
            return None, seconds or POLL_SECONDS
        waits = {domain: self._limits.wait_for_domain(domain, now) for domain in self._waiting}
        ready = [(self._waiting[domain][0][0], domain) for domain, wait in waits.items() if not wait]
        if not ready:
            return None, min(waits.values())
        _, domain = min(ready)
        _, email = self._waiting[domain].popleft()
        if not self._waiting[domain]:
            del self._waiting[domain]
        self._limits.take(domain, now)
        return email, 0.0

    def _has_capacity(self, now: float) -> bool:
        if len(self) >= MAX_BUFFERED:
            return False
        # E-mails that wait for the rate of their domain must not leave connections idle.
        ready = (
            len(emails) for domain, emails in self._waiting.items() if not self._limits.wait_for_domain(domain, now)
        )
        return sum(ready) < self._capacity

    def _full_domains(self) -> frozenset[str]:
        if not self._domain_capacity:
            return frozenset()
        return frozenset(domain for domain, emails in self._waiting.items() if len(emails) >= self._domain_capacity)


def claim_batch_size(*rates: float) -> int:
    """Return how many deliveries to claim at a time: those of the next seconds, so that a request need not wait."""
    return min(CLAIM_BATCH, *(ceil(rate * CLAIM_AHEAD_SECONDS) for rate in rates if rate), CLAIM_BATCH)


async def _wait_for(change: Coroutine[Any, Any, bool], seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(min(seconds, POLL_SECONDS)):
            await change
