"""Stored papers as matching sees them: a text, and the sources that list it."""

from collections.abc import Sequence

from sqlmodel import Session

from digest.database.models import Paper
from digest.matching import PaperDocument
from digest.papers.queries import sources_by_paper


def build_documents(session: Session, rows: Sequence[Paper]) -> list[PaperDocument]:
    """One for each paper, in their order."""
    sources = sources_by_paper(session, [int(each.id or 0) for each in rows])
    return [PaperDocument.from_paper(each, sources.get(int(each.id or 0), ())) for each in rows]
