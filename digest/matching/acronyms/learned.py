"""Acronyms that are learned from the definitions in many papers."""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache

from digest.matching.acronyms.definitions import find_definitions
from digest.matching.acronyms.table import Acronym, AcronymTable, shipped_acronyms
from digest.matching.normalize import split_words

MIN_DEFINITIONS = 20  # papers with the same long form
MIN_AGREEMENT = 0.95  # of all papers that define the acronym, or write it as a word
MIN_LENGTH = 2  # of an acronym, digits aside
_PART_BEFORE, _PART_BEHIND = re.compile(r"[\w./@~-]"), re.compile(r"[\w/@~-]|\.\w")


def list_definitions(text: str) -> set[tuple[str, str]]:
    """Return the acronyms that a text defines, each with the words that it stands for; both as keys."""
    words = split_words(text)
    definitions = find_definitions(words)
    return {(words.keys[found.acronym], " ".join(words.keys[found.first : found.last + 1])) for found in definitions}


def list_small_words(text: str, acronyms: Collection[str]) -> set[str]:
    """Return which of the acronyms a text writes in small letters, as an English word or a unit: map, clip, kg."""
    words = split_words(text)
    return {
        key
        for key, start, end in zip(words.keys, words.starts, words.ends, strict=True)
        if key in acronyms and text[start:end].islower() and _stands_alone(text, start, end)
    }


def choose_long_form(short: str, papers: Mapping[str, int]) -> str | None:
    """Return what an acronym stands for in (nearly) all papers; None if there are too few, or too many others.

    `papers`: the number of papers by what they define it as, with "" for those that write it as a word.
    """
    count, long = max(((count, long) for long, count in papers.items() if long), default=(0, ""))
    is_readable = split_words(f"{short} {long}").keys == [short, *long.split()] and long.replace(" ", "").isalnum()
    if count < MIN_DEFINITIONS or sum(map(str.isalpha, short)) < MIN_LENGTH or not is_readable:
        return None
    acronym = Acronym(short, (tuple(long.split()),))
    agreeing = sum(count for other, count in papers.items() if other and acronym.agrees(other.split()))
    return long if agreeing >= MIN_AGREEMENT * sum(papers.values()) else None


@lru_cache(maxsize=8)
def extend_acronyms(learned: tuple[tuple[str, str], ...]) -> AcronymTable:
    """Return the shipped acronyms and learned ones. A shipped form keeps its meaning, and so does the first learned."""
    shipped = shipped_acronyms()
    plain = {acronym.short: Acronym(acronym.short, (acronym.long,)) for acronym in shipped.by_short.values()}
    by_long = {acronym.long for acronym in plain.values()}
    for short, long in learned:
        keys = tuple(long.split())
        if short not in plain and keys not in by_long:
            plain[short] = Acronym(short, (keys,))
            by_long.add(keys)
    return AcronymTable(plain.values())


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Return whether a word is none of an address, of a file name or of a compound."""
    return not (_PART_BEFORE.search(text, max(0, start - 1), start) or _PART_BEHIND.match(text, end))
