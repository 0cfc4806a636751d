"""From queries that match papers to subscribers who get them: one sparse product for a chunk of subscribers.

    subscribers x queries  @  queries x papers  =  subscribers x papers

Each cell of the product says how many of the subscriber's queries match, whether one does in the title, and whether an
exclusion does. Ranking is one sort of integers: subscriber, then the packed ranking key.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix

from digest.papers import PACKED_KEY_BITS, Candidate, packed_ranking_key, unpack_ranking_key
from digest.planning.match_matrix import EXCLUSION, FIELD_MASK, TITLE_MATCH, IntArray, MatchMatrix

if TYPE_CHECKING:
    from digest.planning.due import SubscriberChunk

MAX_KEY = (1 << PACKED_KEY_BITS) - 1


@dataclass(frozen=True, slots=True)
class SortedMatches:
    """Papers of each subscriber of a chunk, best first: those of subscriber n lie from `offsets[n]` to the next.

    `keys` are packed ranking keys; the popularity in a key is the column of the paper in `matrix`.
    """

    matrix: MatchMatrix
    offsets: Sequence[int]
    keys: IntArray

    def candidates_at(self, position: int) -> list[Candidate]:
        """Return one subscriber's papers as objects."""
        keys = self.keys[self.offsets[position] : self.offsets[position + 1]]
        query_counts, in_title, columns = unpack_ranking_key(keys)
        rows = zip(
            self.matrix.paper_ids[columns].tolist(),
            self.matrix.first_listing_ids[columns].tolist(),
            self.matrix.upvotes[columns].tolist(),
            query_counts.tolist(),
            in_title.astype(bool).tolist(),
            strict=True,
        )
        return [Candidate(*row) for row in rows]

    def json_lists(self, caps: Sequence[int]) -> list[tuple[str, str]]:
        """Return each subscriber's digest as JSON arrays: the best papers up to the cap, and those without room."""
        texts = self.matrix.paper_id_texts
        width = texts.shape[1]
        text = texts[unpack_ranking_key(self.keys)[2]].tobytes().decode("ascii")
        lists = []
        for (begin, end), cap in zip(pairwise(offset * width for offset in self.offsets), caps, strict=True):
            cut = begin + cap * width
            if begin == end:
                lists.append(("[]", "[]"))
            elif cut >= end:
                lists.append((f"[{text[begin : end - 1]}]", "[]"))
            else:
                lists.append((f"[{text[begin : cut - 1]}]", f"[{text[cut : end - 1]}]"))
        return lists

    def cells_of(
        self, paper_ids: Collection[int], covered_listing_ids: IntArray | None = None
    ) -> tuple[IntArray, IntArray, IntArray]:
        """Return where these papers come to somebody: indices of `keys`, positions of the subscribers, papers.

        With `covered_listing_ids` also where papers do that were first listed up to these.
        """
        columns = unpack_ranking_key(self.keys)[2]
        found = self.matrix.paper_ids[columns]
        is_wanted = np.isin(found, list(paper_ids))
        if covered_listing_ids is not None:
            covered = np.repeat(covered_listing_ids, np.diff(self.offsets))
            is_wanted |= self.matrix.first_listing_ids[columns] <= covered
        indices = np.flatnonzero(is_wanted)
        positions = np.searchsorted(self.offsets, indices, side="right") - 1
        return indices, positions, found[indices]

    def without(self, indices: Sequence[int] | IntArray) -> "SortedMatches":
        """Return the matches without those at these indices of `keys`."""
        remains = np.ones(len(self.keys), dtype=bool)
        remains[indices] = False
        counts = np.concatenate([[0], np.cumsum(remains)])
        return SortedMatches(self.matrix, counts[self.offsets].tolist(), self.keys[remains])


def fan_out(
    matrix: MatchMatrix, positions: IntArray, query_rows: IntArray, subscribers: "SubscriberChunk"
) -> SortedMatches:
    """Rank the papers of each subscriber.

    `positions` and `query_rows` are a pair for each saved keyword. Papers that were listed up to a subscriber's
    `covered_listing_ids`, by any source or by one of those that they chose, are not new for them.
    """
    count = len(subscribers)
    ones = np.ones(len(positions), dtype=np.int32)
    product = csr_matrix((ones, (positions, query_rows)), shape=(count, matrix.cells.shape[0])) @ matrix.cells
    rows = np.repeat(np.arange(count, dtype=np.int64), np.diff(product.indptr))
    columns, values = product.indices.astype(np.int64), product.data
    numbers = matrix.first_listing_ids[columns]
    for choice, sources in enumerate(subscribers.source_choices):
        if choice:
            has_chosen = subscribers.choices[rows] == choice
            numbers[has_chosen] = matrix.numbers_in(sources)[columns[has_chosen]]
    is_new = (values < EXCLUSION) & (numbers > subscribers.covered_listing_ids[rows])
    if not is_new.all():
        rows, columns, values = rows[is_new], columns[is_new], values[is_new]
    keys = packed_ranking_key((values & FIELD_MASK).astype(np.int64), values >= TITLE_MATCH, columns)
    order = np.sort(rows << PACKED_KEY_BITS | (MAX_KEY - keys))
    offsets = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows, minlength=count), out=offsets[1:])
    return SortedMatches(matrix, offsets.tolist(), MAX_KEY - (order & MAX_KEY))
