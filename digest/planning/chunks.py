"""A plan, chunk by chunk of readers: who is due, what each gets, and the rows that say so."""

import gc
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from sqlalchemy import update
from sqlmodel import Session, col, select

from digest import papers
from digest.context import AppContext
from digest.database import is_in_values, read_session, write_session
from digest.database.models import Delivery, Subscriber
from digest.delivery import (
    DigestRow,
    UndeliveredPapers,
    delivered_paper_ids,
    enqueue_digests,
    reclaim_undelivered_papers,
)
from digest.planning.carry_over import DueSubscriber, choose_edition
from digest.planning.due import DueGroup, SavedQueries, SubscriberChunk, load_saved_queries, lock_due_subscribers
from digest.planning.fan_out import RankedMatches, fan_out
from digest.planning.match_matrix import BoolArray, IntArray, json_arrays
from digest.planning.new_papers import NewPapers, load_new_papers
from digest.planning.planner import PlanCallback, PlanReport


@dataclass(frozen=True, slots=True)
class ChunkOptions:
    """How readers go by: how many at a time, who hears of it, and whether to go on."""

    size: int
    on_progress: PlanCallback
    should_stop: Callable[[], bool]


def plan_groups(ctx: AppContext, groups: Sequence[DueGroup], now: datetime, options: ChunkOptions) -> PlanReport:
    """Plan all readers of these groups: those whom nobody holds first, then those whom somebody held."""
    with read_session(ctx.engine) as session:
        new_papers = load_new_papers(session)  # before any reader is locked: matching takes a while
    total = PlanReport()
    gc.freeze()  # what was gathered stays to the end: looking through it again and again costs a tenth of the time
    try:
        for wait in (False, True):
            for group in groups:
                report, new_papers = _plan_group(ctx, group, new_papers, now, options, wait=wait)
                total += report
    finally:
        gc.unfreeze()
    return total


def _plan_group(
    ctx: AppContext, group: DueGroup, new_papers: NewPapers, now: datetime, options: ChunkOptions, *, wait: bool
) -> tuple[PlanReport, NewPapers]:
    total, last_id = PlanReport(), 0
    while not options.should_stop():
        with write_session(ctx.engine, bulk=True) as session:
            subscribers = lock_due_subscribers(session, group, last_id, limit=options.size, wait=wait)
            if not len(subscribers):
                return total, new_papers
            if not new_papers.covers(subscribers.covered_listing_ids):
                new_papers = load_new_papers(session)
            report, new_papers = _plan_chunk(ctx, session, new_papers, subscribers, group.due_day, now)
            options.on_progress(session, report)
            total += report
            last_id = int(subscribers.ids[-1])
    return total, new_papers


def _plan_chunk(
    ctx: AppContext, session: Session, new_papers: NewPapers, subscribers: SubscriberChunk, due_day: date, now: datetime
) -> tuple[PlanReport, NewPapers]:
    edition = due_day.isoformat()
    # A clock that was set back may meet a day that has its letter already: that reader waits for the next one.
    already_planned = session.scalars(
        select(Delivery.subscriber_id).where(
            is_in_values(session, col(Delivery.subscriber_id), subscribers.ids.tolist()), Delivery.edition == edition
        )
    ).all()
    unplanned = subscribers.filter(~np.isin(subscribers.ids, already_planned))
    saved_queries = load_saved_queries(session, unplanned)
    if not new_papers.has_keywords(saved_queries.keyword_ids):
        new_papers = load_new_papers(session)
    queries = ChunkQueries.build(new_papers, unplanned, saved_queries)
    undelivered = reclaim_undelivered_papers(session, unplanned.ids.tolist(), now)
    individual = ~queries.has_inclusion | (unplanned.trending > 0) | np.isin(unplanned.ids, list(undelivered))
    rows = _digest_rows(queries, ~individual)
    if individual.any():
        rows += _individual_digest_rows(session, new_papers, queries, np.flatnonzero(individual).tolist(), undelivered)
    digests = enqueue_digests(session, edition, rows, ctx.sender_domain, now)
    if len(unplanned) < len(subscribers):
        _update_subscribers(session, subscribers, {"last_due_day": due_day})
    # Never back: this pool serves nobody who has seen more.
    _update_subscribers(session, unplanned, {"last_due_day": due_day, "covered_listing_id": new_papers.last_listing_id})
    return PlanReport(len(subscribers), digests, len(subscribers) - digests), new_papers


