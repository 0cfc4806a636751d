"""What is known of a paper beside its text, as its page and e-mails say it: events, and what it is to other papers."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import or_
from sqlmodel import Session, col, select

from digest.database import is_in_values
from digest.database.models import Paper, PaperEvent, PaperRelation
from digest.identifiers import LinkRelation
from digest.papers.events import KIND_OF_RELATION, NOTICE_RELATIONS
from digest.papers.queries import STANDING_ID, papers_by_id, standing_papers


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
    numbers = {n for link in links for n in (link.paper_id, link.other_id) if n} - set(ids)
    others = standing_papers(session, papers_by_id(session, numbers).values())

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


@dataclass(frozen=True, slots=True)
class RecentEvent:
    """Event of a paper, under all ids that the paper has or had."""

    id: int
    kind: str
    noted_at: datetime
    paper_ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class PaperNews:
    """What an e-mail tells of a paper that its reader had: one event, and the paper that stands for it now."""

    paper_id: int
    title: str
    kind: str
    venue: str = ""


def load_recent_events(session: Session, since: datetime) -> list[RecentEvent]:
    """Return what has happened to papers since an instant, in the order in which it was noted."""
    columns = (PaperEvent.id, PaperEvent.kind, PaperEvent.noted_at, PaperEvent.paper_id)
    rows = session.execute(
        select(*columns, STANDING_ID)  # type: ignore[call-overload]
        .join(Paper, col(Paper.id) == PaperEvent.paper_id)
        .where(col(PaperEvent.noted_at) >= since)
        .order_by(col(PaperEvent.id))
    ).all()
    standing_ids = {standing for *_, standing in rows}
    is_merged = is_in_values(session, Paper.merged_into, standing_ids)
    merged = session.exec(select(col(Paper.merged_into), col(Paper.id)).where(is_merged)).all() if rows else []
    groups: dict[int, set[int]] = {}
    for standing, number in merged:
        groups.setdefault(int(standing or 0), set()).add(int(number or 0))
    return [
        RecentEvent(int(number or 0), kind, noted_at, frozenset({paper_id, standing, *groups.get(standing, ())}))
        for number, kind, noted_at, paper_id, standing in rows
    ]


def load_news(session: Session, event_ids: Collection[int]) -> dict[int, PaperNews]:
    """Load what is told of events by id. Those whose link was undone meanwhile are gone."""
    if not event_ids:
        return {}
    rows = session.exec(select(PaperEvent).where(is_in_values(session, PaperEvent.id, event_ids))).all()
    papers = standing_papers(session, papers_by_id(session, {event.paper_id for event in rows}).values())
    return {
        int(event.id or 0): PaperNews(int(paper.id or 0), str(paper.title), event.kind, str(event.venue))
        for event in rows
        if (paper := papers.get(event.paper_id))
    }
