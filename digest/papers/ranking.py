"""The ranking rule: which papers an e-mail carries, and in which order. Pure.

A paper that is about a keyword comes before those that mention keywords in passing; then one that more queries match,
then a match in the title, then more upvotes, then the later listing. The rule stands here in two forms that agree: a
tuple for a few papers, and one integer for columns of many. Within the cap every keyword that matched has its best
paper.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # at run time NumPy costs a process that only sends 25 MB
    import numpy as np
    import numpy.typing as npt

    from digest.database.models import Paper

IntegerOrArray = TypeVar("IntegerOrArray", int, "npt.NDArray[np.int64]")

TRENDING_LIMIT = 3  # papers that come along with those that match
QUERY_COUNT_BITS = 10  # a subscriber has at most 1,000 keywords
POPULARITY_BITS = 31
PACKED_KEY_BITS = 1 + QUERY_COUNT_BITS + 1 + POPULARITY_BITS
# What a paper counts as that no source has votes for: the median of papers that have some, on the day after their
# listing. With 0, a paper of a source without votes would lose every tie.
USUAL_UPVOTES = 6


@dataclass(frozen=True, slots=True)
class Candidate:
    """Paper that an e-mail may carry.

    - `upvotes`: as they rank, see `ranked_upvotes`
    - `query_count`: how many distinct queries match it; `in_title`: one of them does by words of the title
    - `is_about`: whether it is about one of them (see `matching.QueryBits`), and does not only mention them in passing
    - `queries`: which these are; known only where a seat for each is asked for
    """

    paper_id: int
    first_listing_id: int
    upvotes: int = 0
    query_count: int = 0
    in_title: bool = False
    is_about: bool = False
    queries: tuple[int, ...] = ()

    @classmethod
    def from_paper(
        cls,
        paper: "Paper",
        *,
        query_count: int = 0,
        in_title: bool = False,
        is_about: bool = False,
        queries: tuple[int, ...] = (),
    ) -> "Candidate":
        """Return a stored paper as a candidate."""
        upvotes = ranked_upvotes(paper.upvotes)
        paper_id = int(paper.id or 0)
        return cls(paper_id, paper.first_listing_id, upvotes, query_count, in_title, is_about, queries)


def ranked_upvotes(upvotes: int | None) -> int:
    """Return the votes that a paper counts as in the ranking."""
    return USUAL_UPVOTES if upvotes is None else upvotes


@dataclass(frozen=True, slots=True)
class PaperSelection:
    """Papers in the order of the e-mail, and those that matched but found no room."""

    paper_ids: tuple[int, ...]
    omitted_ids: tuple[int, ...]


def ranking_key(candidate: Candidate) -> tuple[bool, int, bool, int, int]:
    """Return the rule as a tuple; the greater, the better."""
    return (candidate.is_about, candidate.query_count, candidate.in_title, *popularity_key(candidate))


def popularity_key(candidate: Candidate) -> tuple[int, int]:
    """Return the part of the rule that asks for no query; the greater, the better."""
    return (candidate.upvotes, candidate.first_listing_id)


def packed_ranking_key(
    is_about: IntegerOrArray, query_count: IntegerOrArray, in_title: IntegerOrArray, popularity: IntegerOrArray
) -> IntegerOrArray:
    """Return the rule as one integer of PACKED_KEY_BITS; the greater, the better.

    `popularity` is the paper's position among all in ascending order of popularity, see `popularity_order`.
    """
    counted = is_about << QUERY_COUNT_BITS | query_count
    return (counted << 1 | in_title) << POPULARITY_BITS | popularity


def unpack_ranking_key(
    key: IntegerOrArray,
) -> tuple[IntegerOrArray, IntegerOrArray, IntegerOrArray, IntegerOrArray]:
    """Return what `packed_ranking_key` was given, in its order; the booleans as 0 or 1."""
    counted = key >> POPULARITY_BITS + 1
    return (
        counted >> QUERY_COUNT_BITS,
        counted & (1 << QUERY_COUNT_BITS) - 1,
        key >> POPULARITY_BITS & 1,
        key & (1 << POPULARITY_BITS) - 1,
    )


def popularity_order(
    upvotes: "npt.NDArray[np.int64]", first_listing_ids: "npt.NDArray[np.int64]"
) -> "npt.NDArray[np.int64]":
    """Return the positions that sort papers by popularity, the least popular first."""
    import numpy as np

    return np.lexsort((first_listing_ids, upvotes))


def choose_papers(
    matched: Sequence[Candidate], trending: Sequence[Candidate] = (), *, cap: int, trending_limit: int = TRENDING_LIMIT
) -> PaperSelection:
    """Choose the best `cap` matched papers, then the most popular others within the cap; none twice.

    Among them is the best paper of every query, as far as candidates name their `queries`. Equals keep their order.
    Without a matched paper, trending papers fill the e-mail up to the cap. So a caller whose subscriber has keywords
    and no match passes no trending papers.
    """
    ranked = _unique(sorted(matched, key=ranking_key, reverse=True))
    selected, omitted = seat_queries(ranked, cap)
    room = min(trending_limit, cap - len(selected)) if ranked else cap
    matched_ids = {candidate.paper_id for candidate in ranked}
    others = [candidate for candidate in trending if candidate.paper_id not in matched_ids]
    popular = _unique(sorted(others, key=popularity_key, reverse=True))[: max(room, 0)]
    return PaperSelection(
        tuple(candidate.paper_id for candidate in (*selected, *popular)),
        tuple(candidate.paper_id for candidate in omitted),
    )


def seat_queries(ranked: Sequence[Candidate], cap: int) -> tuple[list[Candidate], list[Candidate]]:
    """Split candidates, best first, into those within the cap, and the others; both keep their order."""
    counts = Counter(query for candidate in ranked for query in candidate.queries)
    best_ranks: dict[int, int] = {}
    for rank, candidate in enumerate(ranked):
        for query in candidate.queries:
            best_ranks.setdefault(query, rank)
    selected = set(seat_ranks([(counts[query], rank) for query, rank in best_ranks.items()], len(ranked), cap))
    return (
        [candidate for rank, candidate in enumerate(ranked) if rank in selected],
        [candidate for rank, candidate in enumerate(ranked) if rank not in selected],
    )


def seat_ranks(queries: Iterable[tuple[int, int]], count: int, cap: int) -> list[int]:
    """Return which of `count` ranked papers come within the cap, in ascending order.

    `queries` has the number of matches of each query, and the rank of its best paper (0 is the best). Each of these
    papers has a seat; with more of them than seats, those of the rarest queries. The best others fill up.
    """
    seats: set[int] = set()
    for _, rank in sorted(queries):
        if len(seats) >= cap:
            break
        seats.add(rank)
    others = (rank for rank in range(count) if rank not in seats)
    return sorted([*seats, *islice(others, max(min(cap, count) - len(seats), 0))])


def _unique(candidates: Sequence[Candidate]) -> list[Candidate]:
    first: dict[int, Candidate] = {}
    for candidate in candidates:
        first.setdefault(candidate.paper_id, candidate)
    return list(first.values())
