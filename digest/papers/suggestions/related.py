"""Phrases that belong to what keywords find: that are near to it, occur beside it, or narrow it.

How strongly a phrase belongs to a keyword is told by the papers that have both: their number beyond chance, and which
part of the papers of the phrase they are. So no phrase of everywhere comes up, however frequent it is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from digest.papers.recent import Column, PhraseTable

MAX_RELATED, MAX_CLOSE, MAX_NARROWING = 6, 2, 4
MAX_RANKED = 24  # phrases of one keyword
MIN_SHARED, MIN_SHARED_OF_FEW = 3, 2  # papers that have both; of keywords that find few
FEW_PAPERS = 10
MIN_LIFT, MIN_WORD_LIFT = 5, 20  # papers that have both, over how many would by chance; for a single word
MIN_SHARE, MIN_WORD_SHARE = 0.04, 0.1  # of a phrase's papers that the keyword finds; for a single word
MIN_SIGNIFICANCE = 15  # log-likelihood ratio; 10.8 is one chance in a thousand
CLOSE_SHARE = 0.25  # of a phrase's papers that the keyword finds, so that the others are probably meant, too
MIN_NEW_PAPERS, MIN_NEW_SHARE = 2, 0.1  # of a phrase that no keyword finds
MIN_NARROWING_LIFT = 1  # what is rarer beside a keyword than elsewhere does not narrow it


@dataclass(frozen=True, slots=True)
class RankedPhrase:
    """Phrase (by its position) that belongs to a keyword. `is_close`: most of its papers probably do."""

    number: int
    is_close: bool


def rank_phrases(table: PhraseTable, papers: Column) -> tuple[RankedPhrase, ...]:
    """Rank the phrases that belong to what one keyword finds, the strongest first. `papers`: ascending positions."""
    shared, counted = table.count_in(papers)
    least = MIN_SHARED if counted >= FEW_PAPERS else MIN_SHARED_OF_FEW
    numbers = np.flatnonzero(shared >= least)
    if not len(numbers):
        return ()
    both, total = shared[numbers].astype(float), table.paper_counts[numbers].astype(float)
    total = np.maximum(total * counted / max(len(papers), 1), both) if counted < len(papers) else total
    corpus = table.paper_count * counted / max(len(papers), 1)
    share, lift = both / total, both * corpus / (counted * total)
    is_word = np.array([" " not in table.keys[number] for number in numbers.tolist()])
    is_strong = (
        (lift >= np.where(is_word, MIN_WORD_LIFT, MIN_LIFT))
        & (share >= np.where(is_word, MIN_WORD_SHARE, MIN_SHARE))
        & (_significance(both, total, counted, corpus) >= MIN_SIGNIFICANCE)
    )
    strength = np.where(is_strong, share * both * np.where(is_word, 0.5, 1), 0)  # the square of a cosine
    order = np.argsort(-strength, kind="stable")[: min(MAX_RANKED, int(is_strong.sum()))]
    return tuple(RankedPhrase(int(numbers[place]), bool(share[place] >= CLOSE_SHARE)) for place in order)


def choose_phrases(
    table: PhraseTable,
    ranked: Iterable[Sequence[int]],
    known_papers: Column,
    existing: Sequence[int] = (),
    *,
    limit: int,
) -> tuple[int, ...]:
    """Choose phrases of several keywords, the strongest of each first, that bring papers beside the known ones.

    None is a part of another, or of one of the existing ones.
    """
    known, _ = table.count_in(known_papers)
    chosen = list[int]()
    for number in (number for row in zip_longest(*ranked) for number in row if number is not None):
        if len(chosen) >= limit:
            break
        new = int(table.paper_counts[number] - known[number])
        is_new = new >= max(MIN_NEW_PAPERS, MIN_NEW_SHARE * table.paper_counts[number])
        if is_new and not any(_overlaps(table, number, other) for other in (*existing, *chosen)):
            chosen.append(number)
    return tuple(chosen)


def phrases_with(table: PhraseTable, words: Iterable[str]) -> tuple[int, ...]:
    """Return the phrases that have one of these words (keys) beside others, the most frequent first."""
    numbers = {number for word in words for number in table.by_word.get(word, ())}
    return tuple(sorted(numbers, key=lambda number: (-int(table.paper_counts[number]), number))[:MAX_RANKED])


def narrowing_phrases(table: PhraseTable, papers: Column, lowest: float, highest: float) -> tuple[str, ...]:
    """Return known phrases that between `lowest` and `highest` of these papers have, the most frequent first."""
    shared, counted = table.count_in(papers)
    scale = len(papers) / max(counted, 1)
    lift = shared * scale * table.paper_count / np.maximum(table.paper_counts * len(papers), 1)
    fits = table.is_known & (shared * scale >= lowest) & (shared * scale <= highest) & (lift >= MIN_NARROWING_LIFT)
    fits &= shared * scale < len(papers)
    numbers = np.flatnonzero(fits)
    order = numbers[np.argsort(-shared[numbers], kind="stable")]
    chosen: list[int] = []
    for number in order.tolist():
        if not any(_overlaps(table, number, other) for other in chosen):
            chosen.append(number)
    return tuple(table.labels[number] for number in chosen[:MAX_NARROWING])


def _overlaps(table: PhraseTable, one: int, other: int) -> bool:
    first, second = (table.keys[number].replace(" ", "") for number in (one, other))
    return first in second or second in first


def _significance(both: Column, total: Column, matched: float, corpus: float) -> Column:
    """Return the log-likelihood ratio (Dunning 1993) of papers that have a phrase and that a keyword finds."""

    def entropy(*counts: Column) -> Column:
        return sum((count * np.log(np.maximum(count, 1e-9)) for count in counts), start=np.zeros(()))

    neither = corpus - matched - total + both
    cells = entropy(both, total - both, matched - both, neither)
    margins = entropy(total, corpus - total) + entropy(np.array(float(matched)), np.array(corpus - matched))
    ratio: Column = 2 * (cells - margins + corpus * np.log(max(corpus, 1)))
    return ratio
