"""How today's run and the run of any edition go."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Engine, func
from sqlmodel import select

from digest.context import AppContext
from digest.database import read_session
from digest.database.models import OPEN_STATES, Delivery, DeliveryKind, Subscriber, complete_state_counts
from digest.monitoring.delivery_statistics import QueueStatus, deliveries_today, queue_status
from digest.monitoring.overdue import DueSubscribers, find_due_subscribers
from digest.monitoring.source_statistics import FetchCounts, LastFetch, fetches_today, last_fetches
from digest.monitoring.time_window import rows_since, start_of_day, utc_day


@dataclass(frozen=True, slots=True)
class DueHour:
    """Subscribers of one time zone and hour who are due and not planned yet."""

    timezone: str
    send_hour: int
    subscribers: int


@dataclass(frozen=True, slots=True)
class EditionRun:
    """Run of one edition. `planned` counts subscribers, with and without a digest; `deliveries` are by state."""

    day: date
    due: tuple[DueHour, ...]
    planned: int
    deliveries: Mapping[str, int]

    @property
    def open_count(self) -> int:
        """Number of deliveries without a result."""
        return sum(self.deliveries[state] for state in OPEN_STATES)

    @property
    def is_finished(self) -> bool:
        """Whether nothing more is to be expected now."""
        return not self.open_count and not self.due


@dataclass(frozen=True, slots=True)
class CurrentRun:
    """Run of today. `digests` counts those queued today by state, `other_deliveries` e-mails about a subscription."""

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
        """Number of subscribers who wait for a plan."""
        return sum(group.subscribers for group in self.due)

    @property
    def open_count(self) -> int:
        """Number of digests without a result."""
        return sum(self.digests[state] for state in OPEN_STATES)

    @property
    def settled_count(self) -> int:
        """Number of digests with a result."""
        return sum(self.digests.values()) - self.open_count


def get_edition_run(engine: Engine, day: date, now: datetime) -> EditionRun:
    """Return the run of the edition of `day`. Its digests were queued on that day somewhere on earth, or later."""
    waiting: Counter[tuple[str, int]] = Counter()
    for group in find_due_subscribers(engine, now):
        waiting[group.zone, group.send_hour] += group.subscribers
    with read_session(engine) as session:
        planned = session.exec(select(func.count()).select_from(Subscriber).where(Subscriber.last_due_day == day)).one()
        recent = rows_since(session, Delivery.id, Delivery.created_at, start_of_day(day) - timedelta(days=1))
        states = session.exec(
            select(Delivery.state, func.count())
            .where(*recent, Delivery.kind == DeliveryKind.DIGEST, Delivery.edition == day.isoformat())
            .group_by(Delivery.state)
        ).all()
    due = tuple(DueHour(*key, count) for key, count in sorted(waiting.items()))
    return EditionRun(day, due, planned, complete_state_counts(states))


def get_current_run(ctx: AppContext, now: datetime) -> CurrentRun:
    """Return the run of today (UTC)."""
    due = find_due_subscribers(ctx.engine, now)
    with read_session(ctx.engine) as session:
        counts = deliveries_today(session, now)
        digests = ((state, count) for (kind, state), count in counts.items() if kind == DeliveryKind.DIGEST)
        return CurrentRun(
            day=utc_day(now),
            at=now,
            due=tuple(due),
            digests=complete_state_counts(digests),
            other_deliveries=sum(count for (kind, _), count in counts.items() if kind != DeliveryKind.DIGEST),
            queue=queue_status(session, now),
            fetches=fetches_today(session, now),
            last_fetches=last_fetches(session),
        )
