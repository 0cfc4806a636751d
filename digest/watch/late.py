"""A round that is overdue: readers are due for long and nobody has planned for them, or letters may go and nobody takes
them out of the queue.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from threading import Lock
from typing import Any

from sqlalchemy import Engine, Select, case, func, or_, select
from sqlmodel import col

from digest import db
from digest.editions import instant
from digest.models import Subscriber, SubscriberStatus
from digest.planning.due import Group, due_groups
from digest.watch.letters import Queue


@dataclass(frozen=True, slots=True)
class Due:
    """Readers who wait for a plan. `hour`: when their hour came; `since`: when they can have become due at first."""

    zone: str
    send_hour: int
    frequency: str
    day: date
    readers: int
    hour: datetime
    since: datetime

    @property
    def key(self) -> tuple[str, int, str, date]:
        return (self.zone, self.send_hour, self.frequency, self.day)


@dataclass(frozen=True, slots=True)
class Lateness:
    """What is overdue now. `readers` wait since `readers_since`; a letter waits since `letters_since`."""

    readers: int = 0
    readers_since: datetime | None = None
    letters_since: datetime | None = None

    @property
    def reason(self) -> str:
        """In a sentence; empty when nothing is."""
        if self.readers_since:
            who = "1 reader is" if self.readers == 1 else f"{self.readers} readers are"
            return f"a round is overdue: {who} due since {_told(self.readers_since)}, and no plan was made"
        if self.letters_since:
            return f"a round is overdue: letters wait since {_told(self.letters_since)}, and none was tried"
        return ""


def _told(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def due(engine: Engine, now: datetime) -> list[Due]:
    """Who is due now. Who has just confirmed is so since then, however long their hour has passed."""
    groups = due_groups(engine, now)
    if not groups:
        return []
    with db.reading(engine) as session:
        return [each for group in groups if (each := _due(group, session.execute(_asked(group)).one()))]


def _asked(group: Group) -> Select[int, int, Any]:
    last = col(Subscriber.last_due_day)
    confirmed = func.min(case((last.is_(None), col(Subscriber.confirmed_at))))
    return (
        select(func.count(), func.count(last), confirmed)
        .where(col(Subscriber.status) == SubscriberStatus.ACTIVE, col(Subscriber.timezone) == group.timezone)
        .where(col(Subscriber.send_hour) == group.send_hour, col(Subscriber.frequency) == group.frequency)
        .where(or_(last.is_(None), last < group.slot, last > group.tomorrow))
    )


def _due(group: Group, found: Sequence[object]) -> Due | None:
    readers, regular, confirmed = found
    hour = instant(group.slot, group.timezone, group.send_hour)
    if not isinstance(readers, int) or not readers:
        return None  # planned for between the two looks
    since = hour if regular or not isinstance(confirmed, datetime) else max(hour, confirmed)
    return Due(group.timezone, group.send_hour, group.frequency, group.slot, readers, hour, since)


class Late:
    """What was seen due before, so that who resumes after a pause in the afternoon is not overdue since the morning.

    Such a reader is found due although an earlier look, after the hour, has found nobody. From a first look nothing is
    known: then all are due since their hour came.
    """

    def __init__(self, after: timedelta) -> None:
        self._after = after
        self._lock = Lock()
        self._seen: dict[tuple[str, int, str, date], datetime] = {}
        self._looked: datetime | None = None

    def look(self, found: Sequence[Due], queue: Queue, now: datetime, *, closed: bool) -> Lateness:
        """What of it is overdue. `closed`: the relay takes no letters, so that waiting ones are nobody's fault here."""
        with self._lock:
            seen = {}
            for each in found:
                missed = self._looked is not None and each.since <= self._looked <= now
                seen[each.key] = self._seen.get(each.key, now if missed else each.since)
            self._seen, self._looked = seen, now
        late = [each for each in found if now - seen[each.key] > self._after]
        return Lateness(
            readers=sum(each.readers for each in late),
            readers_since=min((seen[each.key] for each in late), default=None),
            letters_since=None if closed else self._waiting(queue, now),
        )

    def _waiting(self, queue: Queue, now: datetime) -> datetime | None:
        # While a sender takes letters out, the others wait their turn: a rate may be set.
        waits = queue.oldest is not None and now - queue.oldest > self._after
        idle = queue.taken is None or now - queue.taken > self._after
        return queue.oldest if waits and idle else None
