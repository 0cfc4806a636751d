"""Queries in words, the examples of the syntax, and arbitrary strings."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.errors import QueryError
from digest.matching import SYNTAX_EXAMPLES, Matcher, PaperDocument, Query, describe, parse, parse_canonical
from digest.matching.language.syntax import SyntaxExample
from tests.support.work import count_steps, cpu_limit

REAL = Path(__file__).parents[4] / "shared/data/keywords/queries.txt"


def finds(query: str, title: str) -> bool:
    return bool(Matcher([parse(query)]).match([PaperDocument(0, title)])[0])


@pytest.mark.parametrize("syntax", SYNTAX_EXAMPLES, ids=lambda syntax: syntax.example)
def test_every_example_of_the_syntax_means_what_it_claims(syntax: SyntaxExample) -> None:
    assert describe(parse(syntax.example)) == syntax.meaning
    assert [title for title in syntax.finds if not finds(syntax.example, title)] == []
    assert [title for title in syntax.misses if finds(syntax.example, title)] == []


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("cats", "title or abstract contains “cats”"),
        ("NOT cats", "every paper but those where title or abstract contains “cats”"),
        ("-(cats OR dogs)", "no paper where title or abstract contains “cats” or “dogs”"),
        ("cats AND upvotes<5", "title or abstract contains “cats”, and upvotes are fewer than 5"),
        ("cats ANDNOT author:choi", "title or abstract contains “cats”, but not where author is “choi”"),
        ("ti:a1 OR NOT ti:b1", "title contains “a1”, or every paper but those where title contains “b1”"),
        ("cats AND (dogs OR birds AND ants)", "title or abstract contains “cats” and (“dogs” or (“birds” and “ants”))"),
        ("cat:cs.C* OR cat:math", "category is any that begins with cs.c or math"),
    ],
)  # fmt: skip
def test_a_query_is_described_in_words(text: str, description: str) -> None:
    assert describe(parse(text)) == description


WORDS = ["cats", "dogs", "big", "R", '"big cat"', "pre*", "pretrain*", "the", "a-b", "x.y", "cs.AI", "LLMs", "\u732b"]
SIGNS = ["AND", "OR", "NOT", "ANDNOT", "(", ")", "-", '"', "|", "*", "ti:", "abs:", "au:", "cat:", "has:code", "org:"]
MORE = ["upvotes>5", "upvotes", "[ti]", "[tiab]", "source:arxiv", "%28", "%29", "+AND+", "title :", ",", "--", "\u2014"]
MIXED = st.lists(st.sampled_from(WORDS * 3 + SIGNS * 2 + MORE), max_size=12).flatmap(
    lambda pieces: st.sampled_from([" ", ""]).map(lambda gap: gap.join(pieces))
)
TERMS = st.sampled_from(["cats", "dogs", "ti:cats", "abs:cats", "ti:dogs", "birds", "cat:cs", "au:choi", "upvotes>3"])
TREES = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' AND '.join(parts)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' OR '.join(parts)})"),
        inner.map(lambda part: f"NOT {part}"),
    ),
    max_leaves=8,
)
PAPERS = [
    PaperDocument(0, title, abstract, authors=authors, categories=categories, upvotes=upvotes)
    for title in ("cats", "dogs", "", "cats dogs")
    for abstract in ("cats", "dogs birds", "")
    for authors in ((), ("Yejin Choi",))
    for categories in ((), ("cs.CL",))
    for upvotes in (None, 9)
]


SINGLE_TERMS = ["ti:cats", "abs:cats", "ti:dogs", "upvotes>3", "cats", "dogs", "birds", "cat:cs", "au:choi"]
TERM_BITS = dict(zip(SINGLE_TERMS, Matcher([parse(term) for term in SINGLE_TERMS]).match_bits(PAPERS), strict=True))


def parse_or_none(text: str) -> Query | None:
    try:
        return parse(text)
    except QueryError as error:
        refused = error
    assert refused.position is not None
    assert 1 <= refused.position <= max(1, len(text))
    assert str(refused)
    return None


@settings(deadline=None)  # the work of parsing is bounded below
@given(MIXED | TREES | st.text())
def test_any_string_is_parsed_or_refused_and_its_canonical_form_means_the_same(text: str) -> None:
    query = parse_or_none(text)
    if query is None:
        return
    again = parse_canonical(query.canonical)
    assert again.canonical == query.canonical
    assert again.exclude == query.exclude
    assert describe(query)
    first, second = Matcher([query, again]).match(PAPERS)
    assert first == second


@settings(deadline=None)
@given(TREES)
def test_the_normal_form_finds_what_the_keyword_asks_for(text: str) -> None:
    """Compare with every term matched alone, joined by the operators of Python."""
    query = parse_or_none(text)
    if query is None:
        return
    plain = text.replace("AND", "and").replace("OR", "or").replace("NOT", "not")
    for number, term in enumerate(TERM_BITS):
        plain = plain.replace(term, f"T{number}")
    [bits_of_query] = Matcher([query]).match_bits(PAPERS)
    for paper in range(len(PAPERS)):
        truth = {f"T{number}": bool(bits.matched >> paper & 1) for number, bits in enumerate(TERM_BITS.values())}
        assert bool(bits_of_query.matched >> paper & 1) == eval(plain, {}, truth)


@pytest.mark.parametrize(
    "text",
    [
        *("(" * 2000, "(a OR " * 300, "NOT " * 480 + "a", "-" * 1999, '"' * 2000, "a|" * 900, "ti:" * 600),
        *("[ti]" * 400,),
        *("a AND (b OR " * 15 + "c" + ")" * 15, "(((a OR b) AND c) OR d) AND " * 70 + "e", "upvotes>" * 240),
        *(" OR ".join(f"(a{n} AND b{n % 7} AND c{n % 3})" for n in range(21)), "a*" * 900, "upvotes" + " " * 1900),
        *("title" + " " * 1900 + ":", "a" + " [" * 900, "%28" * 600, "%" * 1999, "au:" + "a-" * 900),
        *("cat:" + "a." * 900,),
    ],
)  # fmt: skip
def test_hostile_strings_take_work_in_proportion_to_their_length(text: str) -> None:
    with cpu_limit():
        assert count_steps(lambda: parse_or_none(text)) < 300 * len(text)


@pytest.mark.skipif(not REAL.exists(), reason="the shared data is not here")
def test_all_real_queries_are_parsed_but_the_one_that_asks_for_dates() -> None:
    refused = []
    for line in REAL.read_text(encoding="utf-8").splitlines():
        query = parse_or_none(line)
        if query is None:
            refused.append(line)
        else:
            assert parse_canonical(query.canonical).canonical == query.canonical
            assert not query.exclude
    assert [line[:40] for line in refused] == ['au:"Geoffrey Hinton" AND cat:stat.ML AND']
