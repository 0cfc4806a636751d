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

from digest.matching import Document, Phrase
from digest.matching.acronyms import definitions
from digest.matching.fold import BREAK, HYPHEN, NONE, SPACE, Words, joinable, words_of
from digest.matching.index import alone, fits, spelt
from digest.matching.runs import LAST

Column = npt.NDArray[np.int32]
GAPS = (NONE, SPACE, HYPHEN, BREAK)
START = len(GAPS)  # before the first word of a text: nothing reaches over it
SMALL, CAPITAL = 1, 2  # how a letter is written that stands alone


class Other(NamedTuple):
    """A text of paper `paper` holds another form of some words: what a text defines holds in the whole paper."""

    paper: int
    in_title: bool
    form: Words | None  # the long form's own words, to be held against a phrase; None where the acronym is asked for


class Lines:
    """The words of papers, collected."""

    def __init__(self) -> None:
        self.keys: dict[str, int] = {}
        self.exact: dict[str, int] = {}
        self.key, self.form, self.paper = array("i"), array("i"), array("i")
        self.gap, self.title, self.alone = array("b"), array("b"), array("b")
        self.others: dict[str, list[Other]] = {}
        self.papers = 0

    def add(self, document: Document) -> None:
        """One more paper."""
        texts = [words_of(document.title), words_of(document.abstract)]
        for words, title in zip(texts, (1, 0), strict=True):
            self.key.extend([self.keys.setdefault(each, len(self.keys)) for each in words.keys])
            self.form.extend([self.exact.setdefault(each, len(self.exact)) for each in words.exact])
            self.gap.extend([START, *(GAPS.index(gap) for gap in words.gaps[1:])][: len(words.keys)])
            self.title.extend([title] * len(words.keys))
            self.paper.extend([self.papers] * len(words.keys))
            self.alone.extend([_alone(words, number, key) for number, key in enumerate(words.keys)])
        for words in texts:
            if "(" in words.text:
                self._define(words, texts)
        self.papers += 1

    def _define(self, words: Words, texts: Sequence[Words]) -> None:
        for acronym, first, last in definitions(words):
            short, long = words.keys[acronym], words.keys[first : last + 1]
            own = slice(first, last + 1)
            form = Words("", long, words.exact[own], words.starts[own], words.ends[own], words.gaps[own])
            for number, text in enumerate(texts):
                if any(spelt(0, [short], text)):
                    self.others.setdefault("".join(long), []).append(Other(self.papers, number == 0, form))
                if any(spelt(0, long, text)):
                    self.others.setdefault(short, []).append(Other(self.papers, number == 0, None))


class Way(NamedTuple):
    """One way to spell a phrase so far: its first `spelt` characters, ending with `word`, at these places."""

    spelt: int
    word: str
    last: Column


