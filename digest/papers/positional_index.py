"""Positions of each word in many papers, so that a phrase is found without reading a paper again.

All texts are concatenated into columns with one row a word: its normalized key, its exact form, the gap before it, and
its paper. A phrase is spelled out of words that the papers have (fine tuning, fine-tuning and finetuning are three
spellings of one key); each spelling takes a few comparisons of columns. The rules are those of
`digest.matching.phrase_index`, which reads one paper at a time.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from digest.matching import (
    BREAK,
    HIGHEST_CHARACTER,
    HYPHEN,
    NO_GAP,
    SPACE,
    PaperDocument,
    Phrase,
    Words,
    can_join,
    find_definitions,
    find_sequence,
    fits_gaps,
    is_standalone,
    split_words,
)

Column = npt.NDArray[np.int32]
GAPS = (NO_GAP, SPACE, HYPHEN, BREAK)
TEXT_START = len(GAPS)  # the gap before the first word of a text, which no phrase spans
LOWERCASE, UPPERCASE = 1, 2  # case of a word with a single character


class DefinedForm(NamedTuple):
    """Another form of a phrase in a paper: what one of its texts defines (an acronym) holds in all of them."""

    position: int
    in_title: bool
    words: Words | None  # of the long form, to check the gaps of a phrase; None where the phrase is the acronym


class TokenColumns:
    """Words of papers, one row a word."""

    def __init__(self) -> None:
        self.keys: dict[str, int] = {}
        self.exact: dict[str, int] = {}
        self.key_ids, self.form_ids, self.paper_positions = array("i"), array("i"), array("i")
        self.gaps, self.in_title, self.character_cases = array("b"), array("b"), array("b")
        self.defined_forms: dict[str, list[DefinedForm]] = {}
        self.paper_count = 0

    def add(self, document: PaperDocument) -> None:
        """Append the words of one more paper."""
        texts = [split_words(document.title), split_words(document.abstract)]
        for words, in_title in zip(texts, (1, 0), strict=True):
            count = len(words.keys)
            self.key_ids.extend([self.keys.setdefault(key, len(self.keys)) for key in words.keys])
            self.form_ids.extend([self.exact.setdefault(form, len(self.exact)) for form in words.exact])
            self.gaps.extend([TEXT_START, *(GAPS.index(gap) for gap in words.gaps[1:])][:count])
            self.in_title.extend([in_title] * count)
            self.paper_positions.extend([self.paper_count] * count)
            self.character_cases.extend([_character_case(words, position) for position in range(count)])
        definitions = [(words, definition) for words in texts for definition in find_definitions(words)]
        for words, definition in definitions:
            span = slice(definition.first, definition.last + 1)
            short, long = words.keys[definition.acronym], words.keys[span]
            form = Words("", long, words.exact[span], words.starts[span], words.ends[span], words.gaps[span])
            for text, in_title in zip(texts, (True, False), strict=True):
                if any(find_sequence(0, [short], text)):
                    forms = self.defined_forms.setdefault("".join(long), [])
                    forms.append(DefinedForm(self.paper_count, in_title, form))
                if any(find_sequence(0, long, text)):
                    self.defined_forms.setdefault(short, []).append(DefinedForm(self.paper_count, in_title, None))
        self.paper_count += 1


class PartialSpelling(NamedTuple):
    """Beginning of a spelling of a phrase: its first `length` characters, ending with `word`, at these positions."""

    length: int
    word: str
    positions: Column


class PositionalIndex:
    """Positions of the words of papers, grouped by key and by exact form."""

    def __init__(self, columns: TokenColumns) -> None:
        self._columns = columns
        self._keys = list(columns.keys)
        self.paper_count = columns.paper_count
        # One row more than there are words, so that every word has a next one.
        self._key_ids, form_ids, self._papers = (
            np.array([*column, -1], dtype=np.int32)
            for column in (columns.key_ids, columns.form_ids, columns.paper_positions)
        )
        # Ids of exact forms follow their alphabetical order, so that forms with the same prefix are neighbors.
        self._forms = sorted(columns.exact)
        rank = np.full(len(self._forms) + 1, -1, dtype=np.int32)
        rank[[columns.exact[form] for form in self._forms]] = np.arange(len(self._forms))
        self._form_ids = rank[form_ids]
        self._gaps, self._in_title, self._character_cases = (
            np.array([*column, TEXT_START], dtype=np.int8)
            for column in (columns.gaps, columns.in_title, columns.character_cases)
        )
        self._key_order, self._key_starts = _group_positions(self._key_ids, len(self._keys))
        self._form_order, self._form_starts = _group_positions(self._form_ids, len(self._forms))

    def find(self, phrase: Phrase) -> tuple[int, int]:
        """Return the papers with a phrase in the title, and those with it in the abstract, as bits."""
        is_character = len(phrase.key) == 1 and phrase.key.isascii()
        min_case = UPPERCASE if phrase.is_single_capital else LOWERCASE
        title, abstract = np.zeros(self.paper_count, dtype=bool), np.zeros(self.paper_count, dtype=bool)
        for found in self._find_exact(phrase) if phrase.exact else self._find_spellings(phrase):
            positions = found[self._character_cases[found] >= min_case] if is_character else found
            in_title = self._in_title[positions] == 1
            title[self._papers[positions[in_title]]] = True
            abstract[self._papers[positions[~in_title]]] = True
        if not phrase.exact and not phrase.prefix:
            for form in self._columns.defined_forms.get(phrase.key, ()):
                if form.words is None or fits_gaps(phrase, form.words, 0, len(form.words.keys) - 1):
                    (title if form.in_title else abstract)[form.position] = True
        return pack_bits(title), pack_bits(abstract)

    def _find_exact(self, phrase: Phrase) -> Iterator[Column]:
        """Yield the positions of the last word of a quoted phrase."""
        form_ids = [bisect_left(self._forms, word) for word in phrase.words]
        if any(
            self._forms[form_id : form_id + 1] != [word] for form_id, word in zip(form_ids, phrase.words, strict=True)
        ):
            return
        positions = self._form_order[self._form_starts[form_ids[0]] : self._form_starts[form_ids[0] + 1]]
        for form_id, separator in zip(form_ids[1:], phrase.separators, strict=True):
            positions = positions + 1
            has_gap = self._gaps[positions] == GAPS.index(separator)
            positions = positions[(self._form_ids[positions] == form_id) & has_gap]
        yield positions

    def _find_spellings(self, phrase: Phrase) -> Iterator[Column]:
        """Yield the positions of the last word of each sequence of words that spells a phrase."""
        key, separators = phrase.key, phrase.separators_by_offset
        spellings = [PartialSpelling(0, "", np.empty(0, dtype=np.int32))]
        while spellings:
            spelling = spellings.pop()
            for end in range(spelling.length + 1, len(key) + 1):
                offsets = range(spelling.length + 1, end)
                if any(separators.get(offset, HYPHEN) != HYPHEN for offset in offsets):
                    break  # the phrase has a gap here that no word may hide
                word = key[spelling.length : end]
                key_id = self._columns.keys.get(word)
                if key_id is None or (phrase.prefix and end == len(key)):
                    continue
                if spelling.length:
                    positions = spelling.positions + 1
                    positions = positions[self._key_ids[positions] == key_id]
                    positions = positions[_allowed_gaps(spelling, word, separators)[self._gaps[positions]]]
                else:
                    positions = self._key_order[self._key_starts[key_id] : self._key_starts[key_id + 1]]
                if not len(positions):
                    continue
                if end == len(key):
                    yield positions
                else:
                    spellings.append(PartialSpelling(end, word, positions))
            if phrase.prefix:
                yield from self._complete_prefix(phrase, spelling)

    def _complete_prefix(self, phrase: Phrase, spelling: PartialSpelling) -> Iterator[Column]:
        """Yield the positions of words that begin with the rest of a phrase."""
        separators = phrase.separators_by_offset
        if any(separator != HYPHEN for offset, separator in separators.items() if offset > spelling.length):
            return
        rest = phrase.key[spelling.length :]
        begin, end = bisect_left(self._forms, rest), bisect_left(self._forms, rest + HIGHEST_CHARACTER)
        if not spelling.length:
            yield self._form_order[self._form_starts[begin] : self._form_starts[end]]
            return
        positions = spelling.positions + 1
        positions = positions[(self._form_ids[positions] >= begin) & (self._form_ids[positions] < end)]
        for key_id in np.unique(self._key_ids[positions]).tolist():
            same_key = positions[self._key_ids[positions] == key_id]
            yield same_key[_allowed_gaps(spelling, self._keys[key_id], separators)[self._gaps[same_key]]]


def _character_case(words: Words, position: int) -> int:
    """Return the case of a word of one ASCII character that stands alone, else 0. Such keywords match nothing else."""
    key = words.keys[position]
    if len(key) > 1 or not key.isascii():
        return 0
    start, end = words.starts[position], words.ends[position]
    if not is_standalone(words.text, start, end):
        return 0
    return UPPERCASE if words.text[start:end].isupper() else LOWERCASE


def _allowed_gaps(spelling: PartialSpelling, word: str, separators: dict[int, str]) -> npt.NDArray[np.bool_]:
    """Return for each of GAPS and TEXT_START whether it may stand before `word`; see `fits_gaps`."""
    separator = separators.get(spelling.length, NO_GAP)
    allowed = [
        (separator != NO_GAP or can_join(spelling.word, word, gap)) and (gap != BREAK or separator == BREAK)
        for gap in GAPS
    ]
    return np.array([*allowed, False])


def _group_positions(column: Column, count: int) -> tuple[Column, npt.NDArray[np.int64]]:
    """Return all positions grouped by id, and where the group of each id begins."""
    order = np.argsort(column[:-1], kind="stable").astype(np.int32)
    starts = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(column[:-1], minlength=count), out=starts[1:])
    return order, starts


def pack_bits(flags: npt.NDArray[np.bool_]) -> int:
    """Return an integer whose bit n is flag n."""
    return int.from_bytes(np.packbits(flags, bitorder="little").tobytes(), "little")
