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
from digest.editions import latest_due_day
from digest.models import Subscriber, SubscriberStatus

CHUNK_SIZE = 8000  # readers planned in one transaction; what a plan holds in memory grows with it


@dataclass(frozen=True, slots=True)
class DueGroup:
    """Readers who are due at the same instants; `slot` is their latest due day, `tomorrow` no day of anyone's yet."""

    timezone: str
    send_hour: int
    frequency: str
    due_day: date
    tomorrow: date

    def is_due(self, last_slot: date | None) -> bool:
        """Whether a reader planned last for `last_slot` is due; `due` asks the database the same."""
        return last_slot is None or last_slot < self.due_day or last_slot > self.tomorrow


def end_expired_pauses(engine: Engine, now: datetime) -> None:
    """End the pauses that are over, each by its reader's own date."""
    paused = col(Subscriber.status) == SubscriberStatus.PAUSED
    with db.read_session(engine) as session:
        earliest_ends = select(Subscriber.timezone, func.min(col(Subscriber.paused_until))).where(paused)
        pause_ends = session.exec(earliest_ends.group_by(Subscriber.timezone)).all()
    for zone, until in pause_ends:
        today = now.astimezone(ZoneInfo(zone)).date()
        if until is None or until > today:
            continue
        with db.write_session(engine) as session:
            session.execute(
                update(Subscriber)
                .where(paused, col(Subscriber.timezone) == zone, col(Subscriber.paused_until) <= today)
                .values(status=SubscriberStatus.ACTIVE, paused_until=None)
                .execution_options(synchronize_session=False)
            )


def due_groups(engine: Engine, now: datetime) -> list[DueGroup]:
    """Every zone, hour and frequency with a reader who is due. Most of the day there is none, and nothing is locked."""
    with db.read_session(engine) as session:
        rows = session.exec(
            select(Subscriber.timezone, Subscriber.send_hour, Subscriber.frequency, col(Subscriber.last_due_day))
            .where(Subscriber.status == SubscriberStatus.ACTIVE)
            .distinct()
        ).all()
    tomorrow = now.astimezone(UTC).date() + timedelta(days=1)
    groups: dict[tuple[str, int, str], DueGroup] = {}
    due: dict[DueGroup, None] = {}
    for zone, hour, frequency, last in rows:
        key = (zone, hour, frequency)
        if key not in groups:
            groups[key] = DueGroup(*key, latest_due_day(now, zone, hour, frequency), tomorrow)
        if groups[key].is_due(last):
            due[groups[key]] = None
    return list(due)
