"""Stored papers as matching sees them: a text, and the sources that list it."""

from collections.abc import Sequence

from sqlmodel import Session

from digest import papers
from digest.matching import PaperDocument
from digest.models import Paper


def build_documents(session: Session, rows: Sequence[Paper]) -> list[PaperDocument]:
    """One for each paper, in their order."""
    sources = papers.sources_by_paper(session, [int(each.id or 0) for each in rows])
    return [PaperDocument.from_paper(each, sources.get(int(each.id or 0), ())) for each in rows]
