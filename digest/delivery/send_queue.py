"""Queue between the store and the connections of one sender: the next e-mails are claimed while these leave.

An e-mail waits here until the rates let it go; one whose domain is at its limit holds up no other.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import ceil

from digest.delivery.claimer import ClaimedEmail, Claimer
from digest.delivery.rate_limit import RateLimits
from digest.delivery.store_executor import StoreExecutor

CLAIM_BATCH = 100  # deliveries claimed at a time
CLAIM_AHEAD_SECONDS = 5.0  # so much work is claimed ahead where a rate is set
MAX_WAITING = 500
POLL_SECONDS = 0.5  # between checks whether to stop


class SendQueue:
    """E-mails of one sender, in one event loop: `claim_all` fills it, connections take from it.

    Every e-mail that a connection took is put back or reported as done.
    """

    def __init__(
        self, claimer: Claimer, limits: RateLimits, executor: StoreExecutor, should_stop: Callable[[], bool]
    ) -> None:
        self.claimed_count = 0
        self._claimer, self._limits, self._executor, self._should_stop = claimer, limits, executor, should_stop
        self._waiting: dict[str, deque[ClaimedEmail]] = {}  # for a rate; by domain, where domains have a limit
        self._ready: asyncio.Queue[ClaimedEmail | None] = asyncio.Queue()
        self._in_use = 0  # e-mails at connections
        self._changed = asyncio.Event()

    @property
    def _batch_size(self) -> int:
        return claim_batch_size(self._limits.per_second, self._limits.per_domain)

    async def claim_all(self, limit: int | None = None) -> None:
        """Claim all that is due, or the first `limit` deliveries, until the last one is done. Raises StoreError."""
        exhausted: frozenset[str] | None = None  # domains left out when there was nothing more
        try:
            while not self._should_stop():
                self._changed.clear()
                seconds = await self._move_ready()
                full_domains = self._full_domains()
                is_exhausted = exhausted is not None and exhausted <= full_domains
                if self._has_capacity() and not is_exhausted and (limit is None or self.claimed_count < limit):
                    claim = partial(self._claimer.claim, self._batch_size, full_domains)
                    emails = await self._executor.run(claim)
                    self.claimed_count += len(emails)
                    exhausted = None if emails else full_domains
                    for email in emails:
                        self._waiting.setdefault(self._key_of(email), deque()).append(email)
                elif self._waiting or self._in_use or self._ready.qsize():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), min(seconds, POLL_SECONDS))
                else:
                    break
        finally:
            self._ready.put_nowait(None)

    async def get(self) -> ClaimedEmail | None:
        """Wait for the next e-mail that may leave; None when there are no more or the sender stops."""
        return self._take(await self._ready.get())

    def get_early(self, connections: int) -> ClaimedEmail | None:
        """Return an e-mail for a connection that is still sending one; None for the last ones, and where rates apply.

        The last ones are for connections that wait.
        """
        if not self._limits.is_unlimited or self._ready.qsize() < connections:
            return None
        return self._take(self._ready.get_nowait())

    def done(self) -> None:
        """Note that an e-mail has left, or never will."""
        self._in_use -= 1
        if not self._in_use:
            self._changed.set()

    def put_back(self, email: ClaimedEmail) -> None:
        """Return an e-mail that did not leave to the head of the queue."""
        self._waiting.setdefault(self._key_of(email), deque()).appendleft(email)
        self._in_use -= 1
        self._changed.set()

    def hold_ready(self) -> None:
        """Let e-mails that were ready wait for a pace that has just been set."""
        ready = [self._ready.get_nowait() for _ in range(self._ready.qsize())]
        for email in reversed(ready):
            if email:
                self._waiting.setdefault(self._key_of(email), deque()).appendleft(email)
            else:
                self._ready.put_nowait(None)
        self._changed.set()

    def _take(self, email: ClaimedEmail | None) -> ClaimedEmail | None:
        if email is None or self._should_stop():
            self._ready.put_nowait(None)  # for the other connections
            return None
        self._in_use += 1
        if self._waiting or self._has_capacity():
            self._changed.set()
        return email

    def _key_of(self, email: ClaimedEmail) -> str:
        return email.domain if self._limits.per_domain else ""

    def _has_capacity(self) -> bool:
        # E-mails that wait for the rate of their domain must not leave connections idle.
        waiting = self._waiting.items()
        unheld = sum(len(emails) for domain, emails in waiting if not self._limits.is_held(domain))
        total = sum(len(emails) for _, emails in waiting)
        return unheld + self._ready.qsize() < self._batch_size and total < MAX_WAITING

    def _full_domains(self) -> frozenset[str]:
        if not self._limits.per_domain:
            return frozenset()
        enough = ceil(self._limits.per_domain * CLAIM_AHEAD_SECONDS)
        return frozenset(domain for domain, emails in self._waiting.items() if len(emails) >= enough)

    async def _move_ready(self) -> float:
        """Make ready what may leave now; return in how many seconds there may be more."""
        seconds = POLL_SECONDS
        # What is ready has its token already; without rates it only has to be enough while the next are claimed.
        capacity = 2 * CLAIM_BATCH if self._limits.is_unlimited else 1
        domains = deque(self._waiting)
        while domains and self._ready.qsize() < capacity:
            for bucket in self._limits.empty_buckets(domains):
                await self._executor.run(partial(self._limits.fill, bucket))
            domain = domains.popleft()
            if not self._waiting.get(domain):
                continue
            if wait := self._limits.wait(domain):
                seconds = min(seconds, wait)
                continue
            self._limits.take(domain)
            self._ready.put_nowait(self._waiting[domain].popleft())
            if self._waiting[domain]:
                domains.append(domain)
            else:
                del self._waiting[domain]
        return seconds


def claim_batch_size(*rates: float) -> int:
    """Return how many deliveries to claim at a time: those of the next seconds, so that a request need not wait."""
    return min(CLAIM_BATCH, *(ceil(rate * CLAIM_AHEAD_SECONDS) for rate in rates if rate), CLAIM_BATCH)
