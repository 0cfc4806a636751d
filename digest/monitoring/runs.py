"""How a day's round goes: who is still to be planned for, and what became of the letters.

Today's round as it goes: what was read, who is still to be planned for, what became of the letters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Engine, func
from sqlmodel import select

from digest.context import AppContext
from digest.database import read_session
from digest.database.models import OPEN_STATES, Delivery, DeliveryKind, Subscriber, complete_state_counts
from digest.monitoring import source_statistics
from digest.monitoring.delivery_statistics import QueueStatus, deliveries_today, queue_status
from digest.monitoring.overdue import DueSubscribers, find_due_subscribers
from digest.monitoring.source_statistics import FetchCounts, LastFetch, fetches_today
from digest.monitoring.time_window import rows_since, start_of_day, utc_day


@dataclass(frozen=True, slots=True)
class DueHour:
    """Readers of one zone and hour who are due and not planned for yet."""

    timezone: str
    send_hour: int
    subscribers: int


@dataclass(frozen=True, slots=True)
class EditionRun:
    """One day's edition. `planned`: readers it was planned for, whether there was a letter for them or not."""

    day: date
    due: tuple[DueHour, ...]
    planned: int
    deliveries: Mapping[str, int]  # by state

    @property
    def open_count(self) -> int:
        """Letters that have no answer yet."""
        return sum(self.deliveries[each] for each in OPEN_STATES)

    @property
    def is_finished(self) -> bool:
        """Nothing more is to be expected now."""
        return not self.open_count and not self.due


def get_edition_run(engine: Engine, day: date, now: datetime) -> EditionRun:
    """The round of `day`: an edition's letters were written on that day somewhere on earth, or later."""
    waiting: dict[tuple[str, int], int] = {}
    for each in find_due_subscribers(engine, now):
        key = (each.zone, each.send_hour)
        waiting[key] = waiting.get(key, 0) + each.readers
    with read_session(engine) as session:
        planned = session.exec(select(func.count()).select_from(Subscriber).where(Subscriber.last_due_day == day)).one()
        lately = rows_since(session, Delivery.id, Delivery.created_at, start_of_day(day) - timedelta(days=1))
        states = session.exec(
            select(Delivery.state, func.count())
            .where(*lately, Delivery.kind == DeliveryKind.DIGEST, Delivery.edition == day.isoformat())
            .group_by(Delivery.state)
        ).all()
    due = tuple(DueHour(*key, count) for key, count in sorted(waiting.items()))
    return EditionRun(day, due, planned, complete_state_counts(states))


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
    with read_session(ctx.engine) as session:
        found = deliveries_today(session, now)
        digests = ((state, count) for (kind, state), count in found.items() if kind == DeliveryKind.DIGEST)
        return TodayRun(
            day=utc_day(now),
            at=now,
            due=tuple(waiting),
            digests=complete_state_counts(digests),
            other_deliveries=sum(count for (kind, _), count in found.items() if kind != DeliveryKind.DIGEST),
            queue=queue_status(session, now),
            fetches=fetches_today(session, now),
            last_fetches=source_statistics.last_fetches(session),
        )
