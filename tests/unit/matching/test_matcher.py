# ruff: noqa: RUF001 - these tests are about letters that look like others
"""Which papers match which keywords."""

import gzip
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.matching import Hit, Matcher, PaperDocument, Phrase, Query, parse
from digest.matching.forms import to_key

REAL = Path(__file__).parents[4] / "shared/data"
needs_real = pytest.mark.skipif(not REAL.exists(), reason="the shared data is not here")


def matches(keyword: str, text: str) -> bool:
    return bool(Matcher([parse(keyword)]).match([PaperDocument(0, "", text)])[0])


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        *[("multiagent", "a multi-agent game"), ("multiagent", "Multi Agent"), ("multi agent", "multiagents")],
        *[("finetuning", "fine tuning"), ("fine-tuning", "finetuning"), ("fine tuning", "fine-\n tuning")],
        *[
            ("rag", "We use (RAG)."),
            ("rag", "RAG-based"),
            ("rag", "the RAG’s index"),
            ("LLMs", "an LLM"),
            ("LLM", "LLMs"),
        ],
        *[("text to image", "text-to-image"), ("vision language model", "Vision–Language Models"), ("tulu", "TÜLU 3")],
        *[
            ("agency", "agencies"),
            ("dataset", "data sets"),
            ("k-NN", "$k$-NN"),
            ("GPT-4o", "GPT 4o"),
            ("Qwen2.5", "Qwen-2.5"),
        ],
        *[
            ("C++", "in C++, too"),
            ("C++", "C++17"),
            ("C#", "C#/Java"),
            ("R", "in R, too"),
            ('"R"', "in R, too"),
            ("r", "in R"),
            ("3D", "3-D"),
        ],
        *[
            ("PointNet", "PointNet++"),
            ("PointNet++", "PointNet++"),
            ("Q*", "Q* search"),
            ("λ-calculus", "the λ-calculus"),
        ],
        *[("強化学習", "深層強化学習を使う"), ("anime アニメ", "anime アニメ"), ("強化学習", "強化 学習")],
        *[("AI for Good: Data Mining", "AI for good, data mining"), ("deep learning", "deep (learning)")],
        *[
            ('"in context"', "In Context"),
            ('"in context"', "in (context"),
            ('"LLMs"', "llms"),
            ('"sao paulo"', "São Paulo"),
        ],
        *[
            ('"science, technology"', "science; technology"),
            ("large language model agents", "large-language-model agent"),
        ],
        *[("strasse", "Straße"), ("fine", "ﬁne"), ("istanbul", "İstanbul"), ("women's studies", "woman study")],
    ],
)
def test_a_keyword_matches_what_it_means(keyword: str, text: str) -> None:
    assert matches(keyword, text)


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        *[("rag", "storage"), ("rag", "fragments"), ("area", "there are a few"), ("31", "version 3.1"), ("31", "3 1")],
        *[
            ("3.1", "31"),
            ("31", "3-1"),
            ("bias", "biased"),
            ("align", "alignment"),
            ("information", "robots in formation"),
        ],
        *[("in formation", "information"), ("dynamics", "a dynamic scene"), ("GPS", "two GPs"), ("SAR", "SARS")],
        *[
            ("deep learning", "deep, learning"),
            ("deep learning", "It is deep. Learning helps"),
            ("deep learning", "deep — learning"),
        ],
        *[
            ("C", "C++"),
            ("C++", "C"),
            ("C#", "C major"),
            ("R", "R-CNN"),
            ("R", "r = 1"),
            ('"R"', "r = 1"),
            ("R", "f(R) gravity"),
            ("R", "R^2"),
        ],
        *[
            ("Q*", "Q"),
            ("PointNet++", "PointNet"),
            ("Qwen2", "Qwen2.5"),
            ("GPT-4", "GPT-4o"),
            ("imagenet", "Imagen et al."),
        ],
        *[
            ('"in context"', "in-context"),
            ('"in context"', "in contexts"),
            ('"LLM"', "LLMs"),
            ('"incontext"', "in context"),
        ],
        *[
            ('"science technology"', "science, technology"),
            ("in context", "in, context"),
            ("か", "が"),
            ("language model", "model language"),
        ],
    ],
)
def test_a_keyword_matches_nothing_else(keyword: str, text: str) -> None:
    assert not matches(keyword, text)


def test_a_phrase_never_runs_from_the_title_into_the_abstract() -> None:
    document = PaperDocument(7, "On deep", "learning of cats")
    assert Matcher([parse("deep learning")]).match([document]) == [[]]


def test_hits_come_per_query_in_document_order_and_say_whether_the_title_matched() -> None:
    documents = [PaperDocument(5, "Cats", "dogs"), PaperDocument(6, "Birds", "cat here"), PaperDocument(7, "None")]
    queries = [parse("dog"), parse("cat"), parse("birds"), parse("Cats"), parse("fish")]
    cats = [Hit(0, in_title=True, is_about=True), Hit(1, in_title=False, is_about=True)]
    dogs, birds = Hit(0, in_title=False, is_about=True), Hit(1, in_title=True, is_about=True)
    assert Matcher(queries).match(documents) == [[dogs], cats, [birds], cats, []]


