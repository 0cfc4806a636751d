"""Choose the papers close to the profiles of one chunk of subscribers: new, never had, found by no keyword."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix
from sqlmodel import Session, col, select

from digest import papers
from digest.database import InvalidRow, is_in_values, select_readable
from digest.database.models import Keyword, Paper, PaperMark, SavedKeyword
from digest.matching import Matcher, can_parse, parse_canonical
from digest.papers import build_documents
from digest.planning.fan_out import first_numbers
from digest.planning.match_matrix import BoolArray, IntArray
from digest.planning.profile_matches import (
    CLOSE_LIMIT,
    ClosePaperWords,
    PairFilter,
    ProfileMatch,
    ProfilePapers,
    choose_closest,
)

if TYPE_CHECKING:
    from digest.planning.chunk import ChunkQueries
    from digest.planning.new_papers import NewPapers

PAPER = "paper"  # kind of what is neither news nor comment: of these only keywords that ask for them find any
NO_TEXT = ("", "")
CANDIDATES = 10 * CLOSE_LIMIT  # that are looked at for one digest: some may be muted, had, or have one word only


def similarity_text(paper: Paper) -> tuple[str, str]:
    """Return title and abstract, which profiles are compared with; empty for news and comments."""
    return (paper.title, paper.abstract) if paper.kind == PAPER else NO_TEXT


class CloseChooser:
    """Chooses the close papers of those subscribers of one chunk who have a profile."""

    def __init__(
        self,
        session: Session,
        new_papers: "NewPapers",
        queries: "ChunkQueries",
        profiles: Mapping[int, Mapping[str, float]],
        unreadable: list[InvalidRow],
    ) -> None:
        self._session, self._new_papers, self._queries = session, new_papers, queries
        self._unreadable = unreadable
        self._profiles = dict(sorted(profiles.items()))
        self._ids = list(self._profiles)
        self._positions = np.searchsorted(queries.subscribers.ids, self._ids)  # of these subscribers in the chunk

    def choose(
        self, shown: Mapping[int, set[int]], owed: Mapping[int, Sequence[int]]
    ) -> dict[int, list[ClosePaperWords]]:
        """Choose the papers closest to each profile, among what is new and what is owed: it waits, or did not arrive.

        `shown` are the papers that a digest has anyway.
        """
        new = self._load_new_papers().match(list(self._profiles.values()), self._filter_new())
        found = self._match_owed(owed)
        for position, number in enumerate(self._ids):
            found[number] = [*islice(new.of_profile(position), CANDIDATES), *found.get(number, ())]
        found = {number: matches for number, matches in found.items() if matches}
        muted, had, marked = self._find_muted(found), self._find_had(found, owed), self._find_marked(found)
        chosen: dict[int, list[ClosePaperWords]] = {}
        for number, matches in found.items():
            unwanted = set().union(*(papers_of.get(number, ()) for papers_of in (shown, muted, had, marked)))
            wanted = {match.paper_id: match for match in matches if match.paper_id not in unwanted}
            if closest := choose_closest(wanted.values()):
                chosen[number] = closest
        return chosen

    def _load_new_papers(self) -> ProfilePapers:
        """Return the new papers as profiles are compared with them, read once for all chunks."""
        if self._new_papers.profile_papers is None:
            paper_ids = self._new_papers.matrix.paper_ids.tolist()
            rows = select_readable(papers.papers_by_id(self._session, paper_ids).values(), self._unreadable)
            texts = {paper.id: similarity_text(paper) for paper in rows}
            self._new_papers.profile_papers = ProfilePapers.build({n: texts.get(n, NO_TEXT) for n in paper_ids})
        return self._new_papers.profile_papers

    def _filter_new(self) -> PairFilter:
        """Return the filter of pairs of a profile and a new paper: new for them, and no keyword or exclusion has it."""
        queries, matrix = self._queries, self._new_papers.matrix
        is_own = np.isin(queries.positions, self._positions)
        own_rows = np.searchsorted(self._positions, queries.positions[is_own])
        saved = csr_matrix(
            (np.ones(len(own_rows), dtype=np.int64), (own_rows, queries.query_rows[is_own])),
            shape=(len(self._ids), matrix.cells.shape[0]),
        )
        found, width = (saved @ matrix.cells).tocsr(), len(matrix.paper_ids)
        found_cells = np.repeat(np.arange(len(self._ids)) * width, np.diff(found.indptr)) + found.indices

        def is_candidate(rows: IntArray, columns: IntArray) -> BoolArray:
            positions = self._positions[rows]
            numbers = first_numbers(matrix, queries.subscribers, positions, columns)
            is_new: BoolArray = numbers > queries.subscribers.covered_listing_ids[positions]
            return is_new & ~np.isin(rows * width + columns, found_cells)

        return is_candidate

    def _match_owed(self, owed: Mapping[int, Sequence[int]]) -> dict[int, list[ProfileMatch]]:
        """Compare what is owed with the profiles as they are now; what a keyword finds by now drops out."""
        merged = papers.load_merged(self._session, {n for paper_ids in owed.values() for n in paper_ids})
        standing = {number: {merged.get(n, n) for n in paper_ids} for number, paper_ids in owed.items()}
        rows = papers.papers_by_id(self._session, set().union(*standing.values())).values() if standing else ()
        stored = {int(paper.id or 0): paper for paper in select_readable(rows, self._unreadable)}
        if not stored:
            return {}
        self._new_papers.match_papers(self._session, list(stored.values()))
        sources = papers.sources_by_paper(self._session, stored)
        numbers, width = sorted(standing), len(stored)
        column_of = {paper_id: column for column, paper_id in enumerate(stored)}
        owed_cells = [
            row * width + column_of[paper_id]
            for row, number in enumerate(numbers)
            for paper_id in standing[number] & column_of.keys()
        ]

        def is_owed(rows: IntArray, columns: IntArray) -> BoolArray:
            return np.isin(rows * width + columns, owed_cells)

        matches = ProfilePapers.build({number: similarity_text(paper) for number, paper in stored.items()}).match(
            [self._profiles[number] for number in numbers], is_owed
        )
        found: dict[int, list[ProfileMatch]] = {}
        for at, position in enumerate(np.searchsorted(self._queries.subscribers.ids, numbers).tolist()):
            subscriber = self._queries.subscriber_at(position)
            found[subscriber.id] = [
                match
                for match in matches.of_profile(at)
                if not self._new_papers.is_found(match.paper_id, subscriber.query_rows)
                and not (subscriber.sources and subscriber.sources.isdisjoint(sources.get(match.paper_id, ())))
            ]
        return found

    def _find_muted(self, found: Mapping[int, Sequence[ProfileMatch]]) -> dict[int, set[int]]:
        """Return, by subscriber, which of these papers a keyword finds that they have muted."""
        saved = (
            select(SavedKeyword.subscriber_id, Keyword.canonical)
            .join(Keyword)
            .where(is_in_values(self._session, SavedKeyword.subscriber_id, found), col(SavedKeyword.is_muted))
        )
        by_query: dict[str, list[int]] = defaultdict(list)
        for subscriber_id, canonical in self._session.exec(saved) if found else ():
            if can_parse(canonical):
                by_query[canonical].append(subscriber_id)
        paper_ids = {match.paper_id for number in chain.from_iterable(by_query.values()) for match in found[number]}
        if not paper_ids:
            return {}
        rows = select_readable(papers.papers_by_id(self._session, paper_ids).values(), self._unreadable)
        hits = Matcher([parse_canonical(text) for text in by_query]).match(build_documents(self._session, rows))
        muted: dict[int, set[int]] = defaultdict(set)
        for subscriber_ids, hits_of_query in zip(by_query.values(), hits, strict=True):
            for subscriber_id in subscriber_ids:
                muted[subscriber_id].update(int(rows[hit.document].id or 0) for hit in hits_of_query)
        return muted

    def _find_marked(self, found: Mapping[int, Sequence[ProfileMatch]]) -> dict[int, set[int]]:
        """Return, by subscriber, the papers that they have marked or given as examples, under any name."""
        paper_ids = {match.paper_id for matches in found.values() for match in matches}
        marks = (
            select(PaperMark.subscriber_id, papers.STANDING_ID)
            .join(Paper, col(Paper.id) == PaperMark.paper_id)
            .where(
                is_in_values(self._session, PaperMark.subscriber_id, found),
                is_in_values(self._session, papers.STANDING_ID, paper_ids),
            )
        )
        marked: dict[int, set[int]] = defaultdict(set)
        for subscriber_id, paper_id in self._session.exec(marks) if found else ():
            marked[subscriber_id].add(paper_id)
        return marked

    def _find_had(
        self, found: Mapping[int, Sequence[ProfileMatch]], owed: Mapping[int, Sequence[int]]
    ) -> dict[int, set[int]]:
        """Return, by subscriber, which of these papers they had, also as another version.

        Only asked where it can be: what was first listed after their last edition they never had, unless its number is
        fresh or a source lists it that they chose.
        """
        versions, subscribers = self._new_papers.earlier_versions, self._queries.subscribers
        later_ids = {pair.later_id for pair in versions.pairs} if versions else set()
        odd_ids = self._new_papers.renumbered_ids | later_ids
        has_choice = dict(zip(self._ids, (subscribers.choices[self._positions] > 0).tolist(), strict=True))
        candidates = [
            number
            for number, matches in found.items()
            if has_choice[number] or number in owed or any(match.paper_id in odd_ids for match in matches)
        ]
        unknown: dict[int, InvalidRow] = {}
        delivered = papers.delivered_paper_ids(self._session, candidates, unknown) if candidates else {}
        self._unreadable += unknown.values()
        had: dict[int, set[int]] = {}
        for number in candidates:
            paper_ids, theirs = {match.paper_id for match in found[number]}, delivered.get(number, set())
            had[number] = {
                paper_id
                for paper_id in paper_ids
                if number in unknown
                or not theirs.isdisjoint(versions.versions_of(paper_id) if versions else {paper_id})
            }
        return had
