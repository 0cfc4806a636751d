"""The papers of one subscriber to whom undelivered or trending papers may come."""

import numpy as np
import pytest

from digest.database.models import Paper
from digest.delivery import UndeliveredPapers
from digest.matching import Matcher, parse_canonical
from digest.papers import Candidate, PaperSelection
from digest.planning.carry_over import DueSubscriber, add_undelivered, choose_edition, undelivered_trending
from digest.planning.match_matrix import EXCLUSION, MATCH, TITLE_MATCH, build_matrix, format_integers
from digest.planning.new_papers import NewPapers
from tests.support.factories import paper

ROBOT, SURVEY = 0, 1  # rows of the queries
QUERIES = [parse_canonical("robot"), parse_canonical("-survey")]
# Papers 1 to 3 match "robot", 2 in its title; 3 is a survey, 4 matches nothing.
CELLS = {1: {ROBOT: MATCH}, 2: {ROBOT: MATCH + TITLE_MATCH}, 3: {ROBOT: MATCH, SURVEY: EXCLUSION}, 4: {}}
STORED: dict[int, Paper] = {number: paper(id=number, first_listing_id=number, upvotes=None) for number in CELLS}


def new_papers(*trending: Candidate) -> NewPapers:
    cells = CELLS | {candidate.paper_id: CELLS.get(candidate.paper_id, {}) for candidate in trending}
    ids = np.array([7, 9], dtype=np.int64)
    is_exclusion = np.array([False, True])
    nothing = build_matrix([], 2, [])
    matcher = Matcher(QUERIES)
    return NewPapers(
        0, 99, ids, QUERIES, is_exclusion, matcher, nothing, [*trending], format_integers(ids), _cells_by_paper=cells
    )


def choose(
    *query_rows: int,
    matched: tuple[Candidate, ...] = (),
    papers: tuple[int, ...] = (),
    omitted: tuple[int, ...] = (),
    delivered: tuple[int, ...] = (),
    trending: tuple[Candidate, ...] = (),
    cap: int = 3,
    wants_trending: bool = False,
    covered: int = 10,
) -> PaperSelection:
    subscriber = DueSubscriber(1, covered, cap, wants_trending, query_rows, ROBOT in query_rows)
    undelivered = UndeliveredPapers([*papers], [*omitted])
    return choose_edition(subscriber, new_papers(*trending), matched, undelivered, STORED, set(delivered))


def test_undelivered_papers_come_while_they_match_and_were_not_delivered() -> None:
    assert choose(ROBOT, papers=(1, 2, 4)) == PaperSelection((2, 1), ())
    assert choose(ROBOT, papers=(1, 2, 5), delivered=(1,)) == PaperSelection((2,), ())
    assert choose(ROBOT, papers=(4,)) == PaperSelection((), ())


def test_an_exclusion_holds_for_undelivered_papers_and_omitted_ones() -> None:
    assert choose(ROBOT, SURVEY, papers=(1, 3)) == PaperSelection((1,), ())
    assert choose(ROBOT, papers=(1, 3)) == PaperSelection((3, 1), ())
    assert choose(ROBOT, SURVEY, papers=(1,), omitted=(2, 3)) == PaperSelection((1,), (2,))


def test_omitted_papers_stay_omitted_unless_they_were_delivered_or_come_now() -> None:
    assert choose(ROBOT, papers=(1,), omitted=(2, 3), delivered=(3,)) == PaperSelection((1,), (2,))
    assert choose(ROBOT, papers=(1,), omitted=(1, 2)) == PaperSelection((1,), (2,))


def test_without_a_match_trending_papers_do_not_come_along() -> None:
    popular = Candidate(50, 20, 9)
    assert choose(ROBOT, trending=(popular,), wants_trending=True) == PaperSelection((), ())
    match = Candidate(60, 30, 0, query_count=1)
    assert choose(ROBOT, matched=(match,), trending=(popular,), wants_trending=True).paper_ids == (60, 50)
    assert choose(ROBOT, matched=(match,), trending=(popular,)).paper_ids == (60,)


@pytest.mark.parametrize(
    ("trending", "covered", "delivered", "expected"),
    [
        (Candidate(50, 11, 9), 10, (), (50,)),
        (Candidate(50, 10, 9), 10, (), ()),  # it was trending for the edition before
        (Candidate(50, 11, 9), 10, (50,), ()),
    ],
)
def test_a_trending_paper_comes_once(
    trending: Candidate, covered: int, delivered: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert choose(trending=(trending,), covered=covered, delivered=delivered).paper_ids == expected


def test_exclusions_hold_for_trending_papers() -> None:
    trending = (Candidate(3, 20, 9), Candidate(50, 21, 8))
    assert choose(trending=trending).paper_ids == (3, 50)
    assert choose(SURVEY, trending=trending).paper_ids == (50,)


def test_without_keywords_trending_papers_fill_the_cap_and_with_some_only_three_come_along() -> None:
    trending = tuple(Candidate(number, 20, number) for number in range(50, 56))
    assert choose(trending=trending, cap=5).paper_ids == (55, 54, 53, 52, 51)
    match = Candidate(60, 30, 0, query_count=1)
    assert choose(ROBOT, matched=(match,), trending=trending, cap=9, wants_trending=True).paper_ids == (60, 55, 54, 53)


def test_without_keywords_undelivered_papers_come_whatever_they_are() -> None:
    assert choose(papers=(4, 1)).paper_ids == (4, 1)
    assert choose(SURVEY, papers=(4, 3)).paper_ids == (4,)


def test_undelivered_trending_papers_come_along_again() -> None:
    popular, other, match = (
        paper(id=number, first_listing_id=5, upvotes=votes) for number, votes in ((1, 3), (2, None), (3, 9))
    )
    carried = [Candidate(3, 5, 9, query_count=1)]
    assert undelivered_trending([popular, other, match], carried) == [Candidate(1, 5, 3)]


def test_undelivered_papers_come_on_top_of_the_cap_and_are_ranked_with_the_others() -> None:
    selection = PaperSelection((1, 2), (3, 4))
    matched = [Candidate(1, 1, 0, query_count=3), Candidate(2, 2, 0, query_count=1), Candidate(3, 3, 0, query_count=1)]
    carried = [Candidate(9, 1, 0, query_count=2)]
    assert add_undelivered(selection, matched, carried, [4, 5, 9]) == PaperSelection((1, 9, 2), (3, 4, 5))
    assert add_undelivered(selection, matched, [], []) is selection
    assert add_undelivered(selection, matched, [], [5]) == PaperSelection((1, 2), (3, 4, 5))
