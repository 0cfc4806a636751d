# ruff: noqa: RUF001 - these tests are about letters that look like others
"""Keywords without operators: what they mean, and the positions of errors."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest.errors import QueryError
from digest.matching import PaperDocument, Phrase, Query, explain, parse, parse_canonical
from tests.support.work import count_steps, cpu_limit

REAL = Path(__file__).parents[4] / "shared/data/keywords/keywords.txt"


@pytest.mark.parametrize(
    "same",
    [
        [
            "pre-training",
            "pre training",
            "pretraining",
            "Pretraining",
            "PRE TRAINING",
            "pre‑training",
            "(pre-training)",
        ],
        ["LLM", "llms", "LLMs"],
        ["TÜLU", "tulu", "tülu"],
        ["k-NN", "knn", "k NN", "kNN"],
        ["x-ray", "x ray", "xray"],
        ["large language models", "Large Language Model", "large-language-model", " large\tlanguage  model "],
        ["GPT-4o", "gpt4o", "GPT 4o"],
        ["Alzheimer's disease", "Alzheimer’s disease", "alzheimer disease"],
        ["AI for Good: Data Mining", "ai for good. data mining"],
        ['"in context"', "“In Context”", '"ín  context"', "«in context»"],
        ["強化学習", "強化 学習"],
    ],
)
def test_equal_meanings_have_one_canonical_form(same: list[str]) -> None:
    assert len({parse(text).canonical for text in same}) == 1


@pytest.mark.parametrize(
    "different",
    [
        ["rag", '"rag"', "storage"],
        ["C", "C++", "C#", "c"],
        ["R", "r", "3D"],
        ["3.1", "31", "3 1"],
        ["area", "are a"],
        ["information", "in formation"],
        ["bias", "biased"],
        ["GPS", "GPs"],
        ['"in context"', '"in-context"', '"incontext"', "in context"],
        ["Q*", "Q"],
    ],
)
def test_different_meanings_have_different_canonical_forms(different: list[str]) -> None:
    assert len({parse(text).canonical for text in different}) == len(different)


@pytest.mark.parametrize(
    "keyword",
    [
        *(
            "k-NN",
            "C++",
            "C#",
            "A/B testing",
            "AI for Good: Data Mining",
            "R",
            "3D",
            "λ-calculus",
            "強化学習",
            "Q*",
            "A* plan",
        ),
        *("(nervous) system physiology", "Large Language Models (LLMs)", "Survey Track: -", "cad･cam･cae", "CUT&RUN"),
        *("Ti:sapphire laser", "open source: licensing", "cats and not", "semi- and un- supervised", "women's studies"),
        *("x-ray/γ-ray astronomy", "apache 2.0", "アニメ", "AI for Good - Projects: Humans and AI", "T5", "C*-algebra"),
    ],
)
def test_a_real_keyword_means_itself(keyword: str) -> None:
    query = parse(keyword)
    assert query.text == keyword
    assert explain([query], PaperDocument(0, f"On {keyword}")).queries == (0,)
    assert explain([query], PaperDocument(0, "", f"Of ({keyword}), we know.")).queries == (0,)


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 1, "empty"),
        (" \t\n", 1, "empty"),
        ("…!", 1, "no letter"),
        ('""', 2, "no letter"),
        ('learning in "context', 13, 'A quotation mark is not closed. Add a closing " or remove the opening one.'),
        ('"a" "b', 5, "quotation mark is not closed"),
        ('"in context" learning', 14, "next to a quoted phrase"),
        ('learning "in context"', 1, "next to a quoted phrase"),
        ("big cat:cs.CL", 5, "AND or OR is missing before cat:"),
        ("RL*", 3, "letters must come before *"),
        ('"pretrain*"', 10, "does not work inside quotes"),
        ("deep (learning", 6, "parenthesis is not closed"),
        ("deep) learning", 5, "no matching ("),
        ("a\x00b", 2, "U+0000"),
        ("a\ud800b", 2, "U+D800"),
        ("ab\u202ecd", 3, "U+202E"),
        ("x" * 201, 201, "at most 200 characters"),
        ("w " * 21, 41, "at most 20"),
    ],
)
def test_a_syntax_error_names_its_position(text: str, position: int, message: str) -> None:
    with pytest.raises(QueryError) as error:
        parse(text)
    assert error.value.position == position
    assert message in str(error.value)


@pytest.mark.parametrize("text", ["NOT gate", "title:cats", "-survey", "cats AND dogs", "cat:cs.CL"])
def test_quotes_make_words_of_the_signs_of_the_grammar(text: str) -> None:
    assert explain([parse(f'"{text}"')], PaperDocument(0, text)).queries == (0,)


TRICKY = st.text("abcsiofN -_.,()*+#$'’:3R𝐑ßİéﬁが技ー‑—½²ŉ\u0301\u200b\u00ad·/\"", max_size=14)
PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "the",
                "of",
                "in",
                "data",
                "sets",
                "use",
                "gps",
                "macOS",
                "lens",
                "bias",
                "C++",
                "C#",
                "Q*",
                "k",
                "NN",
                "3",
            ),
            *("3.1", "4o", "LLMs", "GPs", "a", "i", "women's", "agencies", "pointnet++", "技", "術", "t5", "x", "s"),
        ]
    ),
    min_size=1,
    max_size=5,
)
GAPS = st.lists(st.sampled_from([" ", "-", "/", ", ", "", "(", ") "]), min_size=5, max_size=5)
COMPOSED = st.builds(lambda words, gaps: "".join(map("".join, zip(words, gaps, strict=False))), PIECES, GAPS)


def parse_or_none(text: str) -> Query | None:
    try:
        return parse(text)
    except QueryError as error:
        refused = error
    assert refused.position is not None
    assert 1 <= refused.position <= max(1, len(text))
    return None


@given(st.text() | TRICKY | COMPOSED)
@example("use gps")  # joined, usegps would look like a plural
@example("技 data gps")
@example("top k means in c++ 17")
def test_any_string_is_parsed_or_refused_and_its_canonical_form_means_the_same(text: str) -> None:
    query = parse_or_none(text)
    if query is None:
        return
    again = parse_canonical(query.canonical)
    assert again.canonical == query.canonical
    if isinstance(query.root, Phrase) and len(query.root.key) > 1 and not query.exclude:
        document = PaperDocument(0, text.replace('"', " "))
        assert explain([query, again], document).queries == (0, 1)


@pytest.mark.parametrize(
    "text", ["(" * 200, '"' * 200, "a'" * 100, "-" * 199 + "a", "a*" * 100, "x\u0301" * 100, " " * 10**6 + "a"]
)
def test_hostile_strings_take_work_in_proportion_to_their_length(text: str) -> None:
    with cpu_limit():
        assert count_steps(lambda: parse_or_none(text)) < 300 * len(text)


@pytest.mark.skipif(not REAL.exists(), reason="the shared data is not here")
def test_all_real_keywords_but_one_of_21_words_parse_to_themselves() -> None:
    refused = []
    for keyword in REAL.read_text(encoding="utf-8").splitlines():
        query = parse_or_none(keyword)
        if query is None:
            refused.append(keyword)
        else:
            assert parse_canonical(query.canonical).canonical == query.canonical
            assert explain([query], PaperDocument(0, keyword)).queries == (0,), keyword
    lists = [keyword for keyword in refused if re.search(r"[,;]| or |/ |\band\b", keyword)]
    assert len(lists) == len(refused) < 120  # lists in one line, which are refused with what they mean
