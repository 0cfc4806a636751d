"""Words of a paper that somebody names by an identifier: what `like:` looks for in others."""

from sqlalchemy import Engine, or_
from sqlmodel import Session, col, select

from digest.database import read_session, select_readable
from digest.database.models import Paper
from digest.identifiers import normalize_identifier
from digest.matching import describe_paper
from digest.papers.identity import find_owners
from digest.papers.queries import standing_papers
from digest.papers.similar.term_counts import load_term_space


def describe_named_paper(session: Session, name: str) -> dict[str, float] | None:
    """Return the heaviest words of a paper with their weights, None when no paper has this identifier.

    They are none while no terms are counted, and for a paper whose words tell nothing.
    """
    identifier = normalize_identifier(name)
    if identifier is None:
        return None
    owners = find_owners(session, [identifier]).values()
    is_named = or_(col(Paper.id).in_(owners), col(Paper.key) == str(identifier))
    paper = session.exec(select(Paper).where(is_named).order_by(col(Paper.id))).first()
    if paper is None:
        return None
    paper = standing_papers(session, [paper])[int(paper.id or 0)]
    space = load_term_space(session)
    if space is None or not select_readable([paper], []):
        return {}
    return describe_paper(space, (paper.title, paper.abstract))


def read_named_paper(engine: Engine, name: str) -> dict[str, float] | None:
    """Return what `describe_named_paper` does, read in a transaction of its own."""
    with read_session(engine) as session:
        return describe_named_paper(session, name)