class Places:
    """The words of papers, ready to be asked."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self.papers = lines.papers
        # One word more than there is, so that every word has a next one.
        self._key, self._form, self._paper = (
            np.array([*column, -1], dtype=np.int32) for column in (lines.key, lines.form, lines.paper)
        )
        # Exact forms are numbered in their order, so that those with the same beginning stand together.
        self._forms = sorted(lines.exact)
        rank = np.full(len(self._forms) + 1, -1, dtype=np.int32)
        rank[[lines.exact[form] for form in self._forms]] = np.arange(len(self._forms))
        self._form = rank[self._form]
        self._gap, self._title, self._alone = (
            np.array([*column, START], dtype=np.int8) for column in (lines.gap, lines.title, lines.alone)
        )
        self._order, self._first = _sorted(self._key, len(lines.keys))
        self._form_order, self._form_first = _sorted(self._form, len(self._forms))

    def found(self, phrase: Phrase) -> tuple[int, int]:
        """The papers with this phrase in the title and those with it in the abstract, as bits."""
        letter = len(phrase.key) == 1 and phrase.key.isascii()
        ways = self._exactly(phrase) if phrase.exact else self._ways(phrase)
        title, abstract = np.zeros(self.papers, dtype=bool), np.zeros(self.papers, dtype=bool)
        for last in ways:
            if letter:
                last = last[self._alone[last] >= (CAPITAL if phrase.capital else SMALL)]  # noqa: PLW2901
            titled = self._title[last] == 1
            title[self._paper[last[titled]]] = True
            abstract[self._paper[last[~titled]]] = True
        if not phrase.exact and not phrase.prefix:
            for other in self._lines.others.get(phrase.key, ()):
                if other.form is None or fits(phrase, other.form, 0, len(other.form.keys) - 1):
                    (title if other.in_title else abstract)[other.paper] = True
        return bits_of(title), bits_of(abstract)

    def _exactly(self, phrase: Phrase) -> Iterator[Column]:
        numbers = [self._numbered(word) for word in phrase.words]
        if numbers[0] is None:
            return
        last = _at(self._form_order, self._form_first, numbers[0])
        for number, joint in zip(numbers[1:], phrase.joints, strict=True):
            if number is None:
                return
            last = last + 1
            last = last[(self._form[last] == number) & (self._gap[last] == GAPS.index(joint))]
        yield last

    def _numbered(self, form: str) -> int | None:
        place = bisect_left(self._forms, form)
        return place if place < len(self._forms) and self._forms[place] == form else None

    def _ways(self, phrase: Phrase) -> Iterator[Column]:
        """The last words of every run of words that spells the phrase, its gaps where they may be."""
        key, joints = phrase.key, phrase.places
        ways = [Way(0, "", np.empty(0, dtype=np.int32))]
        while ways:
            way = ways.pop()
            for end in range(way.spelt + 1, len(key) + 1):
                if any(joint != HYPHEN for place, joint in joints.items() if way.spelt < place < end):
                    break  # here the phrase has a gap that no word may hide
                word = key[way.spelt : end]
                number = self._lines.keys.get(word)
                if number is None or (phrase.prefix and end == len(key)):
                    continue
                last = self._next(way, word, number, joints)
                if not len(last):
                    continue
                if end == len(key):
                    yield last
                else:
                    ways.append(Way(end, word, last))
            if phrase.prefix:
                yield from self._begun(phrase, way, joints)

    def _next(self, way: Way, word: str, number: int, joints: dict[int, str]) -> Column:
        if not way.spelt:
            return _at(self._order, self._first, number)
        last = way.last + 1
        last = last[self._key[last] == number]
        following: Column = last[_allowed(way, word, joints)[self._gap[last]]]
        return following

    def _begun(self, phrase: Phrase, way: Way, joints: dict[int, str]) -> Iterator[Column]:
        """Words that begin with the rest of a phrase."""
        if any(joint != HYPHEN for place, joint in joints.items() if place > way.spelt):
            return
        rest = phrase.key[way.spelt :]
        begin, end = bisect_left(self._forms, rest), bisect_left(self._forms, rest + LAST)
        if not way.spelt:
            yield self._form_order[self._form_first[begin] : self._form_first[end]]
            return
        last = way.last + 1
        last = last[(self._form[last] >= begin) & (self._form[last] < end)]
        for number in np.unique(self._key[last]).tolist():
            some = last[self._key[last] == number]
            yield some[_allowed(way, self._names[number], joints)[self._gap[some]]]

    @cached_property
    def _names(self) -> list[str]:
        return list(self._lines.keys)


def _alone(words: Words, number: int, key: str) -> int:
    """For a word that is one letter by itself: SMALL or CAPITAL. A keyword of one letter finds nothing else."""
    if len(key) > 1 or not key.isascii():
        return 0
    start, end = words.starts[number], words.ends[number]
    if not alone(words.text, start, end):
        return 0
    return CAPITAL if words.text[start:end].isupper() else SMALL


def _allowed(way: Way, word: str, joints: dict[int, str]) -> npt.NDArray[np.bool_]:
    """Which gaps may stand before `word`; see index.fits."""
    joint = joints.get(way.spelt, NONE)
    return np.array(
        [
            *((joint != NONE or joinable(way.word, word, gap)) and (gap != BREAK or joint == BREAK) for gap in GAPS),
            False,
        ]
    )


def _sorted(column: Column, count: int) -> tuple[Column, npt.NDArray[np.int64]]:
    """The places of all words by number, and where each number's places begin."""
    order = np.argsort(column[:-1], kind="stable").astype(np.int32)
    first = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(column[:-1], minlength=count), out=first[1:])
    return order, first


def _at(order: Column, first: npt.NDArray[np.int64], number: int) -> Column:
    return order[first[number] : first[number + 1]]


def bits_of(flags: npt.NDArray[np.bool_]) -> int:
    """Bit n is flag n."""
    return int.from_bytes(np.packbits(flags, bitorder="little").tobytes(), "little")
