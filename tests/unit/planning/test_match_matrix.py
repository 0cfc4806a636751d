"""The sparse matrix of queries and papers, and the papers of each subscriber that come of it."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.matching import Matcher, PaperDocument, parse_canonical
from digest.papers import Candidate, choose_papers
from digest.planning.due import SubscriberChunk
from digest.planning.fan_out import SortedMatches, fan_out
from digest.planning.match_matrix import (
    ABOUT,
    EXCLUSION,
    MATCH,
    TITLE_MATCH,
    IntArray,
    MatchCells,
    MatchMatrix,
    build_matrix,
    format_integers,
    json_arrays,
    match_block,
)


def integers(*numbers: int) -> IntArray:
    return np.array(numbers, dtype=np.int64)


def cells(*triples: tuple[int, int, int]) -> MatchCells:
    """Return cells of (row, column, value)."""
    rows, columns, values = np.array(triples, dtype=np.int64).reshape(-1, 3).T
    return MatchCells(rows, columns, values)


# Three papers: (number, first listing, upvotes). By popularity, the least first: 30, 10, 20.
PAPERS = [(10, 5, 0), (20, 6, 7), (30, 4, 0)]


def matrix(*triples: tuple[int, int, int], rows: int = 3) -> MatchMatrix:
    return build_matrix([cells(*triples)], rows, PAPERS)


def test_numbers_are_padded_to_the_widest() -> None:
    assert format_integers(integers(7, 120)).tobytes() == b"  7,120,"
    assert format_integers(integers()).shape == (0, 2)


def test_arrays_of_numbers_are_json() -> None:
    texts = format_integers(integers(7, 120, 9))
    assert json_arrays(texts, integers(1, 0, 2), integers(0, 2, 2, 3)) == ["[120,  7]", "[]", "[  9]"]


def test_columns_are_in_ascending_order_of_popularity() -> None:
    found = matrix((0, 0, MATCH), (1, 1, TITLE_MATCH), (2, 2, EXCLUSION))
    assert (found.paper_ids.tolist(), found.first_listing_ids.tolist(), found.upvotes.tolist()) == (
        [30, 10, 20],
        [4, 5, 6],
        [0, 0, 7],
    )
    assert found.cells.toarray().tolist() == [[0, MATCH, 0], [0, 0, TITLE_MATCH], [EXCLUSION, 0, 0]]


def test_the_cells_of_all_blocks_are_joined() -> None:
    found = build_matrix([cells((0, 0, MATCH)), cells((1, 2, MATCH))], 2, PAPERS)
    assert found.cells.toarray().tolist() == [[0, MATCH, 0], [MATCH, 0, 0]]
    assert build_matrix([], 2, []).cells.shape == (2, 0)


def test_only_papers_of_later_listings_remain() -> None:
    found = matrix((0, 0, MATCH), (0, 1, MATCH))
    assert found.listed_after(3) is found
    later = found.listed_after(4)
    assert (later.paper_ids.tolist(), later.first_listing_ids.tolist(), later.upvotes.tolist()) == (
        [10, 20],
        [5, 6],
        [0, 7],
    )
    assert later.cells.toarray()[0].tolist() == [MATCH, MATCH]


def document(title: str, abstract: str = "") -> PaperDocument:
    return PaperDocument(0, title, abstract)


def test_a_block_has_a_cell_for_each_match() -> None:
    queries = [parse_canonical(text) for text in ("robot", "-survey", "volcano")]
    documents = [document("Nothing here"), *(document("Pad") for _ in range(8)), document("A robot", "A survey")]
    documents.append(document("A plain title", "It is, they say, a robot."))
    found = match_block(Matcher(queries), queries, documents)
    assert sorted(zip(found.rows.tolist(), found.columns.tolist(), found.values.tolist(), strict=True)) == [
        (0, 9, MATCH + TITLE_MATCH + ABOUT),
        (0, 10, MATCH),
        (1, 9, EXCLUSION),
    ]
    assert match_block(Matcher(queries), queries, []).rows.tolist() == []


def subscribers_of(found: MatchMatrix, covered: tuple[int, ...], *pairs: tuple[int, int]) -> SortedMatches:
    """Fan out to subscribers with these marks; `pairs` are of a subscriber's position and a query."""
    positions, rows = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return fan_out(found, positions, rows, chunk(*covered))


def chunk(
    *covered: int, choices: tuple[int, ...] = (), sources: tuple[str, ...] = (), about: tuple[bool, ...] = ()
) -> SubscriberChunk:
    """Return subscribers with these marks, with position 0 or 1 of their choice: all sources, or these.

    `about`: who wants only papers about a keyword.
    """
    zeros = integers(*(0 for _ in covered))
    chosen = integers(*choices) if choices else zeros
    every_choice = frozenset[str](), frozenset(sources)
    about_only = integers(*(int(wanted) for wanted in about)) if about else zeros
    columns = (zeros, integers(*covered), zeros, zeros, zeros, about_only, chosen)
    return SubscriberChunk(*columns, source_choices=every_choice)


