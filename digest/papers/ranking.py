"""What one reader gets, and when: the choice of papers and the due days. Pure; the clock is an argument."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """A paper that may be chosen. `entered` grows with listing time; `queries` counts distinct queries matched."""

    paper_id: int
    first_listing_id: int
    upvotes: int = 0
    query_count: int = 0
    in_title: bool = False


@dataclass(frozen=True, slots=True)
class PaperSelection:
    """Papers in the order of the letter, and those that matched but found no room."""

    paper_ids: tuple[int, ...]
    omitted_ids: tuple[int, ...]


def choose_papers(
    matched: Sequence[Candidate], trending: Sequence[Candidate] = (), *, cap: int, trending_limit: int = 3
) -> PaperSelection:
    """The best `cap` matched papers, then the `top` most upvoted others within the cap; none twice.

    A paper matched by more keywords comes first, then a match in the title, then upvotes, then what was listed
    later; equals keep their order. Without a matched paper there is nobody's keyword to serve: trending papers fill
    the letter up to the cap. So a caller whose reader has keywords and no match passes no trending papers.
    """
    ranked = _unique(sorted(matched, key=ranking_key))
    ranked_ids = [candidate.paper_id for candidate in ranked]
    selected_ids = ranked_ids[:cap]
    trending_room = min(trending_limit, cap - len(selected_ids)) if ranked_ids else cap
    matched_ids = set(ranked_ids)
    trending_ids = [
        candidate.paper_id
        for candidate in _unique(sorted(trending, key=trending_key))
        if candidate.paper_id not in matched_ids
    ]
    return PaperSelection((*selected_ids, *trending_ids[: max(trending_room, 0)]), tuple(ranked_ids[cap:]))


def ranking_key(candidate: Candidate) -> tuple[int, bool, int, int]:
    return (-candidate.query_count, not candidate.in_title, -candidate.upvotes, -candidate.first_listing_id)


def trending_key(candidate: Candidate) -> tuple[int, int]:
    return (-candidate.upvotes, -candidate.first_listing_id)


def _unique(candidates: Sequence[Candidate]) -> list[Candidate]:
    by_paper: dict[int, Candidate] = {}
    for candidate in candidates:
        by_paper.setdefault(candidate.paper_id, candidate)
    return list(by_paper.values())
