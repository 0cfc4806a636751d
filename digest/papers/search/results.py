"""Results of a search by a query: a page of papers in an order, their number, and how they spread over the list days.

The full-text index yields candidates and matching decides, so a search finds what a digest would bring. What one search
may cost is bounded: a page matches at most SCAN_LIMIT papers, sorts and counts look at the CANDIDATE_LIMIT newest.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sqlalchemy import ColumnElement, func, or_
from sqlmodel import Session, col, select

from digest.database import is_in_values
from digest.database.models import Listing, Paper
from digest.matching import Matcher, Query
from digest.papers.documents import load_documents
from digest.papers.queries import STANDING_ID, papers_by_id
from digest.papers.search.browse import PaperOrder, order_columns
from digest.papers.search.fulltext import MAX_PAPER_ID, find_candidates
from digest.papers.search.index_terms import search_expression

SCAN_LIMIT = 400  # papers for one page; matching one takes some 0.2 ms
CANDIDATE_LIMIT = 10_000  # papers that are sorted, filtered and counted
EXACT_LIMIT = 60  # candidates that are all matched, so that their number is exact


class SearchOrder(StrEnum):
    """Orders of the results. Equals stand newest first."""

    NEWEST = "newest"
    UPVOTES = "upvotes"
    STARS = "stars"


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What to search for: a query, perhaps only what `source` lists, or what is listed `since` a day."""

    query: Query
    order: SearchOrder = SearchOrder.NEWEST
    source: str = ""
    since: date | None = None


