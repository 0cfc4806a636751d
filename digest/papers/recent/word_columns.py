"""Columns with one row a word of many papers: what each row has, and how columns grow and are grouped."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from digest.matching import BREAK, HYPHEN, NO_GAP, SPACE

Column = npt.NDArray[Any]  # of the smallest unsigned type that holds its numbers
GAPS = (NO_GAP, SPACE, HYPHEN, BREAK)
TEXT_START = len(GAPS)  # the gap before the first word of a text, which no phrase spans
# Flags of a word: its gap, whether it stands in the title, its case where it is a single character, whether it is
# written in two to four capitals, and whether all of it is small.
GAP_MASK, TITLE_FLAG, CASE_SHIFT, CASE_MASK, CAPITALS_FLAG, SMALL_FLAG = 0b111, 0b1000, 4, 0b11, 1 << 6, 1 << 7
BLOCK_ROWS = 1 << 18


class WordColumns(NamedTuple):
    """All words of papers, one row a word; the last row is none.

    - `keys` in alphabetical order; by the number of a word: `key_numbers`, and `is_plain` where it is its own key
    - `numbers`, `flags`: of each row; `again`: rows of words that are read a second time
    - `first_rows`: by paper, and of the one after all
    """

    keys: Sequence[str]
    key_numbers: Column
    is_plain: Column
    numbers: Column
    first_rows: Column
    flags: Column
    again: Column

    @property
    def paper_count(self) -> int:
        return len(self.first_rows) - 1


def find_papers(first_rows: Column, rows: Column) -> npt.NDArray[np.int64]:
    """Return the paper that each row is of. A column of papers would be a fifth of the index."""
    return np.searchsorted(first_rows, rows, side="right") - 1


def append_rows(column: Column, numbers: Sequence[int] | Column, limit: int, last: int = 0) -> Column:
    """Return a column with more rows before its last one, which stands for the word after all others."""
    return np.concatenate([column[:-1], numbers, [last]], dtype=np.min_scalar_type(limit), casting="unsafe")


def group_positions(column: Column, count: int) -> tuple[Column, npt.NDArray[np.int64]]:
    """Return all positions grouped by number, and where the group of each number below `count` begins.

    In blocks, because what sorting takes besides would be twice as large as the index.
    """
    starts = np.zeros(count + 1, dtype=np.int64)
    blocks = [column[first : first + BLOCK_ROWS] for first in range(0, len(column), BLOCK_ROWS)]
    for block in blocks:
        starts[1:] += np.bincount(block, minlength=count)
    np.cumsum(starts, out=starts)
    order, free = np.empty(len(column), dtype=np.uint32), starts[:-1].copy()
    for first, block in zip(range(0, len(column), BLOCK_ROWS), blocks, strict=True):
        sorted_positions = np.argsort(block, kind="stable")
        sizes = np.bincount(block, minlength=count)
        # The n-th position of a number in this block goes to the n-th free place of its group.
        places_in_group = np.arange(len(block)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        order[np.repeat(free, sizes) + places_in_group] = sorted_positions + first
        free += sizes
    return order, starts


def pack_bits(flags: npt.NDArray[np.bool_]) -> int:
    """Return an integer whose bit n is flag n."""
    return int.from_bytes(np.packbits(flags, bitorder="little").tobytes(), "little")


def is_among(rows: Column, ascending: Column) -> npt.NDArray[np.bool_]:
    """Return which rows are among others. `np.isin` would sort or hash all of these each time."""
    if not len(ascending):
        return np.zeros(len(rows), dtype=bool)
    places = np.minimum(np.searchsorted(ascending, rows), len(ascending) - 1)
    found: npt.NDArray[np.bool_] = ascending[places] == rows
    return found
