"""Today's round as it goes: what was read, who is still to be planned for, what became of the letters."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from digest import db
from digest.house import House
from digest.models import DeliveryKind
from digest.models.record import OPEN_STATES, complete_state_counts
from digest.watch import letters, sources
from digest.watch.late import Due, due
from digest.watch.letters import Queue
from digest.watch.sources import Last, Looks
from digest.watch.window import today_of


@dataclass(frozen=True, slots=True)
class Today:
    """`digests`: those queued today, by state. `others`: letters about a subscription, as many as were queued."""

    day: date
    at: datetime
    due: tuple[Due, ...]
    digests: Mapping[str, int]
    others: int
    queue: Queue
    looks: Mapping[str, Looks]
    last: Mapping[str, Last]

    @property
    def readers_due(self) -> int:
        return sum(each.readers for each in self.due)

    @property
    def open(self) -> int:
        """Digests that have no answer yet."""
        return sum(self.digests[state] for state in OPEN_STATES)

    @property
    def done(self) -> int:
        """Digests that have one."""
        return sum(self.digests.values()) - self.open


def today(house: House, now: datetime) -> Today:
    """Look at the round of the day that it is in UTC."""
    waiting = due(house.engine, now)
    with db.reading(house.engine) as session:
        found = letters.today_by_kind(session, now)
        digests = ((state, count) for (kind, state), count in found.items() if kind == DeliveryKind.DIGEST)
        return Today(
            day=today_of(now),
            at=now,
            due=tuple(waiting),
            digests=complete_state_counts(digests),
            others=sum(count for (kind, _), count in found.items() if kind != DeliveryKind.DIGEST),
            queue=letters.queue(session, now),
            looks=sources.today(session, now),
            last=sources.last(session),
        )
