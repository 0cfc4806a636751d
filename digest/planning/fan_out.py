"""From queries that find papers to readers who get them: one sparse product for a chunk of readers.

    readers x queries  @  queries x papers  =  readers x papers

Each cell of the product tells how many of the reader's queries match, whether one does in the title, and whether an
exclusion does. Ranking is one sort of whole numbers that say it all: reader, rank within the letter, paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from digest.papers import Candidate
from digest.planning.match_matrix import EXCLUSION, FIELD_BITS, FIELD_MASK, TITLE_MATCH, IntArray, MatchMatrix

KEY_BITS = 42  # bits for queries (10), title (1) and column (31)


EMPTY_LISTS = ("[]", "[]")


MAX_KEY = (1 << KEY_BITS) - 1


COLUMN_MASK = (1 << KEY_BITS - FIELD_BITS - 1) - 1


@dataclass(frozen=True, slots=True)
class RankedMatches:
    """The papers of each reader of a chunk, best first: those of reader n lie from `start[n]` up to `start[n + 1]`."""

    matrix: MatchMatrix
    offsets: Sequence[int]
    keys: IntArray

    @property
    def columns(self) -> IntArray:
        return self.keys & COLUMN_MASK

    def candidates_at(self, position: int) -> list[Candidate]:
        """One reader's papers, spelt out."""
        keys = self.keys[self.offsets[position] : self.offsets[position + 1]]
        column = keys & COLUMN_MASK
        return [
            Candidate(*row)
            for row in zip(
                self.matrix.paper_ids[column].tolist(),
                self.matrix.first_listing_ids[column].tolist(),
                self.matrix.upvotes[column].tolist(),
                (keys >> KEY_BITS - FIELD_BITS).tolist(),
                (keys >> KEY_BITS - FIELD_BITS - 1 & 1).astype(bool).tolist(),
                strict=True,
            )
        ]

    def json_lists(self, caps: Sequence[int]) -> list[tuple[str, str]]:
        """Each reader's letter as JSON: the best papers up to the cap, and those that found no room."""
        texts = self.matrix.paper_id_texts
        width = texts.shape[1]
        text = texts[self.columns].tobytes().decode("ascii")
        bounds = [place * width for place in self.offsets]
        lists = []
        for begin, end, cap in zip(bounds, bounds[1:], caps, strict=False):
            cut = begin + cap * width
            if begin == end:
                lists.append(EMPTY_LISTS)
            elif cut >= end:
                lists.append((f"[{text[begin : end - 1]}]", "[]"))
            else:
                lists.append((f"[{text[begin : cut - 1]}]", f"[{text[cut : end - 1]}]"))
        return lists


def fan_out(
    matrix: MatchMatrix, subscriber_rows: IntArray, query_rows: IntArray, covered_listing_ids: IntArray
) -> RankedMatches:
    """Who gets what. `reader` and `query` are row numbers, a pair for each saved keyword; `covered` is each reader's
    own mark: nothing that entered up to it is new for them.
    """
    shape = (len(covered_listing_ids), matrix.cells.shape[0])
    ones = np.ones(len(subscriber_rows), dtype=np.int32)
    product = csr_matrix((ones, (subscriber_rows, query_rows)), shape=shape) @ matrix.cells
    row = np.repeat(np.arange(len(covered_listing_ids), dtype=np.int64), np.diff(product.indptr))
    column, cell = product.indices.astype(np.int64), product.data
    is_new = (cell < EXCLUSION) & (matrix.first_listing_ids[column] > covered_listing_ids[row])
    if not is_new.all():
        row, column, cell = row[is_new], column[is_new], cell[is_new]
    keys = ((cell & FIELD_MASK).astype(np.int64) << 1 | (cell >= TITLE_MATCH)) << KEY_BITS - FIELD_BITS - 1 | column
    order = np.sort(row << KEY_BITS | (MAX_KEY - keys))
    offsets = np.zeros(len(covered_listing_ids) + 1, dtype=np.int64)
    np.cumsum(np.bincount(row, minlength=len(covered_listing_ids)), out=offsets[1:])
    return RankedMatches(matrix, offsets.tolist(), MAX_KEY - (order & MAX_KEY))