@pytest.mark.parametrize(
    ("keyword", "title", "abstract", "is_about"),
    [
        ("cat", "A cat", "", True),
        ("cat", "Birds", "A cat sits here. It is quiet.", True),
        ("cat", "Birds", "All is quiet here. So is a cat.", False),
        ("cat", "Birds", "All is quiet here, a cat and a cat.", True),
        ("quiet cat", "Birds", "one two three quiet cat six seven", False),  # its last word is in the second half
        ("three quiet", "Birds", "one two three quiet cat six seven", True),
        ("cat AND bird", "Birds", "All is quiet here. So is a cat.", False),
        ("cat OR bird", "Birds", "All is quiet here. So is a cat.", True),
        ("cat AND NOT dog", "Birds", "A cat sits here. It is quiet.", True),
        ("title:birds", "Birds", "", True),
        ("author:Byron", "Birds", "", True),
    ],
)
def test_a_paper_is_about_a_keyword_or_mentions_it_in_passing(
    keyword: str, title: str, abstract: str, *, is_about: bool
) -> None:
    document = PaperDocument(0, title, abstract, authors=("Ada Byron",))
    [[hit]] = Matcher([parse(keyword)]).match([document])
    assert hit.is_about == is_about


def test_a_phrase_with_a_field_is_found_only_there() -> None:
    queries = [Query("x", Phrase(("cat",), (), field="title")), Query("x", Phrase(("cat",), (), field="abstract"))]
    assert Matcher(queries).match([PaperDocument(0, "cat", ""), PaperDocument(1, "", "cat")]) == [
        [Hit(0, in_title=True, is_about=True)],
        [Hit(1, in_title=False, is_about=True)],
    ]


def test_no_queries_and_no_documents_have_no_hits() -> None:
    assert Matcher([]).match([PaperDocument(0, "Cats")]) == []
    assert Matcher([parse("cats")]).match([]) == [[]]


WORDS = ["deep", "learning", "of", "a", "cat", "cats", "the", "multi", "agent", "in", "use", "gps", "3", "d", "k", "NN"]


@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=12), st.lists(st.sampled_from(WORDS), min_size=1, max_size=4)
)
def test_the_index_agrees_with_comparing_at_every_position(text: list[str], keyword: list[str]) -> None:
    """Compare with keyword and text split at blanks, every word in the singular."""
    query = parse(" ".join(keyword))
    plain = [word.lower().replace("cats", "cat") for word in text]
    requested = [word.lower().replace("cats", "cat") for word in keyword]
    expected = any(plain[n : n + len(requested)] == requested for n in range(len(plain)))
    matched = bool(Matcher([query]).match([PaperDocument(0, " ".join(text))])[0])
    assert matched or not expected or keyword == ["d"]
    many = Matcher([query, *map(parse, ("deep learning", "multi-agent", "3D", "kNN"))]).match(
        [PaperDocument(0, " ".join(text))]
    )
    assert bool(many[0]) == matched


def corpus() -> list[PaperDocument]:
    with gzip.open(REAL / "corpus/arxiv_papers.jsonl.gz", "rt", encoding="utf-8") as lines:
        papers = [json.loads(line) for _, line in zip(range(4000), lines, strict=False)]
    return [PaperDocument(number, paper["title"], paper["abstract"]) for number, paper in enumerate(papers)]


def trending() -> list[PaperDocument]:
    documents = []
    for path in sorted((REAL / "huggingface/api").glob("*.json.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as answer:
            papers = [entry["paper"] for entry in json.load(answer)]
        documents += [PaperDocument(0, paper["title"], paper.get("summary") or "") for paper in papers]
    return documents


@needs_real
def test_real_papers_match_as_independent_patterns_do() -> None:
    """Compare with an independent pattern on the same texts: at least all of it, at most a twentieth more."""
    patterns = {
        "rag": r"\bRAGs?\b|\bretrieval[\s-]+augmented[\s-]+generation\b",
        "llm": r"\bllms?\b|\blarge[\s-]+language[\s-]+models?\b",
        "large language model": r"\bllms?\b|\blarge[\s-]+language[\s-]+models?\b",
        "text to image": r"\btext[\s-]to[\s-]images?\b",
        "fine tuning": r"\bfine[\s-]*tunings?\b",
        "vision language model": r"\bVLMs?\b|\bvision[\s–-]*language[\s-]+models?\b",
        "multiagent": r"\bmulti[\s-]*agents?\b",
    }
    documents = trending() + corpus()
    hits = Matcher([parse(keyword) for keyword in patterns]).match(documents)
    for (keyword, pattern), row in zip(patterns.items(), hits, strict=True):
        expression = re.compile(pattern, re.IGNORECASE)
        plain = {
            n
            for n, document in enumerate(documents)
            if expression.search(document.title) or expression.search(document.abstract)
        }
        missed = [documents[n] for n in plain - {hit.document for hit in row}]
        assert not missed, (keyword, missed[:2])
        assert len(plain) <= len(row) <= len(plain) * 1.05, keyword


@needs_real
@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.long)])
def test_joined_spaced_and_hyphenated_find_the_same_real_papers(every: int) -> None:
    documents = corpus()
    compounds = {
        (left, right)
        for document in documents
        for left, right in re.findall(r"\b([a-z]{3,})-([a-z]{3,})\b", document.title.lower())
        # a plural or a number inside a joined word (systemslevel, rankone) stays
        if to_key(left) == left and to_key(right) in {right, right.removesuffix("s")}
    }
    stems = [(left, right) for left, right in sorted(compounds) if len(parse(f"{left} {right}").phrases[0].words) == 1]
    assert len(stems) > 1500
    hits = [
        Matcher([parse(left + separator + right) for left, right in stems]).match(documents[::every])
        for separator in ("-", " ", "")
    ]
    assert hits[0] == hits[1] == hits[2]
    assert sum(map(bool, hits[0])) > len(stems) / every / 2
