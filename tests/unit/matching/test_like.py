"""Papers like one: `like:` names a paper, and finds what has enough of its words."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import QueryError
from digest.matching import (
    CLOSE_SHARE,
    DEFAULT_LIMITS,
    KeywordInput,
    LikeTerm,
    Matcher,
    PaperDocument,
    Query,
    can_parse,
    describe,
    explain,
    parse,
    parse_canonical,
)
from digest.papers.search.index_terms import AllOf, AnyOf, SearchExpression, SearchTerm, index_terms, search_expression

WORDS = {"tidal bore": 1.0, "tide": 0.8, "fine tuning": 0.6, "C": 0.5, "river": 0.4, "c++": 0.2}
LIMITS = replace(DEFAULT_LIMITS, describe_paper={"arxiv:2607.20417": WORDS, "doi:10.1016/s0140(20)1": {}}.get)
CANONICAL = 'like:"arxiv:2607.20417 tidal bore^100;tide^80;fine tuning^60;river^40;c++^20"'


def read(text: str) -> Query:
    return parse(text, LIMITS)


@pytest.mark.parametrize(
    "text",
    [
        *("like:2607.20417", "like:arXiv:2607.20417v3", "like:https://arxiv.org/abs/2607.20417", "LIKE: 2607.20417"),
        *('like:"2607.20417"', "like:10.48550/arXiv.2607.20417", "like:doi:10.48550/arXiv.2607.20417"),
        'like:"2607.20417 boat^100"',  # words that somebody typed are not those of the paper
    ],
)
def test_a_paper_may_be_named_in_many_ways(text: str) -> None:
    query = read(text)
    assert query.canonical == CANONICAL
    assert parse_canonical(CANONICAL) == query
    assert KeywordInput.from_query(query).text == text
    assert can_parse(CANONICAL)
    assert describe(query).startswith("words are like those of arxiv:2607.20417, such as “tidal bore”, “tide”")


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("like:cats", "This does not name a paper.", 6),
        ("like:2607.20417 tides", "This does not name a paper.", 6),
        ('like:"2607.20417 tide"', "This does not name a paper.", 7),
        ("tide AND like:2607.99999", "We don't have the paper arxiv:2607.99999.", 15),
        ("like:10.1016/S0140(20)1", "The words of doi:10.1016/s0140(20)1 cannot be compared", 6),
        ("like:", "like:", 1),
    ],
)
def test_what_names_no_paper_of_ours_is_an_error_at_its_place(text: str, message: str, position: int) -> None:
    with pytest.raises(QueryError) as caught:
        read(text)
    assert message in str(caught.value)
    assert caught.value.position == position


def test_a_paper_is_like_another_one_by_the_share_of_its_words() -> None:
    matcher = Matcher([read("like:2607.20417"), read("boat AND like:2607.20417"), read("-like:2607.20417")])
    texts = ["Tidal bores", "Boats on a tide", "Boats", "Boats and C++", "Finetuned boats"]
    hits = matcher.match([PaperDocument(number, title) for number, title in enumerate(texts)])
    assert [[hit.document for hit in found] for found in hits] == [[0, 1], [1], [0, 1]]
    mentioned = PaperDocument(0, "Boats", "Boats go up. They come down. In the end there is a river.")
    twice = replace(mentioned, abstract=f"River. {mentioned.abstract}")
    like_river = parse_canonical('like:"arxiv:2607.20417 river^10;one^20;two^20"')
    assert Matcher([like_river]).match([mentioned, twice])[0][0].document == 1, "a passing mention counts half"
    assert Matcher([parse("like:2607.20417")]).match([PaperDocument(0, "Tidal bores")]) == [[]]


WORD = st.sampled_from(["tidal", "bores", "tide", "fine", "tuning", "finetuning", "rivers", "C++", "boats", "sails"])
TEXT = st.lists(st.one_of(WORD, st.sampled_from([",", ".", "-"])), max_size=10).map(" ".join)
WEIGHTS = st.dictionaries(st.sampled_from(sorted(WORDS)), st.floats(0.01, 1), min_size=1)


@given(WEIGHTS, TEXT, TEXT)
def test_every_match_is_explained_by_words_and_found_by_search(
    weights: Mapping[str, float], title: str, abstract: str
) -> None:
    query = parse("like:2607.20417", replace(DEFAULT_LIMITS, describe_paper={"arxiv:2607.20417": weights}.get))
    document = PaperDocument(1, title, abstract)
    is_matched = bool(Matcher([query]).match([document])[0])
    explanation = explain([query], document)
    assert is_matched == bool(explanation.title or explanation.abstract) or not is_matched
    assert is_matched == bool(explanation.queries)
    expression = search_expression(query.root)
    assert expression
    assert not is_matched or holds(expression, index_terms(document))
    assert isinstance(query.root, LikeTerm)
    assert CLOSE_SHARE * sum(weight for _, weight in query.root.words) > 0 or not is_matched


def holds(expression: SearchExpression, terms: set[str]) -> bool:
    match expression:
        case SearchTerm(text, is_prefix):
            return any(term.startswith(text) for term in terms) if is_prefix else text in terms
        case AllOf(parts):
            return all(holds(part, terms) for part in parts)
        case AnyOf(parts):
            return any(holds(part, terms) for part in parts)