def test_each_subscriber_gets_what_matches_and_is_new_for_them() -> None:
    found = matrix((0, 0, MATCH), (0, 1, MATCH + TITLE_MATCH), (1, 0, MATCH), (1, 2, MATCH), (2, 1, EXCLUSION))
    matches = subscribers_of(found, (0, 4, 5, 0), (0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 2))
    assert matches.candidates_at(0, (0, 1)) == [
        Candidate(10, 5, 0, query_count=2, in_title=False, queries=(0, 1)),
        Candidate(20, 6, 7, query_count=1, in_title=True, queries=(0,)),
        Candidate(30, 4, 0, query_count=1, in_title=False, queries=(1,)),
    ]
    assert [candidate.paper_id for candidate in matches.candidates_at(1, (0, 1))] == [10, 20]  # 30 is not new
    assert [candidate.paper_id for candidate in matches.candidates_at(2, (0, 1))] == [20]
    assert [candidate.paper_id for candidate in matches.candidates_at(3, (0, 2))] == [10]  # 20 is excluded
    assert list(matches.offsets) == [0, 3, 5, 6, 7]


def test_for_who_chose_sources_a_paper_is_new_when_one_of_them_lists_it_first() -> None:
    listings = [(10, "arxiv", 5), (10, "acs", 8), (20, "acs", 6), (30, "arxiv", 4), (30, "pubmed", 9), (99, "acs", 1)]
    found = build_matrix([cells((0, 0, MATCH), (0, 1, MATCH), (0, 2, MATCH))], 1, PAPERS, listings)
    pairs = [(position, 0) for position in range(4)]
    positions, rows = np.array(pairs, dtype=np.int64).T
    for covered, sources, paper_ids in (
        (0, ("acs",), [20, 10]),
        (5, ("arxiv",), []),
        (5, ("acs", "arxiv"), [20]),  # arXiv had listed 10
        (6, ("acs",), [10]),
        (8, ("acs", "pubmed"), [30]),
        (3, ("unknown",), []),
    ):
        for view in (found, found.listed_after(min(covered, 4))):
            subscribers = chunk(covered, 4, covered, 9, choices=(1, 0, 1, 1), sources=sources)
            matches = fan_out(view, positions, rows, subscribers)
            new = [[candidate.paper_id for candidate in matches.candidates_at(position, (0,))] for position in range(4)]
            assert new == [paper_ids, [20, 10], paper_ids, []]


@pytest.mark.parametrize(
    ("cap", "lists"),
    [(1, ("[10]", "[20,30]")), (2, ("[10,20]", "[30]")), (3, ("[10,20,30]", "[]")), (9, ("[10,20,30]", "[]"))],
)
def test_the_best_papers_have_room_and_the_others_are_omitted(cap: int, lists: tuple[str, str]) -> None:
    found = matrix((0, 0, MATCH), (0, 1, MATCH + TITLE_MATCH), (1, 0, MATCH), (1, 2, MATCH))
    matches = subscribers_of(found, (0, 0), (1, 0), (1, 1))
    assert matches.json_lists([cap, cap]) == [("[]", "[]"), lists]


CELL_VALUES = st.sampled_from([*(0,) * 6, MATCH, MATCH + ABOUT, MATCH + TITLE_MATCH + ABOUT])


@given(
    st.lists(st.lists(CELL_VALUES, min_size=12, max_size=12), min_size=4, max_size=4),
    st.lists(st.sets(st.integers(0, 4)), min_size=1, max_size=5),
    st.integers(1, 5),
    st.sets(st.integers(0, 11)),
)
def test_seats_are_those_that_choosing_one_by_one_gives(
    rows: list[list[int]], keywords: list[set[int]], cap: int, excluded: set[int]
) -> None:
    papers = [(number + 1, number + 1, number % 3) for number in range(12)]
    triples = [(row, column, value) for row, values in enumerate(rows) for column, value in enumerate(values) if value]
    found = build_matrix([cells(*triples, *((4, column, EXCLUSION) for column in excluded))], 5, papers)
    pairs = np.array([(n, row) for n, own in enumerate(keywords) for row in sorted(own)], dtype=np.int64).reshape(-1, 2)
    caps = np.full(len(keywords), cap, dtype=np.int64)
    matches = fan_out(found, pairs[:, 0], pairs[:, 1], chunk(*(0 for _ in keywords)))
    lists = matches.seat_queries(pairs[:, 0], pairs[:, 1], caps).json_lists(caps.tolist())
    for position, own in enumerate(keywords):
        selection = choose_papers(matches.candidates_at(position, sorted(own)), cap=cap)
        assert [json.loads(text) for text in lists[position]] == [[*selection.paper_ids], [*selection.omitted_ids]]


def test_who_wants_only_papers_about_a_keyword_gets_no_passing_mention() -> None:
    found = matrix((0, 0, MATCH), (0, 1, MATCH + ABOUT), (1, 0, MATCH + ABOUT), (2, 1, EXCLUSION))
    positions, rows = np.array([(0, 0), (1, 0), (2, 0), (2, 1), (3, 0), (3, 2)], dtype=np.int64).T
    matches = fan_out(found, positions, rows, chunk(0, 0, 0, 0, about=(False, True, True, True)))
    assert [[row.paper_id for row in matches.candidates_at(n, (0, 1))] for n in range(4)] == [
        [20, 10],
        [20],
        [10, 20],
        [],
    ]


def test_a_rare_keyword_has_its_paper_for_whoever_saved_it() -> None:
    found = matrix((0, 0, MATCH + ABOUT), (0, 1, MATCH + ABOUT), (1, 2, MATCH))
    positions, rows = np.array([(0, 0), (1, 0), (1, 1), (2, 0), (2, 1)], dtype=np.int64).T
    matches = fan_out(found, positions, rows, chunk(0, 0, 0)).seat_queries(positions, rows, integers(2, 2, 3))
    assert [[json.loads(text) for text in lists] for lists in matches.json_lists([2, 2, 3])] == [
        [[20, 10], []],
        [[20, 30], [10]],
        [[20, 10, 30], []],
    ]
