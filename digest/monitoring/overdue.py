"""Subscribers who wait for a plan, and what is overdue.

A run is overdue when subscribers have been due for long without a plan, or when deliveries are due and no sender claims
them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from threading import Lock

from sqlalchemy import Engine, case, func, or_, select
from sqlmodel import col

from digest.database import read_session
from digest.database.models import Subscriber, SubscriberStatus
from digest.monitoring import messages
from digest.monitoring.delivery_statistics import QueueStatus
from digest.planning import due_groups
from digest.schedule import due_instant


@dataclass(frozen=True, slots=True)
class DueSubscribers:
    """Group of subscribers who wait for a plan. `due_at`: when their hour came; `since`: when they became due."""

    zone: str
    send_hour: int
    frequency: str
    day: date
    subscribers: int
    due_at: datetime
    since: datetime

    @property
    def key(self) -> tuple[str, int, str, date]:
        """Identity of the group, from one look to the next."""
        return (self.zone, self.send_hour, self.frequency, self.day)


@dataclass(frozen=True, slots=True)
class OverdueStatus:
    """Overdue subscribers and deliveries, and since when."""

    subscribers: int = 0
    subscribers_since: datetime | None = None
    deliveries_since: datetime | None = None

    @property
    def reason(self) -> str:
        """Sentence for the operator; empty when nothing is overdue."""
        if self.subscribers_since:
            return messages.planning_overdue(self.subscribers, f"{self.subscribers_since:%Y-%m-%d %H:%M}")
        if self.deliveries_since:
            return messages.sending_overdue(f"{self.deliveries_since:%Y-%m-%d %H:%M}")
        return ""


def find_due_subscribers(engine: Engine, now: datetime) -> list[DueSubscribers]:
    """Find who is due now. Those who have just confirmed are due since then, however long their hour has passed."""
    groups = due_groups(engine, now)
    if not groups:
        return []
    last = col(Subscriber.last_due_day)
    first_confirmed = func.min(case((last.is_(None), col(Subscriber.confirmed_at))))
    due = []
    with read_session(engine) as session:
        for group in groups:
            count, planned_before, confirmed_at = session.execute(
                select(func.count(), func.count(last), first_confirmed)
                .where(col(Subscriber.status) == SubscriberStatus.ACTIVE, *group.conditions())
                .where(or_(last.is_(None), last < group.due_day, last > group.tomorrow))
            ).one()
            if not count:
                continue  # planned between the two queries
            due_at = due_instant(group.due_day, group.timezone, group.send_hour)
            since = due_at if planned_before or confirmed_at is None else max(due_at, confirmed_at)
            due.append(
                DueSubscribers(group.timezone, group.send_hour, group.frequency, group.due_day, count, due_at, since)
            )
    return due


class OverdueTracker:
    """Memory of who was due when, so that a pause that ends in the afternoon is not overdue since the morning.

    Such a subscriber is due now although an update after their hour did not see them. Before the first update nothing
    is known: then all are due since their hour.
    """

    def __init__(self, threshold: timedelta) -> None:
        self._threshold = threshold
        self._lock = Lock()
        self._first_seen: dict[tuple[str, int, str, date], datetime] = {}
        self._last_update: datetime | None = None

    def update(
        self, due: Sequence[DueSubscribers], queue: QueueStatus, now: datetime, *, circuit_open: bool
    ) -> OverdueStatus:
        """Return what is overdue. While the circuit of the relay is open, waiting deliveries are not."""
        with self._lock:
            first_seen = {}
            for group in due:
                is_late_arrival = self._last_update is not None and group.since <= self._last_update <= now
                first_seen[group.key] = self._first_seen.get(group.key, now if is_late_arrival else group.since)
            self._first_seen, self._last_update = first_seen, now
        overdue = [group for group in due if now - first_seen[group.key] > self._threshold]
        # While a sender claims deliveries, the others wait their turn: a rate may be set.
        is_waiting = queue.oldest_due_at is not None and now - queue.oldest_due_at > self._threshold
        is_idle = queue.last_claimed_at is None or now - queue.last_claimed_at > self._threshold
        return OverdueStatus(
            subscribers=sum(group.subscribers for group in overdue),
            subscribers_since=min((first_seen[group.key] for group in overdue), default=None),
            deliveries_since=queue.oldest_due_at if is_waiting and is_idle and not circuit_open else None,
        )
