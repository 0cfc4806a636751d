"""From queries that match papers to subscribers who get them: one sparse product for a chunk of subscribers.

    subscribers x queries  @  queries x papers  =  subscribers x papers

Each cell of the product says how many of the subscriber's queries match, whether one does in the title, whether the
paper is about one, and whether an exclusion matches. Ranking is one sort of integers: subscriber, then the packed
ranking key.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix

from digest.papers import PACKED_KEY_BITS, Candidate, packed_ranking_key, seat_ranks, unpack_ranking_key
from digest.planning.match_matrix import EXCLUSION, IntArray, MatchMatrix, unpack_cells

if TYPE_CHECKING:
    from digest.planning.due import SubscriberChunk

MAX_KEY = (1 << PACKED_KEY_BITS) - 1
SEATING_BLOCK = 500  # subscribers with more papers than room, at a time: a row a subscriber, a column a paper


@dataclass(frozen=True, slots=True)
class SortedMatches:
    """Papers of each subscriber of a chunk, best first: those of subscriber n lie from `offsets[n]` to the next.

    `keys` are packed ranking keys; the popularity in a key is the column of the paper in `matrix`.
    """

    matrix: MatchMatrix
    offsets: Sequence[int]
    keys: IntArray

    def candidates_at(self, position: int, query_rows: Sequence[int]) -> list[Candidate]:
        """Return one subscriber's papers as objects; `query_rows` are those of the subscriber."""
        keys = self.keys[self.offsets[position] : self.offsets[position + 1]]
        is_about, query_counts, in_title, columns = unpack_ranking_key(keys)
        queries: dict[int, list[int]] = defaultdict(list)
        for query_row in query_rows:
            for column in self.matrix.columns_of(query_row).tolist():
                queries[column].append(query_row)
        rows = zip(
            self.matrix.paper_ids[columns].tolist(),
            self.matrix.first_listing_ids[columns].tolist(),
            self.matrix.upvotes[columns].tolist(),
            query_counts.tolist(),
            in_title.astype(bool).tolist(),
            is_about.astype(bool).tolist(),
            [tuple(queries[column]) for column in columns.tolist()],
            strict=True,
        )
        return [Candidate(*row) for row in rows]

    def seat_queries(self, positions: IntArray, query_rows: IntArray, caps: IntArray) -> "SortedMatches":
        """Return the matches with those first that come within the cap, see `papers.seat_ranks`.

        `positions` and `query_rows` are a pair for each saved keyword; `caps` has one number a subscriber.
        """
        keys, offsets = self.keys.copy(), np.array(self.offsets)
        crowded = np.flatnonzero(np.diff(offsets) > caps)
        for start in range(0, len(crowded), SEATING_BLOCK):
            block = crowded[start : start + SEATING_BLOCK]
            for position, best in self._best_ranks(offsets, block, positions, query_rows, caps).items():
                begin, end = int(offsets[position]), int(offsets[position + 1])
                chosen = seat_ranks(best, end - begin, int(caps[position]))
                own = self.keys[begin:end]
                keys[begin:end] = np.concatenate([own[chosen], np.delete(own, chosen)])
        return replace(self, keys=keys)

    def _best_ranks(
        self, offsets: IntArray, block: IntArray, positions: IntArray, query_rows: IntArray, caps: IntArray
    ) -> dict[int, list[tuple[int, int]]]:
        """Return the number of matches and the best rank of each query, for those who have one beyond their cap."""
        sizes = offsets[block + 1] - offsets[block]
        rows = np.repeat(np.arange(len(block)), sizes)
        places = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        columns = unpack_ranking_key(self.keys[np.repeat(offsets[block], sizes) + places])[-1]
        ranks = np.full((len(block), len(self.matrix.paper_ids)), len(self.matrix.paper_ids), dtype=np.int32)
        ranks[rows, columns] = places
        pairs = np.flatnonzero(np.isin(positions, block))
        begins, ends = (self.matrix.cells.indptr[query_rows[pairs] + shift] for shift in (0, 1))
        pairs, begins, ends = (column[begins < ends] for column in (pairs, begins, ends))
        owners, counts = np.searchsorted(block, positions[pairs]), (ends - begins).astype(np.int64)
        starts = np.cumsum(counts) - counts
        cells = np.arange(counts.sum()) + np.repeat(begins - starts, counts)
        found = ranks[np.repeat(owners, counts), self.matrix.cells.indices[cells]]
        best = np.minimum.reduceat(found, starts) if len(starts) else found
        match_counts = np.add.reduceat(found < ranks.shape[1], starts) if len(starts) else found
        is_shown = best < ranks.shape[1]
        unseated = np.unique(owners[is_shown & (best >= caps[block[owners]])])
        result: dict[int, list[tuple[int, int]]] = {int(block[owner]): [] for owner in unseated}
        for at in np.flatnonzero(is_shown & np.isin(owners, unseated)).tolist():
            result[int(block[owners[at]])].append((int(match_counts[at]), int(best[at])))
        return result

    def json_lists(self, caps: Sequence[int]) -> list[tuple[str, str]]:
        """Return each subscriber's digest as JSON arrays: the best papers up to the cap, and those without room."""
        texts = self.matrix.paper_id_texts
        width = texts.shape[1]
        text = texts[unpack_ranking_key(self.keys)[-1]].tobytes().decode("ascii")
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
        columns = unpack_ranking_key(self.keys)[-1]
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
    ones = np.ones(len(positions), dtype=np.int64)
    product = csr_matrix((ones, (positions, query_rows)), shape=(count, matrix.cells.shape[0])) @ matrix.cells
    rows = np.repeat(np.arange(count, dtype=np.int64), np.diff(product.indptr))
    columns, values = product.indices.astype(np.int64), product.data
    numbers = first_numbers(matrix, subscribers, rows, columns)
    is_wanted = (values < EXCLUSION) & (numbers > subscribers.covered_listing_ids[rows])
    if subscribers.about_only.any():
        is_wanted &= unpack_cells(values)[0] >= subscribers.about_only[rows]
    if not is_wanted.all():
        rows, columns, values = rows[is_wanted], columns[is_wanted], values[is_wanted]
    keys = packed_ranking_key(*unpack_cells(values), columns)
    order = np.sort(rows << PACKED_KEY_BITS | (MAX_KEY - keys))
    offsets = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows, minlength=count), out=offsets[1:])
    return SortedMatches(matrix, offsets.tolist(), MAX_KEY - (order & MAX_KEY))


def first_numbers(
    matrix: MatchMatrix, subscribers: "SubscriberChunk", positions: IntArray, columns: IntArray
) -> IntArray:
    """Return, for pairs of a subscriber and a paper, the number under which a source of theirs listed it first."""
    numbers: IntArray = matrix.first_listing_ids[columns]
    for choice, sources in enumerate(subscribers.source_choices):
        if choice:
            has_chosen = subscribers.choices[positions] == choice
            numbers[has_chosen] = matrix.numbers_in(sources)[columns[has_chosen]]
    return numbers
