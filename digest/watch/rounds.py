"""How a day's round goes: who is still to be planned for, and what became of the letters."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Engine, func
from sqlmodel import select

from digest import db
from digest.models import Delivery, DeliveryKind, Subscriber
from digest.models.record import OPEN_STATES, complete_state_counts
from digest.watch import late
from digest.watch.window import rows_since, start_of_day


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
    for each in late.find_due_subscribers(engine, now):
        key = (each.zone, each.send_hour)
        waiting[key] = waiting.get(key, 0) + each.readers
    with db.read_session(engine) as session:
        planned = session.exec(select(func.count()).select_from(Subscriber).where(Subscriber.last_due_day == day)).one()
        lately = rows_since(session, Delivery.id, Delivery.created_at, start_of_day(day) - timedelta(days=1))
        states = session.exec(
            select(Delivery.state, func.count())
            .where(*lately, Delivery.kind == DeliveryKind.DIGEST, Delivery.edition == day.isoformat())
            .group_by(Delivery.state)
        ).all()
    due = tuple(DueHour(*key, count) for key, count in sorted(waiting.items()))
    return EditionRun(day, due, planned, complete_state_counts(states))
