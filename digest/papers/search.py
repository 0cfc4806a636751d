"""Search for papers by a query, the newest first.

The full-text index yields candidates and matching decides, so a search finds what a digest would bring.
"""

from dataclasses import dataclass

from sqlmodel import Session

from digest.database.models import Paper
from digest.matching import Matcher, Query
from digest.papers.documents import load_documents
from digest.papers.fulltext import find_candidates
from digest.papers.fulltext_terms import search_expression
from digest.papers.queries import papers_by_id

SCAN_LIMIT = 400  # papers for one page; matching one takes some 0.2 ms
MAX_PAPER_ID = 2**52


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Page of results.

    `next_before_id`: papers with lower ids may match too; None when all were scanned. `is_truncated`: the page is not
    full because `scanned_count` papers are as many as one page may cost.
    """

    papers: tuple[Paper, ...]
    next_before_id: int | None
    scanned_count: int
    is_truncated: bool


def search_papers(
    session: Session, query: Query, before_id: int = MAX_PAPER_ID, *, limit: int, scan_limit: int = SCAN_LIMIT
) -> SearchPage:
    """Find up to `limit` papers with ids below `before_id` that match the query (or do not match an exclusion)."""
    matcher = Matcher([query])
    expression = None if query.exclude else search_expression(query.root)
    matches: list[int] = []
    scanned, next_before_id = 0, before_id
    while len(matches) <= limit and scanned < scan_limit:
        size = min(scan_limit - scanned, max(limit + 10, scanned))
        ids = find_candidates(session, expression, next_before_id, size)
        documents = load_documents(session, ids)
        hits = {documents[hit.document].id for hit in matcher.match(documents)[0]}
        matches += [paper_id for paper_id in ids if (paper_id in hits) != query.exclude]
        scanned += len(ids)
        if len(ids) < size:
            next_before_id = 0
            break
        next_before_id = ids[-1]
    page = matches[:limit]
    if len(matches) > limit:
        next_before_id = page[-1]
    papers = papers_by_id(session, page)
    return SearchPage(
        papers=tuple(papers[paper_id] for paper_id in page),
        next_before_id=next_before_id or None,
        scanned_count=scanned,
        is_truncated=len(matches) <= limit and bool(next_before_id),
    )
