"""Many phrases in one text, at a cost that depends on the text and not on the number of phrases.

The keys of all phrases are one sorted list. From each word of a text on, normalized words are joined one by one as long
as some key begins with them; a key found on the way is checked at its separators. Two words of a text are read as one
only where `can_join` allows it. Prefixes have an index of their own, by their first three letters.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice, repeat
from typing import TYPE_CHECKING

from digest.matching.acronyms import Acronym, AcronymDefinition, find_definitions, window_without
from digest.matching.normalize import BREAK, HYPHEN, Words, can_join, split_words
from digest.matching.phrases.parse import MIN_PREFIX_LENGTH
from digest.matching.phrases.sorted_keys import SortedKeys
from digest.matching.terms import Phrase

if TYPE_CHECKING:
    from digest.matching.phrases.prefilter import Prefilter

CACHED_TEXTS = 2048  # of a thousand papers, which are matched again and again for other keywords
BLOCK_SIZE = 200  # papers whose words are held at a time
PREFILTER_THRESHOLD = 1000  # keys; for fewer a prefilter costs more than it saves

# The number of a phrase in the index and where it occurs in a text: (phrase, start, end), in characters. A bare tuple,
# because a run of the planner makes millions of them.
Occurrence = tuple[int, int, int]


class PhraseIndex:
    """Distinct phrases, found in a text in one pass. Phrases that differ only by field share a number.

    `prefilter=False`: for few papers, where a prefilter costs more time than it saves, and 14 MB with numpy.
    """

    def __init__(self, phrases: Sequence[Phrase], *, prefilter: bool = True) -> None:
        self.phrases: list[Phrase] = []
        self._numbers: dict[str, int] = {}
        for phrase in phrases:
            if phrase.spelling not in self._numbers:
                self._numbers[phrase.spelling] = len(self.phrases)
                self.phrases.append(phrase)
        # The first form of phrase n is form n; further ones follow behind the last phrase.
        self._forms = [phrase.alternatives[0] for phrase in self.phrases]
        self._owners = list(range(len(self.phrases)))
        for number, phrase in enumerate(self.phrases):
            self._forms += phrase.alternatives[1:]
            self._owners += [number] * (len(phrase.alternatives) - 1)
        tolerant: dict[str, list[int]] = {}
        exact: dict[str, list[int]] = {}
        prefixes: dict[str, list[int]] = {}
        self._by_acronym: dict[str, list[tuple[Acronym, int]]] = {}
        for number, form in enumerate(self._forms):
            kind = prefixes if form.prefix else exact if form.exact else tolerant
            kind.setdefault(form.key, []).append(number)
            for acronym in form.acronyms:
                self._by_acronym.setdefault(acronym.short, []).append((acronym, number))
        # A single word of several letters needs no check of its gaps. Most occurrences are of this kind.
        self._is_single_word = [
            len(form.words) == 1 and len(form.key) > 1 and not form.acronyms for form in self._forms
        ]
        self._tolerant = SortedKeys(tolerant)
        self._exact = SortedKeys(exact)
        self._prefixes = _PrefixIndex(prefixes)
        self._uses_prefilter = prefilter and len(tolerant) >= PREFILTER_THRESHOLD
        self._prefilter: Prefilter | None = None

    def phrase_number(self, phrase: Phrase) -> int:
        """Return the number that occurrences name a phrase by."""
        return self._numbers[phrase.spelling]

    def find(self, *texts: str) -> list[list[Occurrence]]:
        """Find all phrases in each text of one paper. An acronym that one text defines holds in all of them."""
        split = [split_words_cached(text) for text in texts]
        return self._add_acronyms(split, [self.find_in_text(words) for words in split])

    def find_in_documents(self, documents: Iterable[Sequence[str]]) -> Iterator[list[list[Occurrence]]]:
        """Find all phrases in the texts of each of many papers."""
        remaining = iter(documents)
        while block := [[split_words_cached(text) for text in texts] for texts in islice(remaining, BLOCK_SIZE)]:
            located = self.find_in_texts([words for texts in block for words in texts])
            for texts in block:
                yield self._add_acronyms(texts, [next(located) for _ in texts])

    def find_in_texts(self, texts: Sequence[Words]) -> Iterator[list[Occurrence]]:
        """Find all phrases in many texts; with many phrases much faster than one by one."""
        candidates: Iterable[list[int] | None] = repeat(None, len(texts))
        if self._uses_prefilter:
            from digest.matching.phrases.prefilter import Prefilter

            self._prefilter = self._prefilter or Prefilter(self._tolerant.keys)
            candidates = self._prefilter.filter([words.keys for words in texts])
        return map(self.find_in_text, texts, candidates)

    def find_in_text(self, words: Words, candidates: Iterable[int] | None = None) -> list[Occurrence]:
        """Find all forms of phrases in one text as it is written, whatever acronyms it defines.

        `candidates`: what the prefilter returns for its words.
        """
        occurrences = self._find_tolerant(words, candidates)
        forms, starts, ends = self._forms, words.starts, words.ends
        occurrences += [
            (number, starts[first], ends[last])
            for numbers, first, last in self._exact.find_runs(words.exact, words.gaps)
            for number in numbers
            if _is_valid_character(forms[number], words, first, last)
        ]
        return occurrences

    def _find_tolerant(self, words: Words, candidates: Iterable[int] | None = None) -> list[Occurrence]:
        forms, is_single_word, starts, ends = self._forms, self._is_single_word, words.starts, words.ends
        occurrences = [
            (number, starts[first], ends[last])
            for numbers, first, last in self._tolerant.find_runs(words.keys, candidates=candidates)
            for number in numbers
            if (first == last and is_single_word[number]) or fits_gaps(forms[number], words, first, last)
        ]
        occurrences += [
            (number, starts[first], ends[end])
            for numbers, first, last in self._prefixes.find_runs(words)
            for number in numbers
            if fits_gaps(forms[number], words, first, last)
            and (end := _tail_end(forms[number].tail, words, last)) is not None
        ]
        return occurrences

    def _add_acronyms(self, texts: Sequence[Words], occurrences: list[list[Occurrence]]) -> list[list[Occurrence]]:
        """Find long forms also where their acronym stands, and acronyms where their long form does.

        An acronym that the paper defines otherwise is none of ours in it.
        """
        foreign: set[int] = set()
        for words, found_here in zip(texts, occurrences, strict=True):
            for definition in find_definitions(words) if "(" in words.text else ():
                short, long = words.keys[definition.acronym], words.keys[definition.first : definition.last + 1]
                foreign |= {n for acronym, n in self._by_acronym.get(short, ()) if not acronym.agrees(long)}
                self._add_defined_forms(words, definition, texts, occurrences)
                if definition.acronym == definition.last + 1:
                    found_here.extend(self._find_across(words, definition.acronym))
        if len(self._owners) > len(self.phrases):
            return [
                [(self._owners[number], start, end) for number, start, end in found if number not in foreign]
                for found in occurrences
            ]
        return occurrences

    def _add_defined_forms(
        self,
        words: Words,
        definition: AcronymDefinition,
        texts: Sequence[Words],
        occurrences: list[list[Occurrence]],
    ) -> None:
        numbers, first, last = self._tolerant.numbers, definition.first, definition.last
        short, long = words.keys[definition.acronym], words.keys[first : last + 1]
        fitting = [n for n in numbers.get("".join(long), ()) if fits_gaps(self._forms[n], words, first, last)]
        for text, found in zip(texts, occurrences, strict=True):
            for number in fitting:
                found.extend(find_sequence(number, [short], text))
            for number in numbers.get(short, ()):
                found.extend(find_sequence(number, long, text))

    def _find_across(self, words: Words, acronym: int) -> list[Occurrence]:
        """Find what continues behind an acronym that stands behind its long form: large language model (LLM) agents.

        It shares more than the last word with the long form: long short-term memory (LSTM) networks are no memory
        networks.
        """
        around = window_without(words, acronym)
        last_start, end = words.starts[acronym - 1], words.ends[acronym]
        return [found for found in self._find_tolerant(around) if found[1] < last_start and found[2] > end]


class _PrefixIndex:
    """Phrases whose last word is only a beginning, by their first letters."""

    def __init__(self, numbers: dict[str, list[int]]) -> None:
        self._keys: dict[str, list[tuple[str, list[int]]]] = {}
        for key, phrases in numbers.items():
            self._keys.setdefault(key[:MIN_PREFIX_LENGTH], []).append((key, phrases))

    def find_runs(self, words: Words) -> Iterator[tuple[list[int], int, int]]:
        """Yield (numbers, first word, last word) of every run whose last word goes on, or ends, where a key ends."""
        if not self._keys:
            return
        for first in range(len(words.keys)):
            # Words that begin in a letter or two are joined with the following ones; three words are enough.
            window = slice(first, first + MIN_PREFIX_LENGTH)
            for head in {"".join(forms[window])[:MIN_PREFIX_LENGTH] for forms in (words.keys, words.exact)}:
                for key, numbers in self._keys.get(head, ()):
                    offset = 0
                    for last in range(first, len(words.keys)):
                        rest = key[offset:]
                        if words.exact[last].replace("'", "").startswith(rest) or words.keys[last].startswith(rest):
                            yield numbers, first, last
                            break
                        if not key.startswith(words.keys[last], offset):
                            break
                        offset += len(words.keys[last])


@lru_cache(maxsize=CACHED_TEXTS)
def split_words_cached(text: str) -> Words:
    """Split a text into normalized words. The result is shared and must not be changed."""
    return split_words(text)


def find_sequence(number: int, sequence: list[str], words: Words) -> Iterator[Occurrence]:
    """Yield the occurrences of these keys in a row. An acronym needs a capital: the rag of RAG is another rag."""
    size = len(sequence)
    for first, key in enumerate(words.keys):
        if key == sequence[0] and words.keys[first : first + size] == sequence:
            start, end = words.starts[first], words.ends[first + size - 1]
            if BREAK not in words.gaps[first + 1 : first + size] and (size > 1 or not words.text[start:end].islower()):
                yield number, start, end


def _tail_end(tail: Phrase | None, words: Words, last: int) -> int | None:
    """Return the last word of what must follow word `last` directly, that word where nothing must; else None."""
    if tail is None:
        return last
    first = last + 1
    if first == len(words.keys) or words.gaps[first] == BREAK:
        return None
    run = ""
    for end in range(first, len(words.keys)):
        rest = tail.key[len(run) :]
        if tail.prefix and (words.keys[end].startswith(rest) or words.exact[end].replace("'", "").startswith(rest)):
            return _tail_end(tail.tail, words, end) if fits_gaps(tail, words, first, end) else None
        run += words.keys[end]
        if not tail.prefix and run == tail.key:
            return end if fits_gaps(tail, words, first, end) else None
        if not tail.key.startswith(run):
            return None
    return None


def fits_gaps(phrase: Phrase, words: Words, first: int, last: int) -> bool:
    """Return whether a run of words that spells the phrase has its gaps where they may be."""
    if phrase.acronyms and not _has_capitals(phrase, words, first, last):
        return False
    if first == last and len(phrase.words) == 1:
        return _is_valid_character(phrase, words, first, last)
    separators, required, offset = phrase.separators_by_offset, 0, 0
    left = words.keys[first]
    for number in range(first + 1, last + 1):
        offset += len(left)
        right, gap = words.keys[number], words.gaps[number]
        if offset in phrase.unbroken:  # R L is not the acronym RL
            return False
        separator = separators.get(offset)
        if separator is None:
            if not can_join(left, right, gap):
                return False
        elif gap == BREAK and separator != BREAK:
            return False
        elif separator != HYPHEN:
            required += 1
        left = right
    return required == phrase.required_gaps


def _has_capitals(phrase: Phrase, words: Words, first: int, last: int) -> bool:
    """Return whether acronyms that are English words, too, have a capital: the rag of RAG is another rag."""
    ambiguous = {acronym.short for acronym in phrase.acronyms if acronym.is_word}
    return not ambiguous or not any(
        words.keys[n] in ambiguous and words.text[words.starts[n] : words.ends[n]].islower()
        for n in range(first, last + 1)
    )


def _is_valid_character(phrase: Phrase, words: Words, first: int, last: int) -> bool:
    """Return whether a phrase of one letter stands alone (not in R-CNN or p(R)), and capitals are capitals.

    Every longer phrase is valid.
    """
    if phrase.is_capitals:
        return words.text[words.starts[first] : words.ends[last]] == phrase.words[0]
    if len(phrase.key) > 1 or not phrase.key.isascii():
        return True
    start, end = words.starts[first], words.ends[last]
    is_same_case = not phrase.is_single_capital or words.text[start:end] == phrase.words[0]
    return is_same_case and is_standalone(words.text, start, end)


def is_standalone(text: str, start: int, end: int) -> bool:
    """Return whether a letter stands by itself, with no more around it than a word has."""
    before, after = text[max(0, start - 2) : start], text[end : end + 1]
    opened = not before or before[-1].isspace() or (before[-1] in "([\"'\u201c\u2018/" and not before[0].isalnum())
    return opened and (not after or after.isspace() or after in ")]\"'\u201d\u2019/,.;:!?")
