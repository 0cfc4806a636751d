"""Pairs of papers that the operator keeps apart, although they have one title and first author."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from digest.database import LISTING_LOCK, acquire_lock
from digest.database.models import PaperRelation
from digest.errors import ObjectNotFoundError, UsageError
from digest.identifiers import LinkRelation, LinkRule
from digest.papers import messages
from digest.papers.identity.links import find_standing, linked_pairs

SEPARATED = '{"separated": true}'  # evidence of a link that was undone as soon as it was made


def separate_papers(session: Session, one_id: int, other_id: int, now: datetime) -> PaperRelation:
    """Remember two papers as different: they are ambiguous no longer, and nothing but the operator links them.

    Raises UsageError when there is no such paper, or when they are linked or kept apart already.
    """
    acquire_lock(session, LISTING_LOCK)
    one, other = (find_standing(session, number) for number in (one_id, other_id))
    if one.id == other.id:
        raise UsageError(messages.one_paper_already(one_id, other_id))
    if linked_pairs(session, [int(one.id or 0), int(other.id or 0)]) & {frozenset((one.id, other.id))}:
        raise UsageError(messages.paired_already(one_id, other_id))
    separation = PaperRelation(
        paper_id=int(one.id or 0),
        other_id=other.id,
        relation=LinkRelation.SAME,
        rule=LinkRule.OPERATOR,
        evidence=SEPARATED,
        created_at=now,
        undone_at=now,
    )
    session.add(separation)
    session.flush()
    return separation


def undo_separation(session: Session, number: int) -> None:
    """Forget that two papers are different. Raises UsageError when that is not remembered."""
    acquire_lock(session, LISTING_LOCK)
    separation = session.get(PaperRelation, number)
    if separation is None or separation.evidence != SEPARATED:
        raise ObjectNotFoundError(messages.unknown_separation(number))
    session.delete(separation)
    session.flush()


def separated_pairs(session: Session, limit: int = 200) -> Sequence[PaperRelation]:
    """Return the pairs that are kept apart, the latest first."""
    separations = select(PaperRelation).where(PaperRelation.evidence == SEPARATED)
    return session.exec(separations.order_by(col(PaperRelation.id).desc()).limit(limit)).all()
