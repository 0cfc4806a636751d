"""What is known of a paper beside its text, as its page says it: events, and what it is to other papers."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import or_
from sqlmodel import Session, col, select

from digest.database import is_in_values
from digest.database.models import Paper, PaperEvent, PaperRelation
from digest.identifiers import LinkRelation
from digest.papers.events import KIND_OF_RELATION, NOTICE_RELATIONS
from digest.papers.queries import papers_by_id


@dataclass(frozen=True, slots=True)
class PaperStatement:
    """What is known of one paper beside its text, as its page says it.

    `kind`: that of an event, or `preprint`, `retracts`, `corrects`, `concerns` for what the paper is to `other_id`.
    `reference` names the notice or the published version where no row of ours has it, or the version.
    """

    kind: str
    day: date | None = None
    reference: str = ""
    venue: str = ""
    other_id: int | None = None
    title: str = ""


def load_statements(session: Session, paper: Paper) -> list[PaperStatement]:
    """Return what is known of a paper beside its text: its events, and what it is to other papers. The oldest first."""
    ids = [int(paper.id or 0), *session.exec(select(col(Paper.id)).where(Paper.merged_into == paper.id))]
    of_paper = is_in_values(session, PaperEvent.paper_id, ids)
    events = session.exec(select(PaperEvent).where(of_paper).order_by(col(PaperEvent.id))).all()
    of_these = or_(
        *(is_in_values(session, column, ids) for column in (PaperRelation.paper_id, PaperRelation.other_id)),
        is_in_values(session, PaperRelation.id, [event.link_id for event in events if event.link_id]),
    )
    known = select(PaperRelation).where(of_these, col(PaperRelation.undone_at).is_(None))
    links = [link for link in session.exec(known.order_by(col(PaperRelation.id))) if link.relation in KIND_OF_RELATION]
    others = load_standing(session, {n for link in links for n in (link.paper_id, link.other_id) if n} - set(ids))

    def describe(kind: str, other_id: int | None, **more: Any) -> PaperStatement:
        other = others.get(other_id or 0)
        return PaperStatement(
            kind, other_id=other.id if other else None, title=str(other.title) if other else "", **more
        )

    by_id = {link.id: link for link in links}
    found = []
    for event in events:
        link = by_id.get(event.link_id)
        other_id = next((n for n in (link.paper_id, link.other_id) if n not in ids), None) if link else None
        day = event.happened_on or event.noted_at.date()
        found.append(describe(event.kind, other_id, day=day, reference=str(event.reference), venue=str(event.venue)))
    for link in links:
        if link.relation == LinkRelation.PUBLISHED and link.other_id in ids:
            found.append(describe("preprint", link.paper_id))
        elif link.relation in NOTICE_RELATIONS and link.paper_id in ids and link.other_id:
            found.append(describe(link.relation, link.other_id))
    return list(dict.fromkeys(found))


def load_standing(session: Session, paper_ids: Collection[int]) -> dict[int, Paper]:
    """Load papers by id, each as the row that stands for it."""
    rows = papers_by_id(session, paper_ids)
    standing = papers_by_id(session, {paper.merged_into for paper in rows.values() if paper.merged_into})
    return {number: standing.get(paper.merged_into or 0, paper) for number, paper in rows.items()}
