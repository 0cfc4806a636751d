"""Rows of matching alone: many distinct keywords in many papers, with their positions."""

import gc
import itertools
import re
from collections.abc import Iterator

import ahocorasick_rs

from digest.matching import Phrase, Words, parse, split_words
from digest.matching.phrase_index import PhraseIndex
from tests.benchmarks.crowd import keywords, size, texts
from tests.benchmarks.harness import Result, alternating

PAPERS, KEYWORDS = size("PAPERS", 1000), size("KEYWORDS", 50_000)
_RUN = re.compile(r"[A-Za-z]{3,}(?: [A-Za-z]{3,}){1,3}")


def distinct(count: int) -> list[Phrase]:
    """Return real keywords first, then runs of words from papers that are not among those matched."""
    phrases: dict[str, Phrase] = {}
    real = (line for line in keywords() if not line.startswith("("))
    runs = (run for paper in texts(20_000)[PAPERS:] for run in _RUN.findall(paper.title))
    for line in itertools.chain(real, runs):
        for phrase in parse(line.lower()).phrases:
            phrases.setdefault(phrase.canonical, phrase)
        if len(phrases) >= count:
            break
    return list(phrases.values())[:count]


def keywords_matched() -> Result:
    """Measure from the text on, against Aho-Corasick: both normalize its words, then find all keywords.

    The baseline stops there: no tolerance for hyphens, no check of the gaps, no acronyms, no original positions.
    """
    index, automaton = _build_indexes()
    _freeze_garbage()
    seconds, baseline = alternating(
        lambda: list(index.find_in_documents(texts(PAPERS))),
        lambda: [automaton.find_matches_as_indexes(_joined(words), overlapping=True) for words in _normalized_texts()],
    )
    return Result(measured=PAPERS / seconds, baseline=PAPERS / baseline, unit="papers/s", goal=0.2)


def folded_words_matched() -> Result:
    """Measure the same from the normalized words on."""
    index, automaton = _build_indexes()
    normalized = list(_normalized_texts())
    joined = [_joined(words) for words in normalized]
    _freeze_garbage()
    seconds, baseline = alternating(
        lambda: list(index.find_in_texts(normalized)),
        lambda: [automaton.find_matches_as_indexes(text, overlapping=True) for text in joined],
    )
    return Result(measured=PAPERS / seconds, baseline=PAPERS / baseline, unit="papers/s", goal=0.2)


def _build_indexes() -> tuple[PhraseIndex, ahocorasick_rs.AhoCorasick]:
    phrases = distinct(KEYWORDS)
    return PhraseIndex(phrases), ahocorasick_rs.AhoCorasick([f" {' '.join(phrase.words)} " for phrase in phrases])


def _freeze_garbage() -> None:
    """Exempt the indexes from garbage collection, so that neither side pays for the objects of the other."""
    gc.collect()
    gc.freeze()


def _normalized_texts() -> Iterator[Words]:
    return (split_words(part) for paper in texts(PAPERS) for part in paper)


def _joined(words: Words) -> str:
    return f" {' '.join(words.keys)} "
