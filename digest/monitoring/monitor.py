"""Cached entry point for the operator's pages, /metrics and /healthz."""

from datetime import datetime, timedelta

from digest.context import AppContext
from digest.database import read_session
from digest.monitoring.alerts import Alert, find_alerts
from digest.monitoring.cache import TimedCache
from digest.monitoring.health import Health, check_health
from digest.monitoring.overdue import OverdueTracker
from digest.monitoring.runs import CurrentRun, get_current_run
from digest.monitoring.source_overview import SourceOverview, load_source_overview
from digest.monitoring.statistics import MonthSummary, Statistics, measure_statistics, summarize_month
from digest.monitoring.subscriber_list import StatusCounts, count_subscribers

MAX_WAIT = 3.0  # seconds


class Monitoring:
    """Monitoring of one process. Any number of threads may ask; each value is computed by one of them."""

    def __init__(self, ctx: AppContext) -> None:
        self._ctx = ctx
        self._overdue = OverdueTracker(timedelta(minutes=ctx.settings.overdue_minutes))
        self._health: TimedCache[Health] = TimedCache(seconds=5)
        self._today: TimedCache[CurrentRun] = TimedCache(seconds=2)
        self._statistics: TimedCache[Statistics] = TimedCache(seconds=10)
        self._alerts: TimedCache[list[Alert]] = TimedCache(seconds=10)
        self._month: TimedCache[MonthSummary] = TimedCache(seconds=60)
        self._sources: TimedCache[list[SourceOverview]] = TimedCache(seconds=30)
        self._subscribers: TimedCache[StatusCounts] = TimedCache(seconds=5)

    def health(self, now: datetime) -> Health:
        """Return whether the service does its work; faults of the database are an answer, not an error."""
        return self._health.get(now, lambda: check_health(self._ctx, self._overdue, now))

    def today(self, now: datetime) -> CurrentRun:
        """Return how today's run goes. Raises StoreError, as do the others."""
        return self._today.get(now, lambda: get_current_run(self._ctx, now))

    def today_soon(self, now: datetime) -> CurrentRun | None:
        """Return how today's run goes, or went before; None while it is counted for the first time."""
        return self._today.get_soon(now, lambda: get_current_run(self._ctx, now), MAX_WAIT)

    def statistics(self, now: datetime) -> Statistics:
        """Return all that is measured; of a database that cannot be used only its health."""
        health = self.health(now)
        if not health.is_current:
            return Statistics(at=now, health=health)
        return self._statistics.get(now, lambda: measure_statistics(self._ctx, self.month(now), health, now))

    def month(self, now: datetime) -> MonthSummary:
        """Return the figures of the last 30 days."""
        return self._month.get(now, lambda: summarize_month(self._ctx.engine, now))

    def month_soon(self, now: datetime) -> MonthSummary | None:
        """Return the figures of the last 30 days, or those of before; None while they are counted for the first time.

        With millions of deliveries that takes a while, for which no page waits.
        """
        return self._month.get_soon(now, lambda: summarize_month(self._ctx.engine, now), MAX_WAIT)

    def sources(self, now: datetime) -> list[SourceOverview]:
        """Return how each source and feed does."""
        return self._sources.get(now, lambda: load_source_overview(self._ctx.engine, self._ctx.settings, now))

    def subscribers(self, now: datetime) -> StatusCounts:
        """Return the number of subscribers by status and frequency."""

        def count() -> StatusCounts:
            with read_session(self._ctx.engine) as session:
                return count_subscribers(session)

        return self._subscribers.get(now, count)

    def alerts(self, now: datetime) -> list[Alert]:
        """Return what a person must look at, the most urgent first."""
        health = self.health(now)
        month = self.month_soon(now) if health.is_current else None
        return self._alerts.get(now, lambda: find_alerts(self._ctx, month, health, now))

    def invalidate(self) -> None:
        """Forget cached values after an operator's decision."""
        for cache in (self._today, self._alerts, self._statistics, self._sources, self._subscribers):
            cache.clear()
        self._month.expire()
