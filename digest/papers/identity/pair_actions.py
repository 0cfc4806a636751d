"""What an operator says about two papers: linked, kept apart, and how each is undone, with a record of it."""

from datetime import datetime

from sqlmodel import Session

from digest.database import ActionUndoneError, find_action, mark_undone, record_action
from digest.database.models import ObjectKind, OperatorAction
from digest.identifiers import LinkRelation
from digest.papers.identity.links import link_papers, unlink_papers
from digest.papers.identity.separate import separate_papers, undo_separation


def link_pair(
    session: Session, actor: str, one_id: int, other_id: int, relation: LinkRelation, now: datetime
) -> OperatorAction:
    """Link two papers; the object of the record is the link. Raises UsageError."""
    link = link_papers(session, one_id, other_id, relation, now)
    detail = {"papers": [one_id, other_id], "relation": str(relation)}
    return record_action(session, actor, "link", ObjectKind.PAPER_LINK, int(link.id or 0), now, **detail)


def separate_pair(session: Session, actor: str, one_id: int, other_id: int, now: datetime) -> OperatorAction:
    """Keep two papers apart; the object of the record is the separation. Raises UsageError."""
    separation = separate_papers(session, one_id, other_id, now)
    detail = {"papers": [one_id, other_id]}
    return record_action(session, actor, "separate", ObjectKind.PAPER_LINK, int(separation.id or 0), now, **detail)


def unlink_pair(session: Session, actor: str, link_id: int, now: datetime) -> tuple[OperatorAction, int]:
    """Undo a link, with one by title also the later ones by that title; return the record, and how many it was.

    Where an operator had made the link, that record is marked as undone. Raises UsageError.
    """
    links = unlink_papers(session, link_id, now)
    detail = {"papers": [links[0].paper_id, links[0].other_id], "links": [link.id for link in links]}
    if record := find_action(session, "link", ObjectKind.PAPER_LINK, link_id):
        mark_undone(session, record, actor, now)
        return record, len(links)
    return record_action(session, actor, "unlink", ObjectKind.PAPER_LINK, link_id, now, **detail), len(links)


def rejoin_pair(session: Session, actor: str, separation_id: int, now: datetime) -> OperatorAction:
    """Forget that two papers were kept apart: they are among those that may be one again. Raises UsageError."""
    undo_separation(session, separation_id)
    if record := find_action(session, "separate", ObjectKind.PAPER_LINK, separation_id):
        mark_undone(session, record, actor, now)
        return record
    return record_action(session, actor, "rejoin", ObjectKind.PAPER_LINK, separation_id, now)


UNDOABLE_PAIR_ACTIONS = frozenset({"link", "separate"})


def undo_pair_action(session: Session, record: OperatorAction, actor: str, now: datetime) -> None:
    """Undo a link or a separation that an operator has made. Raises ActionUndoneError when it was undone before."""
    if record.undone_at is not None:
        raise ActionUndoneError(int(record.id or 0))
    undo = {"link": unlink_pair, "separate": rejoin_pair}[record.action]
    undo(session, actor, int(record.object_id), now)
