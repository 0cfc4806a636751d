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

from digest.matching import Matcher, PaperDocument, Query

IntArray = npt.NDArray[np.int64]


BoolArray = npt.NDArray[np.bool_]


SparseMatrix = Any  # scipy's csr_matrix; scipy tells no types


TextArray = npt.NDArray[np.uint8]  # numbers as they stand in a JSON array, all equally wide: to be laid side by side


FIELD_BITS = 10


MATCH, TITLE_MATCH, EXCLUSION = 1, 1 << FIELD_BITS, 1 << 2 * FIELD_BITS


FIELD_MASK = (1 << FIELD_BITS) - 1


@dataclass(frozen=True)
class MatchMatrix:
    """Papers and what finds them. `paper`, `entered` and `upvotes` have one number a column."""

    paper_ids: IntArray
    first_listing_ids: IntArray
    upvotes: IntArray
    cells: SparseMatrix

    def entered_after(self, listing_id: int) -> "MatchMatrix":
        """Only the papers that entered after listing `number`."""
        columns = np.flatnonzero(self.first_listing_ids > listing_id)
        if len(columns) == len(self.paper_ids):
            return self
        return MatchMatrix(
            self.paper_ids[columns], self.first_listing_ids[columns], self.upvotes[columns], self.cells[:, columns]
        )

    @cached_property
    def paper_id_texts(self) -> TextArray:
        """Each paper's number as it stands in a JSON array."""
        return format_numbers(self.paper_ids)


def format_numbers(numbers: IntArray) -> TextArray:
    """One row of bytes a number, with its comma."""
    width = len(str(numbers.max(initial=0)))
    text = "".join(f"{number:{width}}," for number in numbers.tolist())
    return np.frombuffer(text.encode(), dtype=np.uint8).reshape(-1, width + 1)


def json_arrays(texts: TextArray, rows: IntArray, offsets: IntArray) -> list[str]:
    """JSON arrays of the numbers in `rows` of `written`: array n has those from `start[n]` up to the next."""
    width = texts.shape[1]
    text = texts[rows].tobytes().decode("ascii")
    bounds = (offsets * width).tolist()
    return [f"[{text[begin : end - 1]}]" if begin < end else "[]" for begin, end in pairwise(bounds)]


@dataclass(frozen=True)
class MatchCells:
    """What some queries find in some papers: row, column and cell of everything that is not empty."""

    rows: IntArray
    columns: IntArray
    values: npt.NDArray[np.int32]


def match_block(matcher: Matcher, queries: Sequence[Query], documents: Sequence[PaperDocument]) -> MatchCells:
    """Match, and spell the bits out."""
    size = (len(documents) + 7) // 8
    bits = matcher.match_bits(documents)
    matching_rows = [number for number, each in enumerate(bits) if each.matched]
    matched, titled = (
        b"".join(bits[number][part].to_bytes(size, "little") for number in matching_rows) for part in (0, 1)
    )
    position, column = np.nonzero(_unpack_bits(matched, size))
    in_title = _unpack_bits(titled, size)[position, column]
    row = np.array(matching_rows, dtype=np.int64)[position]
    is_exclusion = np.array([query.exclude for query in queries], dtype=bool)[row]
    values = np.where(is_exclusion, EXCLUSION, MATCH + TITLE_MATCH * in_title.astype(np.int32)).astype(np.int32)
    return MatchCells(row, column.astype(np.int64), values)


def _unpack_bits(packed: bytes, row_size: int) -> npt.NDArray[np.uint8]:
    rows = np.frombuffer(packed, dtype=np.uint8).reshape(-1, max(row_size, 1))
    return np.unpackbits(rows, axis=1, bitorder="little")


def build_matrix(blocks: Sequence[MatchCells], query_count: int, papers: Sequence[tuple[int, int, int]]) -> MatchMatrix:
    """Put what was found in blocks of papers into one table. `papers` are (number, entered, upvotes), block by block.

    The columns of each part count on from those of the part before.
    """
    paper, entered, upvotes = np.array(papers, dtype=np.int64).reshape(-1, 3).T
    order = np.lexsort((entered, upvotes))
    new_columns = np.empty(len(order), dtype=np.int64)
    new_columns[order] = np.arange(len(order))
    row, column, cell = (
        np.concatenate([getattr(part, name) for part in blocks]) if blocks else np.empty(0, dtype=np.int64)
        for name in ("rows", "columns", "values")
    )
    table = csr_matrix((cell.astype(np.int32), (row, new_columns[column])), shape=(query_count, len(order)))
    return MatchMatrix(paper[order], entered[order], upvotes[order], table)
