"""Who is due, and which papers each of them gets: rows in, queued deliveries out.

    due readers ──┐
                  ├─> candidates ──editions.choose──> drafts ──> deliveries.enqueue
    new papers ───┴─ matching: once for all readers

What is new for a reader is what was first listed after the last edition looked (`entered > covered_to`), and what
earlier letters carried and could not deliver. Every due reader is marked as covered, letter or not, in the same
transaction that queues the letter; so a plan that dies half way is simply made again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from digest import db, deliveries, papers
from digest.deliveries import Draft
from digest.editions import Edition, choose
from digest.house import House
from digest.models import Delivery, Kind, Paper, SavedKeyword, Subscriber
from digest.planning.due import due, due_groups, wake
from digest.planning.pool import Pool, after, candidate, gather, merge

TOP_THREE = 3


@dataclass(frozen=True, slots=True)
class Planned:
    """What a plan came to. `quiet`: due readers for whom there was nothing."""

    due: int = 0
    letters: int = 0
    quiet: int = 0

    def __add__(self, other: "Planned") -> "Planned":
        return Planned(self.due + other.due, self.letters + other.letters, self.quiet + other.quiet)


@dataclass(frozen=True, slots=True)
class Reader:
    """A due reader, as far as choosing papers needs."""

    id: int
    covered_to: int
    cap: int
    trending: bool
    keywords: tuple[int, ...]


def plan(house: House, now: datetime) -> Planned:
    """Queue a digest for every reader whose hour has come and for whom there is something."""
    wake(house.engine, now)
    total, pool = Planned(), None
    for group in due_groups(house.engine, now):
        last = 0
        while True:
            with db.writing(house.engine) as session:
                db.hold(session, db.PLAN_LOCK)
                found = due(session, group, last)
                if not found:
                    break
                if pool is None or not pool.serves(found):
                    pool = gather(session)
                total += _plan_chunk(house, session, pool, found, group.slot, now)
                last = int(found[-1].id or 0)
    return total


def _plan_chunk(
    house: House, session: Session, pool: Pool, found: Sequence[Subscriber], day: date, now: datetime
) -> Planned:
    ids = [int(each.id or 0) for each in found]
    edition = day.isoformat()
    # A clock that was set back may meet a day that has its letter already: that reader waits for the next one.
    done = set(
        session.scalars(
            select(Delivery.subscriber_id).where(col(Delivery.subscriber_id).in_(ids), Delivery.edition == edition)
        )
    )
    readers = _readers(session, [each for each in found if each.id not in done])
    if not pool.knows(keyword for reader in readers for keyword in reader.keywords):
        pool = gather(session)
    planning = [reader.id for reader in readers]
    back = deliveries.take_back(session, planning, now)
    known = papers.by_ids(session, {number for numbers in back.values() for number in numbers})
    had = deliveries.had(session, [reader.id for reader in readers if reader.id in back or wants_trending(reader)])
    drafts = []
    for reader in readers:
        returned = [known[number] for number in back.get(reader.id, []) if number in known]
        chosen = edition_for(reader, pool, returned, had.get(reader.id, set()))
        if chosen.papers:
            drafts.append(Draft(reader.id, Kind.DIGEST, edition, chosen.papers, chosen.left_out))
    letters = deliveries.enqueue(session, drafts, house.domain, now)
    _mark(session, ids, {"last_slot": day})
    _mark(session, planning, {"covered_to": pool.top})  # never back: this pool serves nobody who has seen more
    return Planned(len(ids), letters, len(ids) - letters)


def edition_for(reader: Reader, pool: Pool, returned: Sequence[Paper], had: set[int]) -> Edition:
    """One reader's edition. `returned` are papers of letters that did not arrive, `had` those of letters that did.

    A paper that entered after `covered_to` cannot have been mailed to this reader. Only what comes in by another door
    (returned, or trending after it was listed elsewhere) has to be held against `had`.
    """
    rows = [after(pool.hits.get(keyword, []), reader.covered_to) for keyword in reader.keywords]
    if returned:
        fresh = [paper for paper in returned if paper.id not in had]
        rows += pool.match(fresh, reader.keywords).values()
    matched = merge(rows)
    if reader.keywords and not matched:
        return Edition((), ())  # no match, no mail: the top three only come along
    trending = []
    if wants_trending(reader):
        trending = [each for each in pool.trending if each.entered > reader.covered_to and each.paper not in had]
        known = {each.paper for each in matched}
        lost = [paper for paper in returned if paper.id not in had | known]
        trending += [candidate(paper) for paper in lost if paper.upvotes is not None or not reader.keywords]
    return choose(matched, trending, cap=reader.cap, top=TOP_THREE if reader.keywords else reader.cap)


def wants_trending(reader: Reader) -> bool:
    """The day's trending papers are for readers without keywords, and for those who asked for the top three."""
    return reader.trending or not reader.keywords


def _readers(session: Session, found: Sequence[Subscriber]) -> list[Reader]:
    keywords: dict[int, list[int]] = {}
    for subscriber_id, keyword_id in session.exec(
        select(SavedKeyword.subscriber_id, SavedKeyword.keyword_id)
        .where(col(SavedKeyword.subscriber_id).in_([each.id for each in found]))
        .order_by(col(SavedKeyword.subscriber_id), col(SavedKeyword.position))
    ).all():
        keywords.setdefault(subscriber_id, []).append(keyword_id)
    return [
        Reader(number, each.covered_to, each.cap, each.trending, tuple(keywords.get(number, ())))
        for each in found
        if (number := int(each.id or 0))
    ]


def _mark(session: Session, ids: Sequence[int], values: dict[str, object]) -> None:
    session.execute(
        update(Subscriber)
        .where(col(Subscriber.id).in_(ids))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
