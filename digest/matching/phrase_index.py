"""Many phrases in one text, at a cost that depends on the text and not on the number of phrases.

All phrases lie in one sorted list of keys. From each word of a text the folded words behind it are joined one by one
for as long as some key begins so; a key met on the way is checked at its joints. Two words of a text are read as one
only where `fold.joinable` allows it. Beginnings of words lie in a table of their own, by their first three letters.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice, repeat
from typing import TYPE_CHECKING

from digest.matching.acronyms import find_definitions
from digest.matching.normalize import BREAK, HYPHEN, Words, can_join, split_words
from digest.matching.phrases import MIN_PREFIX_LENGTH
from digest.matching.prefilter import Keys
from digest.matching.terms import Phrase

if TYPE_CHECKING:
    from digest.matching.prefilter import Sieve


READ = 2048  # texts whose words are kept: a thousand papers, which are asked again and again for other keywords


BLOCK = 200  # papers whose words are held at a time


MANY = 1000  # keys; for fewer a sieve costs more than it saves


# A phrase (its number in the index) and where it stands in a text: (phrase, start, end), in characters. A bare tuple,
# because a round makes millions of them.
Occurrence = tuple[int, int, int]


class PhraseIndex:
    """Distinct phrases, found in a text in one pass. Phrases that differ only by field share a number.

    `once`: for so few papers that a sieve would cost more time than it saves, and 14 MB with numpy.
    """

    def __init__(self, phrases: Sequence[Phrase], *, once: bool = False) -> None:
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
        self._tolerant = Keys(tolerant)
        self._exact = Keys(exact)
        self._begun = _Beginnings(begun)
        self._others = bool(exact or begun)
        self._sifts = len(self._tolerant.numbers) >= MANY and not once
        self._sieve: Sieve | None = None

    def phrase_number(self, phrase: Phrase) -> int:
        return self._numbers[phrase.spelling]

    def occurrences(self, *texts: str) -> list[list[Occurrence]]:
        """Every place of every phrase in each text of one paper. An acronym that one text defines holds in all."""
        read = [split_words_cached(text) for text in texts]
        return self._found(read, [self.locate(words) for words in read])

    def find_in_documents(self, papers: Iterable[Sequence[str]]) -> Iterator[list[list[Occurrence]]]:
        """As `occurrences`, for the texts of each of many papers."""
        waiting = iter(papers)
        while block := [[split_words_cached(text) for text in paper] for paper in islice(waiting, BLOCK)]:
            places = self.locate_many([words for paper in block for words in paper])
            for paper in block:
                yield self._found(paper, [next(places) for _ in paper])

    def locate_many(self, texts: Sequence[Words]) -> Iterator[list[Occurrence]]:
        """As `places`, for many texts at once: where there are many phrases, far quicker."""
        sifted: Iterable[list[int] | None] = repeat(None, len(texts))
        if self._sifts:
            from digest.matching.prefilter import Sieve

            self._sieve = self._sieve or Sieve(self._tolerant.sorted)
            sifted = self._sieve.sift([words.keys for words in texts])
        return (self.locate(words, worth) for words, worth in zip(texts, sifted, strict=True))

    def _found(self, read: list[Words], found: list[list[Occurrence]]) -> list[list[Occurrence]]:
        for words in read:
            if "(" in words.text:
                self._add_other_forms(words, read, found)
        return found

    def locate(self, words: Words, worth: Iterable[int] | None = None) -> list[Occurrence]:
        """Where each phrase stands in a text as it is written. `worth`: what the sieve says of its words."""
        phrases, whole, starts, ends = self.phrases, self._word, words.starts, words.ends
        found = [
            (number, starts[first], ends[last])
            for numbers, first, last in self._tolerant.runs(words.keys, None, worth)
            for number in numbers
            if (first == last and whole[number]) or fits_gaps(phrases[number], words, first, last)
        ]
        if not self._others:
            return found
        found += [
            (number, starts[first], ends[last])
            for numbers, first, last in self._exact.runs(words.exact, words.gaps)
            for number in numbers
            if _stands(phrases[number], words, first, last)
        ]
        found += [
            (number, starts[first], ends[last])
            for numbers, first, last in self._begun.runs(words)
            for number in numbers
            if fits_gaps(phrases[number], words, first, last)
        ]
        return found

    def _add_other_forms(self, words: Words, read: list[Words], found: list[list[Occurrence]]) -> None:
        """A keyword that is an acronym of this paper stands where its long form does, and the other way round."""
        for acronym, first, last in find_definitions(words):
            short, long = words.keys[acronym], words.keys[first : last + 1]
            for number in self._tolerant.numbers.get("".join(long), ()):
                if fits_gaps(self.phrases[number], words, first, last):
                    for text, into in zip(read, found, strict=True):
                        into.extend(find_sequence(number, [short], text))
            for number in self._tolerant.numbers.get(short, ()):
                for text, into in zip(read, found, strict=True):
                    into.extend(find_sequence(number, long, text))


@lru_cache(maxsize=READ)
def split_words_cached(text: str) -> Words:
    """The words of a text, shared: nobody may change them."""
    return split_words(text)


def find_sequence(number: int, sought: list[str], words: Words) -> Iterator[Occurrence]:
    """Where these words stand. An acronym is written with a capital: the rag of RAG is another rag."""
    size = len(sought)
    for first, key in enumerate(words.keys):
        if key == sought[0] and words.keys[first : first + size] == sought:
            start, end = words.starts[first], words.ends[first + size - 1]
            if BREAK not in words.gaps[first + 1 : first + size] and (size > 1 or not words.text[start:end].islower()):
                yield number, start, end


class _Beginnings:
    """Phrases whose last word is only begun."""

    def __init__(self, numbers: dict[str, list[int]]) -> None:
        self._keys: dict[str, list[tuple[str, list[int]]]] = {}
        for key, those in numbers.items():
            self._keys.setdefault(key[:MIN_PREFIX_LENGTH], []).append((key, those))

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
        while len(head) < MIN_PREFIX_LENGTH and following < len(words):
            head += words[following]
            following += 1
        return head[:MIN_PREFIX_LENGTH]


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


def fits_gaps(phrase: Phrase, words: Words, first: int, last: int) -> bool:
    """Whether a run of words that spells the phrase has its gaps where they may be."""
    if first == last and len(phrase.words) == 1:
        return _stands(phrase, words, first, last)
    joints, met, place = phrase.separators_by_offset, 0, 0
    left = words.keys[first]
    for number in range(first + 1, last + 1):
        place += len(left)
        right, gap = words.keys[number], words.gaps[number]
        joint = joints.get(place)
        if joint is None:
            if not can_join(left, right, gap):
                return False
        elif gap == BREAK and joint != BREAK:
            return False
        elif joint != HYPHEN:
            met += 1
        left = right
    return met == phrase.apart


def _stands(phrase: Phrase, words: Words, first: int, last: int) -> bool:
    """A keyword of one letter counts only where it stands alone (not in R-CNN or p(R)), a capital only as capital."""
    if len(phrase.key) > 1 or not phrase.key.isascii():
        return True
    start, end = words.starts[first], words.ends[last]
    return (not phrase.is_capital_letter or words.text[start:end] == phrase.words[0]) and is_standalone(
        words.text, start, end
    )


def is_standalone(text: str, start: int, end: int) -> bool:
    """Whether a letter stands by itself, with no more around it than a word has."""
    before, after = text[max(0, start - 2) : start], text[end : end + 1]
    opened = not before or before[-1].isspace() or (before[-1] in "([\"'\u201c\u2018/" and not before[0].isalnum())
    return opened and (not after or after.isspace() or after in ")]\"'\u201d\u2019/,.;:!?")
