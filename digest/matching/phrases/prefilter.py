"""Which words of many texts may begin a key: those that are one, and those that may begin one with the next word.

No word that begins a key is lost. What passes by chance, a few words in a hundred, fails in the search that
follows; so this decides nothing, it only saves that search three words of four.
"""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, chain, pairwise

import numpy as np
import numpy.typing as npt

from digest.matching.phrases.sorted_keys import HIGHEST_CHARACTER, MAY_CONTINUE

Int64Array = npt.NDArray[np.int64]

HEAD_LENGTH = 6  # characters of the next word that are compared
TABLE_BITS = 23  # of an index into the table of pairs
MULTIPLIER = np.int64(31)
HASH_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # spreads what differs in few bits (Knuth's multiplicative hashing)
NO_KEY, KEY_PREFIX, WHOLE_KEY = range(3)  # kinds of words: no key begins so; some do; one is just this word


class Prefilter(dict[str, int]):
    """Numbers of all words seen so far. Which keys a word begins is looked up when it is seen for the first time."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Build a prefilter for sorted keys."""
        super().__init__()
        self._keys = keys
        self._salts, self._heads, self._kinds = array("q"), array("q"), array("b")
        self._pairs = np.zeros(1 << TABLE_BITS, dtype=bool)
        self._pending: tuple[array[int], array[int]] = array("q"), array("q")  # pairs on their way into the table

    def filter(self, texts: Sequence[Sequence[str]]) -> list[list[int]]:
        """Return the candidates of each text, given as its words.

        A candidate is twice the position of a word, and MAY_CONTINUE added where the word may begin a key together
        with the next one.
        """
        starts = [0, *accumulate(map(len, texts))]
        numbers = np.fromiter(map(self.__getitem__, chain.from_iterable(texts)), dtype=np.int64, count=starts[-1])
        salts, heads = self._pending
        self._pairs[_table_index(np.array(salts), np.array(heads))] = True
        self._pending = array("q"), array("q")
        kind, salt, head = (np.array(values)[numbers] for values in (self._kinds, self._salts, self._heads))
        # The last word of a text is paired with the first of the next: one chance more, and no harm.
        continues = (kind != NO_KEY) & self._pairs[_table_index(salt, np.roll(head, -1))]
        positions = np.flatnonzero(continues | (kind == WHOLE_KEY))
        bounds = np.searchsorted(positions, starts).tolist()
        candidates = 2 * positions + MAY_CONTINUE * continues[positions]
        return [(candidates[a:b] - 2 * start).tolist() for (a, b), start in zip(pairwise(bounds), starts, strict=False)]

    def __missing__(self, word: str) -> int:
        keys, size, salt = self._keys, len(word), hash(word)
        start = bisect_left(keys, word)
        matching = keys[start : bisect_left(keys, f"{word}{HIGHEST_CHARACTER}", start)]
        salts, heads = self._pending
        rests = {key[size : size + HEAD_LENGTH] for key in matching}
        for length in range(HEAD_LENGTH, 0, -1):  # the next word may be shorter
            rests = {rest[:length] for rest in rests} - {""}
            heads.extend(map(hash, rests))
            salts.extend([salt] * len(rests))
        self._salts.append(salt)
        self._heads.append(hash(word[:HEAD_LENGTH]))
        self._kinds.append(NO_KEY if not matching else WHOLE_KEY if matching[0] == word else KEY_PREFIX)
        number = self[word] = len(self)
        return number


def _table_index(salt: Int64Array, head: Int64Array) -> npt.NDArray[np.uint64]:
    mixed: npt.NDArray[np.uint64] = (salt ^ head * MULTIPLIER).view(np.uint64) * HASH_FACTOR
    return mixed >> np.uint64(64 - TABLE_BITS)
