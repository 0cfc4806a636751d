"""Papers that are new for anyone, matched once against the queries of all subscribers."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
from sqlalchemy import Text, cast, exists, func
from sqlmodel import Session, col, select

from digest import papers
from digest.database import InvalidRow, create_invalid_row, select_readable
from digest.database.models import Keyword, Paper, SavedKeyword, Subscriber, SubscriberStatus
from digest.matching import Matcher, Query, can_parse, parse_canonical
from digest.papers import Candidate, build_documents, ranked_upvotes
from digest.planning.close_papers import has_profiles
from digest.planning.due import SubscriberChunk
from digest.planning.match_matrix import (
    EXCLUSION,
    BoolArray,
    IntArray,
    MatchCells,
    MatchMatrix,
    TextArray,
    build_matrix,
    format_integers,
    match_block,
    unpack_cells,
)
from digest.planning.profile_matches import ProfilePapers
from digest.planning.published import EarlierVersions

BLOCK_SIZE = 2000  # papers matched at a time; this bounds the memory beside the matrix


@dataclass(slots=True)
class NewPapers:
    """Papers that are new for at least one subscriber, those of listings after `after_listing_id` to `last_listing_id`.

    `keyword_ids` are in ascending order; their positions are the rows of `matrix` and of `keyword_id_texts`.
    `unreadable_keyword_ids` are of keywords that cannot be parsed, or are missing; `renumbered_ids` of papers that
    somebody may have had under an earlier number. `earlier_versions`: of papers that are published versions.
    `sources` are all that anybody chose; for them the matrix also has papers of before that they list since.
    `has_profiles`: a subscriber gets papers close to their profile; `profile_papers`: what these are compared with.
    """

    after_listing_id: int
    last_listing_id: int
    keyword_ids: IntArray
    queries: list[Query]
    is_exclusion: BoolArray
    matcher: Matcher
    matrix: MatchMatrix
    trending: list[Candidate]
    keyword_id_texts: TextArray
    unreadable_keyword_ids: set[int] = field(default_factory=set)
    renumbered_ids: frozenset[int] = frozenset()
    earlier_versions: EarlierVersions | None = None
    sources: frozenset[str] = frozenset()
    has_profiles: bool = False
    profile_papers: ProfilePapers | None = None
    _cells_by_paper: dict[int, dict[int, int]] = field(default_factory=dict)
    _cached_view: tuple[int, MatchMatrix] | None = None

    def covers(self, subscribers: SubscriberChunk) -> bool:
        """Return whether it has all that is new for these subscribers.

        One may have subscribed, resumed or chosen sources since it was loaded.
        """
        covered_listing_ids = subscribers.covered_listing_ids
        if not self.sources.issuperset(chain.from_iterable(subscribers.source_choices)):
            return False
        is_covered = (self.after_listing_id <= covered_listing_ids) & (covered_listing_ids <= self.last_listing_id)
        return bool(is_covered.all())

    def has_keywords(self, keyword_ids: IntArray) -> BoolArray:
        """Return which of these keywords were matched; one may have been added since, or cannot be read."""
        return np.isin(keyword_ids, self.keyword_ids)

    def rows_of(self, keyword_ids: IntArray) -> IntArray:
        """Return the rows of keywords that were matched."""
        return np.searchsorted(self.keyword_ids, keyword_ids)

    def listed_after(self, listing_id: int) -> MatchMatrix:
        """Return the papers first listed after a listing. Cached: for most subscribers it is the same one."""
        if self._cached_view is None or self._cached_view[0] != listing_id:
            self._cached_view = (listing_id, self.matrix.listed_after(listing_id))
        return self._cached_view[1]

    def match_papers(self, session: Session, candidates: Sequence[Paper]) -> None:
        """Match papers that are not new, each once."""
        unmatched = [paper for paper in candidates if paper.id not in self._cells_by_paper]
        for start in range(0, len(unmatched), BLOCK_SIZE):
            block = unmatched[start : start + BLOCK_SIZE]
            cells = match_block(self.matcher, self.queries, build_documents(session, block))
            self._cells_by_paper.update({int(paper.id or 0): {} for paper in block})
            for row, column, value in zip(
                cells.rows.tolist(), cells.columns.tolist(), cells.values.tolist(), strict=True
            ):
                self._cells_by_paper[int(block[column].id or 0)][row] = value

    def matched_candidate(self, paper: Paper, query_rows: Iterable[int]) -> Candidate | None:
        """Return a paper given to `match_papers` if one of these queries matches it and no exclusion does."""
        rows = tuple(query_rows)
        total = self._sum_cells(int(paper.id or 0), rows)
        if not 0 < total < EXCLUSION:
            return None
        is_about, query_count, in_title = unpack_cells(total)
        queries = tuple(row for row in rows if row in self._cells_by_paper[int(paper.id or 0)])
        return Candidate.from_paper(
            paper, query_count=query_count, in_title=bool(in_title), is_about=bool(is_about), queries=queries
        )

    def is_excluded(self, paper_id: int, query_rows: Iterable[int]) -> bool:
        """Return whether one of these queries is an exclusion that matches a paper given to `match_papers`."""
        return self._sum_cells(paper_id, query_rows) >= EXCLUSION

    def is_found(self, paper_id: int, query_rows: Iterable[int]) -> bool:
        """Return whether one of these queries matches a paper given to `match_papers`, be it an exclusion."""
        return self._sum_cells(paper_id, query_rows) > 0

    def _sum_cells(self, paper_id: int, query_rows: Iterable[int]) -> int:
        cells = self._cells_by_paper[paper_id]
        return sum(cells.get(row, 0) for row in query_rows)


def load_new_papers(session: Session, unreadable: list[InvalidRow]) -> NewPapers:
    """Match what is new for the subscriber who has seen the least against every keyword of an active one.

    Keywords and papers that cannot be read are left out and appended to `unreadable`.
    """
    last_listing_id = papers.latest_listing_id(session)
    earliest = select(func.coalesce(func.min(col(Subscriber.covered_listing_id)), last_listing_id))
    covered = int(session.exec(earliest.where(Subscriber.status == SubscriberStatus.ACTIVE)).one())
    after_listing_id = min(covered, last_listing_id)
    saved = _saved_keywords(session)
    keywords = [(int(keyword_id or 0), canonical) for keyword_id, canonical in saved if can_parse(canonical)]
    unparsable = {int(keyword_id or 0) for keyword_id, _ in saved} - {keyword_id for keyword_id, _ in keywords}
    unreadable += [create_invalid_row(Keyword, number, "canonical cannot be parsed") for number in sorted(unparsable)]
    queries = [parse_canonical(canonical) for _, canonical in keywords]
    matcher = Matcher(queries)
    sources = _chosen_sources(session)
    matrix = _match_papers(session, matcher, queries, sources, (after_listing_id, last_listing_id), unreadable)
    trending = [
        (listing_id, paper)
        for listing_id, paper in papers.trending_papers_after(session, after_listing_id)
        if listing_id <= last_listing_id and select_readable([paper], unreadable)
    ]
    keyword_ids = np.array([keyword_id for keyword_id, _ in keywords], dtype=np.int64)
    new_ids = set(matrix.paper_ids.tolist())
    pairs, separated = papers.load_version_pairs(session, new_ids)
    new_papers = NewPapers(
        after_listing_id,
        last_listing_id,
        keyword_ids,
        queries,
        np.array([query.exclude for query in queries], dtype=bool),
        matcher,
        matrix,
        # Not the listing by which the paper entered, but the one by which it began to trend.
        [replace(Candidate.from_paper(paper), first_listing_id=listing_id) for listing_id, paper in trending],
        format_integers(keyword_ids),
        unparsable,
        (papers.renumbered_paper_ids(session) | separated) & new_ids,
        EarlierVersions.load(session, pairs, matcher, queries, unreadable) if pairs else None,
        sources,
        has_profiles(session),
    )
    if new_papers.is_exclusion.any():
        new_papers.match_papers(session, [paper for _, paper in trending])
    return new_papers


def _match_papers(
    session: Session,
    matcher: Matcher,
    queries: Sequence[Query],
    sources: frozenset[str],
    listings: tuple[int, int],
    unreadable: list[InvalidRow],
) -> MatchMatrix:
    """Match the papers that came after the first listing, up to the second; also those that `sources` list since."""
    after_listing_id, last_listing_id = listings
    blocks: list[MatchCells] = []
    columns: list[tuple[int, int, int]] = []
    for block in chain(
        _paper_blocks(session, after_listing_id, last_listing_id, unreadable),
        _late_blocks(session, sources, after_listing_id, last_listing_id, unreadable),
    ):
        cells = match_block(matcher, queries, build_documents(session, block))
        blocks.append(replace(cells, columns=cells.columns + len(columns)))
        columns += [(int(paper.id or 0), paper.first_listing_id, ranked_upvotes(paper.upvotes)) for paper in block]
    paper_ids = [paper_id for paper_id, *_ in columns]
    numbers = papers.source_numbers(session, paper_ids, sources, last_listing_id) if sources else ()
    return build_matrix(blocks, len(queries), columns, numbers)


def _saved_keywords(session: Session) -> Sequence[tuple[int | None, str]]:
    """Return the keywords that active subscribers have, in the order of their numbers."""
    # Whoever may get no digest takes no part, not even with a keyword: anybody can send the form without confirming.
    # A join, because SQLite makes a list of all active subscribers, and looks each up, for a keyword that few have.
    active_rows = select(1).select_from(SavedKeyword).join(Subscriber, col(Subscriber.id) == SavedKeyword.subscriber_id)
    is_saved = exists(
        active_rows.where(
            col(SavedKeyword.keyword_id) == col(Keyword.id),
            ~col(SavedKeyword.is_muted),
            Subscriber.status == SubscriberStatus.ACTIVE,
        )
    )
    return session.exec(select(Keyword.id, Keyword.canonical).where(is_saved).order_by(col(Keyword.id))).all()


def _chosen_sources(session: Session) -> frozenset[str]:
    """Return all sources that active subscribers chose. Most choose none, and get papers of all."""
    has_chosen = cast(col(Subscriber.sources), Text) != "[]"
    chosen = select(cast(col(Subscriber.sources), Text)).where(Subscriber.status == SubscriberStatus.ACTIVE, has_chosen)
    return frozenset(chain.from_iterable(map(_read_names, session.exec(chosen.distinct()))))


def _read_names(stored: str) -> list[str]:
    try:
        names = json.loads(stored)
    except ValueError:  # whose row it is sets it aside
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _late_blocks(
    session: Session, sources: frozenset[str], after_listing_id: int, last_listing_id: int, unreadable: list[InvalidRow]
) -> Iterator[list[Paper]]:
    """Yield papers that are not new, but that one of these sources lists for the first time."""
    if not sources:
        return
    rows = papers.papers_listed_late(session, sources, after_listing_id, last_listing_id)
    late = select_readable(rows, unreadable)
    for start in range(0, len(late), BLOCK_SIZE):
        yield late[start : start + BLOCK_SIZE]


def _paper_blocks(
    session: Session, after_listing_id: int, last_listing_id: int, unreadable: list[InvalidRow]
) -> Iterator[list[Paper]]:
    while rows := papers.papers_listed_after(session, after_listing_id, BLOCK_SIZE):
        yield [paper for paper in select_readable(rows, unreadable) if paper.first_listing_id <= last_listing_id]
        reached = max(paper.first_listing_id for paper in rows)  # one that cannot be read counts as 0
        if not after_listing_id < reached < last_listing_id:
            break
        after_listing_id = reached
