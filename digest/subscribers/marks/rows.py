"""Rows of marks, inside the caller's transaction.

Of papers that turned out to be one, marks may stand on any row: they are read and removed on all rows, and set on the
one that stands for the paper.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, or_
from sqlmodel import Session, col, select

from digest.database import insert, is_in_values
from digest.database.models import MarkKind, Paper, PaperMark
from digest.papers import STANDING_ID

OPPOSITES = {MarkKind.MORE: MarkKind.LESS, MarkKind.LESS: MarkKind.MORE}


def load_marks(
    session: Session, subscriber_id: int, paper_ids: Collection[int] | None = None
) -> dict[int, dict[str, datetime]]:
    """Return the marks of a subscriber by the row that stands for the paper; of some papers, or of all."""
    rows = select(STANDING_ID, PaperMark.kind, PaperMark.created_at).join(Paper, col(Paper.id) == PaperMark.paper_id)
    rows = rows.where(PaperMark.subscriber_id == subscriber_id)
    if paper_ids is not None:
        rows = rows.where(is_in_values(session, STANDING_ID, paper_ids))
    marks: dict[int, dict[str, datetime]] = {}
    for number, kind, created_at in session.exec(rows).all():
        of_paper = marks.setdefault(int(number), {})
        of_paper[kind] = min(created_at, of_paper.get(kind, created_at))
    for of_paper in marks.values():
        if of_paper.keys() >= OPPOSITES.keys():  # they stood on two papers that are one now
            del of_paper[min(OPPOSITES, key=of_paper.__getitem__)]
    return marks


def add_marks(session: Session, marks: Sequence[tuple[int, int, MarkKind | str, datetime]]) -> None:
    """Add marks, each of a subscriber on the row that stands for a paper, of a kind, set at an instant.

    A mark that is there already stays as it is.
    """
    names = ("subscriber_id", "paper_id", "kind", "created_at")
    rows = [dict(zip(names, mark, strict=True)) for mark in marks]
    if rows:
        session.execute(insert(session, PaperMark).on_conflict_do_nothing(), rows)


def delete_marks(session: Session, subscriber_id: int, paper_ids: Collection[int], kinds: Collection[MarkKind]) -> int:
    """Delete the marks of some kinds that a subscriber has set on some papers. Returns how many rows it was."""
    # Both columns have an index, which an expression over them has not.
    is_of_these = or_(is_in_values(session, Paper.id, paper_ids), is_in_values(session, Paper.merged_into, paper_ids))
    result: Any = session.execute(
        delete(PaperMark).where(
            col(PaperMark.subscriber_id) == subscriber_id,
            col(PaperMark.paper_id).in_(select(col(Paper.id)).where(is_of_these)),
            col(PaperMark.kind).in_(kinds),
        )
    )
    return int(result.rowcount)
