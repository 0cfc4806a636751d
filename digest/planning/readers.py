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
from digest.planning.due import CHUNK, Group
from digest.planning.hits import Mask, Numbers


@dataclass(frozen=True, slots=True)
class Readers:
    """A chunk of readers, one place each, by number. What they have seen, how many papers they want, and whether the
    day's top three along with them.
    """

    id: Numbers
    covered_to: Numbers
    cap: Numbers
    trending: Numbers

    @classmethod
    def of(cls, rows: Sequence[Sequence[Any]]) -> "Readers":
        """From rows of (id, covered_to, cap, trending)."""
        flat = np.fromiter(chain.from_iterable(rows), dtype=np.int64, count=4 * len(rows))
        return cls(*flat.reshape(-1, 4).T.copy())

    def __len__(self) -> int:
        return len(self.id)

    def only(self, wanted: Mask) -> "Readers":
        """Those for whom `wanted` is true."""
        return Readers(self.id[wanted], self.covered_to[wanted], self.cap[wanted], self.trending[wanted])


@dataclass(frozen=True, slots=True)
class Wanted:
    """What readers ask for: a pair for each saved keyword, in order: the reader's place, and the keyword."""

    reader: Numbers
    keyword: Numbers


def due(session: Session, group: Group, after: int = 0, *, chunk: int = CHUNK, wait: bool = True) -> Readers:
    """The next readers of a group whose latest due day has not been planned, by number; their rows are locked.

    With `wait` off, readers whom somebody else has locked are left for later.
    """
    last = col(Subscriber.last_due_day)
    found = session.connection().execute(  # rows, not objects: no look at what the session holds
        select(Subscriber.id, Subscriber.covered_listing_id, Subscriber.cap, Subscriber.trending)
        .where(Subscriber.status == SubscriberStatus.ACTIVE, Subscriber.timezone == group.timezone)
        .where(Subscriber.send_hour == group.send_hour, Subscriber.frequency == group.frequency)
        .where(or_(last.is_(None), last < group.slot, last > group.tomorrow))
        .where(col(Subscriber.id) > after)
        .order_by(col(Subscriber.id))
        .limit(chunk)
        # Readers before letters, in the order in which the front desk locks them.
        .with_for_update(key_share=True, skip_locked=not wait)
    )
    return Readers.of(found.cursor.fetchall())  # as the driver gives them: numbers need no reading


# Millions of rows: the database packs them, so that none becomes an object. A reader and a position are one number.
PLACES = 10  # bits for a position; readers have at most 1,000 keywords
_PACKED = text(
    "SELECT string_agg(int8send(subscriber_id << 10 | position), ''::bytea),"
    " string_agg(int8send(keyword_id), ''::bytea) FROM saved_keyword WHERE subscriber_id = ANY(:numbers)"
)
_JOINED = (
    "SELECT group_concat(saved.subscriber_id << 10 | saved.position), group_concat(saved.keyword_id)"
    " FROM json_each(?) AS reader CROSS JOIN saved_keyword AS saved ON saved.subscriber_id = reader.value"
)


def wanted(session: Session, readers: Readers) -> Wanted:
    """The saved keywords of these readers."""
    numbers = readers.id.tolist()
    if db.on_server(session):
        packed = session.execute(_PACKED, {"numbers": numbers}).one()
        place, keyword = (np.frombuffer(bytes(each or b""), dtype=">i8").astype(np.int64) for each in packed)
    else:
        joined = session.connection().exec_driver_sql(_JOINED, (json.dumps(numbers),)).one()
        place, keyword = (np.fromstring(each or "", dtype=np.int64, sep=",") for each in joined)
    order = np.argsort(place, kind="stable")
    return Wanted(np.searchsorted(readers.id, place[order] >> PLACES), keyword[order])
