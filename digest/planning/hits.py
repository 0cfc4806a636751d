"""What the queries find, as a sparse table: a row a query, a column a paper.

A cell is one number that can be added up over a reader's queries:

    bits 0 to 9     1 for a match; the sum is how many queries match
    bits 10 to 19   1 for a match by words of the title
    bits 20 to 29   1 for a match of an exclusion; then nothing else is set

A reader has at most 1,000 queries, so no field runs over. The columns lie in the order of upvotes, then of listing:
of two papers that match equally well, the one further right comes first in a letter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from digest.matching import Document, Matcher, Query

Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Table = Any  # scipy's csr_matrix; scipy tells no types

Written = npt.NDArray[np.uint8]  # numbers as they stand in a JSON array, all equally wide: to be laid side by side

FIELD = 10
ONE, TITLED, EXCLUDED = 1, 1 << FIELD, 1 << 2 * FIELD
FIELDS = (1 << FIELD) - 1


@dataclass(frozen=True)
class Hits:
    """Papers and what finds them. `paper`, `entered` and `upvotes` have one number a column."""

    paper: Numbers
    entered: Numbers
    upvotes: Numbers
    table: Table

    def after(self, number: int) -> "Hits":
        """Only the papers that entered after listing `number`."""
        kept = np.flatnonzero(self.entered > number)
        if len(kept) == len(self.paper):
            return self
        return Hits(self.paper[kept], self.entered[kept], self.upvotes[kept], self.table[:, kept])

    @cached_property
    def written(self) -> Written:
        """Each paper's number as it stands in a JSON array."""
        return write(self.paper)


def write(numbers: Numbers) -> Written:
    """One row of bytes a number, with its comma."""
    width = len(str(numbers.max(initial=0)))
    text = "".join(f"{number:{width}}," for number in numbers.tolist())
    return np.frombuffer(text.encode(), dtype=np.uint8).reshape(-1, width + 1)


def arrays(written: Written, rows: Numbers, start: Numbers) -> list[str]:
    """JSON arrays of the numbers in `rows` of `written`: array n has those from `start[n]` up to the next."""
    width = written.shape[1]
    text = written[rows].tobytes().decode("ascii")
    bounds = (start * width).tolist()
    return [f"[{text[begin : end - 1]}]" if begin < end else "[]" for begin, end in pairwise(bounds)]


@dataclass(frozen=True)
class Found:
    """What some queries find in some papers: row, column and cell of everything that is not empty."""

    row: Numbers
    column: Numbers
    cell: npt.NDArray[np.int32]


def find(matcher: Matcher, queries: Sequence[Query], documents: Sequence[Document]) -> Found:
    """Match, and spell the bits out."""
    size = (len(documents) + 7) // 8
    bits = matcher.hits(documents)
    asked = [number for number, each in enumerate(bits) if each.matched]
    matched, titled = (b"".join(bits[number][part].to_bytes(size, "little") for number in asked) for part in (0, 1))
    place, column = np.nonzero(_spelt(matched, size))
    in_title = _spelt(titled, size)[place, column]
    row = np.array(asked, dtype=np.int64)[place]
    excluding = np.array([query.exclude for query in queries], dtype=bool)[row]
    cell = np.where(excluding, EXCLUDED, ONE + TITLED * in_title.astype(np.int32)).astype(np.int32)
    return Found(row, column.astype(np.int64), cell)


def _spelt(joined: bytes, size: int) -> npt.NDArray[np.uint8]:
    rows = np.frombuffer(joined, dtype=np.uint8).reshape(-1, max(size, 1))
    return np.unpackbits(rows, axis=1, bitorder="little")


def lay(parts: Sequence[Found], queries: int, papers: Sequence[tuple[int, int, int]]) -> Hits:
    """Put what was found in blocks of papers into one table. `papers` are (number, entered, upvotes), block by block.

    The columns of each part count on from those of the part before.
    """
    paper, entered, upvotes = np.array(papers, dtype=np.int64).reshape(-1, 3).T
    order = np.lexsort((entered, upvotes))
    moved = np.empty(len(order), dtype=np.int64)
    moved[order] = np.arange(len(order))
    row, column, cell = (
        np.concatenate([getattr(part, name) for part in parts]) if parts else np.empty(0, dtype=np.int64)
        for name in ("row", "column", "cell")
    )
    table = csr_matrix((cell.astype(np.int32), (row, moved[column])), shape=(queries, len(order)))
    return Hits(paper[order], entered[order], upvotes[order], table)
