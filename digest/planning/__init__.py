"""Who is due, and which papers each of them gets: rows in, queued deliveries out.

    due readers ──┐
                  ├─> candidates ──editions.choose──> drafts ──> deliveries.enqueue
    new papers ───┴─ matching: once for all readers

What is new for a reader is what was first listed after the last edition looked (`entered > covered_to`), and what
earlier letters carried and could not deliver. Every due reader is marked as covered, letter or not, in the same
transaction that queues the letter; so a plan that dies half way is simply made again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from digest import db, deliveries, papers
from digest.deliveries import Draft, Owed
from digest.editions import Candidate, Edition, choose
from digest.house import House
from digest.matching import is_exclusion
from digest.models import Delivery, Keyword, Kind, Paper, SavedKeyword, Subscriber
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
    exclusions: tuple[int, ...] = ()


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
    if not pool.knows(keyword for reader in readers for keyword in (*reader.keywords, *reader.exclusions)):
        pool = gather(session)
    planning = [reader.id for reader in readers]
    back = deliveries.take_back(session, planning, now)
    known = papers.by_ids(session, {number for owed in back.values() for number in [*owed.papers, *owed.left_out]})
    pool.sources |= papers.sources_of(session, known)
    had = deliveries.had(session, [reader.id for reader in readers if reader.id in back or wants_trending(reader)])
    drafts = []
    for reader in readers:
        owed = back.get(reader.id, Owed())
        chosen = edition_for(reader, pool, owed, known, had.get(reader.id, set()))
        if chosen.papers:
            drafts.append(Draft(reader.id, Kind.DIGEST, edition, chosen.papers, chosen.left_out))
    letters = deliveries.enqueue(session, drafts, house.domain, now)
    _mark(session, ids, {"last_slot": day})
    _mark(session, planning, {"covered_to": pool.top})  # never back: this pool serves nobody who has seen more
    return Planned(len(ids), letters, len(ids) - letters)


def edition_for(reader: Reader, pool: Pool, owed: Owed, known: Mapping[int, Paper], had: set[int]) -> Edition:
    """One reader's edition: what is new, within the cap, and on top what earlier letters carried and did not deliver.

    A paper that entered after `covered_to` cannot have been mailed to this reader. Only what comes in by another door
    (owed, or trending after it was listed elsewhere) has to be held against `had`.
    """
    never = pool.refused(reader.exclusions, [known[each] for each in [*owed.papers, *owed.left_out] if each in known])
    had = had | never
    fresh = [after(pool.hits.get(keyword, []), reader.covered_to) for keyword in reader.keywords]
    carried = [known[number] for number in owed.papers if number in known and number not in had]
    again = merge(pool.match(carried, reader.keywords).values()) if carried else []
    if not reader.keywords:
        again = [candidate(paper, queries=0) for paper in carried]
    matched = [each for each in merge(fresh) if each.paper not in never]
    if reader.keywords and not matched and not again:
        return Edition((), ())  # no match, no mail: the top three only come along
    trending: list[Candidate] = []
    if wants_trending(reader):
        trending = [each for each in pool.trending if each.entered > reader.covered_to and each.paper not in had]
        trending += top_three_of(carried, again) if reader.keywords else []
    chosen = choose(matched, trending, cap=reader.cap, top=TOP_THREE if reader.keywords else reader.cap)
    return with_owed(chosen, [*matched, *trending], again, [each for each in owed.left_out if each not in had])


def top_three_of(carried: Sequence[Paper], again: Sequence[Candidate]) -> list[Candidate]:
    """What came along with a lost letter as trending, and may come along again."""
    matched = {each.paper for each in again}
    return [candidate(paper, queries=0) for paper in carried if paper.id not in matched and paper.upvotes is not None]


def with_owed(
    chosen: Edition, fresh: Sequence[Candidate], again: Sequence[Candidate], left_out: Sequence[int]
) -> Edition:
    """Room for what is owed, beyond the cap: it was within the cap of a letter that did not arrive."""
    if not again and not left_out:
        return chosen
    taken = set(chosen.papers)
    ranked = choose([*(each for each in fresh if each.paper in taken), *again], cap=len(taken) + len(again))
    rest = dict.fromkeys([*chosen.left_out, *left_out])
    return Edition(ranked.papers, tuple(number for number in rest if number not in set(ranked.papers)))


def wants_trending(reader: Reader) -> bool:
    """The day's trending papers are for readers without keywords, and for those who asked for the top three."""
    return reader.trending or not reader.keywords


def _readers(session: Session, found: Sequence[Subscriber]) -> list[Reader]:
    keywords: dict[int, list[int]] = {}
    exclusions: dict[int, list[int]] = {}
    for subscriber_id, keyword_id, canonical in session.exec(
        select(SavedKeyword.subscriber_id, SavedKeyword.keyword_id, Keyword.canonical)
        .join(Keyword, col(Keyword.id) == col(SavedKeyword.keyword_id))
        .where(col(SavedKeyword.subscriber_id).in_([each.id for each in found]))
        .order_by(col(SavedKeyword.subscriber_id), col(SavedKeyword.position))
    ).all():
        (exclusions if is_exclusion(canonical) else keywords).setdefault(subscriber_id, []).append(keyword_id)
    return [
        Reader(
            id=number,
            covered_to=each.covered_to,
            cap=each.cap,
            trending=each.trending,
            keywords=tuple(keywords.get(number, ())),
            exclusions=tuple(exclusions.get(number, ())),
        )
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
