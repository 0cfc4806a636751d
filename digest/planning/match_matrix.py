"""Which queries match which papers, as a sparse matrix: a row a query, a column a paper.

A cell is one number that can be added up over a subscriber's queries:

    bits 0 to 9     1 for a match; the sum is how many queries match
    bits 10 to 19   1 for a match by words of the title
    bits 20 to 29   1 for a paper that is about the query, and does not only mention it in passing
    bits 30 to 39   1 for a match of an exclusion; then nothing else is set

A subscriber has at most 1,000 queries, so no field overflows. The columns are in ascending order of popularity, see
`papers.ranking`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from digest.matching import Matcher, PaperDocument, Query
from digest.papers import popularity_order

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
TextArray = npt.NDArray[np.uint8]  # a row of ASCII a number, all equally wide, to be joined to JSON arrays
IntegerOrArray = TypeVar("IntegerOrArray", int, IntArray)
SparseMatrix = Any  # csr_matrix; SciPy has no types

FIELD_BITS = 10
FIELD_MASK = (1 << FIELD_BITS) - 1
NOT_LISTED = np.iinfo(np.int64).max
CACHED_CHOICES = 200  # sets of sources whose numbers are kept
MATCH, TITLE_MATCH, ABOUT, EXCLUSION = (1 << field * FIELD_BITS for field in range(4))


@dataclass(frozen=True)
class MatchMatrix:
    """Papers and the queries that match them. The other arrays have one number a column.

    `source_numbers` are by source: the number under which it listed a paper first, NOT_LISTED where it did not.
    """

    paper_ids: IntArray
    first_listing_ids: IntArray
    upvotes: IntArray
    cells: SparseMatrix
    source_numbers: Mapping[str, IntArray] = field(default_factory=dict)
    _numbers: dict[frozenset[str], IntArray] = field(default_factory=dict, compare=False)

    def listed_after(self, listing_id: int) -> "MatchMatrix":
        """Return only the papers that a source listed first after a listing."""
        last_numbers = self.first_listing_ids.copy()
        for numbers in self.source_numbers.values():
            np.maximum(last_numbers, np.where(numbers == NOT_LISTED, 0, numbers), out=last_numbers)
        columns = np.flatnonzero(last_numbers > listing_id)
        if len(columns) == len(self.paper_ids):
            return self
        return MatchMatrix(
            self.paper_ids[columns],
            self.first_listing_ids[columns],
            self.upvotes[columns],
            self.cells[:, columns],
            {source: numbers[columns] for source, numbers in self.source_numbers.items()},
        )

    def numbers_in(self, sources: frozenset[str]) -> IntArray:
        """Return the number under which one of these sources listed each paper first; 0 where none has."""
        if sources not in self._numbers:
            if len(self._numbers) >= CACHED_CHOICES:
                self._numbers.clear()
            numbers = np.full(len(self.paper_ids), NOT_LISTED)
            for source in sources & self.source_numbers.keys():
                np.minimum(numbers, self.source_numbers[source], out=numbers)
            self._numbers[sources] = np.where(numbers == NOT_LISTED, 0, numbers)
        return self._numbers[sources]

    def columns_of(self, query_row: int) -> IntArray:
        """Return the papers that a query matches."""
        columns: IntArray = self.cells.indices[self.cells.indptr[query_row] : self.cells.indptr[query_row + 1]]
        return columns

    @cached_property
    def paper_id_texts(self) -> TextArray:
        """Number of each paper as it stands in a JSON array."""
        return format_integers(self.paper_ids)


def unpack_cells(sums: IntegerOrArray) -> tuple[IntegerOrArray, IntegerOrArray, IntegerOrArray]:
    """Return of sums of cells, none an exclusion: whether it is about a query, how many match, whether a title does."""
    is_about, in_title = (0 + (sums // unit % (1 << FIELD_BITS) > 0) for unit in (ABOUT, TITLE_MATCH))
    return is_about, sums % (1 << FIELD_BITS), in_title


def format_integers(numbers: IntArray) -> TextArray:
    """Return one row of ASCII a number, with its comma, padded to the widest."""
    width = len(str(numbers.max(initial=0)))
    text = "".join(f"{number:{width}}," for number in numbers.tolist())
    return np.frombuffer(text.encode(), dtype=np.uint8).reshape(-1, width + 1)


def json_arrays(texts: TextArray, rows: IntArray, offsets: IntArray) -> list[str]:
    """Return JSON arrays of the numbers in `rows` of `texts`: array n has those from `offsets[n]` to the next."""
    width = texts.shape[1]
    text = texts[rows].tobytes().decode("ascii")
    bounds = (offsets * width).tolist()
    return [f"[{text[begin : end - 1]}]" if begin < end else "[]" for begin, end in pairwise(bounds)]


@dataclass(frozen=True)
class MatchCells:
    """Row, column and value of every cell that is not empty, for a block of papers."""

    rows: IntArray
    columns: IntArray
    values: IntArray


def match_block(matcher: Matcher, queries: Sequence[Query], documents: Sequence[PaperDocument]) -> MatchCells:
    """Match a block of papers."""
    bits = matcher.match_bits(documents)
    matching_rows = [row for row, query_bits in enumerate(bits) if query_bits.matched]
    row_bytes = max((len(documents) + 7) // 8, 1)

    def unpack(row_bits: Iterable[int]) -> npt.NDArray[np.uint8]:
        packed = b"".join(query_bits.to_bytes(row_bytes, "little") for query_bits in row_bits)
        return np.unpackbits(np.frombuffer(packed, dtype=np.uint8).reshape(-1, row_bytes), axis=1, bitorder="little")

    positions, columns = np.nonzero(unpack(bits[row].matched for row in matching_rows))
    in_title, is_about = (
        unpack(getattr(bits[row], name) for row in matching_rows)[positions, columns].astype(np.int64)
        for name in ("in_title", "is_about")
    )
    rows = np.array(matching_rows, dtype=np.int64)[positions]
    is_exclusion = np.array([query.exclude for query in queries], dtype=bool)[rows]
    values = np.where(is_exclusion, EXCLUSION, MATCH + TITLE_MATCH * in_title + ABOUT * is_about)
    return MatchCells(rows, columns.astype(np.int64), values)


def build_matrix(
    blocks: Sequence[MatchCells],
    query_count: int,
    papers: Sequence[tuple[int, int, int]],
    listings: Iterable[tuple[int, str, int]] = (),
) -> MatchMatrix:
    """Join the cells of all blocks. `papers` are (number, first listing, upvotes), block by block.

    The columns of each block count on from those of the block before. `listings` are (paper, source, number) where
    somebody chose sources.
    """
    paper_ids, first_listing_ids, upvotes = np.array(papers, dtype=np.int64).reshape(-1, 3).T
    order = popularity_order(upvotes, first_listing_ids)
    new_columns = np.empty(len(order), dtype=np.int64)
    new_columns[order] = np.arange(len(order))
    empty = [MatchCells(*np.empty((3, 0), dtype=np.int64))]
    rows, columns, values = (
        np.concatenate([getattr(block, name) for block in blocks or empty]) for name in ("rows", "columns", "values")
    )
    cells = csr_matrix((values, (rows, new_columns[columns])), shape=(query_count, len(order)))
    columns_by_id = {paper_id: column for column, paper_id in enumerate(paper_ids[order].tolist())}
    source_numbers: dict[str, IntArray] = {}
    for paper_id, source, number in listings:
        if (column := columns_by_id.get(paper_id)) is not None:
            numbers = source_numbers.setdefault(source, np.full(len(order), NOT_LISTED))
            numbers[column] = min(numbers[column], max(number, first_listing_ids[order[column]]))
    return MatchMatrix(paper_ids[order], first_listing_ids[order], upvotes[order], cells, source_numbers)
