"""Acronyms are learned from what nearly all papers define them as."""

import gzip
import json
from collections import Counter, defaultdict

import pytest

from digest.matching import (
    KeywordInput,
    Matcher,
    PaperDocument,
    choose_long_form,
    extend_acronyms,
    list_definitions,
    list_small_words,
    parse,
    parse_canonical,
    shipped_acronyms,
)
from tests.support.recorded_papers import SHARED_DATA

CORPUS = SHARED_DATA / "corpus/arxiv_papers.jsonl.gz"
LONG = "federated learning"


@pytest.mark.parametrize(
    ("short", "papers", "expected"),
    [
        *[("fl", {LONG: 20}, LONG), ("fl", {LONG: 19}, None), ("f2", {LONG: 90}, None), ("f2l", {LONG: 90}, LONG)],
        *[("fl", {LONG: 19, "fuzzy logic": 1}, None), ("fl", {LONG: 38, "fuzzy logic": 2}, LONG)],
        *[("fl", {LONG: 37, "fuzzy logic": 2}, None), ("fl", {"": 500}, None), ("fl", {}, None)],
        ("clip", {"contrastive language image pretraining": 40, "": 3}, None),  # papers that write it as a word
        ("vfm", {"vision foundation model": 20, "visual foundation model": 7}, "vision foundation model"),
        ("fl", {LONG: 15, "federated learner": 15}, None),  # twenty of one form
        ("fl", {"federated l≡arning": 20}, None),  # what could not be stored
    ],
)
def test_twenty_papers_and_nineteen_of_twenty_must_agree(
    short: str, papers: dict[str, int], expected: str | None
) -> None:
    assert choose_long_form(short, papers) == expected


def test_a_paper_counts_what_it_defines_and_which_words_it_writes_small() -> None:
    text = (
        "Federated learning (FL) with clips of CLIP, 3 kg each; see fl.example.org and x/fl. FL is federated learning."
    )
    assert list_definitions(text) == {("fl", LONG)}
    assert list_small_words(text, {"fl", "clip", "kg", "map"}) == {"clip", "kg"}


def test_a_learned_acronym_is_read_like_a_shipped_one_and_changes_none_of_these() -> None:
    learned = (
        *(("agi", "another global index"), ("bml", "machine learning"), ("fl", LONG)),
        *(("fll", LONG), ("pfl", "personalized federated learning")),
    )
    table = extend_acronyms(learned)
    for keyword in ("AGI", "ML", "machine learning", "large language model agent"):
        assert parse(keyword, acronyms=table).canonical == parse(keyword).canonical
    assert parse("BML", acronyms=table).canonical == "bml"  # machine learning has a name already
    assert parse("FLL", acronyms=table).canonical == "fll"
    stored = KeywordInput.from_query(parse("personalized FL", acronyms=table))
    assert stored.canonical == parse("PFL", acronyms=table).canonical != parse("PFL").canonical
    papers = [PaperDocument(0, "", "We personalize."), PaperDocument(1, "", "Of personalized federated learning.")]
    assert [hit.document for hit in Matcher([parse_canonical(stored.canonical)]).match(papers)[0]] == [1]


@pytest.mark.long
@pytest.mark.skipif(not CORPUS.exists(), reason="the shared data is not here")
def test_what_is_learned_from_half_of_the_corpus_agrees_with_the_other_half() -> None:
    halves: tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]] = Counter(), Counter()
    with gzip.open(CORPUS, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            paper = json.loads(line)
            halves[number % 2].update(list_definitions(f"{paper['title']}\n\n{paper['abstract']}"))
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for (short, long), papers in halves[0].items():
        counts[short][long] = papers
    chosen = ((short, choose_long_form(short, papers)) for short, papers in counts.items())
    learned = {short: long for short, long in chosen if long}
    table = extend_acronyms(tuple(sorted(learned.items())))
    assert len(learned.keys() - shipped_acronyms().by_short.keys()) >= 5
    for names, floor in ((learned.keys(), 0.98), (learned.keys() - shipped_acronyms().by_short.keys(), 0.98)):
        other = [
            (table.by_short[short].agrees(long.split()), n) for (short, long), n in halves[1].items() if short in names
        ]
        assert sum(n for agrees, n in other if agrees) >= floor * sum(n for _, n in other)
