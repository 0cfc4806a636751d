"""Phrases related to keywords, and phrases that narrow a broad one."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from digest.matching import Matcher, PaperDocument, Phrase, parse, suggest
from digest.matching.suggest import RecentCorpus


def corpus(*titles: str, listed_keywords: Sequence[Sequence[str]] = ()) -> RecentCorpus:
    documents = [PaperDocument(number, title) for number, title in enumerate(titles)]
    return suggest.build_corpus(documents, listed_keywords)


def related(papers: RecentCorpus, *keywords: str) -> tuple[str, ...]:
    return suggest.related_phrases(papers, [parse(keyword) for keyword in keywords])


ROBOTS = ["Robots learn by imitation learning"] * 6 + ["Imitation learning of birdsong"] + ["A robot walks"] * 3
OTHERS = ["Dark matter near a black hole"] * 20 + ["Images and large language models"] * 10


def test_the_vocabulary_is_of_distinct_phrases_and_nothing_else() -> None:
    phrases = suggest.vocabulary()
    assert 400 <= len(phrases) <= 600
    assert len({query.canonical for query in phrases}) == len(phrases)
    for query in phrases:
        root = query.root
        assert isinstance(root, Phrase), query.text
        assert (root.exact, root.prefix, root.field, query.exclude) == (False, False, "any", False), query.text


def test_phrases_of_the_same_papers_are_suggested_and_others_are_not() -> None:
    assert related(corpus(*ROBOTS, *OTHERS), "robot") == ("imitation learning",)


def test_phrases_that_meet_by_chance_are_not_suggested() -> None:
    assert related(corpus(*["A robot walks uphill slowly"] * 9, "It walks uphill", *OTHERS), "robot") == ()


@pytest.mark.parametrize(
    "existing", ["imitation-learning", '"imitation learning"', "title:imitation learning", "imitation"]
)
def test_nothing_is_suggested_that_overlaps_a_keyword(existing: str) -> None:
    assert related(corpus(*ROBOTS, *OTHERS), "robot", existing) == ()


def test_nothing_is_suggested_that_adds_no_paper_or_is_excluded() -> None:
    without_birdsong = [title for title in ROBOTS if "birdsong" not in title]
    assert related(corpus(*without_birdsong, *OTHERS), "robot") == ()
    assert related(corpus(*ROBOTS, *OTHERS), "robot", "-birdsong") == ()


def test_a_broad_query_is_related_to_nothing() -> None:
    papers = corpus(*ROBOTS, *OTHERS, *["Stones"] * 5)
    assert related(papers, "robot OR hole") == ()
    assert related(papers, "robot OR hole", "robot") == ("imitation learning",)


def test_a_few_shared_papers_are_not_enough() -> None:
    assert related(corpus(*ROBOTS[4:], *OTHERS), "robot") == ()


def test_at_most_six_phrases_are_suggested_the_strongest_first() -> None:
    strong, weak = "imitation learning", "motion planning"
    both = [f"A robot by {strong}"] * 9 + [strong] + [f"A robot by {weak}"] * 5 + [weak] * 5
    assert related(corpus(*both, *OTHERS * 2), "robot") == (strong, weak)
    phrases = [query.text for query in suggest.vocabulary()[:20]]
    titles = [f"A zebra and {phrase}" for phrase in phrases] * 5 + phrases
    assert len(related(corpus(*titles, *OTHERS * 9), "zebra")) == 6


def test_phrases_that_several_listings_name_are_suggested_too() -> None:
    texts = [*["A robot folds laundry heaps"] * 6, "Laundry heaps", *OTHERS]
    assert related(corpus(*texts, listed_keywords=[["laundry heaps"]] * 3), "robot") == ("laundry heaps",)
    assert related(corpus(*texts, listed_keywords=[["laundry heaps"]] * 2), "robot") == ()
    for odd in ("title:laundry", "laundry OR heaps", '"laundry heaps"', "laundry heap*", "laundry", '"open', "x " * 40):
        assert related(corpus(*texts, listed_keywords=[[odd]] * 3), "robot") == (), odd


def test_without_keywords_the_most_frequent_phrases_that_are_not_broad_are_suggested() -> None:
    assert suggest.common_phrases(corpus(*ROBOTS, *OTHERS)) == ("large language model", "imitation learning")
    assert suggest.common_phrases(corpus()) == ()


def test_a_broad_keyword_is_narrowed_by_phrases_that_leave_a_fair_part() -> None:
    texts = ["A model by imitation learning"] * 10 + ["A model of dark matter"] * 50 + ["A model of turbulence"]
    papers = corpus(*texts, *["Of birds"] * 39)
    broad = parse("model")
    assert papers.share(broad) == 0.61
    assert suggest.narrowing_phrases(papers, broad) == ("imitation learning",)
    assert suggest.narrow_query(broad, "dark matter") == "model AND dark matter"
    assert suggest.narrow_query(parse("model OR theory"), "dark matter") == "(model OR theory) AND dark matter"


@pytest.mark.parametrize("keyword", ["a", "a OR b", "a AND b", "a ANDNOT b", "title:a", "NOT a", "author:a", '"a b"'])
def test_a_narrowed_keyword_means_both(keyword: str) -> None:
    broad = parse(keyword.replace("a", "apples").replace("b", "bees") if "author" not in keyword else keyword)
    both = parse(suggest.narrow_query(broad, "dark matter"))
    one = parse("dark matter")
    texts = ["apples", "bees", "apples bees", "dark matter", "apples and dark matter", "bees, apples, dark matter"]
    documents = [PaperDocument(number, text, authors=("A",)) for number, text in enumerate(texts)]
    first, second, together = (bits.matched for bits in Matcher([broad, one, both]).match_bits(documents))
    assert first & second == together


def test_few_papers_have_no_share() -> None:
    assert corpus(*["A robot"] * 29).share(parse("robot")) is None
    assert corpus(*["A robot"] * 30).share(parse("robot")) == 1.0


TEXTS = [
    *("Fine-tuning of LLMs", "Finetuned models", "retrieval-augmented generation (RAG) works", "RAG", "averages drag"),
    *("Learning in context", "In-context", "Pre-trained", "Graphs' classes", "3-D scenes", "R and C++", "Über naïve"),
]
QUERIES = [
    *("fine tuning", "finetuning", "llm", "rag", '"in context"', "pretrain*", "graph class*", "graph classe*", "3d"),
    *("R", "c++", "uber naive", "retrieval augmented generation", "title:rag", "abstract:rag", "author:moreau"),
    *("rag OR llm", "rag ANDNOT drag", "NOT rag", "cat:cs.*", "upvotes>3", "has:code", "org:example lab", "-rag"),
]


def test_the_corpus_matches_what_the_matcher_matches() -> None:
    documents = [
        PaperDocument(
            number,
            title,
            abstract,
            authors=("Ada Moreau",) * (number % 2),
            categories=("cs.CL",) * (number % 3),
            upvotes=number,
            organization="Example Labs" * (number % 2),
        )
        for number, (title, abstract) in enumerate(pairwise(TEXTS))
    ]
    papers = suggest.build_corpus(documents)
    queries = [parse(keyword) for keyword in QUERIES]
    expected = [bits.matched for bits in Matcher(queries).match_bits(documents)]
    for _ in range(2):  # the second time from the cache
        assert [papers.match(query) for query in queries] == expected
