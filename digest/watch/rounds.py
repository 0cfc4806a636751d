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
from digest.watch.window import midnight, since


@dataclass(frozen=True, slots=True)
class Waiting:
    """Readers of one zone and hour who are due and not planned for yet."""

    timezone: str
    send_hour: int
    readers: int


@dataclass(frozen=True, slots=True)
class Round:
    """One day's edition. `planned`: readers it was planned for, whether there was a letter for them or not."""

    day: date
    due: tuple[Waiting, ...]
    planned: int
    letters: Mapping[str, int]  # by state

    @property
    def open(self) -> int:
        """Letters that have no answer yet."""
        return sum(self.letters[each] for each in OPEN_STATES)

    @property
    def over(self) -> bool:
        """Nothing more is to be expected now."""
        return not self.open and not self.due


def look(engine: Engine, day: date, now: datetime) -> Round:
    """The round of `day`: an edition's letters were written on that day somewhere on earth, or later."""
    waiting: dict[tuple[str, int], int] = {}
    for each in late.due(engine, now):
        key = (each.zone, each.send_hour)
        waiting[key] = waiting.get(key, 0) + each.readers
    with db.reading(engine) as session:
        planned = session.exec(select(func.count()).select_from(Subscriber).where(Subscriber.last_due_day == day)).one()
        lately = since(session, Delivery.id, Delivery.created_at, midnight(day) - timedelta(days=1))
        states = session.exec(
            select(Delivery.state, func.count())
            .where(*lately, Delivery.kind == DeliveryKind.DIGEST, Delivery.edition == day.isoformat())
            .group_by(Delivery.state)
        ).all()
    due = tuple(Waiting(*key, count) for key, count in sorted(waiting.items()))
    return Round(day, due, planned, complete_state_counts(states))
