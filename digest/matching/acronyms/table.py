"""Acronyms that mean the same in (nearly) every paper: LLM is large language model.

A keyword with one of the two forms finds both. The table comes with about a hundred; a service learns more from the
papers that it has. None is a common English word, for `map` and `clip` must stay what they are.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from digest.matching.normalize import BREAK, split_words

_ENGLISH_WORDS = frozenset({"rag", "cot", "ism", "slam"})


@dataclass(frozen=True, slots=True)
class Acronym:
    """Keys of an acronym and of the words that it stands for; other ways to write these, with an acronym, follow.

    MLLM is multimodal large language model, or multimodal LLM.
    """

    short: str
    longs: tuple[tuple[str, ...], ...]

    @property
    def is_word(self) -> bool:
        """Whether it is an English word, too, when written small."""
        return self.short in _ENGLISH_WORDS

    @property
    def long(self) -> tuple[str, ...]:
        return self.longs[0]

    def agrees(self, words: Sequence[str]) -> bool:
        """Return whether a paper that defines the acronym as these words means the same.

        Most words must be shared: a visual language model is a vision language model. A region adjacency graph is no
        retrieval augmented generation.
        """
        return "".join(self.long).endswith("".join(words)) or 2 * len({*words} & {*self.long}) > len(self.long)


class AcronymTable:
    """Acronyms by either form. Those within the long form of another may stand there, too."""

    def __init__(self, acronyms: Iterable[Acronym] = ()) -> None:
        plain = {acronym.short: acronym for acronym in acronyms}
        by_long = {acronym.long: acronym for acronym in plain.values()}
        self.by_short: Mapping[str, Acronym] = {
            acronym.short: Acronym(acronym.short, (acronym.long, *_shortened(acronym.long, by_long)))
            for acronym in plain.values()
        }
        self._by_long = {"".join(long): acronym for acronym in self.by_short.values() for long in acronym.longs}
        self._max_words = max((len(acronym.long) for acronym in plain.values()), default=0)

    def __bool__(self) -> bool:
        return bool(self.by_short)

    def find_at(self, keys: Sequence[str], gaps: Sequence[str], position: int) -> tuple[Acronym, int] | None:
        """Return the acronym whose short or long form begins at a position, and the position after it.

        "large language model (LLM)" is one form, as is "LLM (large language model)".
        """
        acronym, end = self.by_short.get(keys[position]), position + 1
        long = self._find_long(keys, gaps, position)
        if acronym and not long:
            again = self._find_long(keys, gaps, end) if end < len(keys) and gaps[end] != BREAK else None
            return (acronym, again[1]) if again and again[0] is acronym else (acronym, end)
        if long and long[1] < len(keys) and keys[long[1]] == long[0].short and gaps[long[1]] != BREAK:
            return long[0], long[1] + 1
        return long

    def _find_long(self, keys: Sequence[str], gaps: Sequence[str], start: int) -> tuple[Acronym, int] | None:
        found, run = None, ""
        for end in range(start, min(len(keys), start + self._max_words)):
            if end > start and gaps[end] == BREAK:
                break
            run += keys[end]
            if acronym := self._by_long.get(run):
                found = acronym, end + 1
        return found


def _shortened(long: tuple[str, ...], by_long: Mapping[tuple[str, ...], Acronym]) -> Iterator[tuple[str, ...]]:
    """Yield a long form with an acronym in place of a part of it: multimodal LLM."""
    for size in range(len(long) - 1, 1, -1):
        for start in range(len(long) - size + 1):
            if inner := by_long.get(long[start : start + size]):
                yield (*long[:start], inner.short, *long[start + size :])


@cache
def shipped_acronyms() -> AcronymTable:
    """Return the acronyms of acronyms.txt."""
    lines = Path(__file__).with_name("acronyms.txt").read_text(encoding="utf-8").splitlines()
    return AcronymTable(to_acronym(*line.split(" ", 1)) for line in lines)


def to_acronym(short: str, long: str) -> Acronym:
    """Return an acronym from its forms as written."""
    return Acronym(split_words(short).keys[0], (tuple(split_words(long).keys),))


NO_ACRONYMS = AcronymTable()
