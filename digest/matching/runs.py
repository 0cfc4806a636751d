"""Keys in order, and the runs of words that spell them."""

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

HIGHEST_CHARACTER = "\U0010ffff"  # sorts behind every character that a text has
GOES_ON = 1  # what a sieve adds to twice a word's place


class Begun(NamedTuple):
    """The keys that begin with some words: the phrases of the one that ends there too, and where they all lie."""

    numbers: list[int]
    at: int
    end: int


NOWHERE = Begun([], 0, 0)


class Keys:
    """Keys in order, so that one search tells both whether a string is a key and whether it begins one."""

    def __init__(self, numbers: dict[str, list[int]]) -> None:
        self.numbers = numbers
        self.sorted = sorted(numbers)
        self._known: dict[str, Begun] = {}

    def runs(
        self, words: list[str], gaps: list[str] | None, worth: Iterable[int] | None = None
    ) -> list[tuple[list[int], int, int]]:
        """(numbers, first word, last word) of every run of words that spells a key, with or without its gaps. `worth`
        is what a sieve says of these words; without one each of them is tried.
        """
        found: list[tuple[list[int], int, int]] = []
        if not self.numbers:
            return found
        keys, known, append, count = self.sorted, self._known.get, found.append, len(words)
        for sifted in range(1, 2 * count, 2) if worth is None else worth:
            first = last = sifted >> 1
            run = words[first]
            begun = known(run) or self._begin(run, 0, len(keys))
            while begun is not NOWHERE:
                those, at, end = begun
                if those:
                    append((those, first, last))
                    if at + 1 == end:  # no other key goes on from here
                        break
                last += 1
                if last == count or not sifted & GOES_ON:
                    break
                run += words[last] if gaps is None else gaps[last] + words[last]
                again = known(run)
                if again is None:  # most runs end here: looked up in place, and not remembered
                    at = bisect_left(keys, run, at, end)
                    if at == end or not keys[at].startswith(run):
                        break
                    again = self._begin(run, at, end)
                begun = again
        return found

    def _begin(self, run: str, at: int, end: int) -> Begun:
        """The keys that begin with `run`, which lie from `at` up to `end` if anywhere; remembered."""
        keys = self.sorted
        at = bisect_left(keys, run, at, end)
        begun = NOWHERE
        if at < end and keys[at].startswith(run):
            begun = Begun(self.numbers.get(run, []), at, bisect_left(keys, f"{run}{HIGHEST_CHARACTER}", at, end))
        self._known[run] = begun
        return begun
