"""The ranking rule: as a tuple, as a packed integer, and as the papers that are chosen by it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from digest.papers import Candidate, PaperSelection, choose_papers
from digest.papers.ranking import (
    PACKED_KEY_BITS,
    packed_ranking_key,
    popularity_key,
    popularity_order,
    ranking_key,
    unpack_ranking_key,
)


def candidate(
    paper_id: int, query_count: int = 1, *, in_title: bool = False, upvotes: int = 0, first_listing_id: int = 0
) -> Candidate:
    return Candidate(paper_id, first_listing_id or paper_id, upvotes, query_count, in_title)


def trending(*upvotes: int) -> list[Candidate]:
    """Papers that no query matches, with as many upvotes as their number."""
    return [candidate(number, 0, upvotes=number) for number in upvotes]


def test_more_queries_then_the_title_then_upvotes_then_the_later_listing_come_first() -> None:
    matched = [
        candidate(1),
        candidate(2),
        candidate(3, upvotes=9),
        candidate(4, in_title=True),
        candidate(5, 2),
        candidate(6, 2, in_title=True),
    ]
    assert choose_papers(matched, cap=9).paper_ids == (6, 5, 4, 3, 2, 1)


def test_equals_keep_their_order_and_a_paper_given_twice_comes_once() -> None:
    matched = [candidate(number, queries, first_listing_id=1) for number, queries in ((8, 1), (7, 1), (8, 2), (9, 1))]
    assert choose_papers(matched, cap=9).paper_ids == (8, 7, 9)


def test_the_cap_omits_the_lowest_and_names_them() -> None:
    assert choose_papers([candidate(1), candidate(2), candidate(3)], cap=2) == PaperSelection((3, 2), (1,))


def test_the_most_upvoted_others_follow_within_the_cap() -> None:
    matched = [candidate(1), candidate(2)]
    others = [candidate(1, 0, upvotes=99), *trending(5, 6, 7, 8)]
    assert choose_papers(matched, others, cap=9).paper_ids == (2, 1, 8, 7, 6)
    assert choose_papers(matched, others, cap=9, trending_limit=1).paper_ids == (2, 1, 8)
    assert choose_papers(matched, others, cap=3).paper_ids == (2, 1, 8)
    assert choose_papers([*matched, candidate(3)], others, cap=2) == PaperSelection((3, 2), (1,))


def test_without_a_match_trending_papers_come_up_to_the_cap() -> None:
    assert choose_papers((), trending(*range(1, 9)), cap=5) == PaperSelection((8, 7, 6, 5, 4), ())
    assert choose_papers((), (), cap=5) == PaperSelection((), ())


CANDIDATES = st.lists(
    st.builds(Candidate, st.integers(1, 9), st.integers(1, 9), st.integers(0, 3), st.integers(1, 3), st.booleans())
)


@given(CANDIDATES, CANDIDATES, st.integers(0, 6), st.integers(0, 4))
def test_no_paper_is_lost_or_doubled(
    matched: list[Candidate], others: list[Candidate], cap: int, trending_limit: int
) -> None:
    selection = choose_papers(matched, others, cap=cap, trending_limit=trending_limit)
    paper_ids = selection.paper_ids + selection.omitted_ids
    assert len(set(paper_ids)) == len(paper_ids)
    assert len(selection.paper_ids) <= cap
    assert {candidate.paper_id for candidate in matched} <= set(paper_ids)
    assert set(paper_ids) <= {candidate.paper_id for candidate in [*matched, *others]}
    assert not selection.omitted_ids or len(selection.paper_ids) == cap


DISTINCT_CANDIDATES = st.lists(
    st.builds(
        Candidate,
        st.integers(1, 2**62),
        st.integers(1, 2**62),
        st.integers(0, 2**31),
        st.integers(0, 1000),
        st.booleans(),
    ),
    unique_by=lambda candidate: candidate.first_listing_id,
)


@given(DISTINCT_CANDIDATES)
def test_the_packed_key_ranks_as_the_tuple_does(candidates: list[Candidate]) -> None:
    order = popularity_order(
        np.array([candidate.upvotes for candidate in candidates], dtype=np.int64),
        np.array([candidate.first_listing_id for candidate in candidates], dtype=np.int64),
    )
    by_popularity = [candidates[position] for position in order.tolist()]
    assert by_popularity == sorted(candidates, key=popularity_key)

    keys = packed_ranking_key(
        np.array([candidate.query_count for candidate in by_popularity], dtype=np.int64),
        np.array([candidate.in_title for candidate in by_popularity], dtype=np.int64),
        np.arange(len(by_popularity), dtype=np.int64),
    )
    ranked = [by_popularity[position] for position in np.argsort(keys).tolist()]
    assert ranked == sorted(candidates, key=ranking_key)


@given(st.integers(0, 1000), st.integers(0, 1), st.integers(0, 2**31 - 1))
def test_a_packed_key_holds_its_three_parts_in_order(query_count: int, in_title: int, popularity: int) -> None:
    key = packed_ranking_key(query_count, in_title, popularity)
    assert unpack_ranking_key(key) == (query_count, in_title, popularity)
    assert key < 1 << PACKED_KEY_BITS
