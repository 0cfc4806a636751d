"""Who is due: a question to the database, never anyone's memory.

A reader is due when their latest due day is not the one that was planned last. So a day missed is made up once, the
hour of a new reader is the next plan's, and a clock set back mails nobody twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, or_, update
from sqlmodel import Session, col, select

from digest import db
from digest.editions import slot
from digest.models import Status, Subscriber

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Group:
    """Readers who are due at the same instants; `slot` is their latest due day."""

    timezone: str
    send_hour: int
    frequency: str
    slot: date


def wake(session: Session, now: datetime) -> None:
    """Pauses that have ended, each by its reader's own date."""
    paused = col(Subscriber.status) == Status.PAUSED
    for zone in session.exec(select(Subscriber.timezone).where(paused).distinct()).all():
        session.execute(
            update(Subscriber)
            .where(paused, col(Subscriber.timezone) == zone)
            .where(col(Subscriber.paused_until) <= now.astimezone(ZoneInfo(zone)).date())
            .values(status=Status.ACTIVE, paused_until=None)
            .execution_options(synchronize_session=False)
        )


def due_groups(engine: Engine, now: datetime) -> list[Group]:
    """Every zone, hour and frequency that some reader has, with its latest due day."""
    with db.reading(engine) as session:
        kinds = session.exec(
            select(Subscriber.timezone, Subscriber.send_hour, Subscriber.frequency)
            .where(Subscriber.status == Status.ACTIVE)
            .distinct()
        ).all()
    return [Group(zone, hour, frequency, slot(now, zone, hour, frequency)) for zone, hour, frequency in kinds]


def due(session: Session, group: Group, after: int = 0) -> Sequence[Subscriber]:
    """The next readers of a group whose latest due day has not been planned, by number."""
    return session.exec(
        select(Subscriber)
        .where(Subscriber.status == Status.ACTIVE, Subscriber.timezone == group.timezone)
        .where(Subscriber.send_hour == group.send_hour, Subscriber.frequency == group.frequency)
        .where(or_(col(Subscriber.last_slot).is_(None), col(Subscriber.last_slot) != group.slot))
        .where(col(Subscriber.id) > after)
        .order_by(col(Subscriber.id))
        .limit(CHUNK)
    ).all()
