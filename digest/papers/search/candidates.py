"""Recent papers that may match some queries, by the full-text index of the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session, col, select

from digest.database import is_in_values, select_readable
from digest.database.models import Listing, Paper
from digest.matching import Query
from digest.papers.queries import STANDING_ID, is_shown, recent_list_days
from digest.papers.search.fulltext import MAX_PAPER_ID, find_candidates
from digest.papers.search.index_terms import search_expression

RECENT_SCAN_LIMIT = 200  # papers that may match one of many queries


@dataclass(frozen=True, slots=True)
class RecentCandidates:
    """Recent papers that may match some queries.

    `day`, `days`: the latest list day and how many; `considered_count`: papers that they list, `papers` among them.
    """

    papers: tuple[Paper, ...]
    day: date
    days: int
    considered_count: int


def find_recent_candidates(
    session: Session, queries: Sequence[Query], days: int, *, scan_limit: int = RECENT_SCAN_LIMIT
) -> RecentCandidates | None:
    """Find what may match in the papers of the last list days, None when no day is listed.

    Where a query has more than `scan_limit` candidates, fewer days are considered, so that each count is exact.
    """
    list_days = recent_list_days(session, days)
    if not list_days:
        return None
    found: set[int] = set()
    oldest_id = 0
    for query in queries:
        ids = find_candidates(session, search_expression(query.root), MAX_PAPER_ID, scan_limit)
        found |= set(ids)
        if len(ids) == scan_limit:
            oldest_id = max(oldest_id, ids[-1])
    is_considered = col(Listing.list_day).in_(list_days), col(Listing.paper_id) >= oldest_id
    considered = select(col(Listing.list_day), STANDING_ID).join(Listing, col(Listing.paper_id) == Paper.id)
    rows = session.exec(considered.where(*is_considered).distinct()).all()
    paper_ids = {paper_id for _, paper_id in rows}
    return RecentCandidates(
        papers=tuple(
            session.exec(select(Paper).where(is_in_values(session, Paper.id, found & paper_ids), *is_shown()))
        ),
        day=list_days[0],
        days=len({day for day, _ in rows}),
        considered_count=len(paper_ids),
    )


def find_latest_candidates(session: Session, queries: Sequence[Query], limit: int) -> list[Paper]:
    """Find the latest papers that may match, at most `limit` for each query: for a rare one also old papers."""
    found = {
        paper_id
        for query in queries
        for paper_id in find_candidates(session, search_expression(query.root), MAX_PAPER_ID, limit)
    }
    rows = session.exec(select(Paper).where(is_in_values(session, Paper.id, found), *is_shown())).all()
    return select_readable(rows, [])
