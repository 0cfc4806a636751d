"""Links between papers: the same, a published version, a notice. Made and undone without rewriting anything.

Rows, listings, identifiers and deliveries stay as they are. Of two rows that are one, that which entered later gets
`merged_into`; what the other one takes over from it is kept in the link, and put back when it is undone.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Any

from sqlalchemy import func, or_, update
from sqlmodel import Session, col, select

from digest.database import LISTING_LOCK, acquire_lock, is_in_values
from digest.database.models import Listing, Paper, PaperIdentifier, PaperRelation
from digest.errors import ObjectNotFoundError, UsageError
from digest.identifiers import (
    Identifier,
    LinkRelation,
    LinkRule,
    PaperIdentity,
    PaperKind,
    author_key,
    compare_by_title,
    contradict,
)
from digest.papers import messages
from digest.papers.events import drop_link_events, read_evidence, store_link_events
from digest.papers.identity.renumber import renumber_listing
from digest.papers.queries import STANDING_ID, standing_paper
from digest.papers.search import INDEXED_COLUMNS

TEXT_FIELDS = ("title", "abstract", "text_source", "title_key")
# What a row has of its own, beside its text. All else a row that stands takes over where it has nothing.
OWN_FIELDS = (
    *("id", "key", "arxiv_id", "version", "doi", "url", "kind", "first_listing_id", "first_seen_at", "changed_at"),
    *("text_fetched_at", "is_indexed", "merged_into"),
)
OPTIONAL_FIELDS = tuple(name for name in Paper.model_fields if name not in {*OWN_FIELDS, *TEXT_FIELDS})


@dataclass(frozen=True, slots=True)
class PaperPair:
    """Two papers with one title and first author of which nobody can tell whether they are one."""

    one: Paper
    other: Paper


def identify(paper: Paper, names: Iterable[Identifier]) -> PaperIdentity:
    """Return what is compared of a stored paper."""
    year = (paper.published_on or paper.first_seen_at).year
    author = author_key(paper.authors[0]) if paper.authors else ""
    return PaperIdentity(frozenset(names), str(paper.title), author, year, paper.kind)


def load_names(session: Session, paper_ids: Collection[int]) -> dict[int, set[Identifier]]:
    """Load the identifiers of papers, each with those of the rows that it stands for."""
    is_wanted = or_(is_in_values(session, Paper.id, paper_ids), is_in_values(session, Paper.merged_into, paper_ids))
    rows = session.execute(
        select(col(Paper.id), STANDING_ID, col(PaperIdentifier.scheme), col(PaperIdentifier.value))
        .join(PaperIdentifier, col(PaperIdentifier.paper_id) == col(Paper.id))
        .where(is_wanted)
    )
    names: dict[int, set[Identifier]] = {}
    for paper_id, standing_id, scheme, value in rows:
        for number in {paper_id, standing_id}:
            names.setdefault(number, set()).add(Identifier(scheme, value))
    return names


def merge_papers(
    session: Session,
    standing: Paper,
    merged: Paper,
    rule: LinkRule,
    now: datetime,
    *,
    is_sounder: bool = False,
) -> PaperRelation:
    """Let one row stand for another one, and for all that this one stood for. `is_sounder`: the text of the other."""
    evidence: dict[str, Any] = {"numbers": [standing.first_listing_id, merged.first_listing_id]}
    moved = session.exec(select(col(Paper.id)).where(col(Paper.merged_into) == merged.id)).all()
    if moved:
        evidence["moved"] = list(moved)
        session.execute(update(Paper).where(col(Paper.merged_into) == merged.id).values(merged_into=standing.id))
    merged.merged_into = standing.id
    numbers = [number for number in (standing.first_listing_id, merged.first_listing_id) if number]
    standing.first_listing_id = min(numbers, default=0)
    standing.is_indexed = False  # the sources of both list it
    take_over(standing, merged, evidence, is_sounder=is_sounder or bool(merged.abstract and not standing.abstract))
    link = PaperRelation(
        paper_id=int(merged.id or 0),
        other_id=standing.id,
        relation=LinkRelation.SAME,
        rule=rule,
        evidence=json.dumps(evidence),
        created_at=now,
    )
    session.add(link)
    session.flush()
    return link


def take_over(standing: Paper, merged: Paper, evidence: dict[str, Any], *, is_sounder: bool) -> None:
    """Copy to the row that stands what only the merged one has, and a sounder text; `evidence` keeps the former one."""
    replaced: dict[str, list[Any]] = evidence.get("replaced", {})
    names = [name for name in OPTIONAL_FIELDS if name in replaced or getattr(standing, name) in (None, [])]
    if is_sounder or "title" in replaced:
        names += TEXT_FIELDS
    for name in names:
        value, before = getattr(merged, name), getattr(standing, name)
        if value in (None, []) or value == before:
            continue
        former = replaced[name][0] if name in replaced else _to_json(before)
        replaced[name] = [former, _to_json(value)]
        setattr(standing, name, value)
        if name in INDEXED_COLUMNS:
            standing.is_indexed = False
    if replaced:
        evidence["replaced"] = replaced


def link_papers(session: Session, one_id: int, other_id: int, relation: LinkRelation, now: datetime) -> PaperRelation:
    """Link two papers for the operator: as the same, or the first as the preprint of the second.

    Raises UsageError when there is no such paper, or nothing to link.
    """
    acquire_lock(session, LISTING_LOCK)
    one, other = (find_standing(session, number) for number in (one_id, other_id))
    if one.id == other.id:
        raise UsageError(messages.one_paper_already(one_id, other_id))
    if relation != LinkRelation.SAME:
        is_linked = select(PaperRelation.id).where(
            PaperRelation.paper_id == one.id, PaperRelation.other_id == other.id, col(PaperRelation.undone_at).is_(None)
        )
        if session.exec(is_linked.where(PaperRelation.relation == relation)).first():
            raise UsageError(messages.linked_already(one_id, other_id))
        link = PaperRelation(
            paper_id=int(one.id or 0), other_id=other.id, relation=relation, rule=LinkRule.OPERATOR, created_at=now
        )
        session.add(link)
        session.flush()
        store_link_events(session, [link], now)
        return link
    standing, merged = order_by_entry(one, other)
    return merge_papers(session, standing, merged, LinkRule.OPERATOR, now)


def order_by_entry(one: Paper, other: Paper) -> tuple[Paper, Paper]:
    """Return two rows, that which entered first before the other one. Who never entered comes last."""
    first, second = sorted(
        (one, other), key=lambda paper: (not paper.first_listing_id, paper.first_listing_id, paper.id or 0)
    )
    return first, second


def find_standing(session: Session, paper_id: int) -> Paper:
    """Return the row that stands for a paper. Raises UsageError when there is none."""
    paper = standing_paper(session, paper_id)
    if paper is None:
        raise ObjectNotFoundError(messages.unknown_paper(paper_id))
    return paper


def unlink_papers(session: Session, link_id: int, now: datetime) -> list[PaperRelation]:
    """Undo a link, and return what was undone: with a link by title also the later ones by that title.

    The two are remembered as different. Raises UsageError when there is no such link.
    """
    acquire_lock(session, LISTING_LOCK)
    link = session.get(PaperRelation, link_id)
    if link is None or link.undone_at is not None or link.other_id is None:
        raise ObjectNotFoundError(messages.unknown_link(link_id))
    links = [link]
    merged = session.get(Paper, link.paper_id)
    if link.rule == LinkRule.TITLE and merged and merged.title_key:
        of_title = select(col(Paper.id)).where(Paper.title_key == merged.title_key)
        later = select(PaperRelation).where(
            PaperRelation.rule == LinkRule.TITLE,
            col(PaperRelation.id) > link.id,
            col(PaperRelation.undone_at).is_(None),
            col(PaperRelation.other_id).is_not(None),
            col(PaperRelation.paper_id).in_(of_title),
        )
        links += session.exec(later.order_by(col(PaperRelation.id))).all()
    for undone in reversed(links):
        _undo(session, undone, now)
    session.flush()
    return links


def _undo(session: Session, link: PaperRelation, now: datetime) -> None:
    link.undone_at = now
    drop_link_events(session, link, now)
    evidence = read_evidence(link)
    paper, other = session.get(Paper, link.paper_id), session.get(Paper, link.other_id)
    if paper is None or other is None:
        return
    if link.relation == LinkRelation.SAME:
        paper.merged_into = None
        _put_back(session, other, paper, evidence)
        if not paper.first_listing_id:
            renew_entry(session, paper)
    elif link.relation == LinkRelation.PUBLISHED and evidence.get("at_entry"):
        # Planning has kept it from whoever had the other one; now it is new, and is held against what they had.
        renew_entry(session, order_by_entry(paper, other)[1])


def _put_back(session: Session, standing: Paper, merged: Paper, evidence: dict[str, Any]) -> None:
    """Give both rows what they had before the link, where it was not changed since."""
    before, entered = evidence.get("numbers", (standing.first_listing_id, merged.first_listing_id))
    if standing.first_listing_id == min(filter(None, (before, entered)), default=0):
        standing.first_listing_id = before
    for name, (former, taken) in evidence.get("replaced", {}).items():
        if _to_json(getattr(standing, name)) == taken:
            setattr(standing, name, _from_json(name, former))
            if name in INDEXED_COLUMNS:
                standing.is_indexed = False
    moved = evidence.get("moved", [])
    if moved:
        is_moved = is_in_values(session, Paper.id, moved)
        session.execute(
            update(Paper).where(is_moved, col(Paper.merged_into) == standing.id).values(merged_into=merged.id)
        )


def renew_entry(session: Session, paper: Paper) -> None:
    """Give a paper a fresh listing number, as if it had just been listed: it is new for all."""
    session.flush()
    listing = session.exec(select(Listing).where(Listing.paper_id == paper.id).order_by(col(Listing.id))).first()
    if listing is not None:  # else nobody has listed it: it enters with its first listing
        paper.first_listing_id = renumber_listing(session, listing)


def ambiguous_pairs(session: Session, limit: int = 200) -> list[PaperPair]:
    """Return the papers with one title and first author that stay two for their identifiers, the latest first."""
    is_paper = (col(Paper.merged_into).is_(None), Paper.kind == PaperKind.PAPER)
    repeated = (
        select(Paper.title_key)
        .where(col(Paper.title_key).is_not(None), *is_paper)
        .group_by(col(Paper.title_key))
        .having(func.count() > 1)
        .order_by(func.max(Paper.id).desc())
        .limit(limit)
    )
    by_title: dict[str | None, list[Paper]] = {key: [] for key in session.exec(repeated)}
    rows = select(Paper).where(col(Paper.title_key).in_(list(by_title)), *is_paper).order_by(col(Paper.id))
    for paper in session.exec(rows):
        by_title[paper.title_key].append(paper)
    numbers = [int(paper.id or 0) for papers in by_title.values() for paper in papers]
    names, linked = load_names(session, numbers), linked_pairs(session, numbers)
    return [
        PaperPair(one, other)
        for papers in by_title.values()
        for one, other in combinations(papers, 2)
        if frozenset((one.id, other.id)) not in linked and _is_ambiguous(one, other, names)
    ][:limit]


def _is_ambiguous(one: Paper, other: Paper, names: dict[int, set[Identifier]]) -> bool:
    own, others = names.get(int(one.id or 0), set()), names.get(int(other.id or 0), set())
    first, second = identify(one, own), identify(other, others)
    if contradict(own, others) or not first.author or first.author != second.author:
        return False
    return bool(first.year and second.year and abs(first.year - second.year) <= 1) and (
        compare_by_title(first, second) != LinkRelation.PUBLISHED
    )


def linked_pairs(session: Session, paper_ids: Collection[int]) -> set[frozenset[int | None]]:
    """Return the pairs among these papers that are linked, or were: no rule links them again."""
    is_wanted = (
        is_in_values(session, column, paper_ids) for column in (PaperRelation.paper_id, PaperRelation.other_id)
    )
    rows = select(PaperRelation.paper_id, PaperRelation.other_id).where(or_(*is_wanted))
    return {frozenset(pair) for pair in session.exec(rows)}


def active_links(session: Session, paper_id: int | None = None, limit: int = 200) -> Sequence[PaperRelation]:
    """Return the latest links that hold, of all papers or of one."""
    links = select(PaperRelation).where(
        col(PaperRelation.undone_at).is_(None), col(PaperRelation.other_id).is_not(None)
    )
    if paper_id is not None:
        links = links.where(or_(col(PaperRelation.paper_id) == paper_id, col(PaperRelation.other_id) == paper_id))
    return session.exec(links.order_by(col(PaperRelation.id).desc()).limit(limit)).all()


def _to_json(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else list(value) if isinstance(value, list) else value


def _from_json(name: str, value: Any) -> Any:
    if name == "published_on" and isinstance(value, str):
        return datetime.fromisoformat(value).date()
    return value
