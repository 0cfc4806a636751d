"""Papers by a query, the newest first: the index names candidates, matching decides. What a search finds is what a
letter would bring.

    look(session, query, below)   a page of results
    keep_up(session, most)        the index brought up to date, in the transaction that wrote the papers
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from digest.database.models import Paper
from digest.matching import Matcher, PaperDocument, Query
from digest.papers.fulltext import find_candidates
from digest.papers.fulltext_terms import search_expression
from digest.papers.queries import chunks, papers_by_id, sources_by_paper

SCAN_LIMIT = 400  # papers for one page; each costs some 0.2 ms


INDEX_BATCH_SIZE = 20_000  # papers indexed with one reading of a source: what an upgrade left


MAX_PAPER_ID = 2**52


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A page. `onward`: papers numbered below it may match too, None when all were looked at. `short`: the page is
    not full, because `looked` papers are as many as one page may cost.
    """

    papers: tuple[Paper, ...]
    next_before_id: int | None
    looked: int
    short: bool


def search_papers(
    session: Session, query: Query, before_id: int = MAX_PAPER_ID, *, limit: int, scan_limit: int = SCAN_LIMIT
) -> SearchPage:
    """At most `most` papers with numbers below `below` that the query finds (or, for an exclusion, lets pass)."""
    matcher, wanted = Matcher([query]), search_expression(query)
    if query.exclude:
        wanted = None
    found: list[int] = []
    looked, place = 0, before_id
    while len(found) <= limit and looked < scan_limit:
        size = min(scan_limit - looked, max(limit + 10, looked))
        numbers = find_candidates(session, wanted, place, size)
        documents = load_documents(session, numbers)
        hits = {documents[hit.document].id for hit in matcher.match(documents)[0]}
        found += [number for number in numbers if (number in hits) != query.exclude]
        looked += len(numbers)
        if len(numbers) < size:
            place = 0
            break
        place = numbers[-1]
    shown = found[:limit]
    onward = shown[-1] if len(found) > limit else place
    known = papers_by_id(session, shown)
    short = len(found) <= limit and bool(onward)
    return SearchPage(tuple(known[number] for number in shown), onward or None, looked, short)


def load_documents(session: Session, ids: Sequence[int]) -> list[PaperDocument]:
    """Papers as matching sees them, in this order: only the columns that it reads."""
    found: dict[int, PaperDocument] = {}
    sources = sources_by_paper(session, ids)
    columns = (Paper.id, Paper.title, Paper.abstract, Paper.authors, Paper.categories, Paper.organization)
    for part in chunks(ids):
        rows = select(*columns, Paper.upvotes, Paper.code_url).where(col(Paper.id).in_(part))  # type: ignore[call-overload]
        for number, title, abstract, authors, categories, organization, upvotes, code in session.exec(rows).all():
            found[number] = PaperDocument(
                id=number,
                title=title,
                abstract=abstract,
                authors=tuple(authors),
                categories=tuple(categories),
                sources=sources.get(number, ()),
                organization=organization or "",
                upvotes=upvotes,
                has_code=bool(code),
            )
    return [found[number] for number in ids if number in found]
