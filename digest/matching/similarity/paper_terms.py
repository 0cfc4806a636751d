"""Terms of a paper: its words in the forms that they are compared by, and pairs of adjacent words.

Words that tell nothing of what a paper is about are none, and no pair has one of them. Nor are numbers.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from digest.matching.normalize import BREAK, FIRST_WIDE_CHARACTER, FUNCTION_WORDS, Words, split_words
from digest.matching.phrases import split_words_cached

MAX_TERM_LENGTH = 60  # characters; longer ones are addresses and formulas
MENTION = 0.5  # what a term counts that stands once in an abstract; in the title, or twice, it counts 1
# Words of scientific prose, whatever it is about.
PROSE_WORDS = frozenset(
    "about above across after again all along also although among another any around away based become becoming "  # noqa: SIM905
    "before being below best better between beyond both cannot case could despite different during each either enough "
    "especially even ever every existing few first fully further furthermore get getting give given good great hence "
    "high however important including instead introduce introducing just key largely last latest least less let like "
    "little made main mainly make making many maybe might more moreover most mostly much must namely near necessary "
    "need never new next novel now often once one only onto other others otherwise out over overall own particular "
    "particularly perhaps present previous previously propose proposed providing rather recent recently regarding same "
    "second see several should show shown significant significantly simple simply since still study that therefore "
    "thing third though three through throughout thus together toward towards two under unlike until up upon use used "
    "useful using usually various very way well whether while within without work yet et al ie eg etc paper method "
    "result approach".split()
)
STOP_WORDS = FUNCTION_WORDS | PROSE_WORDS


class TermSpan(NamedTuple):
    """Term, and the characters where it stands."""

    term: str
    start: int
    end: int


def list_terms(words: Words) -> Iterator[TermSpan]:
    """Yield the terms of a text in order, each as often as it stands there."""
    keys, gaps, starts, ends = words.keys, words.gaps, words.starts, words.ends
    tells = [_tells_something(key) for key in keys]
    for number, key in enumerate(keys):
        if tells[number]:
            if len(key) > 1:  # one character of CJK tells nothing alone
                yield TermSpan(key, starts[number], ends[number])
            if number and tells[number - 1] and gaps[number] != BREAK:
                yield TermSpan(f"{keys[number - 1]} {key}", starts[number - 1], ends[number])


def _tells_something(key: str) -> bool:
    if key in STOP_WORDS or len(key) > MAX_TERM_LENGTH:
        return False
    return any(map(str.isalpha, key)) if len(key) > 1 else key >= FIRST_WIDE_CHARACTER


def weigh_terms(title: str, abstract: str) -> dict[str, float]:
    """Return the terms of a paper: 1 for those in its title, or twice in its text, MENTION for all others."""
    weights = {span.term: 1.0 for span in list_terms(split_words_cached(title))}
    for span in list_terms(split_words_cached(abstract)):
        weights[span.term] = 1.0 if span.term in weights else MENTION
    return weights


def find_term(text: str) -> str | None:
    """Return the term that somebody means who types one word or two; None for anything else."""
    words = split_words(text)
    terms = [span.term for span in list_terms(words)]
    if len(words.keys) == 1:
        return terms[0] if terms else None
    pairs = [" ".join(pair) for pair in pairwise(words.keys)]
    return pairs[0] if len(pairs) == 1 and pairs[0] in terms else None
