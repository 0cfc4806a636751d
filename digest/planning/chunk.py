"""Plan one chunk of subscribers: which papers each gets, and the rows that say so."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np
from sqlalchemy import update
from sqlmodel import Session, col, select

from digest import delivery, papers
from digest.database import KEYWORD_MISSING, InvalidRow, create_invalid_row, is_in_values, select_readable
from digest.database.models import Delivery, SavedKeyword, Subscriber
from digest.delivery import DigestRow, UndeliveredPapers
from digest.planning.carry_over import DueSubscriber, choose_edition
from digest.planning.close_papers import add_close_papers
from digest.planning.due import SavedQueries, SubscriberChunk, load_saved_queries
from digest.planning.fan_out import SortedMatches, fan_out
from digest.planning.match_matrix import BoolArray, IntArray, json_arrays
from digest.planning.new_papers import NewPapers, load_new_papers
from digest.planning.news import add_news
from digest.planning.planner import PlanReport


@dataclass(frozen=True, slots=True)
class ChunkQueries:
    """Subscribers, the queries of each, and the new papers that these match.

    `query_rows` of subscriber n lie from `offsets[n]` to `offsets[n + 1]`, and `positions` says n for each of them;
    `has_inclusion` is false where all of them are exclusions; `keywords_json` has their keywords as JSON arrays.
    """

    subscribers: SubscriberChunk
    positions: IntArray
    query_rows: IntArray
    offsets: IntArray
    has_inclusion: BoolArray
    matches: SortedMatches
    keywords_json: Sequence[str]

    @classmethod
    def build(cls, new_papers: NewPapers, subscribers: SubscriberChunk, saved_queries: SavedQueries) -> "ChunkQueries":
        """Match the new papers for these subscribers."""
        query_rows = new_papers.rows_of(saved_queries.keyword_ids)
        offsets = np.searchsorted(saved_queries.positions, np.arange(len(subscribers) + 1))
        inclusions = saved_queries.positions[~new_papers.is_exclusion[query_rows]]
        oldest = subscribers.covered_listing_ids.min(initial=new_papers.last_listing_id)
        return cls(
            subscribers,
            saved_queries.positions,
            query_rows,
            offsets,
            np.bincount(inclusions, minlength=len(subscribers)) > 0,
            fan_out(
                new_papers.listed_after(int(oldest)),
                saved_queries.positions,
                query_rows,
                subscribers,
            ),
            json_arrays(new_papers.keyword_id_texts, query_rows, offsets),
        )

    def subscriber_at(self, position: int) -> DueSubscriber:
        """Return one of the subscribers as an object."""
        subscribers = self.subscribers
        return DueSubscriber(
            int(subscribers.ids[position]),
            int(subscribers.covered_listing_ids[position]),
            int(subscribers.caps[position]),
            bool(subscribers.trending[position]),
            tuple(self.query_rows[self.offsets[position] : self.offsets[position + 1]].tolist()),
            bool(self.has_inclusion[position]),
            subscribers.source_choices[subscribers.choices[position]],
            bool(subscribers.about_only[position]),
        )


def plan_chunk(
    session: Session,
    new_papers: NewPapers,
    subscribers: SubscriberChunk,
    due_day: date,
    domain: str,
    now: datetime,
    unreadable: list[InvalidRow],
) -> tuple[PlanReport, NewPapers]:
    """Queue the digests of these subscribers and mark them as planned.

    Returns the new papers, too: they are loaded again where a keyword was added since. Rows that cannot be read are
    left out and appended to `unreadable`.
    """
    edition = due_day.isoformat()
    # With a clock that was set back, a day may have its digest already: its subscriber waits for the next day.
    already_planned = session.scalars(
        select(Delivery.subscriber_id).where(
            is_in_values(session, col(Delivery.subscriber_id), subscribers.ids.tolist()), Delivery.edition == edition
        )
    ).all()
    is_planned = np.isin(subscribers.ids, already_planned)
    unplanned = subscribers.filter(~is_planned)
    saved_queries = load_saved_queries(session, unplanned, unreadable)
    is_known = new_papers.has_keywords(saved_queries.keyword_ids)
    if not is_known.all():
        if not new_papers.unreadable_keyword_ids.issuperset(saved_queries.keyword_ids[~is_known].tolist()):
            new_papers = load_new_papers(session, unreadable)
        unplanned, saved_queries = _drop_invalid(session, new_papers, unplanned, saved_queries, unreadable)
    queries = ChunkQueries.build(new_papers, unplanned, saved_queries)
    undelivered = delivery.reclaim_undelivered_papers(session, unplanned.ids.tolist(), now, unreadable)
    queries = _drop_delivered(session, new_papers, queries, unreadable)
    is_individual = ~queries.has_inclusion | (unplanned.trending > 0) | np.isin(unplanned.ids, list(undelivered))
    rows = _digest_rows(queries, ~is_individual)
    if is_individual.any():
        positions = np.flatnonzero(is_individual).tolist()
        rows += _individual_digest_rows(session, new_papers, queries, positions, undelivered, unreadable)
    digests = delivery.enqueue_digests(session, edition, rows, domain, now)
    add_close_papers(session, edition, new_papers, queries, rows, undelivered, unreadable)
    add_news(session, edition, {row[0]: row[1] for row in rows}, now)
    delivery.settle_welcomes(session, unplanned.ids.tolist(), [row[0] for row in rows])
    if already_planned:
        _update_subscribers(session, subscribers.filter(is_planned), {"last_due_day": due_day})
    # The mark only grows: these papers were loaded for subscribers who had seen no later listing.
    covered = {"last_due_day": due_day, "covered_listing_id": new_papers.last_listing_id}
    _update_subscribers(session, unplanned, covered)
    return PlanReport(len(subscribers), digests, len(subscribers) - digests), new_papers


def _drop_invalid(
    session: Session,
    new_papers: NewPapers,
    subscribers: SubscriberChunk,
    saved_queries: SavedQueries,
    unreadable: list[InvalidRow],
) -> tuple[SubscriberChunk, SavedQueries]:
    """Drop keywords that cannot be read, and the subscribers to whom none is left that brings papers: they wait."""
    is_known = new_papers.has_keywords(saved_queries.keyword_ids)
    missing = set(saved_queries.keyword_ids[~is_known].tolist()) - new_papers.unreadable_keyword_ids
    if missing:
        orphans = select(SavedKeyword).where(is_in_values(session, col(SavedKeyword.keyword_id), missing))
        for row in session.exec(orphans).all():
            row_id = f"{row.subscriber_id}:{row.position}"
            unreadable.append(create_invalid_row(SavedKeyword, row_id, KEYWORD_MISSING))
        new_papers.unreadable_keyword_ids |= missing
    positions = saved_queries.positions[is_known]
    keyword_ids = saved_queries.keyword_ids[is_known]
    inclusions = positions[~new_papers.is_exclusion[new_papers.rows_of(keyword_ids)]]
    waits = np.isin(np.arange(len(subscribers)), np.setdiff1d(saved_queries.positions[~is_known], inclusions))
    remains = ~waits[positions]
    shift = np.cumsum(waits)
    remaining = SavedQueries((positions - shift[positions])[remains], keyword_ids[remains])
    return subscribers.filter(~waits), remaining


def _drop_delivered(
    session: Session,
    new_papers: NewPapers,
    queries: ChunkQueries,
    unreadable: list[InvalidRow],
) -> ChunkQueries:
    """Drop what subscribers have had: papers with a fresh number, and papers of which they had an earlier version.

    And papers that a chosen source lists after others. Whom an earlier version has reached is a matter of numbers; only
    for the few others one looks at what they had.
    """
    versions = new_papers.earlier_versions
    later_ids = {pair.later_id for pair in versions.pairs} if versions else set()
    has_choices = bool(queries.subscribers.choices.any())
    if not (new_papers.renumbered_ids or later_ids or has_choices):
        return queries
    covered = queries.subscribers.covered_listing_ids if has_choices else None
    indices, positions, paper_ids = queries.matches.cells_of(new_papers.renumbered_ids | later_ids, covered)
    is_dropped = np.zeros(len(indices), dtype=bool)
    if versions:
        reached = versions.find_reached(queries.positions, queries.query_rows, queries.subscribers)
        for column, pair in enumerate(versions.pairs):
            is_dropped |= (paper_ids == pair.later_id) & reached[positions, column]
    remaining = np.flatnonzero(~is_dropped).tolist()
    ids = queries.subscribers.ids.tolist()
    unknown: dict[int, InvalidRow] = {}
    subscriber_ids = sorted({ids[positions[at]] for at in remaining})
    delivered = papers.delivered_paper_ids(session, subscriber_ids, unknown) if remaining else {}
    unreadable += unknown.values()
    for at in remaining:
        subscriber_id, paper_id = ids[positions[at]], int(paper_ids[at])
        versions_had = versions.versions_of(paper_id) if versions else {paper_id}
        is_dropped[at] = subscriber_id in unknown or not versions_had.isdisjoint(delivered.get(subscriber_id, ()))
    return replace(queries, matches=queries.matches.without(indices[is_dropped]))


def _digest_rows(queries: ChunkQueries, mask: BoolArray) -> list[DigestRow]:
    """Return the digests of those subscribers, chosen by `mask`, to whom only new papers come."""
    caps = queries.subscribers.caps
    matches = queries.matches.seat_queries(queries.positions, queries.query_rows, caps)
    lists = matches.json_lists(caps.tolist())
    subscriber_ids = queries.subscribers.ids.tolist()
    positions = np.flatnonzero(mask & (np.diff(queries.matches.offsets) > 0)).tolist()
    return [(subscriber_ids[at], *lists[at], queries.keywords_json[at]) for at in positions]


def _individual_digest_rows(
    session: Session,
    new_papers: NewPapers,
    queries: ChunkQueries,
    positions: Sequence[int],
    undelivered: Mapping[int, UndeliveredPapers],
    unreadable: list[InvalidRow],
) -> list[DigestRow]:
    """Return the digests of the subscribers to whom undelivered or trending papers may come, chosen one by one."""
    due_subscribers = [(position, queries.subscriber_at(position)) for position in positions]
    undelivered = _replace_merged(session, undelivered)
    paper_ids = {number for owed in undelivered.values() for number in (*owed.papers, *owed.omitted_papers)}
    stored = select_readable(papers.papers_by_id(session, paper_ids).values(), unreadable)
    papers_by_id = {int(paper.id or 0): paper for paper in stored}
    new_papers.match_papers(session, list(papers_by_id.values()))
    unknown: dict[int, InvalidRow] = {}
    delivered = papers.delivered_paper_ids(session, [subscriber.id for _, subscriber in due_subscribers], unknown)
    unreadable += unknown.values()
    versions = papers.load_versions(session, papers_by_id.keys()) if papers_by_id else {}
    listed_ids = [*papers_by_id, *(candidate.paper_id for candidate in new_papers.trending)]
    has_choices = any(subscriber.sources for _, subscriber in due_subscribers)
    sources_by_id = papers.sources_by_paper(session, listed_ids) if has_choices else {}
    rows = []
    for position, due_subscriber in due_subscribers:
        subscriber, carried_over = due_subscriber, undelivered.get(due_subscriber.id, UndeliveredPapers())
        if subscriber.id in unknown:  # what they had is unknown: only what is new cannot come twice
            if not subscriber.has_inclusion:
                continue
            subscriber, carried_over = replace(subscriber, trending=False), UndeliveredPapers()
        had = delivered.get(subscriber.id, set())
        # What did not arrive, and is known for another version of what did since, is news and no paper.
        had |= {number for number, others in versions.items() if not others.isdisjoint(had)}
        selection = choose_edition(
            subscriber,
            new_papers,
            queries.matches.candidates_at(position, subscriber.query_rows),
            carried_over,
            papers_by_id,
            had,
            sources_by_id,
        )
        if selection.paper_ids:
            carried, omitted = json.dumps(selection.paper_ids), json.dumps(selection.omitted_ids)
            rows.append((subscriber.id, carried, omitted, queries.keywords_json[position]))
    return rows


def _replace_merged(session: Session, undelivered: Mapping[int, UndeliveredPapers]) -> Mapping[int, UndeliveredPapers]:
    """Put the row that stands for a paper in the place of one that was merged since."""
    ids = {number for owed in undelivered.values() for number in (*owed.papers, *owed.omitted_papers)}
    merged = papers.load_merged(session, ids)
    if not merged:
        return undelivered

    def standing(numbers: Sequence[int]) -> list[int]:
        return list(dict.fromkeys(merged.get(number, number) for number in numbers))

    return {
        subscriber_id: UndeliveredPapers(standing(owed.papers), standing(owed.omitted_papers))
        for subscriber_id, owed in undelivered.items()
    }


def _update_subscribers(session: Session, subscribers: SubscriberChunk, values: dict[str, object]) -> None:
    session.execute(
        update(Subscriber)
        .where(is_in_values(session, col(Subscriber.id), subscribers.ids.tolist()))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
