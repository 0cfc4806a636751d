"""Papers by a query, the newest first: the index names candidates, matching decides. What a search finds is what a
letter would bring.

    look(session, query, below)   a page of results
    keep_up(session, most)        the index brought up to date, in the transaction that wrote the papers
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from digest import papers
from digest.matching import Document, Matcher, Query
from digest.models import Paper
from digest.search.index import candidates, keep_up
from digest.search.words import asked

__all__ = ["AT_ONCE", "MOST_LOOKED", "Found", "keep_up", "look"]

MOST_LOOKED = 400  # papers for one page; each costs some 0.2 ms
AT_ONCE = 20_000  # papers indexed with one reading of a source: what an upgrade left
TOP = 2**52


@dataclass(frozen=True, slots=True)
class Found:
    """A page. `onward`: papers numbered below it may match too, None when all were looked at. `short`: the page is
    not full, because `looked` papers are as many as one page may cost.
    """

    papers: tuple[Paper, ...]
    onward: int | None
    looked: int
    short: bool


def look(session: Session, query: Query, below: int = TOP, *, most: int, most_looked: int = MOST_LOOKED) -> Found:
    """At most `most` papers with numbers below `below` that the query finds (or, for an exclusion, lets pass)."""
    matcher, wanted = Matcher([query]), asked(query)
    if query.exclude:
        wanted = None
    found: list[int] = []
    looked, place = 0, below
    while len(found) <= most and looked < most_looked:
        size = min(most_looked - looked, max(most + 10, looked))
        numbers = candidates(session, wanted, place, size)
        documents = read(session, numbers)
        hits = {documents[hit.document].id for hit in matcher.match(documents)[0]}
        found += [number for number in numbers if (number in hits) != query.exclude]
        looked += len(numbers)
        if len(numbers) < size:
            place = 0
            break
        place = numbers[-1]
    shown = found[:most]
    onward = shown[-1] if len(found) > most else place
    known = papers.by_ids(session, shown)
    short = len(found) <= most and bool(onward)
    return Found(tuple(known[number] for number in shown), onward or None, looked, short)


def read(session: Session, numbers: Sequence[int]) -> list[Document]:
    """Papers as matching sees them, in this order: only the columns that it reads."""
    found: dict[int, Document] = {}
    sources = papers.sources_of(session, numbers)
    columns = (Paper.id, Paper.title, Paper.abstract, Paper.authors, Paper.categories, Paper.organization)
    for part in papers.chunks(numbers):
        rows = select(*columns, Paper.upvotes, Paper.code_url).where(col(Paper.id).in_(part))  # type: ignore[call-overload]
        for number, title, abstract, authors, categories, organization, upvotes, code in session.exec(rows).all():
            found[number] = Document(
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
    return [found[number] for number in numbers if number in found]
