# ruff: noqa: RUF001 - these tests are about letters that look like others
"""Spans of the original text, and the sentences around them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest.matching import PaperDocument, Phrase, Query, Snippet, Span, explain, parse, snippet
from tests.support.work import count_steps, cpu_limit

ABSTRACT = (
    "Cats are hard to model. We follow Smith et al. (2024), i.e. we train large language models (LLMs) on 3.1 million "
    "cats. Dogs are left out. Fine-tuning helps, e.g. For old cats. Nothing else was tried."
)


def highlighted(keywords: list[str], text: str) -> list[tuple[str, int]]:
    explanation = explain([parse(keyword) for keyword in keywords], PaperDocument(0, "", text))
    return [(text[span.start : span.end], span.query) for span in explanation.abstract]


@pytest.mark.parametrize(
    ("keyword", "text", "words"),
    [
        ("llm", "An LLMs’ view, LLM.", ["LLMs", "LLM"]),
        ("fine tuning", "Fine-\ntuning and finetuning", ["Fine-\ntuning", "finetuning"]),
        ("strasse", "in der Straße 3", ["Straße"]),
        ("fine", "a ﬁne İstanbul fine", ["ﬁne", "fine"]),
        ("istanbul", "ﬁﬁ İstanbul", ["İstanbul"]),
        ("tulu", "ß TU\u0308LU 3", ["TU\u0308LU"]),
        ("強化学習", "深層強化学習を", ["強化学習"]),
        ("C++", "C++17, C++", ["C++", "C++"]),
        ("alzheimer", "Alzheimer's", ["Alzheimer's"]),
        ("rag", "a (RAG) storage", ["RAG"]),
        ('"in context"', "in-context in (Context", ["in (Context"]),
    ],
)
def test_a_span_covers_the_words_as_they_are_written(keyword: str, text: str, words: list[str]) -> None:
    assert [word for word, _ in highlighted([keyword], text)] == words


def test_a_span_inside_a_longer_one_is_part_of_it_but_its_query_is_still_named() -> None:
    queries = [parse("language model"), parse("large language model"), parse("cats"), parse("dogs")]
    explanation = explain(queries, PaperDocument(0, "Large language models and cats", "A language model"))
    assert explanation.title == (Span(0, 21, 1), Span(26, 30, 2))
    assert explanation.abstract == (Span(2, 16, 0),)
    assert explanation.queries == (0, 1, 2)
    assert [explanation.describe_location(query) for query in explanation.queries] == [
        "title and abstract",
        "title",
        "title",
    ]
    with pytest.raises(ValueError, match="query 3 did not match"):
        explanation.describe_location(3)


def test_overlapping_spans_become_one_for_the_longest() -> None:
    assert highlighted(["deep reinforcement learning", "learning agents"], "Deep reinforcement learning agents") == [
        ("Deep reinforcement learning agents", 0)
    ]
    assert highlighted(["cats", "Cat"], "Cats") == [("Cats", 0)]


def test_a_phrase_with_a_field_is_highlighted_only_there() -> None:
    explanation = explain([Query("ti:cat", Phrase(("cat",), (), field="title"))], PaperDocument(0, "Cat", "cat"))
    assert explanation.title == (Span(0, 3, 0),)
    assert explanation.abstract == ()
    assert explanation.describe_location(0) == "title"


KEYWORDS = [
    "deep learning",
    "learning",
    "multi-agent",
    "agents",
    "LLM",
    "3D",
    "R",
    '"in context"',
    "C++",
    "λ",
    "強化",
    "straße",
]
TEXTS = st.lists(
    st.sampled_from(
        [*KEYWORDS, "STRASSE", "multiagent", "deep-Learning", "İ", "ﬁ", "in context", "LLMs’", "，", "x\u0301", "of"]
    ),
    max_size=12,
).flatmap(lambda words: st.sampled_from([" ", "-", ", ", "\n", " ("]).map(lambda gap: gap.join(words).replace('"', "")))


@given(TEXTS | st.text())
def test_spans_are_disjoint_in_order_and_hold_what_their_query_matches(text: str) -> None:
    queries = [parse(keyword) for keyword in KEYWORDS]
    explanation = explain(queries, PaperDocument(0, text, ""))
    previous_end = 0
    for span in explanation.title:
        assert previous_end <= span.start < span.end <= len(text)
        assert span.query in explain(queries, PaperDocument(0, text[span.start : span.end])).queries
        previous_end = span.end
    assert set(explanation.queries) >= {span.query for span in explanation.title}


def test_a_snippet_is_the_sentences_with_the_most_keywords() -> None:
    queries = [parse("large language model"), parse("cats"), parse("fine tuning")]
    spans = explain(queries, PaperDocument(0, "", ABSTRACT)).abstract
    piece = snippet(ABSTRACT, spans)
    assert piece.text == ABSTRACT[24:-24]
    assert (piece.truncated_before, piece.truncated_after) == (True, True)
    assert [piece.text[span.start : span.end] for span in piece.spans] == [
        "large language models",
        "LLMs",  # the text defines the acronym
        "cats",
        "Fine-tuning",
        "cats",
    ]
    assert snippet(ABSTRACT, spans, sentences=1).text.startswith("We follow Smith et al. (2024), i.e. we train")


def test_of_sentences_with_the_same_keywords_the_one_with_more_spans_is_shown() -> None:
    text = "A cat sat. A dog ran. Cats like cats."
    spans = explain([parse("cat")], PaperDocument(0, "", text)).abstract
    assert snippet(text, spans, sentences=1).text == "Cats like cats."


def test_without_spans_a_snippet_is_the_beginning() -> None:
    assert snippet(ABSTRACT, (), sentences=1) == Snippet(
        "Cats are hard to model.", (), truncated_before=False, truncated_after=True
    )
    assert snippet("  One cat.\n", ()) == Snippet("One cat.", (), truncated_before=False, truncated_after=False)
    assert snippet(" \n", ()) == Snippet("", (), truncated_before=False, truncated_after=False)


def test_an_overlong_sentence_is_cut_between_words_around_its_span() -> None:
    text = "word " * 500 + "a cat " + "more " * 500
    spans = explain([parse("cat")], PaperDocument(0, "", text)).abstract
    piece = snippet(text, spans)
    assert "word a cat more" in piece.text
    assert 200 < len(piece.text) <= 420
    assert set(piece.text.split()) == {"word", "a", "cat", "more"}
    assert (piece.truncated_before, piece.truncated_after) == (True, True)
    assert [piece.text[span.start : span.end] for span in piece.spans] == ["cat"]


def test_chinese_and_japanese_are_cut_at_their_own_full_stops_and_anywhere_else_if_need_be() -> None:
    text = "最初の文。強化学習を使う。次の文！" + "長" * 900 + "強化学習" + "文" * 900
    spans = explain([parse("強化学習")], PaperDocument(0, "", text)).abstract
    assert snippet(text, spans[:1], sentences=1).text == "強化学習を使う。"
    piece = snippet(text, spans[1:], sentences=1)
    assert len(piece.text) <= 420
    assert "強化学習" in piece.text


@pytest.mark.parametrize("piece", ["a", ".", "a.", "'a", "- ", "\n", " .", "A. ", "x\u0301", "強", "?!"])
def test_hostile_texts_are_explained_in_linear_work(piece: str) -> None:
    queries = [parse("cat"), parse("a"), parse("強強")]

    def explain_text(length: int) -> None:
        text = piece * (length // len(piece))
        explanation = explain(queries, PaperDocument(0, "", text))
        snippet(text, explanation.abstract[:3])

    explain_text(100)  # fills the caches of words
    assert count_steps(lambda: explain_text(8000)) < 2.2 * count_steps(lambda: explain_text(4000))
    with cpu_limit():  # regular expressions
        explain_text(40_000)


@given(
    st.text() | st.text("ab. 強。\n!E-", max_size=200),
    st.integers(1, 4),
    st.integers(1, 60),
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 9)), max_size=4),
)
@example("000000000000 0", 1, 1, [(12, 1)])
def test_a_snippet_is_a_piece_of_the_text_within_its_limit(
    text: str, sentences: int, limit: int, bounds: list[tuple[int, int]]
) -> None:
    spans = [Span(start, min(start + size, len(text)), 0) for start, size in sorted(bounds) if start < len(text)]
    piece = snippet(text, spans, sentences=sentences, limit=limit)
    assert piece.text in text
    assert len(piece.text) <= limit
    assert bool(piece.text) == bool(text.strip())
    assert all(0 <= span.start < span.end <= len(piece.text) for span in piece.spans)
    if not piece.truncated_before and not piece.truncated_after:
        assert piece.text == text.strip()
