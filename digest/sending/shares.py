"""This sender's share of rates that all senders of a store keep together."""

import asyncio
from collections.abc import Sequence

from digest import db
from digest.deliveries import bucket
from digest.house import AppContext
from digest.mail.rate import RateLimits, TokenBucket
from digest.sending.outbox import now


def rate_limits(ctx: AppContext) -> RateLimits:
    """The rates of the settings."""
    return RateLimits(ctx.settings.smtp_rate, ctx.settings.smtp_domain_rate, shared=db.is_postgresql(ctx.engine))


class SharedRateLimiter:
    """Slices of the buckets of one relay, fetched when they are wanted."""

    def __init__(self, ctx: AppContext, relay: str) -> None:
        self._ctx, self._relay = ctx, relay

    async def reserve(self, buckets: Sequence[tuple[str, TokenBucket]]) -> None:
        """A slice for each of these rates. Raises StoreError."""
        for name, rate in buckets:
            rate.add_slice(now() + await asyncio.to_thread(self._reserve_slice, name, rate.slice_seconds))

    def _reserve_slice(self, name: str, seconds: float) -> float:
        with db.write_session(self._ctx.engine) as session:
            return bucket.reserve(session, f"{self._relay} {name}".strip(), seconds)
