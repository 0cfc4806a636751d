"""Stored papers as documents for matching."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlmodel import Session, col

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
    columns = [getattr(Paper, name) for name in PaperDocument.columns()]
    for chunk in chunks(ids):
        for row in session.execute(sa.select(*columns).where(col(Paper.id).in_(chunk), *is_shown())):
            if isinstance(row.title, str) and isinstance(row.abstract, str):  # SQLite stores what it is given
                documents[row.id] = PaperDocument.from_paper(row, sources.get(row.id, ()))
    return [documents[paper_id] for paper_id in ids if paper_id in documents]