@dataclass(frozen=True, slots=True)
class MatchCount:
    """How many papers match: exactly, about, or at least `number`, because no more were counted."""

    number: int
    is_exact: bool = False
    is_minimum: bool = False


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Page of results.

    `next_position`: where the next page begins, None when all papers were scanned. In the order NEWEST it is a paper
    id, and lower ones may match; else it is the number of candidates before. `is_truncated`: the page is not full
    because `scanned_count` papers are as many as one page may cost. `count` is None where the index cannot tell, and on
    later pages of the order NEWEST. `candidates`: ids of all papers that may
    match, as far as they were looked up; only of those that do, where all were matched.
    """

    papers: tuple[Paper, ...]
    next_position: int | None
    scanned_count: int
    is_truncated: bool
    count: MatchCount | None
    candidates: Sequence[int] = ()


def search_papers(
    session: Session, request: SearchRequest, position: int = 0, *, limit: int, scan_limit: int = SCAN_LIMIT
) -> SearchPage:
    """Find up to `limit` papers from `position` on that match the query (or do not match an exclusion)."""
    expression = None if request.query.exclude else search_expression(request.query.root)
    is_newest_first = request.order == SearchOrder.NEWEST
    before_id = min(position or MAX_PAPER_ID, MAX_PAPER_ID) if is_newest_first else MAX_PAPER_ID
    is_plain = is_newest_first and not (request.source or request.since)
    # A later page in this order needs no more candidates than it may scan, and one without the index counts none.
    window = scan_limit if is_plain and (position or expression is None) else CANDIDATE_LIMIT
    newest = find_candidates(session, expression, before_id, window + 1)
    is_cut, newest = len(newest) > window, newest[:window]
    candidates = _filter_candidates(session, newest, request)
    ordered = candidates if is_newest_first else _sort_candidates(session, candidates, request.order)
    start = 0 if is_newest_first else min(position, len(ordered))
    scan = _scan(session, request.query, ordered, start, limit, scan_limit)
    page = scan.matches[:limit]
    end = page[-1] + 1 if len(scan.matches) > limit else scan.end
    next_position: int | None = None
    if end < len(ordered):
        next_position = ordered[end - 1] if is_newest_first else end
    elif is_cut and is_newest_first:
        next_position = newest[-1]
    papers = papers_by_id(session, [ordered[number] for number in page])
    is_counted = expression is not None and not (position and is_newest_first)
    if (scan.start, scan.end) == (0, len(ordered)):
        candidates = [ordered[number] for number in scan.matches]
    return SearchPage(
        papers=tuple(papers[ordered[number]] for number in page if ordered[number] in papers),
        next_position=next_position,
        scanned_count=scan.end - start,
        is_truncated=len(scan.matches) <= limit and next_position is not None,
        count=_estimate(scan, len(ordered), is_cut=is_cut) if is_counted else None,
        candidates=candidates,
    )


def count_by_list_day(session: Session, ids: Collection[int], days: Sequence[date]) -> Mapping[date, int]:
    """Return how many of these papers each of the list days has; each paper counts on the first of them."""
    if not days or not ids:
        return {}
    first_days = (
        select(func.min(Listing.list_day))
        .join(Paper, col(Paper.id) == Listing.paper_id)
        .where(_is_any_of(session, ids), col(Listing.list_day) >= min(days))
    )
    return Counter(session.exec(first_days.group_by(STANDING_ID)))


@dataclass(frozen=True, slots=True)
class _Scan:
    """Positions of the candidates that match, among those from `start` to `end`."""

    matches: Sequence[int]
    start: int
    end: int


def _scan(session: Session, query: Query, ordered: Sequence[int], start: int, limit: int, scan_limit: int) -> _Scan:
    """Match candidates from `start` on until there is one more than a page has; all of them if they are few."""
    matcher = Matcher([query])
    matches: list[int] = []
    position, last = start, min(len(ordered), start + scan_limit)
    is_short = last - start <= EXACT_LIMIT
    while position < last and (len(matches) <= limit or is_short):
        size = EXACT_LIMIT if is_short else max(limit + 10, position - start)
        batch = ordered[position : min(position + size, last)]
        documents = load_documents(session, batch)
        hits = {documents[hit.document].id for hit in matcher.match(documents)[0]}
        # Merged rows and notices have no document: they match nothing, and no exclusion either. Nor do editorials.
        if query.exclude:
            hits = {document.id for document in documents if document.id not in hits and document.kind == "paper"}
        matches += [position + n for n, paper_id in enumerate(batch) if paper_id in hits]
        position += len(batch)
    return _Scan(matches, start, position)


def _estimate(scan: _Scan, candidate_count: int, *, is_cut: bool) -> MatchCount:
    """Estimate how many candidates match, by the share of those that were matched."""
    if scan.start == 0 and scan.end == candidate_count:
        return MatchCount(len(scan.matches), is_exact=not is_cut, is_minimum=is_cut)
    share = len(scan.matches) / max(1, scan.end - scan.start)
    number = max(round(candidate_count * share), len(scan.matches))
    return MatchCount(_round_to_two_digits(number), is_minimum=is_cut)


def _round_to_two_digits(number: int) -> int:
    scale = int(10 ** max(0, len(str(number)) - 2))
    return round(number / scale) * scale


def _filter_candidates(session: Session, ids: Sequence[int], request: SearchRequest) -> Sequence[int]:
    """Return the candidates that the source lists, and since when they should be listed."""
    if not ids or not (request.source or request.since):
        return ids
    listed = select(STANDING_ID).join(Listing, col(Listing.paper_id) == Paper.id).where(_is_any_of(session, ids))
    if request.source:
        listed = listed.where(Listing.source == request.source)
    if request.since:
        listed = listed.where(col(Listing.list_day) >= request.since)
    return sorted(set(session.exec(listed).all()), reverse=True)


def _is_any_of(session: Session, ids: Collection[int]) -> ColumnElement[bool]:
    """Build the condition that a row is one of these papers, or merged into one."""
    return or_(*(is_in_values(session, column, ids) for column in (col(Paper.id), col(Paper.merged_into))))


def _sort_candidates(session: Session, ids: Sequence[int], order: SearchOrder) -> Sequence[int]:
    columns = order_columns(PaperOrder(order.value), col(Paper.id).desc())
    papers = select(Paper.id).where(is_in_values(session, col(Paper.id), ids)).order_by(*columns[:2])
    return [int(paper_id or 0) for paper_id in session.exec(papers).all()]
