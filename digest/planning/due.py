"""Who is due: a question to the database, never anyone's memory.

A reader is due when their latest due day is later than the one that was planned last. So days missed are made up once,
a new reader's first letter is the next plan's, and neither a clock set back nor a change of hour, zone or rhythm brings
a day a second time. A day in the future was planned by a clock that ran ahead; it holds nobody back.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, func, or_, update
from sqlmodel import Session, col, select

from digest import db
from digest.editions import slot
from digest.models import Status, Subscriber
from digest.planning.readers import Readers

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
    paused = col(Subscriber.status) == Status.PAUSED
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
                .values(status=Status.ACTIVE, paused_until=None)
                .execution_options(synchronize_session=False)
            )


def due_groups(engine: Engine, now: datetime) -> list[Group]:
    """Every zone, hour and frequency with a reader who is due. Most of the day there is none, and nothing is locked."""
    with db.reading(engine) as session:
        kinds = session.exec(
            select(Subscriber.timezone, Subscriber.send_hour, Subscriber.frequency, col(Subscriber.last_slot))
            .where(Subscriber.status == Status.ACTIVE)
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


def due(session: Session, group: Group, after: int = 0, *, chunk: int = CHUNK, wait: bool = True) -> Readers:
    """The next readers of a group whose latest due day has not been planned, by number; their rows are locked.

    With `wait` off, readers whom somebody else has locked are left for later.
    """
    last = col(Subscriber.last_slot)
    found = session.connection().execute(  # rows, not objects: no look at what the session holds
        select(Subscriber.id, Subscriber.covered_to, Subscriber.cap, Subscriber.trending)
        .where(Subscriber.status == Status.ACTIVE, Subscriber.timezone == group.timezone)
        .where(Subscriber.send_hour == group.send_hour, Subscriber.frequency == group.frequency)
        .where(or_(last.is_(None), last < group.slot, last > group.tomorrow))
        .where(col(Subscriber.id) > after)
        .order_by(col(Subscriber.id))
        .limit(chunk)
        # Readers before letters, in the order in which the front desk locks them.
        .with_for_update(key_share=True, skip_locked=not wait)
    )
    return Readers.of(found.cursor.fetchall())  # as the driver gives them: numbers need no reading
