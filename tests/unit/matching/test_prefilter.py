"""The prefilter changes no result, however many phrases there are."""

import functools
import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from digest.matching import Phrase, parse
from digest.matching.phrases.index import PREFILTER_THRESHOLD, PhraseIndex
from digest.matching.phrases.prefilter import Prefilter

WORDS = ("fine", "tuning", "finetuning", "state", "of", "the", "art", "a", "graph", "graphs", "re", "ranking", "3D")
GAPS = (" ", " ", " ", "-", "", ". ", " (", "/")


@functools.cache
def phrases() -> list[Phrase]:
    """Return every word and every run of three: more than enough for a prefilter."""
    runs = itertools.chain.from_iterable(itertools.product(WORDS, repeat=length) for length in (1, 3))
    by_canonical = {phrase.canonical: phrase for run in runs for phrase in parse(" ".join(run)).phrases}
    return list(by_canonical.values())


TEXTS = st.lists(st.sampled_from(WORDS) | st.sampled_from(GAPS) | st.text(max_size=3), max_size=24).map("".join)


@settings(deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=6))
def test_many_papers_together_give_what_single_papers_give(papers: list[tuple[str, str]]) -> None:
    assert len(phrases()) > PREFILTER_THRESHOLD
    index = PhraseIndex(phrases())
    assert list(index.find_in_documents(papers)) == [index.find(*paper) for paper in papers]


def test_these_phrases_do_occur() -> None:
    [[title, abstract]] = PhraseIndex(phrases()).find_in_documents(
        [("Fine-tuning a graph", "State of the art re-ranking")]
    )
    assert len(title) > 4
    assert len(abstract) > 4


def test_the_prefilter_drops_most_words() -> None:
    prefilter = Prefilter(sorted(f"key{number}" for number in range(2000)))
    assert prefilter.filter([["nothing", "here", "key7"] * 50, []]) == [
        [2 * position for position in range(2, 150, 3)],
        [],
    ]
