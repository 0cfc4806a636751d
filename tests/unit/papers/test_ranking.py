"""The ranking rule: as a tuple, as a packed integer, and as the papers that are chosen by it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.papers import Candidate, PaperSelection, choose_papers
from digest.papers.ranking import (
    PACKED_KEY_BITS,
    USUAL_UPVOTES,
    packed_ranking_key,
    popularity_key,
    popularity_order,
    ranked_upvotes,
    ranking_key,
    unpack_ranking_key,
)


def candidate(
    paper_id: int,
    query_count: int = 1,
    *,
    in_title: bool = False,
    is_about: bool = False,
    upvotes: int = 0,
    first_listing_id: int = 0,
    queries: tuple[int, ...] = (),
) -> Candidate:
    return Candidate(paper_id, first_listing_id or paper_id, upvotes, query_count, in_title, is_about, queries)


def trending(*upvotes: int) -> list[Candidate]:
    """Papers that no query matches, with as many upvotes as their number."""
    return [candidate(number, 0, upvotes=number) for number in upvotes]


def test_what_is_about_it_then_more_queries_the_title_upvotes_and_the_later_listing_come_first() -> None:
    matched = [
        candidate(1),
        candidate(2),
        candidate(3, upvotes=9),
        candidate(4, in_title=True),
        candidate(5, 2),
        candidate(6, 2, in_title=True),
        candidate(7, is_about=True),
    ]
    assert choose_papers(matched, cap=9).paper_ids == (7, 6, 5, 4, 3, 2, 1)


def test_a_paper_without_votes_counts_as_one_with_the_usual_number() -> None:
    votes = ((1, USUAL_UPVOTES - 1), (2, None), (3, USUAL_UPVOTES + 1))
    matched = [candidate(number, upvotes=ranked_upvotes(count), first_listing_id=1) for number, count in votes]
    assert choose_papers(matched, cap=9).paper_ids == (3, 2, 1)


@pytest.mark.parametrize(
    ("cap", "paper_ids"),
    [
        (5, (5, 4, 3, 2, 1)),
        (4, (5, 4, 3, 1)),  # 1 is the best of query 2
        (3, (5, 3, 1)),
        (2, (3, 1)),  # fewer seats than queries: those of the rarest
        (1, (1,)),
        (0, ()),
    ],
)
def test_every_query_has_its_best_paper_within_the_cap(cap: int, paper_ids: tuple[int, ...]) -> None:
    queries = {5: (0,), 4: (0,), 3: (1,), 2: (0, 1), 1: (2,)}
    matched = [candidate(number, queries=own, first_listing_id=number) for number, own in queries.items()]
    selection = choose_papers(matched, cap=cap)
    assert selection.paper_ids == paper_ids
    assert sorted((*selection.paper_ids, *selection.omitted_ids)) == [1, 2, 3, 4, 5]


def test_without_a_rare_query_the_best_papers_are_chosen_as_before() -> None:
    matched = [candidate(number, queries=(number % 2,)) for number in range(1, 30)]
    assert choose_papers(matched, cap=4).paper_ids == (29, 28, 27, 26)


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

    is_about, query_counts, in_title = (
        np.array([getattr(candidate, name) for candidate in by_popularity], dtype=np.int64)
        for name in ("is_about", "query_count", "in_title")
    )
    keys = packed_ranking_key(is_about, query_counts, in_title, np.arange(len(by_popularity), dtype=np.int64))
    ranked = [by_popularity[position] for position in np.argsort(keys).tolist()]
    assert ranked == sorted(candidates, key=ranking_key)


@given(st.integers(0, 1), st.integers(0, 1000), st.integers(0, 1), st.integers(0, 2**31 - 1))
def test_a_packed_key_holds_its_parts_in_order(is_about: int, query_count: int, in_title: int, popularity: int) -> None:
    key = packed_ranking_key(is_about, query_count, in_title, popularity)
    assert unpack_ranking_key(key) == (is_about, query_count, in_title, popularity)
    assert key < 1 << PACKED_KEY_BITS
