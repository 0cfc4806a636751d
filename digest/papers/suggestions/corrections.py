"""Other wordings of a keyword that finds nothing: without a typo, without quotes, in two parts, a shorter phrase.

Each one finds papers. All work is bounded: at most `MAX_LOOKUPS` other wordings of a keyword are looked up.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from string import ascii_lowercase

from digest.matching import FUNCTION_WORDS, Phrase, Query, Words, split_words
from digest.papers.recent import GENERIC_WORDS, may_begin, may_end

MAX_LOOKUPS, MAX_SPELLINGS, MAX_SPLITS = 6, 2, 2
MAX_TYPOS = 3  # words of a keyword that may be misspelled
MAX_TYPO_COUNT = 50  # occurrences of a word that may be a typo
MIN_REAL_PAPERS = 3  # that a keyword finds so that it is not taken for a typo
MAX_WIDER = 3
WORD_LENGTHS = range(5, 26)  # of a word whose spelling is corrected
MIN_WORD_COUNT = 5  # occurrences of the word that was probably meant
TYPO_RATIO = 100  # how much more frequent that word is than one that occurs
MAX_PHRASE_SHARE, MAX_WORD_SHARE = 0.05, 0.01  # of all papers, for a shorter phrase and for a single word
MAX_SPECIFIC_PAPERS = 10  # that a shorter phrase may find in any case
MIN_PAPERS = 2  # that a wider keyword finds


@dataclass(frozen=True, slots=True)
class Correction:
    """Keyword that finds `paper_count` papers, in place of one that finds none. `is_spelling`: only a typo differs."""

    text: str
    paper_count: int
    is_spelling: bool


class KeywordCorrector:
    """Search for what was probably meant.

    `count_papers` tells how many papers a keyword finds (0 where it is none), `count_words` how often words (by their
    keys) occur, without those that do not, and `paper_count` how many papers there are.
    """

    def __init__(
        self,
        count_papers: Callable[[str], int],
        count_words: Callable[[Iterable[str]], Mapping[str, int]],
        paper_count: int,
    ) -> None:
        self._count_papers, self._count_words, self._paper_count = count_papers, count_words, paper_count
        self._lookups = 0

    def correct(self, query: Query, found: int = 0) -> tuple[Correction, ...]:
        """Return other wordings of a keyword that finds nothing: the one without a typo, or wider ones.

        If it finds a paper (`found`) that may have the same typo: only a spelling that finds many more.
        """
        self._lookups = 0
        for text in self._without_typo(query.text):
            if (count := self._count(text)) > TYPO_RATIO * found:
                return (Correction(text, count, is_spelling=True),)
        root, wider = query.root, list[Correction]()
        if found or not isinstance(root, Phrase) or query.exclude or root.prefix:
            return ()
        for text in self._wider(root):
            is_part = any(f" {text} ".lower() in f" {other.text} ".lower() for other in wider)
            if not is_part and (count := self._count(text)) >= MIN_PAPERS and self._is_specific(text, count):
                wider.append(Correction(text, count, is_spelling=False))
            if len(wider) == MAX_WIDER:
                break
        return tuple(wider)

    def _count(self, text: str) -> int:
        self._lookups += 1
        return self._count_papers(text) if self._lookups <= MAX_LOOKUPS else 0

    def _is_specific(self, text: str, count: int) -> bool:
        share = MAX_PHRASE_SHARE if " " in text else MAX_WORD_SHARE
        return " AND " in text or count <= max(share * self._paper_count, MAX_SPECIFIC_PAPERS)

    def _without_typo(self, text: str) -> Iterator[str]:
        """Yield the keyword with its unknown words spelled otherwise, then with one word, a frequent one first."""
        found, corrected = list[tuple[int, str]](), text
        for key, start, end in self._find_suspects(text):  # from the end, so that places stay right
            counts = self._count_words({key, *edits(key)})
            least = max(MIN_WORD_COUNT, TYPO_RATIO * counts.get(key, 0))
            likely = sorted((-count, other) for other, count in counts.items() if count >= least and other != key)
            spellings = [other.capitalize() if text[start].isupper() else other for _, other in likely]
            for (count, _), other in zip(likely, spellings, strict=True):
                found.append((count, text[:start] + other + text[end:]))
            if spellings and key not in counts:
                corrected = corrected[:start] + spellings[0] + corrected[end:]
        candidates = [corrected] if corrected != text else []
        yield from dict.fromkeys([*candidates, *(other for _, other in sorted(found)[:MAX_SPELLINGS])])

    def _find_suspects(self, text: str) -> list[tuple[str, int, int]]:
        """Return the words that may be misspelled, the rarest at most, from the end: key, start, end."""
        words = split_words(text)
        counts = self._count_words(words.keys)
        suspects = [
            (counts.get(key, 0), start, end, key)
            for key, start, end in zip(words.keys, words.starts, words.ends, strict=True)
            if end - start in WORD_LENGTHS and text[start:end].isascii() and text[start:end].isalpha()
            if not text[start:end].isupper() and counts.get(key, 0) <= MAX_TYPO_COUNT
        ]
        rarest = sorted(suspects)[:MAX_TYPOS]
        return [(key, start, end) for _, start, end, key in sorted(rarest, key=lambda word: -word[1])]

    def _wider(self, phrase: Phrase) -> Iterator[str]:
        """Yield wider keywords: without quotes and field, then in two parts, then shorter phrases."""
        words = split_words(phrase.source_text.strip('"\u201c\u201d'))
        count = len(words.keys)
        if phrase.exact or phrase.field != "any":
            yield _between(words, 0, count)
        splits = [f"{_between(words, 0, end)} AND {_between(words, begin, count)}" for end, begin in _splits(words)]
        counted = [(self._count(text), -place, text) for place, text in enumerate(splits[:MAX_SPLITS])]
        if counted:
            yield max(counted)[2]
        for length in range(count - 1, 0, -1):
            for first in range(count - length, -1, -1):  # what a phrase is about stands at its end
                keys = words.keys[first : first + length]
                following = words.keys[first + length] if first + length < count else ""
                is_head = not following or following in FUNCTION_WORDS  # not urban, of urban design
                if may_begin(keys[0]) and (is_head if length == 1 else may_end(keys[-1])):
                    yield _between(words, first, first + length)


def edits(word: str) -> set[str]:
    """Return all words one typo away: a letter too few, too many, another one, or two that are swapped."""
    halves = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    return {
        *(left + right[1:] for left, right in halves if right),
        *(left + right[1] + right[0] + right[2:] for left, right in halves if len(right) > 1),
        *(left + character + right[1:] for left, right in halves if right for character in ascii_lowercase),
        *(left + character + right for left, right in halves for character in ascii_lowercase),
    }


def _splits(words: Words) -> Iterator[tuple[int, int]]:
    """Yield where a phrase can be split in two that say something: end of the first, begin of the second.

    At a function word (`law and psychology`) first, which belongs to neither; then in the middle.
    """
    keys = words.keys
    places = [(place, place + 1) for place in range(1, len(keys) - 1) if keys[place] in FUNCTION_WORDS]
    between = ((place, place) for place in range(1, len(keys)))
    places += sorted(between, key=lambda pair: abs(2 * pair[0] - len(keys)))
    for end, begin in places:
        edges = {keys[0], keys[end - 1], keys[begin], keys[-1]}
        if not edges & FUNCTION_WORDS and not any(set(side) <= GENERIC_WORDS for side in (keys[:end], keys[begin:])):
            yield end, begin


def _between(words: Words, first: int, last: int) -> str:
    return words.text[words.starts[first] : words.ends[last - 1]]
