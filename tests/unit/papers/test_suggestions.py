"""Suggestions for keywords: phrases of the recent papers, what was probably meant, what narrows a broad keyword."""

from collections.abc import Sequence

import numpy as np
import pytest

from digest.matching import PaperDocument, parse, split_words
from digest.papers import KeywordSuggester, RecentPapersIndex
from digest.papers.recent import PhraseTable
from digest.papers.suggestions.corrections import MAX_LOOKUPS, KeywordCorrector, edits
from digest.papers.suggestions.suggester import MAX_SEARCHED

FILLER = [f"The {color} {stone} of {place}" for color in ("red", "grey") for stone in ("jasper", "granite", "quartz")
          for place in ("Arran", "Skye", "Mull", "Iona", "Lewis", "Jura")]  # fmt: skip


def index_of(*titles: str, abstracts: Sequence[str] = ()) -> RecentPapersIndex:
    papers = [(title, "") for title in titles] + [("", abstract) for abstract in abstracts]
    return RecentPapersIndex.from_documents(
        [PaperDocument(number, title, abstract) for number, (title, abstract) in enumerate(papers)]
    )


def suggester_of(index: RecentPapersIndex, titles: Sequence[str], listed: Sequence[str] = ()) -> KeywordSuggester:
    suggester = KeywordSuggester(index)
    suggester.load_phrases_of(dict(enumerate(titles)), listed)
    return suggester


def suggester(*titles: str, listed: Sequence[str] = (), abstracts: Sequence[str] = ()) -> KeywordSuggester:
    return suggester_of(index_of(*titles, abstracts=abstracts), titles, listed)


def table_of(*titles: str, listed: Sequence[str] = ()) -> PhraseTable:
    index = index_of(*titles)
    suggester_of(index, titles, listed)
    assert index.phrase_table is not None
    return index.phrase_table


UNLEARNING = [
    *["Machine unlearning of faces", "Machine unlearning by Bayesian pruning", "Fast machine unlearning"] * 2,
    *["Unlearning in diffusion", "Graph unlearning", "Data Unlearning", "Certified unlearning"] * 2,
]


def test_phrases_are_words_of_several_titles_and_no_pieces_of_longer_ones() -> None:
    titles = ["Monte Carlo tree search of Go", "Deep Monte Carlo Tree Search", "Games by Monte Carlo tree search"] * 2
    keys = table_of(*titles, "Tree planting", "Tree planting", "Planting a tree", "Tree planting", *FILLER).keys
    assert "monte carlo tree search" in keys
    assert not {"carlo", "carlo tree", "monte carlo", "tree search", "monte carlo tree"} & set(keys)
    assert "tree planting" not in keys  # in three papers
    assert "tree planting" in table_of(*["Tree planting in spring"] * 4, *FILLER).keys


def test_each_phrase_has_the_papers_that_an_exact_search_finds() -> None:
    titles = [*UNLEARNING, *["Images of black holes", "A black hole, and holes"] * 3, *FILLER]
    index = index_of(*titles)
    suggester_of(index, titles)
    table = index.phrase_table
    assert table is not None
    assert len(table.keys) > 5
    for number, (key, label) in enumerate(zip(table.keys, table.labels, strict=True)):
        having = [n for n, title in enumerate(titles) if f" {key} " in f" {' '.join(split_words(title).keys)} "]
        assert table.paper_counts[number] == len(having), label
        counts, counted = table.count_in(np.array(having))
        assert (counts[number], counted) == (len(having), len(having))
    assert table.count_in(np.array([], dtype=np.int64))[1] == 0


def test_labels_are_written_as_titles_write_them_but_for_the_capitals_of_titles() -> None:
    titles = ["Bayesian Belief Propagation", "On Bayesian Belief Propagation", "LLM-Based Chat"] * 3 + ["Noise"]
    abstracts = ["We study Bayesian belief propagation."] * 4 + ["An LLM-based chat."] * 4
    index = index_of(*titles, abstracts=[*abstracts, *FILLER])
    suggester_of(index, titles)
    assert index.phrase_table is not None
    assert {"Bayesian belief propagation", "LLM-based chat"} <= set(index.phrase_table.labels)


def test_a_phrase_whose_papers_are_near_is_probably_meant_too() -> None:
    found = suggester(*UNLEARNING, *FILLER * 20).suggest([parse("machine unlearning")])
    assert found.close == ("unlearning",)


def test_nothing_is_suggested_that_every_paper_has_or_that_meets_by_chance() -> None:
    titles = [f"{title} on a budget" for title in (*UNLEARNING, *FILLER * 20)]
    found = suggester(*titles).suggest([parse("machine unlearning")])
    assert (found.close, found.related) == (("unlearning",), ())


def test_nothing_is_suggested_that_brings_no_paper_or_is_excluded() -> None:
    papers = suggester(*UNLEARNING, *FILLER * 20)
    for keywords in (["machine unlearning", "unlearning"], ["unlearning"], ["machine unlearning", "-unlearning"]):
        found = papers.suggest([parse(keyword) for keyword in keywords])
        assert "unlearning" not in (*found.close, *found.related), keywords


