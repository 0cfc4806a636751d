"""Similarity of papers by their words: what counts as a word, what is learned, and what brings a paper."""

import gzip
import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.matching import (
    CLOSE_SHARE,
    CountedTerm,
    PaperTerms,
    TermCounter,
    TermSpace,
    build_profile,
    describe_paper,
    find_term,
    shared_words,
)
from digest.matching.similarity import weigh_terms
from tests.support.recorded_papers import SHARED_DATA

CORPUS = SHARED_DATA / "corpus/arxiv_papers.jsonl.gz"
needs_corpus = pytest.mark.skipif(not CORPUS.is_file(), reason="the recorded papers are not here")
Text = tuple[str, str]

TIDES: list[Text] = [
    ("Tidal bores of shallow rivers", "Tidal bores rise where a river meets the tide. We model tidal bores."),
    ("A model of tidal bores", "Rivers slow the tide; the bore runs upstream against the river."),
    ("Rivers and the tide", "We measure how far the tide runs up shallow rivers."),
]
LOOMS: list[Text] = [
    ("Weaving patterns of hand looms", "Looms weave patterns. We draw the patterns of twelve hand looms."),
    ("Hand looms and their threads", "How threads of a loom cross in woven patterns."),
    ("Patterns without a loom", "Threads cross by themselves in a woven pattern."),
]


def count_space(texts: Sequence[Text]) -> TermSpace:
    counter = TermCounter()
    counter.read_titles(title for title, _ in texts)
    counter.read_papers(texts)
    return TermSpace.from_counts(counter.choose(), counter.paper_count)


def test_terms_are_words_and_pairs_that_tell_what_a_paper_is_about() -> None:
    terms = weigh_terms(
        "Modelling of the Tumours", "We propose a method: deep-sea GANs, of 2024. Deep sea and C++ 3D 7"
    )
    assert terms == {
        "modeling": 1.0,
        "tumor": 1.0,
        "deep": 1.0,
        "sea": 1.0,
        "deep sea": 1.0,
        "sea gan": 0.5,
        "gan": 0.5,
        "c++": 0.5,
        "3d": 0.5,
        "c++ 3d": 0.5,
    }


def test_a_term_is_one_word_or_two_however_they_are_typed() -> None:
    assert find_term("Graph  Neural") == "graph neural"
    assert find_term("Tumours") == "tumor"
    assert find_term("fine-tuning") == "fine tuning"
    for text in ("", "the", "of the", "graph neural networks", "graph, neural", "2024", "a graph"):
        assert find_term(text) is None, text


def test_terms_are_counted_with_the_spelling_of_most_papers() -> None:
    counter = TermCounter()
    texts = [*TIDES, *LOOMS]
    counter.read_titles(title for title, _ in texts)
    counter.read_papers(texts)
    counted = {term.term: term for term in counter.choose()}
    assert counted["tidal bore"] == CountedTerm("tidal bore", "tidal bores", 2)
    assert counted["river"].paper_count == 3
    assert "rise" not in counted, "no title has it"
    assert "the" not in counted


def test_rare_terms_and_those_of_every_paper_are_left_out_of_many_papers() -> None:
    texts = [(f"Atlas of cells {number % 100}", f"cell word{number}") for number in range(2000)]
    texts += [("Xylem", "xylem")] * 3 + [("Quokka", "quokka")] * 2 + [("Fig tree", "")] * 4 + [("Old oak", "")] * 5
    counter = TermCounter()
    counter.read_titles(title for title, _ in texts)
    counter.read_papers(texts)
    terms = {term.term for term in counter.choose()}
    assert terms == {"xylem", "fig", "tree", "oak", "old", "old oak"}


def test_a_profile_has_the_words_of_liked_papers_and_not_those_of_disliked_ones() -> None:
    space = count_space([*TIDES, *LOOMS])
    profile = build_profile(space, TIDES[:2], LOOMS[:1])
    assert list(profile.values()) == sorted(profile.values(), reverse=True)
    assert next(iter(profile.values())) == 1.0
    assert {"tide", "tidal bore", "river"} <= profile.keys()
    assert not {"loom", "pattern"} & profile.keys()
    assert len(build_profile(space, TIDES, size=3)) == 3
    assert build_profile(space, [], LOOMS) == {}


def test_edits_stand_whatever_is_learned() -> None:
    space = count_space([*TIDES, *LOOMS])
    profile = build_profile(space, TIDES, edits={"tide": 0, "river": 0.25, "gondola": 2.0}, size=4)
    assert "tide" not in profile
    assert (profile["river"], profile["gondola"]) == (0.25, 2.0)
    assert len(profile) == 4
    assert max(weight for term, weight in profile.items() if term not in {"river", "gondola"}) == 1.0
    assert build_profile(space, [], edits={"gondola": 1.0}) == {"gondola": 1.0}


def test_a_paper_is_close_by_words_that_stand_in_it() -> None:
    profile = {"tide": 1.0, "tidal bore": 0.5, "loom": 0.5}
    texts = [("The tide", "It is high."), ("Harbors", "A tide, once."), ("Tidal bores", ""), ("Boats", "None.")]
    shares = PaperTerms(texts).compare([profile, {"gondola": 1.0}, {}], floor=0.2).toarray()
    assert shares.tolist() == [[0.5, 0.25, 0.25, 0], [0] * 4, [0] * 4]
    assert [(word.term, word.text) for word in shared_words(profile, "Tidal  Bores", "Of the tide.")] == [
        ("tidal bore", "Tidal Bores"),
        ("tide", "tide"),
    ]
    assert [word.term for word in shared_words({"tidal": 1.0, "tidal bore": 0.5}, "Tidal bores", "")] == ["tidal bore"]
    assert shared_words({}, "Tides", "") == []


