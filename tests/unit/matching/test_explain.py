# ruff: noqa: RUF001 - these tests are about letters that look like others
"""Marks in the original text, and the sentences around them."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest.matching import PaperDocument, Phrase, Query, Span, explain, parse, snippet
from digest.matching.snippets import Snippet

ABSTRACT = (
    "Cats are hard to model. We follow Smith et al. (2024), i.e. we train large language models (LLMs) on 3.1 million "
    "cats. Dogs are left out. Fine-tuning helps, e.g. For old cats. Nothing else was tried."
)


def marked(keywords: list[str], text: str) -> list[tuple[str, int]]:
    found = explain([parse(keyword) for keyword in keywords], PaperDocument(0, "", text))
    return [(text[start:end], query) for start, end, query in found.abstract]


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
def test_a_mark_covers_the_words_as_they_are_written(keyword: str, text: str, words: list[str]) -> None:
    assert [word for word, _ in marked([keyword], text)] == words


def test_a_mark_inside_a_longer_one_is_part_of_it_but_its_query_is_still_named() -> None:
    queries = [parse("language model"), parse("large language model"), parse("cats"), parse("dogs")]
    found = explain(queries, PaperDocument(0, "Large language models and cats", "A language model"))
    assert found.title == (Span(0, 21, 1), Span(26, 30, 2))
    assert found.abstract == (Span(2, 16, 0),)
    assert found.queries == (0, 1, 2)
    assert [found.describe_location(query) for query in found.queries] == ["title and abstract", "title", "title"]
    with pytest.raises(ValueError, match="query 3 did not match"):
        found.describe_location(3)


def test_marks_that_overlap_become_one_for_the_longest() -> None:
    assert marked(["deep reinforcement learning", "learning agents"], "Deep reinforcement learning agents") == [
        ("Deep reinforcement learning agents", 0)
    ]
    assert marked(["cats", "Cat"], "Cats") == [("Cats", 0)]


def test_a_phrase_with_a_field_is_marked_only_there() -> None:
    found = explain([Query("ti:cat", Phrase(("cat",), (), field="title"))], PaperDocument(0, "Cat", "cat"))
    assert found.title == (Span(0, 3, 0),)
    assert found.abstract == ()
    assert found.describe_location(0) == "title"


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
def test_marks_are_apart_in_order_and_each_holds_what_its_query_matches(text: str) -> None:
    queries = [parse(keyword) for keyword in KEYWORDS]
    found = explain(queries, PaperDocument(0, text, ""))
    place = 0
    for start, end, query in found.title:
        assert place <= start < end <= len(text)
        assert query in explain(queries, PaperDocument(0, text[start:end])).queries
        place = end
    assert set(found.queries) >= {span.query for span in found.title}


def test_a_snippet_is_the_sentences_with_the_most_keywords() -> None:
    queries = [parse("large language model"), parse("cats"), parse("fine tuning")]
    spans = explain(queries, PaperDocument(0, "", ABSTRACT)).abstract
    piece = snippet(ABSTRACT, spans)
    assert piece.text == ABSTRACT[24:-24]
    assert (piece.truncated_before, piece.truncated_after) == (True, True)
    assert [piece.text[span.start : span.end] for span in piece.spans] == [
        "large language models",
        "LLMs",  # the text says what the letters stand for
        "cats",
        "Fine-tuning",
        "cats",
    ]
    assert snippet(ABSTRACT, spans, sentences=1).text.startswith("We follow Smith et al. (2024), i.e. we train")


def test_of_sentences_with_the_same_keywords_the_one_with_more_marks_is_shown() -> None:
    text = "A cat sat. A dog ran. Cats like cats."
    spans = explain([parse("cat")], PaperDocument(0, "", text)).abstract
    assert snippet(text, spans, sentences=1).text == "Cats like cats."


def test_without_marks_a_snippet_is_the_beginning() -> None:
    assert snippet(ABSTRACT, (), sentences=1) == Snippet(
        "Cats are hard to model.", (), truncated_before=False, truncated_after=True
    )
    assert snippet("  One cat.\n", ()) == Snippet("One cat.", (), truncated_before=False, truncated_after=False)
    assert snippet(" \n", ()) == Snippet("", (), truncated_before=False, truncated_after=False)


def test_an_overlong_sentence_is_cut_between_words_around_its_mark() -> None:
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
def test_hostile_texts_are_explained_quickly(piece: str) -> None:
    text = piece * (40_000 // len(piece))
    begun = time.process_time()  # what it costs, however busy the machine is
    found = explain([parse("cat"), parse("a"), parse("強強")], PaperDocument(0, "", text))
    snippet(text, found.abstract[:3])
    assert time.process_time() - begun < 4


@given(
    st.text() | st.text("ab. 強。\n!E-", max_size=200),
    st.integers(1, 4),
    st.integers(1, 60),
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 9)), max_size=4),
)
@example("000000000000 0", 1, 1, [(12, 1)])
def test_a_snippet_is_a_piece_of_the_text_within_its_limit(
    text: str, sentences: int, limit: int, places: list[tuple[int, int]]
) -> None:
    spans = [Span(start, min(start + size, len(text)), 0) for start, size in sorted(places) if start < len(text)]
    piece = snippet(text, spans, sentences=sentences, limit=limit)
    assert piece.text in text
    assert len(piece.text) <= limit
    assert bool(piece.text) == bool(text.strip())
    assert all(0 <= span.start < span.end <= len(piece.text) for span in piece.spans)
    if not piece.truncated_before and not piece.truncated_after:
        assert piece.text == text.strip()