def test_each_keyword_has_its_share_of_the_suggestions() -> None:
    legged = ["Legged robots and locomotion", "Legged robots: locomotion", "Locomotion of snakes"] * 4
    found = suggester(*UNLEARNING, *legged, *FILLER * 20).suggest([parse("legged robot"), parse("machine unlearning")])
    assert set(found.close) == {"locomotion", "unlearning"}


def test_few_papers_are_helped_by_phrases_with_the_same_rare_word() -> None:
    titles = [
        "Protein folding",
        *["Protein design by hand", "Protein design", "A protein design tool"] * 2,
        *FILLER * 20,
    ]
    assert suggester(*titles).suggest([parse("protein folding")]).related == ("protein design",)


def test_phrases_that_papers_list_as_keywords_are_known_though_no_title_has_them() -> None:
    abstracts = ["We fold laundry heaps."] * 3
    index = index_of("Robots", abstracts=[*abstracts, *FILLER])
    suggester_of(index, ["Robots"], ["laundry heap"])
    assert index.phrase_table is not None
    assert "laundry heap" in index.phrase_table.labels


def test_work_on_many_keywords_is_bounded() -> None:
    papers = suggester(*UNLEARNING, *FILLER * 20)
    keywords = [parse(f"stone{number}") for number in range(MAX_SEARCHED)]
    assert papers.suggest([*keywords, parse("machine unlearning")]).close == ()
    assert papers.suggest([*keywords, parse("machine unlearning")]).close == ("unlearning",)  # others are cached now


@pytest.mark.parametrize(
    ("keyword", "meant"),
    [
        ("machine unlerning", ["machine unlearning"]),
        ("machnie unlearning", ["machine unlearning"]),
        ("machnie Unlerning", ["machine Unlearning"]),
        ("Machin3 unlearning", []),
        ("certfied unlearning AND machinne", []),
        ("unlearnin", ["unlearning"]),
        ("-machine unlerning", []),
        ('"unlearning machine"', ["unlearning AND machine"]),
        ("title:unlearning faces", ["unlearning AND faces"]),
        ("unlearning of jasper faces", ["faces"]),
        ("faces unlearning", ["faces AND unlearning"]),
        ("faces of potatoes", ["faces"]),
        ("unlearning of potatoes", []),
        ("potatoes", []),
        ("machine unlearning", []),
    ],
)
def test_a_keyword_that_finds_nothing_is_corrected(keyword: str, meant: list[str]) -> None:
    query = parse(keyword)
    corrections = suggester(*UNLEARNING * 2, *FILLER * 60).correct([query]).get(query.text, ())
    assert [correction.text for correction in corrections][:1] == meant
    assert all(correction.paper_count for correction in corrections)


def test_a_typo_that_a_paper_has_too_is_seen_by_how_rare_it_is() -> None:
    papers = suggester("Machine unlerning", *["Machine unlearning", "Other work"] * 101)
    query = parse("machine unlerning")
    assert [found.text for found in papers.correct([query])[query.text]] == ["machine unlearning"]
    papers = suggester("Machine unlerning", *["Machine unlearning", "Other work"] * 50)
    assert papers.correct([query])[query.text] == ()


def test_no_keyword_takes_more_lookups_than_are_allowed() -> None:
    lookups = list[str]()

    def count_papers(text: str) -> int:
        lookups.append(text)
        return 0

    corrector = KeywordCorrector(count_papers, lambda keys: dict.fromkeys(keys, 100), paper_count=1000)
    assert corrector.correct(parse(" ".join(f"word{chr(97 + number)}" for number in range(20)))) == ()
    assert 0 < len(lookups) <= MAX_LOOKUPS


def test_a_typo_is_one_character_less_or_more_another_one_or_two_swapped() -> None:
    assert {"gaph", "graaph", "grabh", "garph", "graphs"} <= edits("graph")
    assert not {"gap", "grapple"} & edits("graph")


def test_a_broad_keyword_is_narrowed_by_known_phrases_that_leave_a_fair_part() -> None:
    titles = ["A model by imitation learning"] * 10 + ["A model of dark matter"] * 50 + ["A model of tides"] + FILLER
    papers = suggester(*titles)
    assert papers.narrow(parse("model"), 5, 30) == (("imitation learning", "model AND imitation learning"),)
    assert papers.narrow(parse("model OR stone"), 5, 30)[0][1] == "(model OR stone) AND imitation learning"
    assert papers.narrow(parse("model " + "OR model " * 60 + "OR x1"), 5, 30) != ()


def test_an_index_without_papers_or_phrases_suggests_nothing() -> None:
    for papers in (suggester(), KeywordSuggester(index_of(*UNLEARNING)), suggester("One")):
        found = papers.suggest([parse("machine unlearning"), parse("-x1")])
        assert (found.close, found.related) == ((), ())
        assert papers.narrow(parse("unlearning"), 1, 9) == ()
        assert papers.suggest([]).related == ()
