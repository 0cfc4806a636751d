"""Today's round as it goes: what was read, who is still to be planned for, what became of the letters."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from digest import db
from digest.house import AppContext
from digest.models import DeliveryKind
from digest.models.record import OPEN_STATES, complete_state_counts
from digest.watch import letters, sources
from digest.watch.late import DueSubscribers, find_due_subscribers
from digest.watch.letters import QueueStatus
from digest.watch.sources import FetchCounts, LastFetch
from digest.watch.window import utc_day


@dataclass(frozen=True, slots=True)
class TodayRun:
    """`digests`: those queued today, by state. `others`: letters about a subscription, as many as were queued."""

    day: date
    at: datetime
    due: tuple[DueSubscribers, ...]
    digests: Mapping[str, int]
    other_deliveries: int
    queue: QueueStatus
    fetches: Mapping[str, FetchCounts]
    last_fetches: Mapping[str, LastFetch]

    @property
    def subscribers_due(self) -> int:
        return sum(each.readers for each in self.due)

    @property
    def open_count(self) -> int:
        """Digests that have no answer yet."""
        return sum(self.digests[state] for state in OPEN_STATES)

    @property
    def settled_count(self) -> int:
        """Digests that have one."""
        return sum(self.digests.values()) - self.open_count


def get_today_run(ctx: AppContext, now: datetime) -> TodayRun:
    """Look at the round of the day that it is in UTC."""
    waiting = find_due_subscribers(ctx.engine, now)
    with db.read_session(ctx.engine) as session:
        found = letters.deliveries_today(session, now)
        digests = ((state, count) for (kind, state), count in found.items() if kind == DeliveryKind.DIGEST)
        return TodayRun(
            day=utc_day(now),
            at=now,
            due=tuple(waiting),
            digests=complete_state_counts(digests),
            other_deliveries=sum(count for (kind, _), count in found.items() if kind != DeliveryKind.DIGEST),
            queue=letters.queue_status(session, now),
            fetches=sources.fetches_today(session, now),
            last_fetches=sources.last_fetches(session),
        )
