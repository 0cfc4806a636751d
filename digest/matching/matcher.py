"""Many queries against many papers, at a cost that depends on the texts and not on the number of queries.

All phrases lie in one sorted list of keys. From each word of a text the folded words behind it are joined one by one
for as long as some key begins so; a key met on the way is checked at its joints. Two words of a text are read as one
only where `fold.joinable` allows it.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from digest.matching.fold import BREAK, HYPHEN, NONE, Words, joinable, words_of
from digest.matching.query import Field, Phrase, Query


@dataclass(frozen=True, slots=True)
class Document:
    """A paper as far as matching looks at it."""

    id: int
    title: str
    abstract: str = ""


class Hit(NamedTuple):
    """`document` is an index into the documents given; `in_title` says that the title alone would have matched."""

    document: int
    in_title: bool


class Occurrence(NamedTuple):
    """A phrase (its number in the index) from character `start` up to `end` of a text."""

    phrase: int
    start: int
    end: int


class Index:
    """Distinct phrases, found in a text in one pass. Phrases that differ only by field share a number."""

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        self.phrases: list[Phrase] = []
        self._numbers: dict[str, int] = {}
        tolerant: dict[str, list[int]] = {}
        exact: dict[str, list[int]] = {}
        for phrase in phrases:
            if phrase.canonical not in self._numbers:
                number = self._numbers[phrase.canonical] = len(self.phrases)
                self.phrases.append(phrase)
                (exact if phrase.exact else tolerant).setdefault(phrase.key, []).append(number)
        # One word of several letters: found is found. Most of the texts' runs end here.
        self._word = [len(phrase.words) == 1 and len(phrase.key) > 1 for phrase in self.phrases]
        self._tolerant = _Keys(tolerant)
        self._exact = _Keys(exact)

    def number(self, phrase: Phrase) -> int:
        return self._numbers[phrase.canonical]

    def occurrences(self, text: str) -> Iterator[Occurrence]:
        """Every place of every phrase, in the order of their first words."""
        words = words_of(text)
        for numbers, first, last in self._tolerant.runs(words.keys, None):
            for number in numbers:
                if (first == last and self._word[number]) or _fits(self.phrases[number], words, first, last):
                    yield Occurrence(number, words.starts[first], words.ends[last])
        for numbers, first, last in self._exact.runs(words.exact, words.gaps):
            for number in numbers:
                if _stands(self.phrases[number], words, first, last):
                    yield Occurrence(number, words.starts[first], words.ends[last])


class _Keys:
    """Keys in order, so that one search tells both whether a string is a key and whether it begins one."""

    def __init__(self, numbers: dict[str, list[int]]) -> None:
        self._numbers = numbers
        self._sorted = sorted(numbers)
        self._sorted.append("\U0010ffff")  # so that a search never ends beyond the list

    def runs(self, words: list[str], gaps: list[str] | None) -> Iterator[tuple[list[int], int, int]]:
        """(numbers, first word, last word) of every run of words that spells a key, with or without its gaps."""
        if not self._numbers:
            return
        keys, numbers, count = self._sorted, self._numbers, len(words)
        begins: dict[str, bool] = {}
        for first, word in enumerate(words):
            begun = begins.get(word)
            if begun is None:
                begun = begins[word] = keys[bisect_left(keys, word)].startswith(word)
            if not begun:
                continue
            run, last = word, first
            while True:
                if found := numbers.get(run):
                    yield found, first, last
                last += 1
                if last == count:
                    break
                run += words[last] if gaps is None else gaps[last] + words[last]
                if not keys[bisect_left(keys, run)].startswith(run):
                    break


def _fits(phrase: Phrase, words: Words, first: int, last: int) -> bool:
    """Whether a run of words that spells the phrase has its gaps where they may be."""
    if first == last and len(phrase.words) == 1:
        return _stands(phrase, words, first, last)
    allowed: dict[int, str] = {}
    place = len(phrase.words[0])
    for joint, word in zip(phrase.joints, phrase.words[1:], strict=True):
        allowed[place] = joint
        place += len(word)
    place = 0
    for number in range(first, last):
        place += len(words.keys[number])
        gap, joint = words.gaps[number + 1], allowed.pop(place, NONE)
        if joint == NONE and not joinable(words.keys[number], words.keys[number + 1], gap):
            return False
        if gap == BREAK and joint != BREAK:
            return False
    return all(joint == HYPHEN for joint in allowed.values())


def _stands(phrase: Phrase, words: Words, first: int, last: int) -> bool:
    """A keyword of one letter counts only where it stands alone (not in R-CNN or p(R)), a capital only as capital."""
    if len(phrase.key) > 1 or not phrase.key.isascii():
        return True
    start, end = words.starts[first], words.ends[last]
    if phrase.capital and words.text[start:end] != phrase.words[0]:
        return False
    before, after = words.text[max(0, start - 2) : start], words.text[end : end + 1]
    opened = not before or before[-1].isspace() or (before[-1] in "([\"'\u201c\u2018/" and not before[0].isalnum())
    return opened and (not after or after.isspace() or after in ")]\"'\u201d\u2019/,.;:!?")


class Matcher:
    """Queries made ready once, matched against any number of papers."""

    def __init__(self, queries: Sequence[Query]) -> None:
        self._queries = queries
        self._index = Index([phrase for query in queries for phrase in query.phrases])
        self._asking: dict[Field, list[list[int]]] = {
            field: [[] for _ in self._index.phrases] for field in ("any", "title", "abstract")
        }
        for number, query in enumerate(queries):
            self._asking[query.root.field][self._index.number(query.root)].append(number)

    def match(self, documents: Sequence[Document]) -> list[list[Hit]]:
        """Per query its hits, in the order of the documents."""
        anywhere, titles, abstracts = self._asking["any"], self._asking["title"], self._asking["abstract"]
        hits: list[list[Hit]] = [[] for _ in self._queries]
        for number, document in enumerate(documents):
            titled = {found.phrase for found in self._index.occurrences(document.title)}
            abstracted = {found.phrase for found in self._index.occurrences(document.abstract)}
            above, below = Hit(number, in_title=True), Hit(number, in_title=False)
            for phrase in titled:
                for query in (*anywhere[phrase], *titles[phrase]):
                    hits[query].append(above)
            for phrase in abstracted:
                for query in abstracts[phrase] if phrase in titled else (*anywhere[phrase], *abstracts[phrase]):
                    hits[query].append(below)
        return hits
