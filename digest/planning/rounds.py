"""How a day's round goes: who is still to be planned for, and what became of the letters."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Engine, func, or_
from sqlmodel import Session, col, select

from digest import db
from digest.models import Delivery, Kind, State, Status, Subscriber
from digest.planning.due import Group, due_groups


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
        return sum(self.letters[each] for each in (State.QUEUED, State.SENDING, State.ON_WIRE))

    @property
    def over(self) -> bool:
        """Nothing more is to be expected now."""
        return not self.open and not self.due


def look(engine: Engine, day: date, now: datetime) -> Round:
    """The round of `day`. It counts the edition's letters one by one: seconds where there are tens of millions."""
    groups = due_groups(engine, now)
    with db.reading(engine) as session:
        due: dict[tuple[str, int], int] = {}
        for group in groups:
            key = (group.timezone, group.send_hour)
            due[key] = due.get(key, 0) + _size(session, group)
        planned = session.exec(select(func.count()).select_from(Subscriber).where(Subscriber.last_slot == day)).one()
        states = session.exec(
            select(Delivery.state, func.count())
            .where(Delivery.kind == Kind.DIGEST, Delivery.edition == day.isoformat())
            .group_by(Delivery.state)
        ).all()
    waiting = tuple(Waiting(*key, count) for key, count in sorted(due.items()))
    return Round(day, waiting, planned, {state.value: 0 for state in State} | dict(states))


def _size(session: Session, group: Group) -> int:
    last = col(Subscriber.last_slot)
    asked = (
        select(func.count())
        .select_from(Subscriber)
        .where(Subscriber.status == Status.ACTIVE, Subscriber.timezone == group.timezone)
        .where(Subscriber.send_hour == group.send_hour, Subscriber.frequency == group.frequency)
        .where(or_(last.is_(None), last < group.slot, last > group.tomorrow))
    )
    return session.exec(asked).one()
