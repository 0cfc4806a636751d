"""Many papers at once give what one at a time gives, however many keywords there are."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from digest.matching import Phrase, parse
from digest.matching.phrase_index import MANY, PhraseIndex
from digest.matching.prefilter import Sieve

WORDS = ("fine", "tuning", "finetuning", "state", "of", "the", "art", "a", "graph", "graphs", "re", "ranking", "3D")
GAPS = (" ", " ", " ", "-", "", ". ", " (", "/")


def phrases() -> list[Phrase]:
    """Every word and every run of three: more than enough to be sifted."""
    runs = itertools.chain.from_iterable(itertools.product(WORDS, repeat=length) for length in (1, 3))
    found = {phrase.canonical: phrase for run in runs for phrase in parse(" ".join(run)).phrases}
    return list(found.values())


PHRASES = phrases()
TEXTS = st.lists(st.sampled_from(WORDS) | st.sampled_from(GAPS) | st.text(max_size=3), max_size=24).map("".join)


@settings(deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=6))
def test_many_papers_at_once_give_what_each_gives_alone(papers: list[tuple[str, str]]) -> None:
    assert len(PHRASES) > MANY
    index = PhraseIndex(PHRASES)
    together = list(index.find_in_documents(papers))
    assert together == [index.occurrences(*paper) for paper in papers]


def test_what_is_found_there_is_not_nothing() -> None:
    [[title, abstract]] = PhraseIndex(PHRASES).find_in_documents(
        [("Fine-tuning a graph", "State of the art re-ranking")]
    )
    assert len(title) > 4
    assert len(abstract) > 4


def test_the_sieve_saves_the_search_most_words() -> None:
    sieve = Sieve(sorted(f"key{number}" for number in range(2000)))
    assert sieve.sift([["nothing", "here", "key7"] * 50, []]) == [[2 * place for place in range(2, 150, 3)], []]
