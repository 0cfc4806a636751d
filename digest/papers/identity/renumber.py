"""Papers that a plan could not read: withheld from all plans, and new for every subscriber once they can be read.

A withheld paper has no number (`first_listing_id` 0), so no plan looks at it. When its row is no longer in quarantine,
its listings get fresh numbers. Whoever had the paper before does not get it again: `renumbered_paper_ids` are the
papers for which a plan has to look at what was delivered.
"""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, String, cast, delete, exists
from sqlmodel import Session, col, select, update

from digest.database import LISTING_LOCK, InvalidRow, acquire_lock, select_readable
from digest.database.models import Listing, Paper, QuarantinedRow

NO_NUMBER = 0


def withhold_papers(session: Session, unreadable: Iterable[InvalidRow]) -> None:
    """Take the numbers of papers that a plan could not read, in the transaction that puts their rows in quarantine."""
    ids = sorted({int(row.row_id) for row in unreadable if row.table_name == Paper.__tablename__})
    if ids:
        session.execute(
            update(Paper)
            .where(col(Paper.id).in_(ids))
            .values(first_listing_id=NO_NUMBER)
            .execution_options(synchronize_session=False)
        )


def has_released_papers(session: Session) -> bool:
    """Return whether papers without a number wait that are no longer in quarantine."""
    return session.exec(select(exists(select(1).where(*_is_released())))).one()


def renumber_released_papers(session: Session) -> int:
    """Give the listings of released papers fresh numbers, in their order; return how many papers it was."""
    acquire_lock(session, LISTING_LOCK)
    released = session.exec(select(col(Paper.id)).where(*_is_released()).order_by(col(Paper.id))).all()
    renumbered = 0
    for paper_id in released:
        rows = session.exec(select(Listing).where(Listing.paper_id == paper_id).order_by(col(Listing.id))).all()
        if numbers := [renumber_listing(session, listing) for listing in select_readable(rows, [])]:
            # The statement, not the object: other columns may still be unreadable.
            session.execute(update(Paper).where(col(Paper.id) == paper_id).values(first_listing_id=numbers[0]))
            renumbered += 1
    return renumbered


def renumber_listing(session: Session, listing: Listing) -> int:
    """Give a listing a fresh number, as if it had just come, and return it."""
    # A number is given out only by an insert; this one goes to the listing that is there.
    placeholder = Listing(
        paper_id=listing.paper_id,
        source="",
        list_day=listing.list_day,
        rank=0,
        first_seen_at=listing.first_seen_at,
        last_seen_at=listing.last_seen_at,
    )
    session.add(placeholder)
    session.flush()
    number = int(placeholder.id or 0)
    session.execute(delete(Listing).where(col(Listing.id) == number))
    session.execute(update(Listing).where(col(Listing.id) == listing.id).values(id=number))
    session.expunge(placeholder)
    session.expunge(listing)
    return number


def renumbered_paper_ids(session: Session) -> frozenset[int]:
    """Return the papers that may have been delivered under an earlier number: those that ever were in quarantine."""
    rows = session.exec(select(QuarantinedRow.row_id).where(QuarantinedRow.table_name == Paper.__tablename__))
    return frozenset(int(row_id) for row_id in rows)


def _is_released() -> tuple[ColumnElement[bool], ...]:
    in_quarantine = exists(
        select(1).where(
            col(QuarantinedRow.table_name) == Paper.__tablename__,
            col(QuarantinedRow.row_id) == cast(col(Paper.id), String),
            col(QuarantinedRow.released_at).is_(None),
        )
    )
    is_listed = exists(select(1).where(col(Listing.paper_id) == col(Paper.id)))
    return (col(Paper.first_listing_id) == NO_NUMBER, col(Paper.merged_into).is_(None), is_listed, ~in_quarantine)
