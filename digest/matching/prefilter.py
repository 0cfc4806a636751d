"""Keys in order, and the runs of words that spell them.

Which words of many texts are worth a look: those that are a key, and those that with the next word may begin one.

Nothing that spells a key is lost. What is let through by chance, a few words in a hundred, is found out by the search
behind it; so this decides nothing, it only saves that search three words of four.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

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


Numbers = npt.NDArray[np.int64]


HEAD = 6  # letters of the next word that are looked at


BITS = 23  # of a place in the table of pairs


MIXED = np.int64(31)


ODD = np.uint64(0x9E3779B97F4A7C15)  # spreads what differs in few bits (Knuth's multiplicative hashing)


DEAD, BEGUN, WHOLE = range(3)  # no key begins so; some do; one is just this word


NOTHING = {""}


class Sieve(dict[str, int]):
    """The numbers of all words seen so far. What a word begins is learnt when it is asked for the first time."""

    def __init__(self, keys: Sequence[str]) -> None:
        """`keys` in order."""
        super().__init__()
        self._keys = keys
        self._salt, self._head, self._kind = array("q"), array("q"), array("b")
        self._pairs = np.zeros(1 << BITS, dtype=bool)
        self._learnt: tuple[array[int], array[int]] = array("q"), array("q")  # pairs on their way into the table

    def sift(self, texts: Sequence[Sequence[str]]) -> list[list[int]]:
        """For each text, given as its words, those that are worth a look: twice the place of each, and GOES_ON added
        where it may begin a key together with the next word.
        """
        starts = [0, *accumulate(map(len, texts))]
        number = np.fromiter(map(self.__getitem__, chain.from_iterable(texts)), dtype=np.int64, count=starts[-1])
        self._remember()
        kind, salt, head = (np.array(each)[number] for each in (self._kind, self._salt, self._head))
        # The last word of a text is paired with the first of the next: one chance more, and no harm.
        goes_on = (kind != DEAD) & self._pairs[_cell(salt, np.roll(head, -1))]
        found = np.flatnonzero(goes_on | (kind == WHOLE))
        bounds = np.searchsorted(found, starts).tolist()
        sifted = 2 * found + GOES_ON * goes_on[found]
        return [(sifted[a:b] - 2 * start).tolist() for (a, b), start in zip(pairwise(bounds), starts, strict=False)]

    def __missing__(self, word: str) -> int:
        keys, size, salt = self._keys, len(word), hash(word)
        at = bisect_left(keys, word)
        begun = keys[at : bisect_left(keys, f"{word}{HIGHEST_CHARACTER}", at)]
        salts, heads = self._learnt
        rests = {key[size : size + HEAD] for key in begun}
        for length in range(HEAD, 0, -1):  # the next word may be shorter
            rests = {rest[:length] for rest in rests} - NOTHING
            heads.extend(map(hash, rests))
            salts.extend([salt] * len(rests))
        self._salt.append(salt)
        self._head.append(hash(word[:HEAD]))
        self._kind.append(DEAD if not begun else WHOLE if begun[0] == word else BEGUN)
        number = self[word] = len(self)
        return number

    def _remember(self) -> None:
        salts, heads = self._learnt
        self._pairs[_cell(np.array(salts), np.array(heads))] = True
        self._learnt = array("q"), array("q")


def _cell(salt: Numbers, head: Numbers) -> npt.NDArray[np.uint64]:
    mixed: npt.NDArray[np.uint64] = (salt ^ head * MIXED).view(np.uint64) * ODD
    return mixed >> np.uint64(64 - BITS)
