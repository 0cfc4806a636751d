"""Stored papers as documents for matching."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from digest.database.models import Paper
from digest.matching import PaperDocument
from digest.papers.queries import chunks, is_shown, sources_by_paper


def build_documents(session: Session, rows: Sequence[Paper]) -> list[PaperDocument]:
    """Build the documents of loaded papers, in their order."""
    sources = sources_by_paper(session, [int(paper.id or 0) for paper in rows])
    return [PaperDocument.from_paper(paper, sources.get(int(paper.id or 0), ())) for paper in rows]


def load_documents(session: Session, ids: Sequence[int]) -> list[PaperDocument]:
    """Load papers as documents, in the order of `ids`, with only the columns that matching reads.

    Rows that are merged into others, notices and what is retracted are left out.
    """
    documents: dict[int, PaperDocument] = {}
    sources = sources_by_paper(session, ids)
    columns = (Paper.id, Paper.title, Paper.abstract, Paper.authors, Paper.categories, Paper.organization)
    for chunk in chunks(ids):
        rows = select(*columns, Paper.upvotes, Paper.code_url).where(col(Paper.id).in_(chunk), *is_shown())  # type: ignore[call-overload]
        for paper_id, title, abstract, authors, categories, organization, upvotes, code_url in session.exec(rows).all():
            if not isinstance(title, str) or not isinstance(abstract, str):  # SQLite stores what it is given
                continue
            documents[paper_id] = PaperDocument(
                id=paper_id,
                title=title,
                abstract=abstract,
                authors=tuple(authors),
                categories=tuple(categories),
                sources=sources.get(paper_id, ()),
                organization=organization or "",
                upvotes=upvotes,
                has_code=bool(code_url),
            )
    return [documents[paper_id] for paper_id in ids if paper_id in documents]
