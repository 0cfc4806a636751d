"""Published versions: an article is new only for those whom its preprint could not reach, and the other way around.

Whom the earlier one of the two has reached is told by whole numbers for a chunk of subscribers at a time: it was listed
after they began to be covered, and one of their keywords finds it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from sqlmodel import Session

from digest.database import InvalidRow, select_readable
from digest.matching import Matcher, Query
from digest.papers import VersionPair, build_documents, papers_by_id
from digest.planning.due import SubscriberChunk
from digest.planning.match_matrix import EXCLUSION, NOT_LISTED, BoolArray, IntArray, SparseMatrix, match_block


@dataclass(frozen=True)
class EarlierVersions:
    """Pairs of a new paper and an earlier version of it. `cells`: the queries that match the earlier one of each."""

    pairs: Sequence[VersionPair]
    cells: SparseMatrix

    @classmethod
    def load(
        cls,
        session: Session,
        pairs: Sequence[VersionPair],
        matcher: Matcher,
        queries: Sequence[Query],
        unreadable: list[InvalidRow],
    ) -> "EarlierVersions":
        """Match the earlier versions; one that cannot be read has reached nobody."""
        rows = select_readable(papers_by_id(session, {pair.earlier_id for pair in pairs}).values(), unreadable)
        columns = {int(paper.id or 0): column for column, paper in enumerate(rows)}
        readable = [pair for pair in pairs if pair.earlier_id in columns]
        cells = match_block(matcher, queries, build_documents(session, rows))
        matrix = csr_matrix((cells.values, (cells.rows, cells.columns)), shape=(len(queries), len(rows)))
        return cls(readable, matrix[:, [columns[pair.earlier_id] for pair in readable]])

    def find_reached(self, positions: IntArray, query_rows: IntArray, subscribers: SubscriberChunk) -> BoolArray:
        """Return, a row a subscriber and a column a pair, whom the earlier version has reached.

        Nobody who chose sources: what reached them is looked up.
        """
        covered_from = np.where(subscribers.choices > 0, NOT_LISTED, subscribers.covered_from)
        ones = np.ones(len(positions), dtype=np.int32)
        saved = csr_matrix((ones, (positions, query_rows)), shape=(len(covered_from), self.cells.shape[0]))
        values = (saved @ self.cells).toarray()
        numbers = np.array([pair.number for pair in self.pairs], dtype=np.int64)
        reached: BoolArray = (values > 0) & (values < EXCLUSION) & (numbers > covered_from[:, None])
        return reached

    def versions_of(self, paper_id: int) -> set[int]:
        """Return a paper and its earlier versions."""
        return {paper_id} | {pair.earlier_id for pair in self.pairs if pair.later_id == paper_id}
