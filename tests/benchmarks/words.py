"""A row of matching alone: many distinct keywords in many papers, with their places."""

import itertools
import re

import ahocorasick_rs

from digest.matching import Phrase, parse
from digest.matching.fold import words_of
from digest.matching.index import Index
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
    """Every place of every keyword, against an Aho-Corasick automaton that is given the folded words and stops there:
    no tolerance for hyphens, no check of the gaps, no places in the original text.
    """
    phrases = distinct(KEYWORDS)
    index = Index(phrases)
    folded = [" " + " ".join(words_of(part).keys) + " " for each in texts(PAPERS) for part in each]
    automaton = ahocorasick_rs.AhoCorasick([f" {' '.join(phrase.words)} " for phrase in phrases])

    def ours() -> int:
        return sum(len(each) for paper in texts(PAPERS) for each in index.occurrences(*paper))

    def theirs() -> int:
        return sum(len(automaton.find_matches_as_indexes(text, overlapping=True)) for text in folded)

    found, baseline = ours(), theirs()
    assert found >= baseline // 2 > 0, (found, baseline)
    taken, other = alternating(ours, theirs)
    return Result(measured=PAPERS / taken, baseline=PAPERS / other, unit="papers/s", goal=0.2)
