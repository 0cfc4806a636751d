"""The ranking rule: which papers an e-mail carries, and in which order. Pure.

A paper that more queries match comes first, then a match in the title, then more upvotes, then the later listing. The
rule stands here in two forms that agree: a tuple for a few papers, and one integer for columns of many.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # at run time NumPy costs a process that only sends 25 MB
    import numpy as np
    import numpy.typing as npt

    from digest.database.models import Paper

IntegerOrArray = TypeVar("IntegerOrArray", int, "npt.NDArray[np.int64]")

TRENDING_LIMIT = 3  # papers that come along with those that match
QUERY_COUNT_BITS = 10  # a subscriber has at most 1,000 keywords
POPULARITY_BITS = 31
PACKED_KEY_BITS = QUERY_COUNT_BITS + 1 + POPULARITY_BITS


@dataclass(frozen=True, slots=True)
class Candidate:
    """Paper that an e-mail may carry. `query_count` is how many distinct queries match it."""

    paper_id: int
    first_listing_id: int
    upvotes: int = 0
    query_count: int = 0
    in_title: bool = False

    @classmethod
    def from_paper(cls, paper: "Paper", *, query_count: int = 0, in_title: bool = False) -> "Candidate":
        """Return a stored paper as a candidate."""
        return cls(int(paper.id or 0), paper.first_listing_id, paper.upvotes or 0, query_count, in_title)


@dataclass(frozen=True, slots=True)
class PaperSelection:
    """Papers in the order of the e-mail, and those that matched but found no room."""

    paper_ids: tuple[int, ...]
    omitted_ids: tuple[int, ...]


def ranking_key(candidate: Candidate) -> tuple[int, bool, int, int]:
    """Return the rule as a tuple; the greater, the better."""
    return (candidate.query_count, candidate.in_title, *popularity_key(candidate))


def popularity_key(candidate: Candidate) -> tuple[int, int]:
    """Return the part of the rule that asks for no query; the greater, the better."""
    return (candidate.upvotes, candidate.first_listing_id)


def packed_ranking_key(
    query_count: IntegerOrArray, in_title: IntegerOrArray, popularity: IntegerOrArray
) -> IntegerOrArray:
    """Return the rule as one integer of PACKED_KEY_BITS; the greater, the better.

    `popularity` is the paper's position among all in ascending order of popularity, see `popularity_order`.
    """
    return (query_count << 1 | in_title) << POPULARITY_BITS | popularity


def unpack_ranking_key(key: IntegerOrArray) -> tuple[IntegerOrArray, IntegerOrArray, IntegerOrArray]:
    """Return the query count, whether a title matches (0 or 1), and the popularity of a packed key."""
    return key >> POPULARITY_BITS + 1, key >> POPULARITY_BITS & 1, key & (1 << POPULARITY_BITS) - 1


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

    Equals keep their order. Without a matched paper, trending papers fill the e-mail up to the cap. So a caller whose
    subscriber has keywords and no match passes no trending papers.
    """
    ranked_ids = _unique_ids(sorted(matched, key=ranking_key, reverse=True))
    selected_ids = ranked_ids[:cap]
    room = min(trending_limit, cap - len(selected_ids)) if ranked_ids else cap
    matched_ids = set(ranked_ids)
    others = [candidate for candidate in trending if candidate.paper_id not in matched_ids]
    trending_ids = _unique_ids(sorted(others, key=popularity_key, reverse=True))
    return PaperSelection((*selected_ids, *trending_ids[: max(room, 0)]), tuple(ranked_ids[cap:]))


def _unique_ids(candidates: Sequence[Candidate]) -> list[int]:
    return list(dict.fromkeys(candidate.paper_id for candidate in candidates))
