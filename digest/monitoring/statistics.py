"""Figures of the last 30 days, and all that is measured for /metrics."""

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import Engine

from digest.context import AppContext
from digest.database import read_session
from digest.database.models import DeliveryState
from digest.monitoring.delivery_statistics import StateCounts, bounces_today, deliveries_by_day, deliveries_today
from digest.monitoring.health import Health
from digest.monitoring.source_statistics import FetchCounts, LastFetch, fetches_by_day, fetches_today, last_fetches
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
class MonthSummary:
    """Figures of each of `days`, the last of which is today."""

    days: list[date]
    deliveries: Mapping[date, StateCounts]
    fetches: Mapping[str, Mapping[date, FetchCounts]]
    subscribers: Mapping[date, SubscriberChange]

    def count(self, state: DeliveryState, days: int = MONTH_DAYS) -> int:
        """Count the deliveries in a state that were queued in the last `days`."""
        return sum(self.deliveries.get(day, {}).get(state, 0) for day in self.days[-days:])

    @property
    def failure_ratio(self) -> float:
        """Share of failed deliveries among those of the last week that have a result."""
        failed, sent = self.count(DeliveryState.FAILED, WEEK_DAYS), self.count(DeliveryState.SENT, WEEK_DAYS)
        return failed / (failed + sent) if failed else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Measurements for /metrics.

    Deliveries by kind and state, fetches by source and bounces by class are today's (UTC).
    """

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


def summarize_month(engine: Engine, now: datetime) -> MonthSummary:
    """Count the deliveries, fetches and subscribers of the last 30 days."""
    days = days_until(utc_day(now), MONTH_DAYS)
    with read_session(engine) as session:
        return MonthSummary(
            days=days,
            deliveries=deliveries_by_day(session, days[0]),
            fetches=fetches_by_day(session, days[0]),
            subscribers=subscriber_changes(session, days),
        )


def measure_statistics(ctx: AppContext, month: MonthSummary, health: Health, now: datetime) -> Statistics:
    """Measure everything. Raises StoreError."""
    started = time.monotonic()
    settings = ctx.settings
    with read_session(ctx.engine) as session:
        return Statistics(
            at=now,
            health=health,
            deliveries=deliveries_today(session, now),
            uncertain=month.count(DeliveryState.UNCERTAIN),
            failure_ratio=month.failure_ratio,
            subscribers=subscribers_by_status(session),
            fetches=fetches_today(session, now),
            last_fetches=last_fetches(session),
            bounces=bounces_today(session, now),
            free_disk_bytes=shutil.disk_usage(settings.data_directory).free if settings.uses_sqlite else None,
            seconds=time.monotonic() - started,
        )
