"""From queries that find papers to readers who get them: one sparse product for a chunk of readers.

    readers x queries  @  queries x papers  =  readers x papers

Each cell of the product tells how many of the reader's queries match, whether one does in the title, and whether an
exclusion does. Ranking is one sort of whole numbers that say it all: reader, rank within the letter, paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from digest.editions import Candidate
from digest.planning.hits import EXCLUDED, FIELD, FIELDS, TITLED, Hits, Numbers

PLACE = 42  # bits for queries (10), title (1) and column (31)
NOTHING = ("[]", "[]")
WORST = (1 << PLACE) - 1
COLUMN = (1 << PLACE - FIELD - 1) - 1


@dataclass(frozen=True, slots=True)
class Ranked:
    """The papers of each reader of a chunk, best first: those of reader n lie from `start[n]` up to `start[n + 1]`."""

    hits: Hits
    start: Sequence[int]
    worth: Numbers

    @property
    def columns(self) -> Numbers:
        return self.worth & COLUMN

    def candidates(self, reader: int) -> list[Candidate]:
        """One reader's papers, spelt out."""
        worth = self.worth[self.start[reader] : self.start[reader + 1]]
        column = worth & COLUMN
        return [
            Candidate(*row)
            for row in zip(
                self.hits.paper[column].tolist(),
                self.hits.entered[column].tolist(),
                self.hits.upvotes[column].tolist(),
                (worth >> PLACE - FIELD).tolist(),
                (worth >> PLACE - FIELD - 1 & 1).astype(bool).tolist(),
                strict=True,
            )
        ]

    def lists(self, caps: Sequence[int]) -> list[tuple[str, str]]:
        """Each reader's letter as JSON: the best papers up to the cap, and those that found no room."""
        written = self.hits.written
        width = written.shape[1]
        text = written[self.columns].tobytes().decode("ascii")
        bounds = [place * width for place in self.start]
        found = []
        for begin, end, cap in zip(bounds, bounds[1:], caps, strict=False):
            cut = begin + cap * width
            if begin == end:
                found.append(NOTHING)
            elif cut >= end:
                found.append((f"[{text[begin : end - 1]}]", "[]"))
            else:
                found.append((f"[{text[begin : cut - 1]}]", f"[{text[cut : end - 1]}]"))
        return found


def fan_out(hits: Hits, reader: Numbers, query: Numbers, covered: Numbers) -> Ranked:
    """Who gets what. `reader` and `query` are row numbers, a pair for each saved keyword; `covered` is each reader's
    own mark: nothing that entered up to it is new for them.
    """
    shape = (len(covered), hits.table.shape[0])
    ones = np.ones(len(reader), dtype=np.int32)
    product = csr_matrix((ones, (reader, query)), shape=shape) @ hits.table
    row = np.repeat(np.arange(len(covered), dtype=np.int64), np.diff(product.indptr))
    column, cell = product.indices.astype(np.int64), product.data
    kept = (cell < EXCLUDED) & (hits.entered[column] > covered[row])
    if not kept.all():
        row, column, cell = row[kept], column[kept], cell[kept]
    worth = ((cell & FIELDS).astype(np.int64) << 1 | (cell >= TITLED)) << PLACE - FIELD - 1 | column
    order = np.sort(row << PLACE | (WORST - worth))
    start = np.zeros(len(covered) + 1, dtype=np.int64)
    np.cumsum(np.bincount(row, minlength=len(covered)), out=start[1:])
    return Ranked(hits, start.tolist(), WORST - (order & WORST))
