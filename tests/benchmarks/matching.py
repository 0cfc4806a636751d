"""Rows of matching alone: many distinct keywords in many papers, with their positions."""

import gc
import itertools
import re
from collections.abc import Iterator

import ahocorasick_rs

from digest.matching import Phrase, Words, parse, split_words
from digest.matching.phrases.index import PhraseIndex
from tests.benchmarks.harness import Result, measure_in_turn
from tests.benchmarks.population import keywords, paper_texts, size

PAPERS, KEYWORDS = size("PAPERS", 1000), size("KEYWORDS", 50_000)
_WORD_SEQUENCE = re.compile(r"[A-Za-z]{3,}(?: [A-Za-z]{3,}){1,3}")


def distinct_phrases(count: int) -> list[Phrase]:
    """Return real keywords first, then sequences of words from papers that are not among those matched."""
    phrases: dict[str, Phrase] = {}
    entered = (line for line in keywords() if not line.startswith("("))
    sequences = (words for paper in paper_texts(20_000)[PAPERS:] for words in _WORD_SEQUENCE.findall(paper.title))
    for line in itertools.chain(entered, sequences):
        for phrase in parse(line.lower()).phrases:
            phrases.setdefault(phrase.canonical, phrase)
        if len(phrases) >= count:
            break
    return list(phrases.values())[:count]


def keywords_matched() -> Result:
    """Match from the text on: both normalize its words, then look for all keywords.

    The baseline stops there: no tolerance for hyphens, no check of the gaps, no acronyms, no positions in the text.
    """
    index, automaton = build_indexes()
    freeze_garbage()
    ours, baseline = measure_in_turn(
        lambda: list(index.find_in_documents(paper_texts(PAPERS))),
        lambda: [automaton.find_matches_as_indexes(join_words(w), overlapping=True) for w in normalized_words()],
    )
    return Result(measured=PAPERS / ours, baseline=PAPERS / baseline, unit="papers/s", goal=0.2)


def normalized_words_matched() -> Result:
    """Match as above, but both are given the normalized words."""
    index, automaton = build_indexes()
    normalized = list(normalized_words())
    joined = [join_words(words) for words in normalized]
    freeze_garbage()
    ours, baseline = measure_in_turn(
        lambda: list(index.find_in_texts(normalized)),
        lambda: [automaton.find_matches_as_indexes(text, overlapping=True) for text in joined],
    )
    return Result(measured=PAPERS / ours, baseline=PAPERS / baseline, unit="papers/s", goal=0.2)


def build_indexes() -> tuple[PhraseIndex, ahocorasick_rs.AhoCorasick]:
    phrases = distinct_phrases(KEYWORDS)
    return PhraseIndex(phrases), ahocorasick_rs.AhoCorasick([f" {' '.join(phrase.words)} " for phrase in phrases])


def freeze_garbage() -> None:
    """Exclude from collection what exists so far, as in a run: neither side pays for that of the other."""
    gc.collect()
    gc.freeze()


def normalized_words() -> Iterator[Words]:
    return (split_words(text) for paper in paper_texts(PAPERS) for text in paper)


def join_words(words: Words) -> str:
    return f" {' '.join(words.keys)} "
