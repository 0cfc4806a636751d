"""Phrases of many papers, with the papers that have them: what suggestions are chosen from.

They are found in the columns of a positional index, block by block, so that memory stays bounded. A phrase is one to
four neighboring words that at least two titles have, or one that is known to be worth a keyword. Pieces of longer
phrases (`carlo tree` of "Monte Carlo tree search") are left out.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from digest.matching import BREAK, FUNCTION_WORDS, split_words
from digest.papers.recent.phrase_edges import may_begin, may_end
from digest.papers.recent.word_columns import (
    BLOCK_ROWS,
    GAP_MASK,
    GAPS,
    SMALL_FLAG,
    TITLE_FLAG,
    Column,
    WordColumns,
    find_papers,
)

MAX_WORDS = 4
MIN_TITLES = 2  # that have a phrase
MIN_PAPERS, MIN_KNOWN_PAPERS = 4, 2  # that have a phrase, and one that is known beforehand
MAX_WORD_SHARE = 0.03  # of all papers, for a single word
PIECE_SHARE = 0.7  # of the occurrences of a piece that one neighboring word completes
PARTS = 4  # in which the neighbors of phrases are counted
CANDIDATES = 1000  # phrases that are located at once
MAX_COUNTED_PAPERS = 4000  # of more papers, as many evenly spread ones are counted
_FACTOR = 0x9E3779B97F4A7C15
_PAPER_SHIFT, _PHRASE_MASK = np.uint64(32), np.uint64(0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class PhraseTable:
    """Phrases, how many papers have each (`paper_counts`), and what people call them (`labels`).

    `keys` has the normalized words of each, joined by blanks; `is_known` marks those that were known beforehand, and
    `by_word` has the phrases of several words. Those of paper n are `paper_phrases[starts[n] : starts[n + 1]]`.
    """

    keys: tuple[str, ...]
    labels: tuple[str, ...]
    is_known: Column
    by_word: Mapping[str, Sequence[int]]
    paper_counts: Column
    starts: Column
    paper_phrases: Column

    @property
    def paper_count(self) -> int:
        """Number of papers that were searched for phrases."""
        return len(self.starts) - 1

    def count_in(self, papers: Column) -> tuple[Column, int]:
        """Return how many of the papers (ascending positions) have each phrase, and how many papers were counted."""
        papers = papers[: np.searchsorted(papers, self.paper_count)]
        papers = papers[:: -(-len(papers) // MAX_COUNTED_PAPERS) or 1]
        first, sizes = self.starts[papers], self.starts[papers + 1] - self.starts[papers]
        places = np.repeat(first - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
        return np.bincount(self.paper_phrases[places], minlength=len(self.keys)), len(papers)


class _Occurrences(NamedTuple):
    """Rows where phrases of one length begin, and the position of each phrase among the codes."""

    rows: Column
    phrases: Column


class _PhraseFinder:
    """Finder of phrases in the columns of an index. A code is a hash of the keys of a phrase."""

    def __init__(self, columns: WordColumns) -> None:
        self.columns = columns
        keys, numbers = columns.keys, columns.key_numbers
        self._may_begin = np.array([may_begin(key) for key in keys], dtype=bool)[numbers]
        self._may_end = np.array([may_end(key) for key in keys], dtype=bool)[numbers]
        self._has_content = np.array([key not in FUNCTION_WORDS for key in keys], dtype=bool)[numbers]
        self._again = np.zeros(len(columns.numbers), dtype=bool)
        self._again[columns.again] = True

    def candidates(self, length: int, known: Sequence[str]) -> tuple[Column, dict[int, int]]:
        """Return codes in ascending order: of phrases of several titles and of the known ones.

        Also, for each of those in titles, a row where it begins, in the singular where a title has it so.
        """
        columns = self.columns
        title_rows = np.flatnonzero(columns.flags[:-1] & TITLE_FLAG)
        rows = self._valid_rows(title_rows, length)
        rows = rows[np.argsort(~columns.is_plain[columns.numbers[rows + length - 1]], kind="stable")]
        codes = self._codes(rows, length)
        distinct, first, counts = np.unique(codes, return_index=True, return_counts=True)
        several = counts >= MIN_TITLES
        if length == 1:
            several &= counts <= max(MIN_PAPERS, MAX_WORD_SHARE * columns.paper_count)
        words = {word for key in known for word in key.split()}
        numbers = {key: number for number, key in enumerate(columns.keys) if key in words}
        known_codes = [
            self._code_of([numbers[word] for word in key.split()])
            for key in known
            if all(word in numbers for word in key.split())
        ]
        chosen = np.union1d(distinct[several], np.array(known_codes, dtype=np.uint64))
        return chosen, dict(zip(distinct[several].tolist(), rows[first[several]].tolist(), strict=True))

    def locate(self, length: int, codes: Column) -> _Occurrences:
        """Find all rows where a phrase of these codes begins."""
        rows, phrases = [np.empty(0, dtype=np.uint32)], [np.empty(0, dtype=np.uint32)]
        for first in range(0, len(self.columns.numbers) - length if len(codes) else 0, BLOCK_ROWS):
            last = min(first + BLOCK_ROWS, len(self.columns.numbers) - length)
            block = self._joined_rows(np.arange(first, last), length)
            block_codes = self._codes(block, length)
            places = np.minimum(np.searchsorted(codes, block_codes), len(codes) - 1)
            is_found = codes[places] == block_codes
            rows.append(block[is_found].astype(np.uint32))
            phrases.append(places[is_found].astype(np.uint32))
        return _Occurrences(np.concatenate(rows), np.concatenate(phrases))

    def find_pieces(self, length: int, found: _Occurrences, count: int) -> Column:
        """Return which phrases are mostly completed by one and the same word beside them."""
        most, totals = np.zeros(count, dtype=np.int64), np.bincount(found.phrases, minlength=count)
        for part, (offset, gap_offset) in product(range(PARTS), ((-1, 0), (length, length))):
            of_part = found.phrases % PARTS == part
            rows, phrases = found.rows[of_part].astype(np.int64), found.phrases[of_part]
            is_joined = self._is_joined(rows + gap_offset)  # the first word of all is not
            numbers, phrases = self.columns.numbers[rows[is_joined] + offset], phrases[is_joined]
            has_content = self._has_content[numbers]
            words = self.columns.key_numbers[numbers[has_content]].astype(np.uint64)
            distinct, counts = np.unique(
                phrases[has_content].astype(np.uint64) << _PAPER_SHIFT | words, return_counts=True
            )
            np.maximum.at(most, (distinct >> _PAPER_SHIFT).astype(np.int64), counts)
        is_piece: Column = most >= PIECE_SHARE * totals
        return is_piece

    def keys_at(self, row: int, length: int) -> list[str]:
        """Return the keys of a phrase that begins in a row."""
        numbers = self.columns.key_numbers[self.columns.numbers[row : row + length]]
        return [self.columns.keys[number] for number in numbers.tolist()]

    def _is_joined(self, rows: Column) -> Column:
        """Return whether each word goes on from the one before it, without punctuation between them."""
        joined: Column = (self.columns.flags[rows] & GAP_MASK) < GAPS.index(BREAK)
        return joined

    def _joined_rows(self, rows: Column, length: int) -> Column:
        """Return the rows from where so many words follow each other; none that is read a second time."""
        rows = rows[(rows + length < len(self.columns.numbers)) & ~self._again[rows]]
        for offset in range(1, length):
            rows = rows[self._is_joined(rows + offset)]
        return rows

    def _valid_rows(self, rows: Column, length: int) -> Column:
        rows = self._joined_rows(rows, length)
        numbers = self.columns.numbers
        rows = rows[self._may_begin[numbers[rows]]]
        return rows[self._may_end[numbers[rows + length - 1]]] if length > 1 else rows

    def _codes(self, rows: Column, length: int) -> Column:
        codes = np.zeros(len(rows), dtype=np.uint64)
        for offset in range(length):
            keys = self.columns.key_numbers[self.columns.numbers[rows + offset]]
            codes = codes * np.uint64(_FACTOR) + keys.astype(np.uint64) + np.uint64(1)
        return codes

    def _code_of(self, keys: Iterable[int]) -> int:
        code = 0
        for key in keys:
            code = (code * _FACTOR + key + 1) % (1 << 64)
        return code


class _TitleLabels:
    """Phrases as titles write them, without the capitals of titles."""

    def __init__(self, columns: WordColumns, titles: Mapping[int, str]) -> None:
        self._columns, self._titles = columns, titles
        small, total = np.zeros((2, len(columns.key_numbers)), dtype=np.int64)
        for first in range(0, len(columns.numbers) - 1, BLOCK_ROWS):
            block = slice(first, min(first + BLOCK_ROWS, len(columns.numbers) - 1))
            flags = columns.flags[block]
            numbers = columns.numbers[block][(flags & TITLE_FLAG) == 0]
            total += np.bincount(numbers, minlength=len(total))
            small += np.bincount(
                columns.numbers[block][(flags & (TITLE_FLAG | SMALL_FLAG)) == SMALL_FLAG], minlength=len(total)
            )
        self._is_small = 2 * small >= total

    def label(self, row: int, length: int) -> str:
        """Return the phrase that begins in a row of a title; empty where the title is unknown."""
        paper = int(find_papers(self._columns.first_rows, np.array([row]))[0])
        words = split_words(self._titles.get(paper, ""))
        first = row - int(self._columns.first_rows[paper])
        if first + length > len(words.keys):
            return ""
        parts = []
        for offset in range(length):
            place = first + offset
            word = words.text[words.starts[place] : words.ends[place]]
            is_small = bool(self._is_small[self._columns.numbers[row + offset]])
            parts.append((words.gaps[place] if offset else "") + (word.lower() if is_small else word))
        return "".join(parts)


class _TableBuilder:
    """Builder of a table, some phrases at a time."""

    def __init__(self, columns: WordColumns, titles: Mapping[int, str], known: Iterable[str]) -> None:
        self.columns = columns
        self.known_labels = {" ".join(split_words(text).keys): text for text in known}
        self._finder, self._title_labels = _PhraseFinder(columns), _TitleLabels(columns, titles)
        self._keys, self._labels, self._counts = list[str](), list[str](), list[int]()
        self._entries = [np.empty(0, dtype=np.uint64)]  # each a paper and the number of a phrase

    def add(self, length: int) -> None:
        """Find the phrases of so many words."""
        known = [key for key in self.known_labels if key.count(" ") == length - 1]
        codes, title_rows = self._finder.candidates(length, known)
        for first in range(0, len(codes), CANDIDATES):
            self._add_candidates(length, codes[first : first + CANDIDATES], title_rows)

    def _add_candidates(self, length: int, codes: Column, title_rows: Mapping[int, int]) -> None:
        found = self._finder.locate(length, codes)
        papers = find_papers(self.columns.first_rows, found.rows).astype(np.uint64)
        pairs = np.unique(papers << _PAPER_SHIFT | found.phrases.astype(np.uint64))
        phrases = (pairs & _PHRASE_MASK).astype(np.int64)
        paper_counts = np.bincount(phrases, minlength=len(codes))
        is_piece = self._finder.find_pieces(length, found, len(codes))
        rows, numbers = np.zeros(len(codes), dtype=np.int64), np.full(len(codes), -1, dtype=np.int64)
        rows[found.phrases] = found.rows
        for place in np.flatnonzero(paper_counts >= MIN_KNOWN_PAPERS).tolist():
            key, count = " ".join(self._finder.keys_at(int(rows[place]), length)), int(paper_counts[place])
            label = self.known_labels.get(key, "")
            if not label:
                is_broad_word = length == 1 and count > MAX_WORD_SHARE * self.columns.paper_count
                title_row = title_rows.get(int(codes[place]))
                if title_row is None or count < MIN_PAPERS or is_piece[place] or is_broad_word:
                    continue
                label = self._title_labels.label(title_row, length)
            if label:
                numbers[place] = len(self._keys)
                self._keys.append(key)
                self._labels.append(label)
                self._counts.append(count)
        is_chosen = numbers[phrases] >= 0
        chosen = numbers[phrases[is_chosen]].astype(np.uint64)
        self._entries.append(pairs[is_chosen] >> _PAPER_SHIFT << _PAPER_SHIFT | chosen)

    def build(self) -> PhraseTable:
        """Return the table of all phrases."""
        pairs = np.sort(np.concatenate(self._entries))
        by_word = defaultdict[str, list[int]](list)
        for number, key in enumerate(self._keys):
            for word in key.split() if " " in key else ():
                by_word[word].append(number)
        number_type = np.uint16 if len(self._keys) < 1 << 16 else np.uint32
        return PhraseTable(
            keys=tuple(self._keys),
            labels=tuple(self._labels),
            is_known=np.array([key in self.known_labels for key in self._keys], dtype=bool),
            by_word=dict(by_word),
            paper_counts=np.array(self._counts, dtype=np.int64),
            starts=np.searchsorted(pairs >> _PAPER_SHIFT, np.arange(self.columns.paper_count + 1)),
            paper_phrases=(pairs & _PHRASE_MASK).astype(number_type),
        )


def build_phrase_table(columns: WordColumns, titles: Mapping[int, str], known: Iterable[str]) -> PhraseTable:
    """Find the phrases of papers. `titles` by the position of the paper; `known` as people write them."""
    builder = _TableBuilder(columns, titles, known)
    for length in range(1, MAX_WORDS + 1):
        builder.add(length)
    return builder.build()
