"""This sender's share of rates that all senders of a store keep together."""

import asyncio
from collections.abc import Sequence

from digest import db
from digest.deliveries import bucket
from digest.house import House
from digest.mail.rate import Pace, Rate
from digest.sending.outbox import now


def pace_of(house: House) -> Pace:
    """The rates of the settings."""
    return Pace(house.settings.smtp_rate, house.settings.smtp_domain_rate, shared=db.on_server(house.engine))


class Shares:
    """Slices of the buckets of one relay, fetched when they are wanted."""

    def __init__(self, house: House, relay: str) -> None:
        self._house, self._relay = house, relay

    async def borrow(self, lacking: Sequence[tuple[str, Rate]]) -> None:
        """A slice for each of these rates. Raises StoreError."""
        for name, rate in lacking:
            rate.lend(now() + await asyncio.to_thread(self._take, name, rate.seconds))

    def _take(self, name: str, seconds: float) -> float:
        with db.writing(self._house.engine) as session:
            return bucket.take(session, f"{self._relay} {name}".strip(), seconds)
