"""Acronyms and what they stand for are one word, also inside a phrase."""

import pytest

from digest.matching import Matcher, PaperDocument, explain, parse, parse_canonical, shipped_acronyms


def matches(keyword: str, text: str) -> bool:
    query = parse_canonical(parse(keyword).canonical)
    return bool(Matcher([query]).match([PaperDocument(0, "", text)])[0])


TWINS = [
    *[("llm agent", "large language model agents"), ("deep rl", "deep reinforcement learning"), ("OOD detection", "")],
    *[("multimodal llm", "multimodal large-language models"), ("mllm", "multimodal LLMs"), ("MARL", "multi-agent RL")],
    *[("CoT prompting", "chain-of-thought prompting"), ("RAG", "retrieval-augmented generation")],
    *[("MCTS", "Monte-Carlo tree search"), ("GWAS", "genome-wide association studies")],
    *[("text2sql", "text-to-SQL"), ("AI4Science", "AI for science"), ("T2I model", "text-to-image models")],
]


@pytest.mark.parametrize(("short", "long"), [pair for pair in TWINS if pair[1]])
def test_an_acronym_and_its_long_form_find_each_other_and_are_one_keyword(short: str, long: str) -> None:
    assert matches(short, f"On {long}.")
    assert matches(long, f"On {short}.")
    assert parse(short).canonical == parse(long.replace("-", " ")).canonical


def test_an_acronym_behind_its_long_form_is_one_word_with_it() -> None:
    text = "Large language models (LLMs) agents, out-of-distribution (OOD) detection, visual place markers (VPMs) alone"
    paper = PaperDocument(0, "", text)
    keywords = ["LLM agent", "out of distribution detection", "visual place marker alone", "models agents"]
    spans = explain([parse(keyword) for keyword in keywords], paper).abstract
    assert [text[span.start : span.end] for span in spans] == [
        "Large language models (LLMs) agents",
        "out-of-distribution (OOD) detection",
        "visual place markers (VPMs) alone",
    ]
    assert not matches('"large language models agents"', text)
    assert matches("large language models (LLMs)", "LLMs")


def test_a_paper_that_defines_the_acronym_otherwise_is_left_alone() -> None:
    otherwise = "A region adjacency graph (RAG) of cells. Our RAG agents are fast."
    for keyword in ("rag", "retrieval augmented generation", "rag agent"):
        assert not matches(keyword, otherwise)
    assert matches('"rag"', otherwise)
    assert matches("vlm", "A visual language model (VLM), and VLMs.")  # most of the words are the same


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        *[("language model", "an LLM"), ("learning", "RL"), ("RL", "an R L circuit"), ("RAG", "a rag")],
        *[
            ('"LLM agent"', "large language model agents"),
            ("org:rl", "reinforcement learning"),
            ("LLM", "a language model"),
        ],
        *[("H2O", "h to o"), ("GPT4o", "gpt for o")],
    ],
)
def test_other_words_are_not_found(keyword: str, text: str) -> None:
    assert not matches(keyword, text)


def test_equal_forms_are_one_keyword_in_every_expression() -> None:
    assert parse("llm OR large language model").canonical == parse("LLMs").canonical
    assert parse("deep rl AND multimodal llm") == parse("MLLM AND DRL")


def test_no_shipped_acronym_stands_for_two_things() -> None:
    table = shipped_acronyms()
    assert len(table.by_short) >= 100
    assert all(len(short) > 1 and len(acronym.long) > 1 for short, acronym in table.by_short.items() if short != "vae")


@pytest.mark.parametrize(
    ("keyword", "finds", "misses"),
    [
        ('"IT"', "IT systems", "it works"),
        ('"WHO"', "The WHO said", "people who say"),
        ('title:"US" OR "US"', "in the US", "among us"),
        ('"HELLO"', "hello", "help"),  # more than four: as any quoted word
    ],
)
def test_a_short_quoted_word_in_capitals_is_found_in_capitals(keyword: str, finds: str, misses: str) -> None:
    assert matches(keyword, finds)
    assert not matches(keyword, misses)
