"""The papers that are new for somebody, matched once for all readers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from sqlalchemy import exists, func
from sqlmodel import Session, col, select

from digest.database.models import Keyword, Paper, SavedKeyword, Subscriber, SubscriberStatus
from digest.matching import Matcher, Query, parse_canonical
from digest.papers import Candidate, build_documents, latest_listing_id, papers_listed_after, trending_papers_after
from digest.planning.match_matrix import (
    EXCLUSION,
    FIELD_BITS,
    FIELD_MASK,
    BoolArray,
    IntArray,
    MatchCells,
    MatchMatrix,
    TextArray,
    build_matrix,
    format_numbers,
    match_block,
)

BLOCK_SIZE = 2000  # papers matched at a time: what is held besides the table


@dataclass(slots=True)
class NewPapers:
    """The papers that are new for at least one due reader, matched once against all readers' queries.

    `keywords` are the numbers of the queries, in order; their places are the rows of `hits`, and of `written`.
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
    _cells_by_paper: dict[int, dict[int, int]] = field(default_factory=dict)
    _cached_view: tuple[int, MatchMatrix] | None = None

    def covers(self, covered_listing_ids: IntArray) -> bool:
        """Whether it holds all that is new for readers with these marks: somebody may have joined or come back since it
        was gathered.
        """
        return bool(
            ((self.after_listing_id <= covered_listing_ids) & (covered_listing_ids <= self.last_listing_id)).all()
        )

    def has_keywords(self, keyword_ids: IntArray) -> bool:
        """Whether these keywords were matched: one may have been written since."""
        return bool(np.isin(keyword_ids, self.keyword_ids).all())

    def rows_of(self, keyword_ids: IntArray) -> IntArray:
        """The rows of keywords that it knows."""
        return np.searchsorted(self.keyword_ids, keyword_ids)

    def entered_after(self, listing_id: int) -> MatchMatrix:
        """What is new for those who have seen everything up to `number`. Most readers have seen the same."""
        if self._cached_view is None or self._cached_view[0] != listing_id:
            self._cached_view = (listing_id, self.matrix.entered_after(listing_id))
        return self._cached_view[1]

    def match_papers(self, session: Session, candidates: Sequence[Paper]) -> None:
        """Match papers that are not new but may come in by another door, each once."""
        unmatched = [paper for paper in candidates if paper.id not in self._cells_by_paper]
        for start in range(0, len(unmatched), BLOCK_SIZE):
            block = unmatched[start : start + BLOCK_SIZE]
            cells = match_block(self.matcher, self.queries, build_documents(session, block))
            self._cells_by_paper.update({int(paper.id or 0): {} for paper in block})
            for row, column, cell in zip(
                cells.rows.tolist(), cells.columns.tolist(), cells.values.tolist(), strict=True
            ):
                self._cells_by_paper[int(block[column].id or 0)][row] = cell

    def matched_candidate(self, paper: Paper, query_rows: Iterable[int]) -> Candidate | None:
        """A paper that was looked at, if one of these queries finds it and no exclusion does."""
        total = self._sum_cells(int(paper.id or 0), query_rows)
        if not 0 < total < EXCLUSION:
            return None
        return candidate_from_paper(paper, queries=total & FIELD_MASK, in_title=total >> FIELD_BITS > 0)

    def is_excluded(self, paper_id: int, query_rows: Iterable[int]) -> bool:
        """Whether one of these queries is an exclusion that finds a paper that was looked at."""
        return self._sum_cells(paper_id, query_rows) >= EXCLUSION

    def _sum_cells(self, paper_id: int, query_rows: Iterable[int]) -> int:
        cells = self._cells_by_paper[paper_id]
        return sum(cells.get(place, 0) for place in query_rows)


def candidate_from_paper(paper: Paper, *, in_title: bool = False, queries: int = 1) -> Candidate:
    return Candidate(
        paper_id=int(paper.id or 0),
        first_listing_id=paper.first_listing_id,
        upvotes=paper.upvotes or 0,
        query_count=queries,
        in_title=in_title,
    )


def load_new_papers(session: Session) -> NewPapers:
    """Match once what is new for the reader who has seen the least, against every keyword of every reader."""
    last_listing_id = latest_listing_id(session)
    earliest = select(func.coalesce(func.min(col(Subscriber.covered_listing_id)), last_listing_id))
    after_listing_id = min(
        int(session.exec(earliest.where(Subscriber.status == SubscriberStatus.ACTIVE)).one()), last_listing_id
    )
    is_saved = exists(select(1).where(col(SavedKeyword.keyword_id) == col(Keyword.id)))
    rows = session.exec(select(Keyword.id, Keyword.canonical).where(is_saved).order_by(col(Keyword.id))).all()
    queries = [parse_canonical(canonical) for _, canonical in rows]
    matcher = Matcher(queries)
    blocks: list[MatchCells] = []
    columns: list[tuple[int, int, int]] = []
    for block in _paper_blocks(session, after_listing_id, last_listing_id):
        cells = match_block(matcher, queries, build_documents(session, block))
        blocks.append(replace(cells, columns=cells.columns + len(columns)))
        columns += [(int(paper.id or 0), paper.first_listing_id, paper.upvotes or 0) for paper in block]
    trending_papers = [
        (number, paper)
        for number, paper in trending_papers_after(session, after_listing_id)
        if number <= last_listing_id
    ]
    trending = [
        replace(candidate_from_paper(paper, queries=0), first_listing_id=number) for number, paper in trending_papers
    ]
    keyword_ids = np.array([number for number, _ in rows], dtype=np.int64)
    is_exclusion = np.array([query.exclude for query in queries], dtype=bool)
    new_papers = NewPapers(
        after_listing_id,
        last_listing_id,
        keyword_ids,
        queries,
        is_exclusion,
        matcher,
        build_matrix(blocks, len(queries), columns),
        trending,
        format_numbers(keyword_ids),
    )
    if is_exclusion.any():
        new_papers.match_papers(session, [paper for _, paper in trending_papers])
    return new_papers


def _paper_blocks(session: Session, after_listing_id: int, last_listing_id: int) -> Iterator[list[Paper]]:
    """What was listed after `least` and up to `top`, in blocks."""
    while block := [
        paper
        for paper in papers_listed_after(session, after_listing_id, BLOCK_SIZE)
        if paper.first_listing_id <= last_listing_id
    ]:
        yield block
        after_listing_id = block[-1].first_listing_id