@dataclass(frozen=True, slots=True)
class ChunkQueries:
    """Readers, their queries as places in the pool (those of reader n from `start[n]` up to `start[n + 1]`), whether
    one of these is no exclusion, the new papers that match, and their keywords as a JSON array.
    """

    subscribers: SubscriberChunk
    query_rows: IntArray
    offsets: IntArray
    has_inclusion: BoolArray
    matches: RankedMatches
    keywords_json: Sequence[str]

    @classmethod
    def build(cls, new_papers: NewPapers, subscribers: SubscriberChunk, saved_queries: SavedQueries) -> "ChunkQueries":
        query_rows = new_papers.rows_of(saved_queries.keyword_ids)
        offsets = np.searchsorted(saved_queries.positions, np.arange(len(subscribers) + 1))
        has_inclusion = (
            np.bincount(saved_queries.positions[~new_papers.is_exclusion[query_rows]], minlength=len(subscribers)) > 0
        )
        matrix = new_papers.entered_after(int(subscribers.covered_listing_ids.min(initial=new_papers.last_listing_id)))
        matches = fan_out(matrix, saved_queries.positions, query_rows, subscribers.covered_listing_ids)
        return cls(
            subscribers,
            query_rows,
            offsets,
            has_inclusion,
            matches,
            json_arrays(new_papers.keyword_id_texts, query_rows, offsets),
        )

    def subscriber_at(self, position: int) -> DueSubscriber:
        """One of them, spelt out."""
        each = self.subscribers
        return DueSubscriber(
            int(each.ids[position]),
            int(each.covered_listing_ids[position]),
            int(each.caps[position]),
            bool(each.trending[position]),
            tuple(self.query_rows[self.offsets[position] : self.offsets[position + 1]].tolist()),
            bool(self.has_inclusion[position]),
        )


def _digest_rows(queries: ChunkQueries, mask: BoolArray) -> list[DigestRow]:
    """The editions of readers to whom only new papers come, those for whom `chosen` is true."""
    readers, ranked = queries.subscribers, queries.matches
    selected = mask & (np.diff(ranked.offsets) > 0)
    lists = ranked.json_lists(readers.caps.tolist())
    subscriber_ids = readers.ids.tolist()
    return [
        (subscriber_ids[place], *lists[place], queries.keywords_json[place])
        for place in np.flatnonzero(selected).tolist()
    ]


def _individual_digest_rows(
    session: Session,
    new_papers: NewPapers,
    queries: ChunkQueries,
    positions: Sequence[int],
    undelivered: Mapping[int, UndeliveredPapers],
) -> list[DigestRow]:
    """The editions of readers to whom papers may come by another door."""
    due_subscribers = [(place, queries.subscriber_at(place)) for place in positions]
    papers_by_id = papers.papers_by_id(
        session, {number for owed in undelivered.values() for number in (*owed.papers, *owed.left_out)}
    )
    new_papers.match_papers(session, list(papers_by_id.values()))
    delivered = delivered_paper_ids(session, [each.id for _, each in due_subscribers])
    rows = []
    for place, reader in due_subscribers:
        matched = queries.matches.candidates_at(place)
        edition = choose_edition(
            reader,
            new_papers,
            matched,
            undelivered.get(reader.id, UndeliveredPapers()),
            papers_by_id,
            delivered.get(reader.id, set()),
        )
        if edition.paper_ids:
            carried, left_out = json.dumps(edition.paper_ids), json.dumps(edition.omitted_ids)
            rows.append((reader.id, carried, left_out, queries.keywords_json[place]))
    return rows


def _update_subscribers(session: Session, subscribers: SubscriberChunk, values: dict[str, object]) -> None:
    session.execute(
        update(Subscriber)
        .where(is_in_values(session, col(Subscriber.id), subscribers.ids.tolist()))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
