"""Rate limits: so many messages a second in all, so many to one domain; shared by all senders on PostgreSQL."""

import asyncio
from collections.abc import Iterable, Sequence
from time import monotonic

from sqlalchemy import text
from sqlmodel import Session

from digest.context import AppContext
from digest.database import is_postgresql, write_session
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
    """Limits of one sender, 0 for none. `shared`: all senders of the store keep them together."""

    def __init__(self, per_second: float = 0, per_domain: float = 0, *, shared: bool = False) -> None:
        self._shared = shared
        self._total = TokenBucket(per_second, shared=shared) if per_second else None
        self.per_domain = per_domain
        self._domains: dict[str, TokenBucket] = {}
        self.is_unlimited = not (per_second or per_domain)

    def buckets_needing_slice(self, domains: Iterable[str], now: float) -> list[tuple[str, TokenBucket]]:
        """Return the named buckets without which nothing may go to `domains`; the one of all messages is named ""."""
        if not self._shared:
            return []
        buckets = [("", self._total)] if self._total else []
        buckets += [(domain, self._domain_bucket(domain, now)) for domain in domains] if self.per_domain else []
        return [(name, bucket) for name, bucket in buckets if bucket.needs_slice(now)]

    def wait(self, now: float) -> float:
        """Return how many seconds any message has to wait."""
        return self._total.wait(now) if self._total else 0.0

    def wait_for_domain(self, domain: str, now: float) -> float:
        """Return how many seconds a message to `domain` has to wait because of others to it."""
        bucket = self._domains.get(domain)
        return bucket.wait(now) if bucket else 0.0

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
            self._domains[domain] = TokenBucket(self.per_domain, shared=self._shared)
        return self._domains[domain]


def rate_limits(ctx: AppContext) -> RateLimits:
    """Return the limits of the settings."""
    settings = ctx.settings
    return RateLimits(settings.smtp_rate, settings.smtp_domain_rate, shared=is_postgresql(ctx.engine))


class SharedRateLimiter:
    """Reserves slices of the token buckets that all senders to one relay share.

    Slices of one bucket never overlap, so many senders together are as slow as one. Time is the database server's.
    """

    def __init__(self, ctx: AppContext, relay: str) -> None:
        self._ctx, self._relay = ctx, relay

    async def reserve(self, buckets: Sequence[tuple[str, TokenBucket]]) -> None:
        """Reserve a slice for each named bucket. Raises StoreError."""
        for name, bucket in buckets:
            seconds = await asyncio.to_thread(
                self._reserve_slice, f"{self._relay} {name}".strip(), bucket.slice_seconds
            )
            bucket.add_slice(monotonic() + seconds)

    def _reserve_slice(self, name: str, seconds: float) -> float:
        with write_session(self._ctx.engine) as session:
            return reserve(session, name, seconds)


def reserve(session: Session, name: str, seconds: float) -> float:
    """Reserve the next slice of `seconds` of a bucket; return in how many seconds it begins."""
    ends_in = session.scalars(_RESERVE, {"name": name, "seconds": seconds}).one()
    return max(0.0, float(ends_in) - seconds)
