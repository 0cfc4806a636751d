"""Acronyms that a paper defines itself: "retrieval-augmented generation (RAG)", "RAG (retrieval-augmented generation)".

In that paper the short form and the long form mean the same. Every letter of the short form must begin a word of the
long form, in order and with nothing but function words between, for a wrong pair is worse than a missed one.
"""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from digest.matching.normalize import BREAK, FUNCTION_WORDS, Words

WINDOW = 12  # words before and behind an acronym that are read as if it were not there
_LONG_THEN_SHORT = re.compile(r"\(\s?([A-Za-z][A-Za-z0-9]{1,9})\s?[);,]")
_SHORT_THEN_LONG = re.compile(r"\b([A-Z][A-Za-z0-9]{1,9})\s?\((?=[A-Za-z])")
_SKIPPABLE_WORDS = FUNCTION_WORDS - {"a"}
DIGIT_WORDS = {"2": "to", "4": "for"}  # that a digit is read as: Text2SQL, AI4Science


@dataclass(frozen=True, slots=True)
class AcronymDefinition:
    """Positions of an acronym among the words of a text, and of the first and last word of its long form."""

    acronym: int
    first: int
    last: int


def find_definitions(words: Words) -> list[AcronymDefinition]:
    """Return the acronyms that a text defines."""
    return [*_iter_definitions(words)]


def window_without(words: Words, acronym: int) -> Words:
    """Return the words around an acronym, without it, as a text of their own that has nothing exact."""
    window = [*range(max(0, acronym - WINDOW), acronym), *range(acronym + 1, min(len(words.keys), acronym + WINDOW))]
    keys = [words.keys[n] for n in window]
    starts, ends = (array("I", [numbers[n] for n in window]) for numbers in (words.starts, words.ends))
    return Words(words.text, keys, keys, starts, ends, [words.gaps[n] for n in window])


def _iter_definitions(words: Words) -> Iterator[AcronymDefinition]:
    for pattern, step in ((_LONG_THEN_SHORT, -1), (_SHORT_THEN_LONG, 1)):
        for match in pattern.finditer(words.text):
            position = bisect_left(words.starts, match.start(1))
            initials = _expected_initials(words, position, match)
            end = _match_initials(words, position + step, initials[::step], step) if initials else None
            if end is None:
                continue
            first, last = sorted((position + step, end))
            if BREAK not in words.gaps[first + 1 : last + 1]:
                yield AcronymDefinition(position, first, last)


def _expected_initials(words: Words, position: int, match: re.Match[str]) -> list[str]:
    """Return what the words of the long form must begin with; nothing if this is no acronym.

    These are all letters and digits but a plural s.
    """
    acronym = match[1]
    is_word = position < len(words.starts) and (words.starts[position], words.ends[position]) == match.span(1)
    if not is_word or sum(map(str.isupper, acronym)) < 2:  # noqa: PLR2004 - one capital is a name
        return []
    if acronym.endswith("s") and acronym[:-1].isupper():
        acronym = acronym[:-1]
    return [DIGIT_WORDS.get(char, char.lower()) for char in acronym]


def _match_initials(words: Words, position: int, initials: Sequence[str], step: int) -> int | None:
    """Return the position of the last word that the initials need, walking by `step` from `position`."""
    count = len(words.exact)
    for initial in initials:
        while (
            0 <= position < count
            and not words.exact[position].startswith(initial)
            and words.exact[position] in _SKIPPABLE_WORDS
        ):
            position += step
        if not 0 <= position < count or not words.exact[position].startswith(initial):
            return None
        position += step
    return position - step
