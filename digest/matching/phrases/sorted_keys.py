"""Keys in order, and the runs of words that spell them."""

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

HIGHEST_CHARACTER = "\U0010ffff"  # sorts after every character that a text has
MAY_CONTINUE = 1  # what a prefilter adds to twice the position of a word


class PrefixMatch(NamedTuple):
    """Keys that begin with a run of words: the phrases whose key ends there too, and the range of them all."""

    numbers: list[int]
    start: int
    end: int


NO_MATCH = PrefixMatch([], 0, 0)


class SortedKeys:
    """Keys in order, so that one search tells both whether a string is a key and whether it begins one."""

    def __init__(self, numbers: dict[str, list[int]]) -> None:
        self.numbers = numbers
        self.keys = sorted(numbers)
        self._matches: dict[str, PrefixMatch] = {}

    def find_runs(
        self, words: list[str], gaps: list[str] | None = None, *, candidates: Iterable[int] | None = None
    ) -> list[tuple[list[int], int, int]]:
        """Return (numbers, first word, last word) of every run of words that spells a key, with its gaps if given.

        `candidates`: what a prefilter returns for these words; without it each of them is tried.
        """
        runs: list[tuple[list[int], int, int]] = []
        if not self.numbers:
            return runs
        keys, cached, count = self.keys, self._matches.get, len(words)
        for candidate in range(MAY_CONTINUE, 2 * count, 2) if candidates is None else candidates:
            first = last = candidate >> 1
            run = words[first]
            match = cached(run) or self._find_prefix(run, 0, len(keys))
            while match is not NO_MATCH:
                numbers, start, end = match
                if numbers:
                    runs.append((numbers, first, last))
                    if start + 1 == end:  # no other key goes on from here
                        break
                last += 1
                if last == count or not candidate & MAY_CONTINUE:
                    break
                run += words[last] if gaps is None else gaps[last] + words[last]
                longer = cached(run)
                if longer is None:  # most runs end here: looked up in place, and not cached
                    start = bisect_left(keys, run, start, end)
                    if start == end or not keys[start].startswith(run):
                        break
                    longer = self._find_prefix(run, start, end)
                match = longer
        return runs

    def _find_prefix(self, run: str, start: int, end: int) -> PrefixMatch:
        """Find the keys that begin with `run`, if any, among those from `start` up to `end`; cache the answer."""
        keys = self.keys
        start = bisect_left(keys, run, start, end)
        match = NO_MATCH
        if start < end and keys[start].startswith(run):
            end = bisect_left(keys, f"{run}{HIGHEST_CHARACTER}", start, end)
            match = PrefixMatch(self.numbers.get(run, []), start, end)
        self._matches[run] = match
        return match
