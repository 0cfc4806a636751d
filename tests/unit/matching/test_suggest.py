"""What is suggested beside keywords, and what narrows a wide one."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from digest.matching import (
    Matcher,
    PaperDocument,
    Phrase,
    RecentCorpus,
    build_corpus,
    common_phrases,
    narrow_query,
    narrowing_phrases,
    parse,
    related_phrases,
)
from digest.matching.suggest import vocabulary


def papers(*texts: str, named: Sequence[Sequence[str]] = ()) -> RecentCorpus:
    return build_corpus([PaperDocument(number, text) for number, text in enumerate(texts)], named)


def beside(among: RecentCorpus, *keywords: str) -> tuple[str, ...]:
    return related_phrases(among, [parse(each) for each in keywords])


ROBOTS = ["Robots learn by imitation learning"] * 6 + ["Imitation learning of birdsong"] + ["A robot walks"] * 3
OTHERS = ["Dark matter near a black hole"] * 20 + ["Images and large language models"] * 10


def test_the_vocabulary_is_of_distinct_phrases_and_nothing_else() -> None:
    phrases = vocabulary()
    assert 400 <= len(phrases) <= 600
    assert len({each.canonical for each in phrases}) == len(phrases)
    for each in phrases:
        assert isinstance(each.root, Phrase), each.text
        root = each.root
        assert (root.exact, root.prefix, root.field, each.exclude) == (False, False, "any", False), each.text


def test_what_stands_in_the_same_papers_is_suggested_and_what_stands_elsewhere_is_not() -> None:
    assert beside(papers(*ROBOTS, *OTHERS), "robot") == ("imitation learning",)


def test_no_words_are_suggested_that_only_happen_to_stand_together() -> None:
    assert beside(papers(*["A robot walks uphill slowly"] * 9, "It walks uphill", *OTHERS), "robot") == ()


@pytest.mark.parametrize("had", ["imitation-learning", '"imitation learning"', "title:imitation learning", "imitation"])
def test_nothing_is_suggested_that_the_reader_has_or_has_a_part_of(had: str) -> None:
    assert beside(papers(*ROBOTS, *OTHERS), "robot", had) == ()


def test_nothing_is_suggested_that_brings_nothing_new_or_that_is_excluded() -> None:
    only_there = [each for each in ROBOTS if "birdsong" not in each]
    assert beside(papers(*only_there, *OTHERS), "robot") == ()
    assert beside(papers(*ROBOTS, *OTHERS), "robot", "-birdsong") == ()


def test_what_finds_nearly_everything_has_no_company() -> None:
    among = papers(*ROBOTS, *OTHERS, *["Stones"] * 5)
    assert beside(among, "robot OR hole") == ()
    assert beside(among, "robot OR hole", "robot") == ("imitation learning",)


def test_a_few_papers_are_no_reason() -> None:
    assert beside(papers(*ROBOTS[4:], *OTHERS), "robot") == ()


def test_the_strongest_company_comes_first_and_no_more_than_six_come() -> None:
    strong, weak = "imitation learning", "motion planning"
    both = [f"A robot by {strong}"] * 9 + [strong] + [f"A robot by {weak}"] * 5 + [weak] * 5
    assert beside(papers(*both, *OTHERS * 2), "robot") == (strong, weak)
    many = [each.text for each in vocabulary()[:20]]
    crowd = [f"A zebra and {each}" for each in many] * 5 + many
    assert len(beside(papers(*crowd, *OTHERS * 9), "zebra")) == 6


def test_what_several_listings_name_is_known_too() -> None:
    texts = [*["A robot folds laundry heaps"] * 6, "Laundry heaps", *OTHERS]
    assert beside(papers(*texts, named=[["laundry heaps"]] * 3), "robot") == ("laundry heaps",)
    assert beside(papers(*texts, named=[["laundry heaps"]] * 2), "robot") == ()
    for odd in ("title:laundry", "laundry OR heaps", '"laundry heaps"', "laundry heap*", "laundry", '"open', "x " * 40):
        assert beside(papers(*texts, named=[[odd]] * 3), "robot") == (), odd


def test_without_keywords_the_most_frequent_phrases_that_are_not_too_broad_are_shown() -> None:
    assert common_phrases(papers(*ROBOTS, *OTHERS)) == ("large language model", "imitation learning")
    assert common_phrases(papers()) == ()


def test_a_wide_keyword_is_narrowed_by_phrases_that_leave_a_fair_part() -> None:
    texts = ["A model by imitation learning"] * 10 + ["A model of dark matter"] * 50 + ["A model of turbulence"]
    among = papers(*texts, *["Of birds"] * 39)
    wide = parse("model")
    assert among.share(wide) == 0.61
    assert narrowing_phrases(among, wide) == ("imitation learning",)
    assert narrow_query(wide, "dark matter") == "model AND dark matter"
    assert narrow_query(parse("model OR theory"), "dark matter") == "(model OR theory) AND dark matter"


@pytest.mark.parametrize("written", ["a", "a OR b", "a AND b", "a ANDNOT b", "title:a", "NOT a", "author:a", '"a b"'])
def test_a_narrowed_line_means_both(written: str) -> None:
    wide = parse(written.replace("a", "apples").replace("b", "bees") if "author" not in written else written)
    both = parse(narrow_query(wide, "dark matter"))
    one = parse("dark matter")
    texts = ["apples", "bees", "apples bees", "dark matter", "apples and dark matter", "bees, apples, dark matter"]
    documents = [PaperDocument(number, text, authors=("A",)) for number, text in enumerate(texts)]
    found = [each.matched for each in Matcher([wide, one, both]).match_bits(documents)]
    assert found[0] & found[1] == found[2]


def test_of_few_papers_no_share_is_told() -> None:
    assert papers(*["A robot"] * 29).share(parse("robot")) is None
    assert papers(*["A robot"] * 30).share(parse("robot")) == 1.0


TEXTS = [
    *("Fine-tuning of LLMs", "Finetuned models", "retrieval-augmented generation (RAG) works", "RAG", "averages drag"),
    *("Learning in context", "In-context", "Pre-trained", "Graphs' classes", "3-D scenes", "R and C++", "Über naïve"),
]
QUERIES = [
    *("fine tuning", "finetuning", "llm", "rag", '"in context"', "pretrain*", "graph class*", "graph classe*", "3d"),
    *("R", "c++", "uber naive", "retrieval augmented generation", "title:rag", "abstract:rag", "author:moreau"),
    *("rag OR llm", "rag ANDNOT drag", "NOT rag", "cat:cs.*", "upvotes>3", "has:code", "org:example lab", "-rag"),
]


def test_what_is_found_is_what_matching_finds() -> None:
    documents = [
        PaperDocument(
            number,
            one,
            other,
            authors=("Ada Moreau",) * (number % 2),
            categories=("cs.CL",) * (number % 3),
            upvotes=number,
            organization="Example Labs" * (number % 2),
        )
        for number, (one, other) in enumerate(pairwise(TEXTS))
    ]
    among = build_corpus(documents)
    queries = [parse(each) for each in QUERIES]
    expected = [each.matched for each in Matcher(queries).match_bits(documents)]
    for _ in range(2):  # the second time from memory
        assert [among.match(query) for query in queries] == expected
