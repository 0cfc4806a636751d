"""Rates that several senders keep together: a token bucket in the database, handed out in slices of time.

A slice is so many letters from one instant on. Slices of one bucket never overlap, so N senders together are as slow
as one. Time is the server's own: nobody's clock can jump in it. PostgreSQL only; elsewhere there is one sender.

How fast letters may leave: so many a second in all, so many to one domain. Time is an argument: seconds of any
clock that only goes forward.

This sender's share of rates that all senders of a store keep together.
"""

import asyncio
from collections.abc import Iterable, Sequence
from time import monotonic

from sqlalchemy import text
from sqlmodel import Session

from digest.context import AppContext
from digest.database import is_postgresql, write_session
from digest.database.models import SharedTokenBucket

now = monotonic  # as the event loop's clock, it never goes back

_RESERVE = text(f"""
    INSERT INTO {SharedTokenBucket.__tablename__} AS bucket (name, available_at)
    VALUES (:name, clock_timestamp() + make_interval(secs => :seconds))
    ON CONFLICT (name) DO UPDATE
    SET available_at = greatest(bucket.available_at, clock_timestamp()) + make_interval(secs => :seconds)
    RETURNING extract(epoch FROM bucket.available_at - clock_timestamp())
""")  # noqa: S608  - the table's own name


def reserve(session: Session, name: str, seconds: float) -> float:
    """The next slice of `seconds` of a rate is the caller's; in how many seconds it begins."""
    ends_in = session.scalars(_RESERVE, {"name": name, "seconds": seconds}).one()
    return max(0.0, float(ends_in) - seconds)


BURST_SECONDS = 0.1  # seconds' worth of letters that may go together after a quiet time, and always one


MAX_DOMAINS = 10_000  # domains before those that rest are forgotten


class TokenBucket:
    """At most `per_second`, spread evenly: a token bucket, kept as the instant at which it would be full again.

    One that is shared with other senders goes only in slices: see `lend`.
    """

    def __init__(self, per_second: float, *, shared: bool = False) -> None:
        self._interval = 1 / per_second
        self._burst = max(0.0, BURST_SECONDS - self._interval)
        self._full_at = float("-inf")
        self._slice_end = float("-inf") if shared else float("inf")
        self._slice_left = 0.0 if shared else float("inf")
        self.slice_size = max(1.0, per_second)  # letters lent at a time: those of a second

    @property
    def slice_seconds(self) -> float:
        """How long a slice lasts."""
        return self.slice_size * self._interval

    def add_slice(self, start: float) -> None:
        """The letters of one slice may go from `starts` on. What has not gone when it is over is forfeited, lest it
        go beside the next slices.
        """
        self._slice_left, self._slice_end = self.slice_size, start + self.slice_seconds + BURST_SECONDS
        self._full_at = max(self._full_at, start + self._burst)

    def needs_slice(self, now: float) -> bool:
        """A slice is wanted before anything may go."""
        return self._slice_left < 1 or now > self._slice_end

    def wait(self, now: float) -> float:
        """Seconds until the next letter may go; 0 when it may go at once."""
        return BURST_SECONDS if self.needs_slice(now) else max(0.0, self._full_at - self._burst - now)

    def take(self, now: float) -> None:
        """One letter goes."""
        self._full_at = max(self._full_at, now) + self._interval
        self._slice_left -= 1

    def is_full(self, now: float) -> bool:
        """Nothing went lately: a new one would be the same."""
        return self._full_at <= now


class RateLimits:
    """Both limits of a sender; 0 is none. `shared`: other senders keep them with us."""

    def __init__(self, per_second: float = 0, per_domain: float = 0, *, shared: bool = False) -> None:
        self._shared = shared
        self._total = TokenBucket(per_second, shared=shared) if per_second else None
        self.per_domain = per_domain
        self._domains: dict[str, TokenBucket] = {}

    @property
    def is_unlimited(self) -> bool:
        """Nothing limits it."""
        return not (self._total or self.per_domain)

    def buckets_needing_slice(self, domains: Iterable[str], now: float) -> list[tuple[str, TokenBucket]]:
        """The rates that want a slice before letters to `domains` may go: the one of all letters is named ""."""
        if not self._shared:
            return []
        asked = [("", self._total)] if self._total else []
        asked += [(domain, self._domain_bucket(domain, now)) for domain in domains] if self.per_domain else []
        return [(name, rate) for name, rate in asked if rate.needs_slice(now)]

    def wait(self, now: float) -> float:
        """Seconds until any letter may go."""
        return self._total.wait(now) if self._total else 0.0

    def wait_for_domain(self, domain: str, now: float) -> float:
        """Seconds until a letter to `domain` may go as far as that domain is concerned."""
        known = self._domains.get(domain)
        return known.wait(now) if known else 0.0

    def take(self, domain: str, now: float) -> None:
        """One letter to `domain` goes."""
        if self._total:
            self._total.take(now)
        if self.per_domain:
            self._domain_bucket(domain, now).take(now)

    def _domain_bucket(self, domain: str, now: float) -> TokenBucket:
        if domain not in self._domains:
            if len(self._domains) >= MAX_DOMAINS:
                self._domains = {name: rate for name, rate in self._domains.items() if not rate.is_full(now)}
            self._domains[domain] = TokenBucket(self.per_domain, shared=self._shared)
        return self._domains[domain]


def rate_limits(ctx: AppContext) -> RateLimits:
    """The rates of the settings."""
    return RateLimits(ctx.settings.smtp_rate, ctx.settings.smtp_domain_rate, shared=is_postgresql(ctx.engine))


class SharedRateLimiter:
    """Slices of the buckets of one relay, fetched when they are wanted."""

    def __init__(self, ctx: AppContext, relay: str) -> None:
        self._ctx, self._relay = ctx, relay

    async def reserve(self, buckets: Sequence[tuple[str, TokenBucket]]) -> None:
        """A slice for each of these rates. Raises StoreError."""
        for name, rate in buckets:
            rate.add_slice(now() + await asyncio.to_thread(self._reserve_slice, name, rate.slice_seconds))

    def _reserve_slice(self, name: str, seconds: float) -> float:
        with write_session(self._ctx.engine) as session:
            return reserve(session, f"{self._relay} {name}".strip(), seconds)
