"""What an operator looks at: the pages at /operator, /metrics and /healthz all read it here.

    window.py    where the rows of the last days begin, without an index of time
    kept.py      what was found is kept for a moment
    letters.py   letters by day, and the queue
    sources.py   readings by day, and when a source last answered
    readers.py   readers today, and how many there were
    late.py      a round that is overdue
    today.py     today's round, as it goes
    rounds.py    the round of any day, for the command line
    needs.py     what a person must look at
    health.py    whether the service does its work
    figures.py   all numbers that are measured

Nothing here changes anything. Days are those of UTC.
"""

from datetime import datetime, timedelta

from digest.context import AppContext
from digest.monitoring.alerts import Alert, find_alerts
from digest.monitoring.cache import TimedCache
from digest.monitoring.health import Health, check_health
from digest.monitoring.overdue import OverdueTracker
from digest.monitoring.runs import TodayRun, get_today_run
from digest.monitoring.statistics import MonthStatistics, Statistics, measure_statistics, month_statistics


class Monitoring:
    """One of these a process. Any number of threads may ask; each thing is found out by one of them."""

    def __init__(self, ctx: AppContext) -> None:
        self._ctx = ctx
        self._overdue = OverdueTracker(timedelta(minutes=ctx.settings.overdue_minutes))
        self._health: TimedCache[Health] = TimedCache(seconds=5)
        self._today: TimedCache[TodayRun] = TimedCache(seconds=2)
        self._statistics: TimedCache[Statistics] = TimedCache(seconds=10)
        self._alerts: TimedCache[list[Alert]] = TimedCache(seconds=10)
        self._month: TimedCache[MonthStatistics] = TimedCache(seconds=60)

    def health(self, now: datetime) -> Health:
        """Whether the service does its work; the store's faults are an answer, not an error."""
        return self._health.get(now, lambda: check_health(self._ctx, self._overdue, now))

    def today(self, now: datetime) -> TodayRun:
        """Today's round. Raises StoreError, as do the others."""
        return self._today.get(now, lambda: get_today_run(self._ctx, now))

    def statistics(self, now: datetime) -> Statistics:
        """All numbers that are measured; only the health of a store that cannot be asked."""
        known = self.health(now)
        if not known.is_current:
            return Statistics(at=now, health=known)
        return self._statistics.get(now, lambda: measure_statistics(self._ctx, self.month(now), known, now))

    def month(self, now: datetime) -> MonthStatistics:
        """The last 30 days."""
        return self._month.get(now, lambda: month_statistics(self._ctx.engine, now))

    def alerts(self, now: datetime) -> list[Alert]:
        """What a person must look at, the most urgent first."""
        known = self.health(now)
        asked = self.month(now) if known.is_current else None
        return self._alerts.get(now, lambda: find_alerts(self._ctx, asked, known, now))

    def invalidate(self) -> None:
        """Somebody has just decided something: the next look is a new one."""
        for each in (self._today, self._alerts, self._month, self._statistics):
            each.clear()
