"""The last 30 days, day by day.

All numbers that are measured, for whoever draws curves of them.
"""

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import Engine

from digest.context import AppContext
from digest.database import read_session
from digest.database.models import DeliveryState
from digest.monitoring import source_statistics
from digest.monitoring.delivery_statistics import StateCounts, bounces_today, deliveries_by_day, deliveries_today
from digest.monitoring.health import Health
from digest.monitoring.source_statistics import FetchCounts, LastFetch, fetches_by_day, fetches_today
from digest.monitoring.subscriber_statistics import (
    SubscriberChange,
    days_until,
    subscriber_changes,
    subscribers_by_status,
)
from digest.monitoring.time_window import utc_day

MONTH_DAYS = 30


WEEK_DAYS = 7


@dataclass(frozen=True, slots=True)
class MonthStatistics:
    """What happened on each of `days`, the last of which is today."""

    days: list[date]
    deliveries: Mapping[date, StateCounts]
    fetches: Mapping[str, Mapping[date, FetchCounts]]
    subscribers: Mapping[date, SubscriberChange]

    def count(self, state: DeliveryState, days: int = MONTH_DAYS) -> int:
        """Letters queued in the last so many days that are in a state."""
        return sum(self.deliveries.get(day, {}).get(state, 0) for day in self.days[-days:])

    @property
    def failure_ratio(self) -> float:
        """Of the letters of the last week that have an answer, the share that did not arrive."""
        failed, sent = self.count(DeliveryState.FAILED, WEEK_DAYS), self.count(DeliveryState.SENT, WEEK_DAYS)
        return failed / (failed + sent) if failed else 0.0


def month_statistics(engine: Engine, now: datetime) -> MonthStatistics:
    """Count the letters, readings and readers of the last 30 days."""
    days = days_until(utc_day(now), MONTH_DAYS)
    with read_session(engine) as session:
        return MonthStatistics(
            days=days,
            deliveries=deliveries_by_day(session, days[0]),
            fetches=fetches_by_day(session, days[0]),
            subscribers=subscriber_changes(session, days),
        )


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
    with read_session(ctx.engine) as session:
        return Statistics(
            at=now,
            health=health,
            deliveries=deliveries_today(session, now),
            uncertain=month.count(DeliveryState.UNCERTAIN),
            failure_ratio=month.failure_ratio,
            subscribers=subscribers_by_status(session),
            fetches=fetches_today(session, now),
            last_fetches=source_statistics.last_fetches(session),
            bounces=bounces_today(session, now),
            free_disk_bytes=shutil.disk_usage(ctx.settings.data_directory).free if ctx.settings.uses_sqlite else None,
            seconds=time.monotonic() - begun,
        )
