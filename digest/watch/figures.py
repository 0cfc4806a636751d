"""All numbers that are measured, for whoever draws curves of them."""

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from digest import db
from digest.house import AppContext
from digest.models import DeliveryState
from digest.watch import letters, readers, sources
from digest.watch.health import Health
from digest.watch.month import MonthStatistics
from digest.watch.sources import FetchCounts, LastFetch


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """`letters` by kind and state, `looks` by source and `came_back` by verdict are today's (UTC)."""

    at: datetime
    health: Health
    seconds: float = 0.0
    deliveries: Mapping[tuple[str, str], int] = field(default_factory=dict)
    uncertain: int = 0
    failure_ratio: float = 0.0
    subscribers: Mapping[str, int] = field(default_factory=dict)
    fetches: Mapping[str, FetchCounts] = field(default_factory=dict)
    last_fetches: Mapping[str, LastFetch] = field(default_factory=dict)
    bounces: Mapping[str, int] = field(default_factory=dict)
    free_disk_bytes: int | None = None


def measure_statistics(ctx: AppContext, month: MonthStatistics, health: Health, now: datetime) -> Statistics:
    """Measure. Raises StoreError."""
    begun = time.monotonic()
    with db.read_session(ctx.engine) as session:
        return Statistics(
            at=now,
            health=health,
            deliveries=letters.deliveries_today(session, now),
            uncertain=month.count(DeliveryState.UNCERTAIN),
            failure_ratio=month.failure_ratio,
            subscribers=readers.subscribers_by_status(session),
            fetches=sources.fetches_today(session, now),
            last_fetches=sources.last_fetches(session),
            bounces=letters.bounces_today(session, now),
            free_disk_bytes=shutil.disk_usage(ctx.settings.data_directory).free if ctx.settings.uses_sqlite else None,
            seconds=time.monotonic() - begun,
        )
