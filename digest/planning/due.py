"""Who is due: a question to the database, never anyone's memory.

A reader is due when their latest due day is later than the one that was planned last. So days missed are made up once,
a new reader's first letter is the next plan's, and neither a clock set back nor a change of hour, zone or rhythm brings
a day a second time. A day in the future was planned by a clock that ran ahead; it holds nobody back.

Due readers and their queries, as columns of numbers: no object a reader, no row a keyword.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import Engine, func, or_, text, update
from sqlmodel import Session, col, select

from digest.database import is_postgresql, read_session, write_session
from digest.database.models import Subscriber, SubscriberStatus
from digest.planning.match_matrix import BoolArray, IntArray
from digest.schedule import latest_due_day

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
    with read_session(engine) as session:
        earliest_ends = select(Subscriber.timezone, func.min(col(Subscriber.paused_until))).where(paused)
        pause_ends = session.exec(earliest_ends.group_by(Subscriber.timezone)).all()
    for zone, until in pause_ends:
        today = now.astimezone(ZoneInfo(zone)).date()
        if until is None or until > today:
            continue
        with write_session(engine) as session:
            session.execute(
                update(Subscriber)
                .where(paused, col(Subscriber.timezone) == zone, col(Subscriber.paused_until) <= today)
                .values(status=SubscriberStatus.ACTIVE, paused_until=None)
                .execution_options(synchronize_session=False)
            )


def due_groups(engine: Engine, now: datetime) -> list[DueGroup]:
    """Every zone, hour and frequency with a reader who is due. Most of the day there is none, and nothing is locked."""
    with read_session(engine) as session:
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


@dataclass(frozen=True, slots=True)
class SubscriberChunk:
    """A chunk of readers, one place each, by number. What they have seen, how many papers they want, and whether the
    day's top three along with them.
    """

    ids: IntArray
    covered_listing_ids: IntArray
    caps: IntArray
    trending: IntArray

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[Any]]) -> "SubscriberChunk":
        """From rows of (id, covered_to, cap, trending)."""
        values = np.fromiter(chain.from_iterable(rows), dtype=np.int64, count=4 * len(rows))
        return cls(*values.reshape(-1, 4).T.copy())

    def __len__(self) -> int:
        return len(self.ids)

    def filter(self, mask: BoolArray) -> "SubscriberChunk":
        """Those for whom `wanted` is true."""
        return SubscriberChunk(self.ids[mask], self.covered_listing_ids[mask], self.caps[mask], self.trending[mask])


@dataclass(frozen=True, slots=True)
class SavedQueries:
    """What readers ask for: a pair for each saved keyword, in order: the reader's place, and the keyword."""

    positions: IntArray
    keyword_ids: IntArray


def lock_due_subscribers(
    session: Session, group: DueGroup, after_id: int = 0, *, limit: int = CHUNK_SIZE, wait: bool = True
) -> SubscriberChunk:
    """The next readers of a group whose latest due day has not been planned, by number; their rows are locked.

    With `wait` off, readers whom somebody else has locked are left for later.
    """
    last_day = col(Subscriber.last_due_day)
    result = session.connection().execute(  # rows, not objects: no look at what the session holds
        select(Subscriber.id, Subscriber.covered_listing_id, Subscriber.cap, Subscriber.trending)
        .where(Subscriber.status == SubscriberStatus.ACTIVE, Subscriber.timezone == group.timezone)
        .where(Subscriber.send_hour == group.send_hour, Subscriber.frequency == group.frequency)
        .where(or_(last_day.is_(None), last_day < group.due_day, last_day > group.tomorrow))
        .where(col(Subscriber.id) > after_id)
        .order_by(col(Subscriber.id))
        .limit(limit)
        # Readers before letters, in the order in which the front desk locks them.
        .with_for_update(key_share=True, skip_locked=not wait)
    )
    return SubscriberChunk.from_rows(result.cursor.fetchall())  # as the driver gives them: numbers need no reading


# Millions of rows: the database packs them, so that none becomes an object. A reader and a position are one number.
POSITION_BITS = 10  # bits for a position; readers have at most 1,000 keywords


_POSTGRESQL_KEYWORDS = text(
    "SELECT string_agg(int8send(subscriber_id << 10 | position), ''::bytea),"
    " string_agg(int8send(keyword_id), ''::bytea) FROM saved_keyword WHERE subscriber_id = ANY(:numbers)"
)


_SQLITE_KEYWORDS = (
    "SELECT group_concat(saved.subscriber_id << 10 | saved.position), group_concat(saved.keyword_id)"
    " FROM json_each(?) AS reader CROSS JOIN saved_keyword AS saved ON saved.subscriber_id = reader.value"
)


def load_saved_queries(session: Session, subscribers: SubscriberChunk) -> SavedQueries:
    """The saved keywords of these readers."""
    subscriber_ids = subscribers.ids.tolist()
    if is_postgresql(session):
        row = session.execute(_POSTGRESQL_KEYWORDS, {"numbers": subscriber_ids}).one()
        sort_keys, keyword_ids = (np.frombuffer(bytes(each or b""), dtype=">i8").astype(np.int64) for each in row)
    else:
        row = session.connection().exec_driver_sql(_SQLITE_KEYWORDS, (json.dumps(subscriber_ids),)).one()
        sort_keys, keyword_ids = (np.fromstring(each or "", dtype=np.int64, sep=",") for each in row)
    order = np.argsort(sort_keys, kind="stable")
    return SavedQueries(np.searchsorted(subscribers.ids, sort_keys[order] >> POSITION_BITS), keyword_ids[order])
