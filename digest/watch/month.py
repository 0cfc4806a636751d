"""The last 30 days, day by day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Engine

from digest import db
from digest.models import DeliveryState
from digest.watch import letters, readers, sources
from digest.watch.letters import Counts
from digest.watch.readers import Change, days_until
from digest.watch.sources import Looks
from digest.watch.window import today_of

DAYS = 30
WEEK = 7


@dataclass(frozen=True, slots=True)
class Month:
    """What happened on each of `days`, the last of which is today."""

    days: list[date]
    letters: Mapping[date, Counts]
    looks: Mapping[str, Mapping[date, Looks]]
    readers: Mapping[date, Change]

    def count(self, state: DeliveryState, days: int = DAYS) -> int:
        """Letters queued in the last so many days that are in a state."""
        return sum(self.letters.get(day, {}).get(state, 0) for day in self.days[-days:])

    @property
    def failed_ratio(self) -> float:
        """Of the letters of the last week that have an answer, the share that did not arrive."""
        failed, sent = self.count(DeliveryState.FAILED, WEEK), self.count(DeliveryState.SENT, WEEK)
        return failed / (failed + sent) if failed else 0.0


def month(engine: Engine, now: datetime) -> Month:
    """Count the letters, readings and readers of the last 30 days."""
    days = days_until(today_of(now), DAYS)
    with db.reading(engine) as session:
        return Month(
            days=days,
            letters=letters.by_day(session, days[0]),
            looks=sources.by_day(session, days[0]),
            readers=readers.growth(session, days),
        )