WORD = st.sampled_from(
    ["tide", "bores", "river", "loom", "thread", "tidal", "the", "of", "2024", "潮", "汐", "β", "C++"]
)
TEXT = st.lists(st.one_of(WORD, st.sampled_from([".", ",", "(", "-"])), max_size=12).map(" ".join)


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4), st.lists(st.tuples(TEXT, TEXT), max_size=4))
def test_every_close_paper_has_its_reason_in_its_text(liked: list[Text], papers: list[Text]) -> None:
    profile = build_profile(count_space([*liked, *papers, *TIDES]), liked)
    if not profile:
        return
    shares = PaperTerms(papers).compare([profile]).toarray()[0] if papers else []
    for share, (title, abstract) in zip(shares, papers, strict=True):
        words = shared_words(profile, title, abstract, limit=100)
        assert share <= 1.0001
        assert share < CLOSE_SHARE or words
        texts = [" ".join(text.split()) for text in (title, abstract)]
        assert all(any(word.text in text for text in texts) for word in words)


def test_a_space_describes_one_paper_by_its_own_words() -> None:
    space = count_space([*TIDES, *LOOMS])
    words = describe_paper(space, TIDES[0], size=5)
    shares = PaperTerms([*TIDES, *LOOMS]).compare([words], floor=0).toarray()[0]
    assert shares[0] >= 0.8
    assert min(shares[1:3]) > max(shares[3:])
    assert space.label("bore") == "bores"
    assert space.label("no term") == "no term"


# The recorded papers


@cache
def read_corpus() -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in gzip.decompress(CORPUS.read_bytes()).splitlines()]
    return sorted(rows, key=lambda row: (row["published"] or row["listed"][0], row["id"]))


@cache
def corpus_texts() -> list[Text]:
    return [(row["title"], row["abstract"]) for row in read_corpus()]


@cache
def corpus_space() -> TermSpace:
    return count_space(corpus_texts())


@cache
def corpus_terms() -> PaperTerms:
    return PaperTerms(corpus_texts())


def authors_with_papers() -> dict[str, list[int]]:
    """Authors with four to twelve papers, oldest first.

    A name is one person where each paper shares a coauthor with another one: short names are those of many people.
    """
    by_name: defaultdict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(read_corpus()):
        for name in set(row["authors"]):
            by_name[name].append(number)
    people = {}
    for name, papers in sorted(by_name.items()):
        if 4 <= len(papers) <= 30 and 4 <= len(own := _largest_group(name, papers)) <= 12:
            people[name] = own
    return people


def _largest_group(name: str, papers: list[int]) -> list[int]:
    coauthors = {number: set(read_corpus()[number]["authors"]) - {name} for number in papers}
    remaining, largest = set(papers), list[int]()
    while remaining:
        reached, group = [remaining.pop()], list[int]()
        while reached:
            group.append(number := reached.pop())
            near = {other for other in remaining if coauthors[other] & coauthors[number]}
            remaining -= near
            reached += near
        largest = max(largest, group, key=len)
    return sorted(largest)


def find_newest(people: Mapping[str, list[int]], rng: random.Random, *, is_shuffled: bool = False) -> float:
    """The share of authors whose newest paper is among the first ten of 1,000 by the words of their other papers.

    `is_shuffled`: by the words of somebody else, which must find nothing.
    """
    names = rng.sample(sorted(people), len(people))
    texts, found = corpus_texts(), 0
    for number, name in enumerate(names):
        *earlier, newest = people[name]
        if is_shuffled:
            earlier = people[names[number - 1]][:-1]
        others = [other for other in rng.sample(range(len(texts)), 1100) if other not in people[name]][:999]
        profile = build_profile(corpus_space(), [texts[paper] for paper in earlier])
        assert len(profile) <= 50
        shares = corpus_terms().compare([profile], floor=0).toarray()[0]
        found += int((shares[others] >= shares[newest]).sum()) < 10
    return found / len(names)


@needs_corpus
@pytest.mark.long
def test_fifty_words_find_the_newest_paper_of_an_author() -> None:
    people = authors_with_papers()
    assert len(people) > 1500
    assert find_newest(people, random.Random(1)) >= 0.28
    assert find_newest(people, random.Random(1), is_shuffled=True) <= 0.05


INTERESTS = [
    *("gaussian splatting", "federated learning", "machine translation", "object detection", "time series"),
    *("question answering", "knowledge graph", "world model", "multi agent", "semantic segmentation"),
    *("remote sensing", "pose estimation", "video generation", "speech recognition", "graph neural"),
    *("code generation", "point cloud", "domain adaptation", "uncertainty quantification", "autonomous driving"),
]


@needs_corpus
@pytest.mark.long
def test_ten_saved_and_twenty_dismissed_papers_bring_what_is_wanted_to_the_top() -> None:
    rng, texts = random.Random(2), corpus_texts()
    titles = [f" {' '.join(weigh_terms(title, ''))} " for title, _ in texts]
    shown = []
    for interest in INTERESTS:
        wanted = [number for number, title in enumerate(titles) if f" {interest} " in title]
        liked, later = (papers := rng.sample(wanted, 30))[:10], papers[10:]
        others = [n for n in rng.sample(range(len(texts)), 600) if n not in set(wanted)][:100]
        profile = build_profile(corpus_space(), [texts[n] for n in liked], [texts[n] for n in others[:20]])
        shares = corpus_terms().compare([profile], floor=0).toarray()[0]
        order = np.argsort(-shares[[*later, *others[20:]]], kind="stable")
        shown.append(float((order[:20] < 20).mean()))
    assert sum(shown) / len(shown) >= 0.80
