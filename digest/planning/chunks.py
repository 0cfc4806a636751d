"""A plan, chunk by chunk of readers: who is due, what each gets, and the rows that say so."""

import gc
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from sqlalchemy import update
from sqlmodel import Session, col, select

from digest import db, deliveries, papers
from digest.deliveries import Line, Owed
from digest.house import House
from digest.models import Delivery, Subscriber
from digest.planning import Planned, Told
from digest.planning.doors import Reader, edition_for
from digest.planning.due import Group
from digest.planning.fan import Ranked, fan_out
from digest.planning.hits import Mask, Numbers, arrays
from digest.planning.pool import Pool, gather
from digest.planning.readers import Readers, Wanted, due, wanted


@dataclass(frozen=True, slots=True)
class Chunks:
    """How readers go by: how many at a time, who hears of it, and whether to go on."""

    size: int
    told: Told
    over: Callable[[], bool]


def plan_groups(house: House, groups: Sequence[Group], now: datetime, chunks: Chunks) -> Planned:
    """Plan all readers of these groups: those whom nobody holds first, then those whom somebody held."""
    with db.reading(house.engine) as session:
        pool = gather(session)  # before any reader is locked: matching takes a while
    total = Planned()
    gc.freeze()  # what was gathered stays to the end: looking through it again and again costs a tenth of the time
    try:
        for wait in (False, True):
            for group in groups:
                planned, pool = _plan_group(house, group, pool, now, chunks, wait=wait)
                total += planned
    finally:
        gc.unfreeze()
    return total


def _plan_group(
    house: House, group: Group, pool: Pool, now: datetime, chunks: Chunks, *, wait: bool
) -> tuple[Planned, Pool]:
    total, last = Planned(), 0
    while not chunks.over():
        with db.writing(house.engine, much=True) as session:
            found = due(session, group, last, chunk=chunks.size, wait=wait)
            if not len(found):
                return total, pool
            if not pool.spans(found.covered_to):
                pool = gather(session)
            planned, pool = _plan_chunk(house, session, pool, found, group.slot, now)
            chunks.told(session, planned)
            total += planned
            last = int(found.id[-1])
    return total, pool


def _plan_chunk(
    house: House, session: Session, pool: Pool, found: Readers, day: date, now: datetime
) -> tuple[Planned, Pool]:
    edition = day.isoformat()
    # A clock that was set back may meet a day that has its letter already: that reader waits for the next one.
    done = session.scalars(
        select(Delivery.subscriber_id).where(
            db.among(session, col(Delivery.subscriber_id), found.id.tolist()), Delivery.edition == edition
        )
    ).all()
    readers = found.only(~np.isin(found.id, done))
    asked = wanted(session, readers)
    if not pool.knows(asked.keyword):
        pool = gather(session)
    asking = Asking.of(pool, readers, asked)
    back = deliveries.take_back(session, readers.id.tolist(), now)
    apart = ~asking.asks | (readers.trending > 0) | np.isin(readers.id, list(back))
    lines = _lines(asking, ~apart)
    if apart.any():
        lines += _lines_apart(session, pool, asking, np.flatnonzero(apart).tolist(), back)
    letters = deliveries.enqueue_digests(session, edition, lines, house.domain, now)
    if len(readers) < len(found):
        _mark(session, found, {"last_due_day": day})
    # Never back: this pool serves nobody who has seen more.
    _mark(session, readers, {"last_due_day": day, "covered_listing_id": pool.top})
    return Planned(len(found), letters, len(found) - letters), pool


@dataclass(frozen=True, slots=True)
class Asking:
    """Readers, their queries as places in the pool (those of reader n from `start[n]` up to `start[n + 1]`), whether
    one of these is no exclusion, the new papers that match, and their keywords as a JSON array.
    """

    readers: Readers
    places: Numbers
    start: Numbers
    asks: Mask
    ranked: Ranked
    keywords: Sequence[str]

    @classmethod
    def of(cls, pool: Pool, readers: Readers, asked: Wanted) -> "Asking":
        places = pool.places(asked.keyword)
        start = np.searchsorted(asked.reader, np.arange(len(readers) + 1))
        asks = np.bincount(asked.reader[~pool.excluding[places]], minlength=len(readers)) > 0
        hits = pool.after(int(readers.covered_to.min(initial=pool.top)))
        ranked = fan_out(hits, asked.reader, places, readers.covered_to)
        return cls(readers, places, start, asks, ranked, arrays(pool.written, places, start))

    def reader(self, number: int) -> Reader:
        """One of them, spelt out."""
        each = self.readers
        return Reader(
            int(each.id[number]),
            int(each.covered_to[number]),
            int(each.cap[number]),
            bool(each.trending[number]),
            tuple(self.places[self.start[number] : self.start[number + 1]].tolist()),
            bool(self.asks[number]),
        )


def _lines(asking: Asking, chosen: Mask) -> list[Line]:
    """The editions of readers to whom only new papers come, those for whom `chosen` is true."""
    readers, ranked = asking.readers, asking.ranked
    some = chosen & (np.diff(ranked.start) > 0)
    lists = ranked.lists(readers.cap.tolist())
    numbers = readers.id.tolist()
    return [(numbers[place], *lists[place], asking.keywords[place]) for place in np.flatnonzero(some).tolist()]


def _lines_apart(
    session: Session, pool: Pool, asking: Asking, places: Sequence[int], back: Mapping[int, Owed]
) -> list[Line]:
    """The editions of readers to whom papers may come by another door."""
    readers = [(place, asking.reader(place)) for place in places]
    known = papers.by_ids(session, {number for owed in back.values() for number in (*owed.papers, *owed.left_out)})
    pool.look(session, list(known.values()))
    had = deliveries.had(session, [each.id for _, each in readers])
    lines = []
    for place, reader in readers:
        matched = asking.ranked.candidates(place)
        edition = edition_for(reader, pool, matched, back.get(reader.id, Owed()), known, had.get(reader.id, set()))
        if edition.papers:
            carried, left_out = json.dumps(edition.papers), json.dumps(edition.left_out)
            lines.append((reader.id, carried, left_out, asking.keywords[place]))
    return lines


def _mark(session: Session, readers: Readers, values: dict[str, object]) -> None:
    session.execute(
        update(Subscriber)
        .where(db.among(session, col(Subscriber.id), readers.id.tolist()))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
