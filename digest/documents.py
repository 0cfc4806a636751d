"""Papers as matching sees them: the text, and what the listings say."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from digest.db import among
from digest.matching import Document
from digest.models import Listing, Paper


def documents(session: Session, found: Sequence[Paper]) -> list[Document]:
    """One document a paper, in the papers' order."""
    numbers = [int(paper.id or 0) for paper in found]
    listed: dict[int, list[str]] = {}
    pairs = select(Listing.paper_id, Listing.source).where(among(session, col(Listing.paper_id), numbers)).distinct()
    for number, source in session.exec(pairs).all():
        listed.setdefault(number, []).append(source)
    return [document(paper, sorted(listed.get(number, ()))) for number, paper in zip(numbers, found, strict=True)]


def document(paper: Paper, sources: Sequence[str]) -> Document:
    return Document(
        int(paper.id or 0),
        paper.title,
        paper.abstract,
        authors=tuple(paper.authors),
        categories=tuple(paper.categories),
        sources=tuple(sources),
        organization=paper.organization or "",
        upvotes=paper.upvotes,
        has_code=bool(paper.code_url),
    )
