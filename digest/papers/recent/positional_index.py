"""Positions of each word in many papers, so that a phrase is found without reading a paper again.

All texts are concatenated into columns with one row a word: its number, its paper, and flags. A word is a normalized
key together with an exact form; numbers follow their alphabetical order, so that the words of one key are neighbors. A
phrase is spelled out of words that the papers have (fine tuning, fine-tuning and finetuning are three spellings of one
key); each spelling takes a few comparisons of columns. The rules are those of `digest.matching.phrases.index`, which
reads one paper at a time.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from digest.matching import (
    BREAK,
    HIGHEST_CHARACTER,
    HYPHEN,
    NO_GAP,
    PaperDocument,
    Phrase,
    Words,
    can_join,
    find_definitions,
    is_capitals,
    is_standalone,
    split_words,
    window_without,
)
from digest.papers.recent.defined_forms import DefinedForms
from digest.papers.recent.word_columns import (
    CAPITALS_FLAG,
    CASE_MASK,
    CASE_SHIFT,
    GAP_MASK,
    GAPS,
    SMALL_FLAG,
    TEXT_START,
    TITLE_FLAG,
    Column,
    WordColumns,
    append_rows,
    find_papers,
    group_positions,
    is_among,
    pack_bits,
)

LOWERCASE, UPPERCASE = 1, 2  # case of a word with a single character
NO_EXACT_FORM = "\0"  # of words that are read a second time: no quoted phrase has them


class PartialSpelling(NamedTuple):
    """Beginning of a spelling of a phrase: its first `length` characters, ending with `word`, at these positions.

    `numbers`: those of the word where it is the first one. Its positions are all of theirs, unless some are left out.
    """

    length: int
    word: str
    positions: Column
    numbers: range = range(0)


class PositionalIndex:
    """Positions of the words of papers, grouped by word."""

    def __init__(self) -> None:
        self.paper_count = 0
        self._word_numbers: dict[tuple[str, str], int] = {}  # by key and exact form, while papers are added
        # Of the words in alphabetical order: their exact forms, their distinct keys, and the first number of each key.
        self._exact: list[str] = []
        self._keys: list[str] = []
        self._key_starts = array("I", [0])
        self._key_numbers: dict[str, int] = {}
        self._defined_forms = DefinedForms()
        # One row more than there are words, so that every word has a next one.
        self._numbers = np.zeros(1, dtype=np.uint8)
        self._first_rows = np.zeros(1, dtype=np.uint32)  # by paper, and of the one after all
        self._flags = np.array([TEXT_START], dtype=np.uint8)
        # Rows of words that are read a second time, without an acronym between them, and the rows of these words.
        self._again = self._originals = np.empty(0, dtype=np.uint32)
        # Of these, the last words of long forms: with them alone begins no phrase that goes on behind the acronym.
        self._last_words = np.empty(0, dtype=np.uint32)
        self._half_rows = np.empty(0, dtype=np.uint32)  # by paper: of the last word in the first half of the abstract
        self._grouped_count = -1

    def add(self, documents: Iterable[PaperDocument]) -> None:
        """Append the words of more papers."""
        numbers, flags, counts = array("i"), array("B"), array("i")
        again, originals, last_words, half_rows = array("i"), array("i"), array("i"), array("i")
        known = self._word_numbers
        if not known:
            known.update({(self._key_of(number), exact): number for number, exact in enumerate(self._exact)})
        for document in documents:
            texts = [split_words(document.title), split_words(document.abstract)]
            definitions = [find_definitions(words) for words in texts]
            first_rows, row = [], len(self._numbers) - 1 + len(numbers)
            for words, text_flag, defined in zip(texts, (TITLE_FLAG, 0), definitions, strict=True):
                first_rows.append(row)
                acronyms = [definition.acronym for definition in defined if definition.acronym == definition.last + 1]
                around = [window_without(words, acronym) for acronym in acronyms]
                for part, acronym in zip((words, *around), (0, *acronyms), strict=True):
                    exact = words.exact if part is words else [NO_EXACT_FORM] * len(part.keys)
                    numbers.extend([known.setdefault(word, len(known)) for word in zip(part.keys, exact, strict=True)])
                    gaps = [TEXT_START, *(GAPS.index(gap) for gap in part.gaps[1:])][: len(part.keys)]
                    flags.extend([gap | text_flag | _case_flags(part, n) for n, gap in enumerate(gaps)])
                    if part is not words:
                        again.extend(range(row, row + len(part.keys)))
                        last_words.append(row + bisect_left(part.starts, words.starts[acronym]) - 1)
                        originals.extend([first_rows[-1] + bisect_left(words.ends, end) for end in part.ends])
                    row += len(part.keys)
            counts.append(row - first_rows[0])
            half_rows.append(first_rows[1] + (len(texts[1].keys) - 1) // 2)
            self._defined_forms.add(self.paper_count, texts, definitions, first_rows)
            self.paper_count += 1
        self._numbers = append_rows(self._numbers, numbers, len(known))
        self._first_rows = np.concatenate(
            [self._first_rows, self._first_rows[-1] + np.cumsum(counts, dtype=np.uint32)], dtype=np.uint32
        )
        self._flags = append_rows(self._flags, flags, TEXT_START, TEXT_START)
        self._again, self._originals, self._last_words, self._half_rows = (
            np.concatenate([column, np.array(new, dtype=np.uint32)])
            for column, new in (
                (self._again, again),
                (self._originals, originals),
                (self._last_words, last_words),
                (self._half_rows, half_rows),
            )
        )

    def _group(self) -> None:
        """Sort the words and group their positions, if papers were added since the last time."""
        if self._grouped_count == self.paper_count:
            return
        words = sorted(self._word_numbers)
        numbers = np.zeros(max(len(words), 1), dtype=self._numbers.dtype)
        numbers[[self._word_numbers[word] for word in words]] = np.arange(len(words))
        self._numbers, self._word_numbers = numbers[self._numbers], {}
        self._order, self._starts = group_positions(self._numbers[:-1], len(words))
        self._exact = [key if key == exact else exact for key, exact in words]
        self._by_form = array("I", sorted(range(len(words)), key=self._exact.__getitem__))
        self._keys, self._key_starts = [], array("I")
        for number, (key, _) in enumerate(words):
            if not self._keys or self._keys[-1] != key:
                self._keys.append(key)
                self._key_starts.append(number)
        self._key_starts.append(len(words))
        self._key_numbers = {key: number for number, key in enumerate(self._keys)}
        self._grouped_count = self.paper_count

    def columns(self) -> WordColumns:
        """Return all words, for who counts them."""
        self._group()
        key_numbers = np.repeat(np.arange(len(self._keys), dtype=np.uint32), np.diff(self._key_starts))
        is_plain = [self._keys[key] == exact for key, exact in zip(key_numbers.tolist(), self._exact, strict=True)]
        return WordColumns(
            self._keys,
            key_numbers,
            np.array(is_plain, dtype=bool),
            self._numbers,
            self._first_rows,
            self._flags,
            self._again,
        )

    def count_words(self, keys: Iterable[str]) -> dict[str, int]:
        """Return how often words occur, by their keys, without those that do not."""
        self._group()
        found = {key: self._numbers_of(number) for key in keys if (number := self._key_numbers.get(key)) is not None}
        return {key: int(self._starts[words.stop] - self._starts[words.start]) for key, words in found.items()}

    def _key_of(self, number: int) -> str:
        """Return the key of a word."""
        return self._keys[bisect_right(self._key_starts, number) - 1]

    def _numbers_of(self, key_number: int) -> range:
        """Return the numbers of the words with one key."""
        return range(self._key_starts[key_number], self._key_starts[key_number + 1])

    def find(self, phrase: Phrase) -> tuple[int, int, int]:
        """Return as bits the papers with a phrase in the title, those with it in the abstract, and where prominently.

        That is twice, or in the first half of the abstract (see `matching.find_prominent`).
        """
        self._group()
        rows = np.unique(np.concatenate([self._find_form(form) for form in phrase.alternatives]))
        papers, in_title = find_papers(self._first_rows, rows), (self._flags[rows] & TITLE_FLAG) != 0
        counts = np.bincount(papers[~in_title], minlength=self.paper_count)
        is_early = ~in_title & (rows <= self._half_rows[papers])
        return (
            pack_bits(self._papers_with(papers[in_title])),
            pack_bits(counts > 0),
            pack_bits(self._papers_with(papers[is_early]) | (counts > 1)),
        )

    def _find_form(self, phrase: Phrase) -> Column:
        """Return the rows of the last word of each occurrence of one form of a phrase."""
        is_character = len(phrase.key) == 1 and phrase.key.isascii()
        min_case = UPPERCASE if phrase.is_single_capital else LOWERCASE
        groups = [np.empty(0, dtype=np.uint32)]
        for found in self._find_exact(phrase) if phrase.exact else self._find_spellings(phrase):
            positions = found
            if is_character:
                positions = positions[(self._flags[positions] >> CASE_SHIFT & CASE_MASK) >= min_case]
            if phrase.is_capitals:
                positions = positions[(self._flags[positions] & CAPITALS_FLAG) != 0]
            groups.append(positions)
        if not phrase.exact and not phrase.prefix:
            groups += self._defined_forms.rows_of(phrase)
        rows = np.concatenate(groups).astype(np.uint32)
        if foreign := self._defined_forms.foreign_papers(phrase):
            rows = rows[~np.isin(find_papers(self._first_rows, rows), list(foreign))]
        if len(self._again):
            places = np.minimum(np.searchsorted(self._again, rows), len(self._again) - 1)
            rows = np.where(self._again[places] == rows, self._originals[places], rows)
        return rows

    def _papers_with(self, papers: Column) -> npt.NDArray[np.bool_]:
        is_found = np.zeros(self.paper_count, dtype=bool)
        is_found[papers] = True
        return is_found

    def _find_exact(self, phrase: Phrase) -> Iterator[Column]:
        """Yield the positions of the last word of a quoted phrase."""
        words = [phrase.key] if phrase.is_capitals else phrase.words
        numbers = [self._numbers_of_forms(word, f"{word}\0") for word in words]
        positions = self._positions(numbers[0])
        for following, separator in zip(numbers[1:], phrase.separators, strict=True):
            positions = positions + 1
            has_gap = self._gaps(positions) == GAPS.index(separator)
            positions = positions[np.isin(self._numbers[positions], following) & has_gap]
        yield positions

    def _find_spellings(self, phrase: Phrase, after: Column | None = None) -> Iterator[Column]:
        """Yield the positions of the last word of each sequence of words that spells a phrase.

        `after`: positions that it must follow directly.
        """
        key, separators = phrase.key, phrase.separators_by_offset
        spellings = [PartialSpelling(0, "", np.empty(0, dtype=np.uint32) if after is None else after)]
        while spellings:
            spelling = spellings.pop()
            words = self._next_words(phrase, spelling)
            is_first = not spelling.length and after is None
            groups = self._follow(spelling, words) if words and not is_first else map(self._rows_of, words)
            for numbers, found in zip(words, groups, strict=True):
                word, positions = self._key_of(numbers.start), found
                if not is_first and len(positions):
                    positions = positions[_allowed_gaps(spelling, word, separators)[self._gaps(positions)]]
                if any(acronym.short == word and acronym.is_word for acronym in phrase.acronyms):
                    # Without an acronym that is an English word, too, where it is written small.
                    positions = positions[(self._flags[positions] & SMALL_FLAG) == 0]
                end = spelling.length + len(word)
                if len(positions) and end == len(key):
                    yield positions
                elif len(positions):
                    spellings.append(PartialSpelling(end, word, positions, numbers if is_first else range(0)))
            if phrase.prefix:
                for positions in self._complete_prefix(phrase, spelling, after):
                    yield from self._find_spellings(phrase.tail, positions) if phrase.tail else [positions]

    def _next_words(self, phrase: Phrase, spelling: PartialSpelling) -> list[range]:
        """Return the numbers of the words that may go on with a spelling, the shortest word first."""
        words = list[range]()
        for end in range(spelling.length + 1, len(phrase.key) + 1):
            if end - 1 > spelling.length and phrase.separators_by_offset.get(end - 1, HYPHEN) != HYPHEN:
                break  # the phrase has a gap here that no word may hide
            number = self._key_numbers.get(phrase.key[spelling.length : end])
            if number is None or end in phrase.unbroken or (phrase.prefix and end == len(phrase.key)):
                continue
            words.append(self._numbers_of(number))
        return words

    def _follow(self, spelling: PartialSpelling, words: Sequence[range]) -> Iterator[Column]:
        """Yield for each of these words (numbers in ascending order) where it follows a spelling directly."""
        before, positions = spelling.numbers, spelling.positions
        is_whole = len(positions) == self._starts[before.stop] - self._starts[before.start]
        if is_whole and sum(self._starts[numbers.stop] - self._starts[numbers.start] for numbers in words) < len(
            positions
        ):
            # The rarer of the first two words tells where both are.
            for numbers in words:
                rows = self._rows_of(numbers)
                found = self._numbers[rows.astype(np.int64) - 1]  # of the very first row the last one, which is none
                yield self._without_last(rows[(found >= before.start) & (found < before.stop)])
            return
        rows = positions + 1
        found = self._numbers[rows]
        is_near = (found >= words[0].start) & (found < words[-1].stop)
        rows, found = rows[is_near], found[is_near]
        for numbers in words:
            following = rows[(found >= numbers.start) & (found < numbers.stop)]
            yield self._without_last(following) if before else following

    def _rows_of(self, numbers: range) -> Column:
        """Return all positions of some words."""
        rows: Column = self._order[self._starts[numbers.start] : self._starts[numbers.stop]]
        return rows

    def _without_last(self, rows: Column) -> Column:
        """Leave out what follows the last word of a long form whose acronym is left out: see `_last_words`."""
        return rows[~is_among(rows - 1, self._last_words)]

    def _complete_prefix(self, phrase: Phrase, spelling: PartialSpelling, after: Column | None) -> Iterator[Column]:
        """Yield the positions of words that begin with the rest of a phrase."""
        separators = phrase.separators_by_offset
        if any(separator != HYPHEN for offset, separator in separators.items() if offset > spelling.length):
            return
        rest = phrase.key[spelling.length :]
        bounds = [bisect_left(self._keys, bound) for bound in (rest, rest + HIGHEST_CHARACTER)]
        first, last = (self._key_starts[bound] for bound in bounds)
        numbers = [*{*self._numbers_of_forms(rest, rest + HIGHEST_CHARACTER), *range(first, last)}]
        if not spelling.length and after is None:
            positions = self._positions(numbers)
            yield positions[~is_among(positions, self._last_words)] if phrase.tail else positions
            return
        begins = np.zeros(len(self._exact), dtype=bool)
        begins[numbers] = True
        positions = spelling.positions + 1
        if spelling.numbers:
            positions = positions[~is_among(spelling.positions, self._last_words)]
        positions = positions[begins[self._numbers[positions]]]
        for number in np.unique(self._numbers[positions]).tolist():
            same_word = positions[self._numbers[positions] == number]
            yield same_word[_allowed_gaps(spelling, self._key_of(number), separators)[self._gaps(same_word)]]

    def _numbers_of_forms(self, begin: str, end: str) -> list[int]:
        """Return the words whose exact form is at least `begin` and below `end`."""
        first, last = (bisect_left(self._by_form, bound, key=self._exact.__getitem__) for bound in (begin, end))
        return self._by_form[first:last].tolist()

    def _positions(self, numbers: Sequence[int]) -> Column:
        """Return all positions of these words."""
        groups = [self._order[self._starts[number] : self._starts[number + 1]] for number in numbers]
        return np.concatenate([*groups, np.empty(0, dtype=np.uint32)])

    def _gaps(self, positions: Column) -> Column:
        gaps: Column = self._flags[positions] & GAP_MASK
        return gaps


def _case_flags(words: Words, position: int) -> int:
    """Return the case of a word of one ASCII character that stands alone, and whether a short word is in capitals."""
    key = words.keys[position]
    start, end = words.starts[position], words.ends[position]
    if len(key) > 1 or not key.isascii():
        word = words.text[start:end]
        return SMALL_FLAG * word.islower() | CAPITALS_FLAG * is_capitals(word)
    if not is_standalone(words.text, start, end):
        return 0
    return (UPPERCASE if words.text[start:end].isupper() else LOWERCASE) << CASE_SHIFT


def _allowed_gaps(spelling: PartialSpelling, word: str, separators: dict[int, str]) -> npt.NDArray[np.bool_]:
    """Return for each of GAPS and TEXT_START whether it may stand before `word`; see `fits_gaps`."""
    if not spelling.length:  # what follows a word that was only begun
        return np.array([*(gap != BREAK for gap in GAPS), False])
    separator = separators.get(spelling.length, NO_GAP)
    allowed = [
        (separator != NO_GAP or can_join(spelling.word, word, gap)) and (gap != BREAK or separator == BREAK)
        for gap in GAPS
    ]
    return np.array([*allowed, False])
