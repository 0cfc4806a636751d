"""Rate limits: so many messages a second in all, so many to one domain; shared by all senders on PostgreSQL."""

import asyncio
from collections.abc import Iterable
from time import monotonic

from sqlalchemy import Engine, text

from digest.database import write_session
from digest.database.models import SharedTokenBucket

BURST_SECONDS = 0.1  # seconds' worth of messages that may go together after a quiet time, and always one
MAX_DOMAINS = 10_000  # buckets in memory before full ones are dropped

_RESERVE = text(f"""
    INSERT INTO {SharedTokenBucket.__tablename__} AS bucket (name, available_at)
    VALUES (:name, clock_timestamp() + make_interval(secs => :seconds))
    ON CONFLICT (name) DO UPDATE
    SET available_at = greatest(bucket.available_at, clock_timestamp()) + make_interval(secs => :seconds)
    RETURNING extract(epoch FROM bucket.available_at - clock_timestamp())
""")  # noqa: S608  - the table's own name


class TokenBucket:
    """At most `per_second` messages, spread evenly: a token bucket, kept as the instant at which it will be full.

    Instants are seconds of any clock that never goes back. A shared bucket is empty until `add_slice` fills it.
    """

    def __init__(self, per_second: float, *, shared: bool = False) -> None:
        self._interval = 1 / per_second
        self._burst = max(0.0, BURST_SECONDS - self._interval)
        self._full_at = float("-inf")
        self._slice_end = float("-inf") if shared else float("inf")
        self._slice_left = 0.0 if shared else float("inf")
        self._slice_size = max(1.0, per_second)  # messages of a slice: those of a second
        self.slice_seconds = self._slice_size * self._interval

    def add_slice(self, start: float) -> None:
        """Allow the messages of one slice from `start` on.

        What has not gone when it is over is forfeited, so that it does not go beside the slices of others.
        """
        self._slice_left, self._slice_end = self._slice_size, start + self.slice_seconds + BURST_SECONDS
        self._full_at = max(self._full_at, start + self._burst)

    def needs_slice(self, now: float) -> bool:
        """Return whether a slice has to be reserved before the next message."""
        return self._slice_left < 1 or now > self._slice_end

    def wait(self, now: float) -> float:
        """Return how many seconds the next message has to wait."""
        return BURST_SECONDS if self.needs_slice(now) else max(0.0, self._full_at - self._burst - now)

    def take(self, now: float) -> None:
        """Take the token of one message."""
        self._full_at = max(self._full_at, now) + self._interval
        self._slice_left -= 1

    def is_full(self, now: float) -> bool:
        """Return whether a new bucket would be the same."""
        return self._full_at <= now


class RateLimits:
    """Limits of one sender to one relay, 0 for none; `engine`: all senders of this store keep them together.

    Slices of one shared bucket never overlap, so many senders together are as slow as one.
    """

    def __init__(
        self, per_second: float = 0, per_domain: float = 0, *, engine: Engine | None = None, relay: str = ""
    ) -> None:
        self.per_second, self.per_domain = per_second, per_domain
        self.is_unlimited = not (per_second or per_domain)
        self._engine, self._relay = engine, relay
        self._total = TokenBucket(per_second, shared=bool(engine)) if per_second else None
        self._domains: dict[str, TokenBucket] = {}

    async def reserve_slices(self, domains: Iterable[str], now: float) -> None:
        """Reserve the slices of shared buckets without which nothing may go to `domains`. Raises StoreError."""
        if self._engine is None or self.is_unlimited:
            return
        buckets = {self._relay: self._total} if self._total else {}
        if self.per_domain:
            buckets |= {f"{self._relay} {domain}": self._domain_bucket(domain, now) for domain in domains}
        for name, bucket in buckets.items():
            if bucket.needs_slice(now):
                seconds = await asyncio.to_thread(reserve_slice, self._engine, name, bucket.slice_seconds)
                bucket.add_slice(monotonic() + seconds)

    def wait(self, domain: str, now: float) -> float:
        """Return how many seconds a message to `domain` has to wait."""
        limits = self._total, self._domains.get(domain)
        return max((bucket.wait(now) for bucket in limits if bucket), default=0.0)

    def is_held(self, domain: str, now: float) -> bool:
        """Return whether a message has to wait because of others to its domain."""
        bucket = self._domains.get(domain)
        return bool(bucket and bucket.wait(now))

    def take(self, domain: str, now: float) -> None:
        """Take the tokens of one message to `domain`."""
        if self._total:
            self._total.take(now)
        if self.per_domain:
            self._domain_bucket(domain, now).take(now)

    def _domain_bucket(self, domain: str, now: float) -> TokenBucket:
        if domain not in self._domains:
            if len(self._domains) >= MAX_DOMAINS:
                self._domains = {name: bucket for name, bucket in self._domains.items() if not bucket.is_full(now)}
            self._domains[domain] = TokenBucket(self.per_domain, shared=bool(self._engine))
        return self._domains[domain]


def reserve_slice(engine: Engine, name: str, seconds: float) -> float:
    """Reserve the next slice of a shared bucket; return in how many seconds it begins, by the server's clock."""
    with write_session(engine) as session:
        ends_in = session.scalars(_RESERVE, {"name": name, "seconds": seconds}).one()
    return max(0.0, float(ends_in) - seconds)
