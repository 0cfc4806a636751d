"""Acronyms that a paper defines itself: "retrieval-augmented generation (RAG)", "RAG (retrieval-augmented generation)".

In that paper the two mean the same. Every letter of the acronym must begin a word of the long form, in order and
with nothing between but function words, for a wrong pair is worse than a missed one.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from digest.matching.normalize import BREAK, FUNCTION_WORDS, Words

_AFTER = re.compile(r"\(\s?([A-Za-z][A-Za-z0-9]{1,9})\s?[);,]")


_BEFORE = re.compile(r"\b([A-Z][A-Za-z0-9]{1,9})\s?\((?=[A-Za-z])")


_SKIPPED = FUNCTION_WORDS - {"a"}


_SPOKEN = {"2": "to", "4": "for"}


class Definition(NamedTuple):
    """Word `acronym` of a text stands for its words from `first` to `last`."""

    acronym: int
    first: int
    last: int


def find_definitions(words: Words) -> Iterator[Definition]:
    """The acronyms that a text defines."""
    for found in _AFTER.finditer(words.text):
        number = bisect_left(words.starts, found.start(1))
        letters = _letters(words, number, found)
        if (
            letters
            and (first := _backward(words, number - 1, letters)) is not None
            and _whole(words, first, number - 1)
        ):
            yield Definition(number, first, number - 1)
    for found in _BEFORE.finditer(words.text):
        number = bisect_left(words.starts, found.start(1))
        letters = _letters(words, number, found)
        if letters and (last := _forward(words, number + 1, letters)) is not None and _whole(words, number + 1, last):
            yield Definition(number, number + 1, last)


def _letters(words: Words, number: int, found: re.Match[str]) -> list[str]:
    """What the long form's words must begin with: all letters and digits but a plural s. Empty if it is no acronym."""
    acronym = found[1]
    if number == len(words.starts) or words.starts[number] != found.start(1) or words.ends[number] != found.end(1):
        return []
    if sum(map(str.isupper, acronym)) < 2:  # noqa: PLR2004 - one capital is a name
        return []
    if acronym.endswith("s") and acronym[:-1].isupper():
        acronym = acronym[:-1]
    return [_SPOKEN.get(char, char.lower()) for char in acronym]


def _whole(words: Words, first: int, last: int) -> bool:
    return BREAK not in words.gaps[first + 1 : last + 1]


def _backward(words: Words, last: int, letters: list[str]) -> int | None:
    place = last
    for letter in reversed(letters):
        while place >= 0 and not words.exact[place].startswith(letter) and words.exact[place] in _SKIPPED:
            place -= 1
        if place < 0 or not words.exact[place].startswith(letter):
            return None
        place -= 1
    return place + 1


def _forward(words: Words, first: int, letters: list[str]) -> int | None:
    place, count = first, len(words.exact)
    for letter in letters:
        while place < count and not words.exact[place].startswith(letter) and words.exact[place] in _SKIPPED:
            place += 1
        if place == count or not words.exact[place].startswith(letter):
            return None
        place += 1
    return place - 1
