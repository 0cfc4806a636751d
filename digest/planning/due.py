"""Who is due: a question to the database, never anyone's memory.

A reader is due when their latest due day is later than the one that was planned last. So days missed are made up once,
a new reader's first letter is the next plan's, and neither a clock set back nor a change of hour, zone or rhythm brings
a day a second time. A day in the future was planned by a clock that ran ahead; it holds nobody back.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, func, update
from sqlmodel import col, select

from digest import db
from digest.editions import slot
from digest.models import Subscriber, SubscriberStatus

CHUNK = 8000  # readers planned in one transaction; what a plan holds in memory grows with it


@dataclass(frozen=True, slots=True)
class Group:
    """Readers who are due at the same instants; `slot` is their latest due day, `tomorrow` no day of anyone's yet."""

    timezone: str
    send_hour: int
    frequency: str
    slot: date
    tomorrow: date

    def awaits(self, last_slot: date | None) -> bool:
        """Whether a reader planned last for `last_slot` is due; `due` asks the database the same."""
        return last_slot is None or last_slot < self.slot or last_slot > self.tomorrow


def wake(engine: Engine, now: datetime) -> None:
    """End the pauses that are over, each by its reader's own date."""
    paused = col(Subscriber.status) == SubscriberStatus.PAUSED
    with db.reading(engine) as session:
        first = select(Subscriber.timezone, func.min(col(Subscriber.paused_until))).where(paused)
        ends = session.exec(first.group_by(Subscriber.timezone)).all()
    for zone, until in ends:
        today = now.astimezone(ZoneInfo(zone)).date()
        if until is None or until > today:
            continue
        with db.writing(engine) as session:
            session.execute(
                update(Subscriber)
                .where(paused, col(Subscriber.timezone) == zone, col(Subscriber.paused_until) <= today)
                .values(status=SubscriberStatus.ACTIVE, paused_until=None)
                .execution_options(synchronize_session=False)
            )


def due_groups(engine: Engine, now: datetime) -> list[Group]:
    """Every zone, hour and frequency with a reader who is due. Most of the day there is none, and nothing is locked."""
    with db.reading(engine) as session:
        kinds = session.exec(
            select(Subscriber.timezone, Subscriber.send_hour, Subscriber.frequency, col(Subscriber.last_due_day))
            .where(Subscriber.status == SubscriberStatus.ACTIVE)
            .distinct()
        ).all()
    tomorrow = now.astimezone(UTC).date() + timedelta(days=1)
    groups: dict[tuple[str, int, str], Group] = {}
    found: dict[Group, None] = {}
    for zone, hour, frequency, last in kinds:
        key = (zone, hour, frequency)
        if key not in groups:
            groups[key] = Group(*key, slot(now, zone, hour, frequency), tomorrow)
        if groups[key].awaits(last):
            found[groups[key]] = None
    return list(found)
