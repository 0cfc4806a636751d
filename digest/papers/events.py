"""What happens to a paper after it was listed: new versions, notices about it, its publication, its code.

One row an event, whoever says it and however often. What a link says is an event of the paper that it is about, and
goes when the link is undone.
"""

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Self

from sqlalchemy import ColumnElement, delete, func, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from digest.database import insert, is_in_values
from digest.database.models import Paper, PaperEvent, PaperEventKind, PaperRelation
from digest.identifiers import LinkRelation, PaperKind

POPULAR_FACTOR, MIN_POPULAR_UPVOTES = 10, 50
FIRST_DAY = timedelta(days=1)  # of a paper: the first e-mail with it leaves within it, mostly
MAX_VENUE_LENGTH = 200
RETRACTING_KINDS = (PaperEventKind.RETRACTED, PaperEventKind.WITHDRAWN)
NOTICE_RELATIONS = (LinkRelation.RETRACTS, LinkRelation.CORRECTS, LinkRelation.CONCERNS)
KIND_OF_RELATION = {
    LinkRelation.PUBLISHED: PaperEventKind.PUBLISHED,
    LinkRelation.RETRACTS: PaperEventKind.RETRACTED,
    LinkRelation.CORRECTS: PaperEventKind.CORRECTED,
    LinkRelation.CONCERNS: PaperEventKind.CONCERN,
}
_WITHDRAWN_TITLE = re.compile(r"\W*withdrawn(?: article)?(?::|\])", re.IGNORECASE)
_WITHDRAWN_TEXT = re.compile(
    r"\W*(?:withdrawal statement\W*)?(?:th(?:is|e) (?:arxiv )?{work} (?:has been|is|was) withdrawn"
    r"|the authors? (?:has|have) withdrawn (?:this|the|their) {work})\b".replace(
        "{work}", "(?:paper|article|submission|manuscript|work|preprint)"
    ),
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PaperState:
    """What is compared of a paper before and after an entry was taken in."""

    kind: str
    version: int
    abstract: str
    code_url: str | None
    project_url: str | None
    upvotes: int | None

    @classmethod
    def of(cls, paper: Paper) -> Self:
        """Take the state of a row."""
        abstract = str(paper.abstract or "")  # SQLite stores what it is given
        return cls(paper.kind, paper.version, abstract, paper.code_url, paper.project_url, paper.upvotes)


def is_withdrawn(title: str, abstract: str) -> bool:
    """Return whether a paper says of itself that it was withdrawn, by its title or the beginning of its abstract."""
    return bool(_WITHDRAWN_TITLE.match(title) or _WITHDRAWN_TEXT.match(abstract))


def find_changes(before: PaperState, paper: Paper, now: datetime) -> list[PaperEvent]:
    """Return what has happened to a paper whose row has just taken in an entry. It is not stored yet."""
    after = PaperState.of(paper)
    found: list[tuple[PaperEventKind, str]] = []
    if after.kind == PaperKind.RETRACTION != before.kind:
        is_own = is_withdrawn(str(paper.title), after.abstract)
        found.append((PaperEventKind.WITHDRAWN if is_own else PaperEventKind.RETRACTED, ""))
    elif after.version > before.version and _fold(before.abstract) not in {"", _fold(after.abstract)}:
        found.append((PaperEventKind.REVISED, f"v{after.version}"))
    if after.code_url and not before.code_url:
        found.append((PaperEventKind.CODE, ""))
    if after.project_url and not before.project_url:
        found.append((PaperEventKind.PROJECT, ""))
    enough = max(MIN_POPULAR_UPVOTES, POPULAR_FACTOR * (paper.first_upvotes or 0))
    if paper.first_upvotes is not None and (before.upvotes or 0) < enough <= (after.upvotes or 0):
        found.append((PaperEventKind.POPULAR, ""))
    return [PaperEvent(paper_id=int(paper.id or 0), kind=kind, reference=name, noted_at=now) for kind, name in found]


def store_events(session: Session, events: Iterable[PaperEvent]) -> None:
    """Store events, each once."""
    rows = [event.model_dump(exclude={"id"}) for event in events]
    if rows:
        session.execute(insert(session, PaperEvent).on_conflict_do_nothing(), rows)


def store_link_events(session: Session, links: Collection[PaperRelation], now: datetime) -> None:
    """Store what these links say of the papers that they are about. The links must be flushed."""
    stated = [link for link in links if link.relation in KIND_OF_RELATION and link.undone_at is None]
    if not stated:
        return
    known = set(
        session.exec(
            select(PaperEvent.link_id).where(
                is_in_values(session, PaperEvent.link_id, [link.id or 0 for link in stated])
            )
        )
    )
    stated = [link for link in stated if link.id not in known]
    both = {number for link in stated for number in (link.paper_id, link.other_id) if number}
    papers = {
        int(paper.id or 0): paper for paper in session.exec(select(Paper).where(is_in_values(session, Paper.id, both)))
    }
    events: list[PaperEvent] = []
    for link in stated:
        evidence = read_evidence(link)
        is_notice = link.relation in NOTICE_RELATIONS
        if link.other_id is None and is_notice != bool(evidence.get("is_reversed")):
            continue  # the paper that it is about is not here yet
        pair = (link.paper_id, link.other_id)
        subject_id, other_id = (pair[1], pair[0]) if is_notice and link.other_id else pair
        other = papers.get(other_id or 0)
        kind = KIND_OF_RELATION[LinkRelation(link.relation)]
        reference = f"doi:{other.doi}" if other and other.doi else other.key if other else f"{link.scheme}:{link.value}"
        stated_on = evidence.get("stated_on") or None
        events.append(
            PaperEvent(
                paper_id=int(subject_id or 0),
                kind=kind,
                reference="" if kind in RETRACTING_KINDS else reference,
                venue=str(evidence.get("venue", ""))[:MAX_VENUE_LENGTH],
                happened_on=date.fromisoformat(stated_on) if stated_on else other.published_on if other else None,
                noted_at=now,
                link_id=link.id,
            )
        )
    store_events(session, events)


def drop_link_events(session: Session, link: PaperRelation, now: datetime) -> None:
    """Delete what a link said that was undone, unless another one says it, too."""
    session.flush()
    session.execute(delete(PaperEvent).where(col(PaperEvent.link_id) == link.id))
    ids = [number for number in (link.paper_id, link.other_id) if number]
    of_these = or_(*(is_in_values(session, column, ids) for column in (PaperRelation.paper_id, PaperRelation.other_id)))
    store_link_events(session, session.exec(select(PaperRelation).where(of_these)).all(), now)


def read_evidence(link: PaperRelation) -> dict[str, Any]:
    """Return what a link has changed, or what its source has said with it; nothing where that cannot be read."""
    try:
        evidence = json.loads(link.evidence)
    except (ValueError, TypeError):
        return {}
    return evidence if isinstance(evidence, dict) else {}


def is_retracted() -> ColumnElement[bool]:
    """Build the condition that a paper was retracted or withdrawn, under any of its names."""
    named = aliased(Paper)
    standing = func.coalesce(named.merged_into, named.id)
    retracted = select(standing).join(PaperEvent, col(PaperEvent.paper_id) == named.id)
    return col(Paper.id).in_(retracted.where(col(PaperEvent.kind).in_(RETRACTING_KINDS)))


def retracted_paper_ids(session: Session, paper_ids: Collection[int]) -> set[int]:
    """Return those of these papers that were retracted or withdrawn."""
    is_one = or_(col(Paper.kind) == PaperKind.RETRACTION, is_retracted())
    found = session.exec(select(col(Paper.id)).where(is_in_values(session, Paper.id, paper_ids), is_one))
    return {int(number or 0) for number in found} if paper_ids else set()


def _fold(text: str) -> str:
    """Return letters and digits in lower case: what differs in a changed abstract."""
    return "".join(filter(str.isalnum, text)).casefold()
