"""Due readers and their queries, as columns of numbers: no object a reader, no row a keyword."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from sqlalchemy import or_, text
from sqlmodel import Session, col, select

from digest import db
from digest.models import Subscriber, SubscriberStatus
from digest.planning.due import CHUNK_SIZE, DueGroup
from digest.planning.hits import BoolArray, IntArray


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
    if db.is_postgresql(session):
        row = session.execute(_POSTGRESQL_KEYWORDS, {"numbers": subscriber_ids}).one()
        sort_keys, keyword_ids = (np.frombuffer(bytes(each or b""), dtype=">i8").astype(np.int64) for each in row)
    else:
        row = session.connection().exec_driver_sql(_SQLITE_KEYWORDS, (json.dumps(subscriber_ids),)).one()
        sort_keys, keyword_ids = (np.fromstring(each or "", dtype=np.int64, sep=",") for each in row)
    order = np.argsort(sort_keys, kind="stable")
    return SavedQueries(np.searchsorted(subscribers.ids, sort_keys[order] >> POSITION_BITS), keyword_ids[order])
