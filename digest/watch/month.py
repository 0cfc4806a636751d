"""The last 30 days, day by day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Engine

from digest import db
from digest.models import DeliveryState
from digest.watch import letters, readers, sources
from digest.watch.letters import StateCounts
from digest.watch.readers import SubscriberChange, days_until
from digest.watch.sources import FetchCounts
from digest.watch.window import utc_day

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
    with db.read_session(engine) as session:
        return MonthStatistics(
            days=days,
            deliveries=letters.deliveries_by_day(session, days[0]),
            fetches=sources.fetches_by_day(session, days[0]),
            subscribers=readers.subscriber_changes(session, days),
        )
