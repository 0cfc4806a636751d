"""Stored papers as matching sees them: a text, and the sources that list it."""

from collections.abc import Sequence

from sqlmodel import Session

from digest import papers
from digest.matching import Document
from digest.models import Paper


def documents(session: Session, found: Sequence[Paper]) -> list[Document]:
    """One for each paper, in their order."""
    sources = papers.sources_of(session, [int(each.id or 0) for each in found])
    return [Document.of(each, sources.get(int(each.id or 0), ())) for each in found]
