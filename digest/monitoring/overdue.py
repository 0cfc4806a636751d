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

from digest.database import read_session
from digest.database.models import Subscriber, SubscriberStatus
from digest.monitoring.delivery_statistics import QueueStatus
from digest.planning import DueGroup, due_groups
from digest.schedule import due_instant


@dataclass(frozen=True, slots=True)
class DueSubscribers:
    """Readers who wait for a plan. `hour`: when their hour came; `since`: when they can have become due at first."""

    zone: str
    send_hour: int
    frequency: str
    day: date
    readers: int
    due_at: datetime
    since: datetime

    @property
    def key(self) -> tuple[str, int, str, date]:
        return (self.zone, self.send_hour, self.frequency, self.day)


@dataclass(frozen=True, slots=True)
class OverdueStatus:
    """What is overdue now. `readers` wait since `readers_since`; a letter waits since `letters_since`."""

    subscribers: int = 0
    subscribers_since: datetime | None = None
    deliveries_since: datetime | None = None

    @property
    def reason(self) -> str:
        """In a sentence; empty when nothing is."""
        if self.subscribers_since:
            who = "1 reader is" if self.subscribers == 1 else f"{self.subscribers} readers are"
            return (
                f"a round is overdue: {who} due since {_format_instant(self.subscribers_since)}, and no plan was made"
            )
        if self.deliveries_since:
            return (
                f"a round is overdue: letters wait since {_format_instant(self.deliveries_since)}, and none was tried"
            )
        return ""


def _format_instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def find_due_subscribers(engine: Engine, now: datetime) -> list[DueSubscribers]:
    """Who is due now. Who has just confirmed is so since then, however long their hour has passed."""
    groups = due_groups(engine, now)
    if not groups:
        return []
    with read_session(engine) as session:
        return [
            each for group in groups if (each := _to_due_subscribers(group, session.execute(_select_due(group)).one()))
        ]


def _select_due(group: DueGroup) -> Select[int, int, Any]:
    last = col(Subscriber.last_due_day)
    confirmed = func.min(case((last.is_(None), col(Subscriber.confirmed_at))))
    return (
        select(func.count(), func.count(last), confirmed)
        .where(col(Subscriber.status) == SubscriberStatus.ACTIVE, col(Subscriber.timezone) == group.timezone)
        .where(col(Subscriber.send_hour) == group.send_hour, col(Subscriber.frequency) == group.frequency)
        .where(or_(last.is_(None), last < group.due_day, last > group.tomorrow))
    )


def _to_due_subscribers(group: DueGroup, row: Sequence[object]) -> DueSubscribers | None:
    readers, regular, confirmed = row
    hour = due_instant(group.due_day, group.timezone, group.send_hour)
    if not isinstance(readers, int) or not readers:
        return None  # planned for between the two looks
    since = hour if regular or not isinstance(confirmed, datetime) else max(hour, confirmed)
    return DueSubscribers(group.timezone, group.send_hour, group.frequency, group.due_day, readers, hour, since)


class OverdueTracker:
    """What was seen due before, so that who resumes after a pause in the afternoon is not overdue since the morning.

    Such a reader is found due although an earlier look, after the hour, has found nobody. From a first look nothing is
    known: then all are due since their hour came.
    """

    def __init__(self, threshold: timedelta) -> None:
        self._threshold = threshold
        self._lock = Lock()
        self._first_seen: dict[tuple[str, int, str, date], datetime] = {}
        self._last_update: datetime | None = None

    def update(
        self, due: Sequence[DueSubscribers], queue: QueueStatus, now: datetime, *, circuit_open: bool
    ) -> OverdueStatus:
        """What of it is overdue. `closed`: the relay takes no letters, so that waiting ones are nobody's fault here."""
        with self._lock:
            seen = {}
            for each in due:
                missed = self._last_update is not None and each.since <= self._last_update <= now
                seen[each.key] = self._first_seen.get(each.key, now if missed else each.since)
            self._first_seen, self._last_update = seen, now
        late = [each for each in due if now - seen[each.key] > self._threshold]
        return OverdueStatus(
            subscribers=sum(each.readers for each in late),
            subscribers_since=min((seen[each.key] for each in late), default=None),
            deliveries_since=None if circuit_open else self._overdue_since(queue, now),
        )

    def _overdue_since(self, queue: QueueStatus, now: datetime) -> datetime | None:
        # While a sender takes letters out, the others wait their turn: a rate may be set.
        waits = queue.oldest_due_at is not None and now - queue.oldest_due_at > self._threshold
        idle = queue.last_claimed_at is None or now - queue.last_claimed_at > self._threshold
        return queue.oldest_due_at if waits and idle else None
