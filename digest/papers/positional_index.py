"""Where each word stands in many papers, so that a phrase is found without reading a single paper again.

All texts lie end to end: word after word its key, its exact form, the gap before it, and the paper. A phrase is spelt
out of words the papers have (fine tuning, fine-tuning and finetuning are three ways to spell one key); each way is a
few comparisons of whole columns. The rules are those of digest.matching.index, which reads one paper at a time.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property
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


TEXT_START = len(GAPS)  # before the first word of a text: nothing reaches over it


LOWERCASE, UPPERCASE = 1, 2  # how a letter is written that stands alone


class DefinedForm(NamedTuple):
    """A text of paper `paper` holds another form of some words: what a text defines holds in the whole paper."""

    position: int
    in_title: bool
    words: Words | None  # the long form's own words, to be held against a phrase; None where the acronym is asked for


class TokenColumns:
    """The words of papers, collected."""

    def __init__(self) -> None:
        self.keys: dict[str, int] = {}
        self.exact: dict[str, int] = {}
        self.key_ids, self.form_ids, self.paper_positions = array("i"), array("i"), array("i")
        self.gaps, self.in_title, self.letter_cases = array("b"), array("b"), array("b")
        self.defined_forms: dict[str, list[DefinedForm]] = {}
        self.paper_count = 0

    def add(self, document: PaperDocument) -> None:
        """One more paper."""
        texts = [split_words(document.title), split_words(document.abstract)]
        for words, title in zip(texts, (1, 0), strict=True):
            self.key_ids.extend([self.keys.setdefault(each, len(self.keys)) for each in words.keys])
            self.form_ids.extend([self.exact.setdefault(each, len(self.exact)) for each in words.exact])
            self.gaps.extend([TEXT_START, *(GAPS.index(gap) for gap in words.gaps[1:])][: len(words.keys)])
            self.in_title.extend([title] * len(words.keys))
            self.paper_positions.extend([self.paper_count] * len(words.keys))
            self.letter_cases.extend([_letter_case(words, number, key) for number, key in enumerate(words.keys)])
        for words in texts:
            if "(" in words.text:
                self._add_definitions(words, texts)
        self.paper_count += 1

    def _add_definitions(self, words: Words, texts: Sequence[Words]) -> None:
        for definition in find_definitions(words):
            own = slice(definition.first, definition.last + 1)
            short, long = words.keys[definition.acronym], words.keys[own]
            form = Words("", long, words.exact[own], words.starts[own], words.ends[own], words.gaps[own])
            for number, text in enumerate(texts):
                if any(find_sequence(0, [short], text)):
                    self.defined_forms.setdefault("".join(long), []).append(
                        DefinedForm(self.paper_count, number == 0, form)
                    )
                if any(find_sequence(0, long, text)):
                    self.defined_forms.setdefault(short, []).append(DefinedForm(self.paper_count, number == 0, None))


class PartialSpelling(NamedTuple):
    """One way to spell a phrase so far: its first `spelt` characters, ending with `word`, at these places."""

    length: int
    word: str
    positions: Column


class PositionalIndex:
    """The words of papers, ready to be asked."""

    def __init__(self, columns: TokenColumns) -> None:
        self._columns = columns
        self.paper_count = columns.paper_count
        # One word more than there is, so that every word has a next one.
        self._key, self._form_ids, self._paper = (
            np.array([*column, -1], dtype=np.int32)
            for column in (columns.key_ids, columns.form_ids, columns.paper_positions)
        )
        # Exact forms are numbered in their order, so that those with the same beginning stand together.
        self._forms = sorted(columns.exact)
        rank = np.full(len(self._forms) + 1, -1, dtype=np.int32)
        rank[[columns.exact[form] for form in self._forms]] = np.arange(len(self._forms))
        self._form_ids = rank[self._form_ids]
        self._gap, self._title, self._letter_cases = (
            np.array([*column, TEXT_START], dtype=np.int8)
            for column in (columns.gaps, columns.in_title, columns.letter_cases)
        )
        self._order, self._first = _group_positions(self._key, len(columns.keys))
        self._form_order, self._form_first = _group_positions(self._form_ids, len(self._forms))

    def find(self, phrase: Phrase) -> tuple[int, int]:
        """The papers with this phrase in the title and those with it in the abstract, as bits."""
        letter = len(phrase.key) == 1 and phrase.key.isascii()
        ways = self._find_exact(phrase) if phrase.exact else self._find_spellings(phrase)
        title, abstract = np.zeros(self.paper_count, dtype=bool), np.zeros(self.paper_count, dtype=bool)
        for last in ways:
            if letter:
                last = last[self._letter_cases[last] >= (UPPERCASE if phrase.is_capital_letter else LOWERCASE)]  # noqa: PLW2901
            titled = self._title[last] == 1
            title[self._paper[last[titled]]] = True
            abstract[self._paper[last[~titled]]] = True
        if not phrase.exact and not phrase.prefix:
            for other in self._columns.defined_forms.get(phrase.key, ()):
                if other.words is None or fits_gaps(phrase, other.words, 0, len(other.words.keys) - 1):
                    (title if other.in_title else abstract)[other.position] = True
        return pack_bits(title), pack_bits(abstract)

    def _find_exact(self, phrase: Phrase) -> Iterator[Column]:
        numbers = [self._form_id(word) for word in phrase.words]
        if numbers[0] is None:
            return
        last = _positions_of(self._form_order, self._form_first, numbers[0])
        for number, joint in zip(numbers[1:], phrase.separators, strict=True):
            if number is None:
                return
            last = last + 1
            last = last[(self._form_ids[last] == number) & (self._gap[last] == GAPS.index(joint))]
        yield last

    def _form_id(self, form: str) -> int | None:
        place = bisect_left(self._forms, form)
        return place if place < len(self._forms) and self._forms[place] == form else None

    def _find_spellings(self, phrase: Phrase) -> Iterator[Column]:
        """The last words of every run of words that spells the phrase, its gaps where they may be."""
        key, joints = phrase.key, phrase.separators_by_offset
        ways = [PartialSpelling(0, "", np.empty(0, dtype=np.int32))]
        while ways:
            way = ways.pop()
            for end in range(way.length + 1, len(key) + 1):
                if any(joint != HYPHEN for place, joint in joints.items() if way.length < place < end):
                    break  # here the phrase has a gap that no word may hide
                word = key[way.length : end]
                number = self._columns.keys.get(word)
                if number is None or (phrase.prefix and end == len(key)):
                    continue
                last = self._extend(way, word, number, joints)
                if not len(last):
                    continue
                if end == len(key):
                    yield last
                else:
                    ways.append(PartialSpelling(end, word, last))
            if phrase.prefix:
                yield from self._extend_with_prefix(phrase, way, joints)

    def _extend(self, spelling: PartialSpelling, word: str, key_id: int, joints: dict[int, str]) -> Column:
        if not spelling.length:
            return _positions_of(self._order, self._first, key_id)
        last = spelling.positions + 1
        last = last[self._key[last] == key_id]
        following: Column = last[_allowed_gaps(spelling, word, joints)[self._gap[last]]]
        return following

    def _extend_with_prefix(
        self, phrase: Phrase, spelling: PartialSpelling, joints: dict[int, str]
    ) -> Iterator[Column]:
        """Words that begin with the rest of a phrase."""
        if any(joint != HYPHEN for place, joint in joints.items() if place > spelling.length):
            return
        rest = phrase.key[spelling.length :]
        begin, end = bisect_left(self._forms, rest), bisect_left(self._forms, rest + HIGHEST_CHARACTER)
        if not spelling.length:
            yield self._form_order[self._form_first[begin] : self._form_first[end]]
            return
        last = spelling.positions + 1
        last = last[(self._form_ids[last] >= begin) & (self._form_ids[last] < end)]
        for number in np.unique(self._key[last]).tolist():
            some = last[self._key[last] == number]
            yield some[_allowed_gaps(spelling, self._names[number], joints)[self._gap[some]]]

    @cached_property
    def _names(self) -> list[str]:
        return list(self._columns.keys)


def _letter_case(words: Words, position: int, key: str) -> int:
    """For a word that is one letter by itself: SMALL or CAPITAL. A keyword of one letter finds nothing else."""
    if len(key) > 1 or not key.isascii():
        return 0
    start, end = words.starts[position], words.ends[position]
    if not is_standalone(words.text, start, end):
        return 0
    return UPPERCASE if words.text[start:end].isupper() else LOWERCASE


def _allowed_gaps(spelling: PartialSpelling, word: str, joints: dict[int, str]) -> npt.NDArray[np.bool_]:
    """Which gaps may stand before `word`; see index.fits."""
    joint = joints.get(spelling.length, NO_GAP)
    return np.array(
        [
            *(
                (joint != NO_GAP or can_join(spelling.word, word, gap)) and (gap != BREAK or joint == BREAK)
                for gap in GAPS
            ),
            False,
        ]
    )


def _group_positions(column: Column, count: int) -> tuple[Column, npt.NDArray[np.int64]]:
    """The places of all words by number, and where each number's places begin."""
    order = np.argsort(column[:-1], kind="stable").astype(np.int32)
    first = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(column[:-1], minlength=count), out=first[1:])
    return order, first


def _positions_of(order: Column, first: npt.NDArray[np.int64], token_id: int) -> Column:
    return order[first[token_id] : first[token_id + 1]]


def pack_bits(flags: npt.NDArray[np.bool_]) -> int:
    """Bit n is flag n."""
    return int.from_bytes(np.packbits(flags, bitorder="little").tobytes(), "little")
