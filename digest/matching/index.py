"""Many phrases in one text, at a cost that depends on the text and not on the number of phrases.

All phrases lie in one sorted list of keys. From each word of a text the folded words behind it are joined one by one
for as long as some key begins so; a key met on the way is checked at its joints. Two words of a text are read as one
only where `fold.joinable` allows it. Beginnings of words lie in a table of their own, by their first three letters.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from digest.matching.acronyms import definitions
from digest.matching.fold import BREAK, HYPHEN, NONE, Words, joinable, words_of
from digest.matching.leaves import Phrase
from digest.matching.phrases import SHORTEST_PREFIX

LAST = "\U0010ffff"  # sorts behind every character that a text has


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
        begun: dict[str, list[int]] = {}
        for phrase in phrases:
            if phrase.spelling not in self._numbers:
                number = self._numbers[phrase.spelling] = len(self.phrases)
                self.phrases.append(phrase)
                kind = begun if phrase.prefix else exact if phrase.exact else tolerant
                kind.setdefault(phrase.key, []).append(number)
        # One word of several letters: found is found. Most of the texts' runs end here.
        self._word = [len(phrase.words) == 1 and len(phrase.key) > 1 for phrase in self.phrases]
        self._tolerant = _Keys(tolerant)
        self._exact = _Keys(exact)
        self._begun = _Beginnings(begun)

    def number(self, phrase: Phrase) -> int:
        return self._numbers[phrase.spelling]

    def occurrences(self, *texts: str) -> list[list[Occurrence]]:
        """Every place of every phrase in each text of one paper. An acronym that one text defines holds in all."""
        read = [words_of(text) for text in texts]
        found = [list(self._in(words)) for words in read]
        for words in read:
            if "(" in words.text:
                self._add_other_forms(words, read, found)
        return found

    def _in(self, words: Words) -> Iterator[Occurrence]:
        for numbers, first, last in self._tolerant.runs(words.keys, None):
            for number in numbers:
                if (first == last and self._word[number]) or fits(self.phrases[number], words, first, last):
                    yield Occurrence(number, words.starts[first], words.ends[last])
        for numbers, first, last in self._exact.runs(words.exact, words.gaps):
            for number in numbers:
                if _stands(self.phrases[number], words, first, last):
                    yield Occurrence(number, words.starts[first], words.ends[last])
        for numbers, first, last in self._begun.runs(words):
            for number in numbers:
                if fits(self.phrases[number], words, first, last):
                    yield Occurrence(number, words.starts[first], words.ends[last])

    def _add_other_forms(self, words: Words, read: list[Words], found: list[list[Occurrence]]) -> None:
        """A keyword that is an acronym of this paper stands where its long form does, and the other way round."""
        for acronym, first, last in definitions(words):
            short, long = words.keys[acronym], words.keys[first : last + 1]
            for number in self._tolerant.numbers.get("".join(long), ()):
                if fits(self.phrases[number], words, first, last):
                    for text, into in zip(read, found, strict=True):
                        into.extend(places(number, [short], text))
            for number in self._tolerant.numbers.get(short, ()):
                for text, into in zip(read, found, strict=True):
                    into.extend(places(number, long, text))


def places(number: int, sought: list[str], words: Words) -> Iterator[Occurrence]:
    """Where these words stand. An acronym is written with a capital: the rag of RAG is another rag."""
    size = len(sought)
    for first, key in enumerate(words.keys):
        if key == sought[0] and words.keys[first : first + size] == sought:
            start, end = words.starts[first], words.ends[first + size - 1]
            if BREAK not in words.gaps[first + 1 : first + size] and (size > 1 or not words.text[start:end].islower()):
                yield Occurrence(number, start, end)


class _Beginnings:
    """Phrases whose last word is only begun."""

    def __init__(self, numbers: dict[str, list[int]]) -> None:
        self._keys: dict[str, list[tuple[str, list[int]]]] = {}
        for key, those in numbers.items():
            self._keys.setdefault(key[:SHORTEST_PREFIX], []).append((key, those))

    def runs(self, words: Words) -> Iterator[tuple[list[int], int, int]]:
        """(numbers, first word, last word) of every run whose last word goes on, or ends, where a key ends."""
        if not self._keys:
            return
        for first in range(len(words.keys)):
            for head in {self._head(words.keys, first), self._head(words.exact, first)}:
                for key, numbers in self._keys.get(head, ()):
                    if (last := _begun_until(key, words, first)) is not None:
                        yield numbers, first, last

    def _head(self, words: list[str], first: int) -> str:
        head, following = words[first], first + 1
        while len(head) < SHORTEST_PREFIX and following < len(words):
            head += words[following]
            following += 1
        return head[:SHORTEST_PREFIX]


def _begun_until(key: str, words: Words, first: int) -> int | None:
    place, number = 0, first
    while number < len(words.keys):
        if words.exact[number].replace("'", "").startswith(key[place:]):
            return number
        if not key.startswith(words.keys[number], place):
            return None
        place += len(words.keys[number])
        number += 1
    return None


class _Keys:
    """Keys in order, so that one search tells both whether a string is a key and whether it begins one."""

    def __init__(self, numbers: dict[str, list[int]]) -> None:
        self.numbers = numbers
        self._sorted = sorted(numbers)
        self._begins: dict[str, tuple[int, int]] = {}  # the same words come in every text

    def runs(self, words: list[str], gaps: list[str] | None) -> Iterator[tuple[list[int], int, int]]:
        """(numbers, first word, last word) of every run of words that spells a key, with or without its gaps."""
        if not self.numbers:
            return
        keys, numbers, count, known = self._sorted, self.numbers, len(words), self._begins
        for first, word in enumerate(words):
            within = known.get(word)
            if within is None:
                within = known[word] = self._begin(word)
            at, end = within
            if at == end:
                continue
            run, last = word, first
            while True:
                if keys[at] == run:
                    yield numbers[run], first, last
                    if at + 1 == end:
                        break
                last += 1
                if last == count:
                    break
                run += words[last] if gaps is None else gaps[last] + words[last]
                at = bisect_left(keys, run, at, end)
                if at == end or not keys[at].startswith(run):
                    break

    def _begin(self, word: str) -> tuple[int, int]:
        """The keys that begin so: the first one's place, and where they end."""
        return bisect_left(self._sorted, word), bisect_left(self._sorted, f"{word}{LAST}")


def fits(phrase: Phrase, words: Words, first: int, last: int) -> bool:
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
