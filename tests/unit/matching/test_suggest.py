"""Phrases that are known to be worth a keyword, and keywords made of them."""

import pytest

from digest.matching import Matcher, PaperDocument, Phrase, parse, suggest


def documents(*titles: str) -> list[PaperDocument]:
    return [PaperDocument(number, title) for number, title in enumerate(titles)]


def test_the_vocabulary_is_of_distinct_phrases_and_nothing_else() -> None:
    phrases = suggest.vocabulary()
    assert 400 <= len(phrases) <= 600
    assert len({query.canonical for query in phrases}) == len(phrases)
    for query in phrases:
        root = query.root
        assert isinstance(root, Phrase), query.text
        assert (root.exact, root.prefix, root.field, query.exclude) == (False, False, "any", False), query.text


def test_without_keywords_the_most_frequent_phrases_that_are_not_broad_are_suggested() -> None:
    papers = documents(
        *["Robots learn by imitation learning"] * 7,
        *["Images and large language models"] * 10,
        *["Dark matter near a black hole"] * 20,
    )
    assert suggest.common_phrases(papers) == ("large language model", "imitation learning")
    assert suggest.common_phrases([]) == ()


@pytest.mark.parametrize("keyword", ["a", "a OR b", "a AND b", "a ANDNOT b", "title:a", "NOT a", "author:a", '"a b"'])
def test_a_narrowed_keyword_means_both(keyword: str) -> None:
    broad = parse(keyword.replace("a", "apples").replace("b", "bees") if "author" not in keyword else keyword)
    both = parse(suggest.narrow_query(broad, "dark matter"))
    one = parse("dark matter")
    texts = ["apples", "bees", "apples bees", "dark matter", "apples and dark matter", "bees, apples, dark matter"]
    papers = [PaperDocument(number, text, authors=("A",)) for number, text in enumerate(texts)]
    first, second, together = (bits.matched for bits in Matcher([broad, one, both]).match_bits(papers))
    assert first & second == together
