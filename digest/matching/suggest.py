"""Phrases that are known to be worth a keyword, and keywords made of them."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from digest.matching.documents import PaperDocument
from digest.matching.language import Or, Query, parse
from digest.matching.matcher import Matcher

MAX_COMMON = 6  # phrases for who has no keyword yet
MAX_COMMON_SHARE = 1 / 3  # of all papers


@cache
def vocabulary() -> tuple[Query, ...]:
    """Return the phrases that are known to be worth a keyword, from vocabulary.txt."""
    lines = Path(__file__).with_name("vocabulary.txt").read_text(encoding="utf-8").splitlines()
    return tuple(parse(line) for line in lines)


def common_phrases(documents: Sequence[PaperDocument]) -> tuple[str, ...]:
    """Return the most frequent phrases of the vocabulary that are not too broad, at about a millisecond a paper."""
    counts = [bits.matched.bit_count() for bits in Matcher(vocabulary()).match_bits(documents)]
    limit = MAX_COMMON_SHARE * len(documents)
    ranked = sorted(
        (-count, query.canonical, query.text)
        for count, query in zip(counts, vocabulary(), strict=True)
        if 0 < count <= limit
    )
    return tuple(text for _, _, text in ranked[:MAX_COMMON])


def narrow_query(query: Query, phrase: str) -> str:
    """Return the keyword that asks for both: llm AND phrase."""
    return f"({query.text}) AND {phrase}" if isinstance(query.root, Or) else f"{query.text} AND {phrase}"
