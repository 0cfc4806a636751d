"""Due readers and their queries, as columns of numbers: no object a reader, no row a keyword."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from sqlalchemy import text
from sqlmodel import Session

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


# Millions of rows: the database packs them, so that none becomes an object.
_PACKED = text(
    "SELECT string_agg(int8send(subscriber_id) || int8send(position) || int8send(keyword_id), ''::bytea)"
    " FROM savedkeyword WHERE subscriber_id = ANY(:numbers)"
)
_ROWS = (
    "SELECT savedkeyword.subscriber_id, savedkeyword.position, savedkeyword.keyword_id FROM json_each(?) AS reader"
    " CROSS JOIN savedkeyword ON savedkeyword.subscriber_id = reader.value"
)


def wanted(session: Session, readers: Readers) -> Wanted:
    """The saved keywords of these readers."""
    numbers = readers.id.tolist()
    if session.get_bind().dialect.name == "postgresql":
        packed = bytes(session.execute(_PACKED, {"numbers": numbers}).scalar_one() or b"")
        saved = np.frombuffer(packed, dtype=">i8").astype(np.int64).reshape(-1, 3)
    else:
        cursor = session.connection().exec_driver_sql(_ROWS, (json.dumps(numbers),)).cursor
        rows = cursor.fetchall()
        flat = np.fromiter(chain.from_iterable(rows), dtype=np.int64, count=3 * len(rows))
        saved = flat.reshape(-1, 3)
    reader = np.searchsorted(readers.id, saved[:, 0])
    order = np.lexsort((saved[:, 1], reader))
    return Wanted(reader[order], saved[order, 2])
