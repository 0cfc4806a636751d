"""A row of matching alone: many distinct keywords in many papers, with their places."""

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
    """Real keywords first, then runs of words from papers that are not among those matched."""
    phrases: dict[str, Phrase] = {}
    written = (line for line in keywords() if not line.startswith("("))
    runs = (run for each in texts(20_000)[PAPERS:] for run in _RUN.findall(each.title))
    for line in itertools.chain(written, runs):
        for phrase in parse(line.lower()).phrases:
            phrases.setdefault(phrase.canonical, phrase)
        if len(phrases) >= count:
            break
    return list(phrases.values())[:count]


def keywords_matched() -> Result:
    """From the text on: both fold its words, then look for all keywords. Theirs stops there: no tolerance for hyphens,
    no check of the gaps, no acronyms, no places in the original text.
    """
    index, automaton = _made()
    _settle()
    taken, other = alternating(
        lambda: list(index.find_in_documents(texts(PAPERS))),
        lambda: [automaton.find_matches_as_indexes(_joined(words), overlapping=True) for words in _folded()],
    )
    return Result(measured=PAPERS / taken, baseline=PAPERS / other, unit="papers/s", goal=0.2)


def folded_words_matched() -> Result:
    """The same, but both are given the folded words."""
    index, automaton = _made()
    folded = list(_folded())
    joined = [_joined(words) for words in folded]
    _settle()
    taken, other = alternating(
        lambda: list(index.locate_many(folded)),
        lambda: [automaton.find_matches_as_indexes(text, overlapping=True) for text in joined],
    )
    return Result(measured=PAPERS / taken, baseline=PAPERS / other, unit="papers/s", goal=0.2)


def _made() -> tuple[PhraseIndex, ahocorasick_rs.AhoCorasick]:
    phrases = distinct(KEYWORDS)
    return PhraseIndex(phrases), ahocorasick_rs.AhoCorasick([f" {' '.join(phrase.words)} " for phrase in phrases])


def _settle() -> None:
    """What was made so far is looked through no more, as in a round: neither side pays for collecting the other's."""
    gc.collect()
    gc.freeze()


def _folded() -> Iterator[Words]:
    return (split_words(part) for paper in texts(PAPERS) for part in paper)


def _joined(words: Words) -> str:
    return f" {' '.join(words.keys)} "
