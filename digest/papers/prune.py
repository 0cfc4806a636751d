"""Papers that nobody had and nobody will get: find and delete them, with their listings and full-text entries."""

import re
from collections.abc import Iterator, Sequence
from datetime import date

from sqlalchemy import Engine, String, and_, cast, delete, exists, func, or_, text, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from digest.database import is_in_values, is_postgresql, read_session, write_session
from digest.database.models import (
    FULLTEXT_TABLE,
    Delivery,
    Keyword,
    Listing,
    Paper,
    PaperEvent,
    PaperIdentifier,
    PaperMark,
    PaperRelation,
    Subscriber,
    SubscriberStatus,
)
from digest.identifiers import normalize_identifier
from digest.papers.identity import find_owners
from digest.papers.search import update_index

PAPERS_PER_TRANSACTION = 500
REINDEXED_PER_TRANSACTION = 2_000
MAX_STALE_SHARE = 0.5  # entries of deleted papers, beside those of papers, before the index of SQLite is made anew
LIKE_FIELD = "like:"
NAME_PATTERN = re.compile(r'like:"([^" ]+)')  # in the canonical form of a keyword
NUMBER_PATTERN = re.compile(r"\d+")


def prune_papers(engine: Engine, before: date, *, dry_run: bool = False) -> int:
    """Delete papers that were last listed before a day; return how many, or how many it would be.

    Those stay that stand in any e-mail, sent or not, because no paper comes twice and none is lost, those that are
    still new for a subscriber, and those that a subscriber has marked or named in a keyword.
    """
    with read_session(engine) as session:
        needed = mailed_ids(session) | named_ids(session)
        ids = [paper_id for paper_id in unlisted_since(session, before) if paper_id not in needed]
    if dry_run:
        return len(ids)
    deleted = 0
    for start in range(0, len(ids), PAPERS_PER_TRANSACTION):
        with write_session(engine) as session:
            deleted += delete_papers(session, ids[start : start + PAPERS_PER_TRANSACTION], before)
    if deleted and not is_postgresql(engine):
        compact_index(engine)
    return deleted


def mailed_ids(session: Session) -> set[int]:
    """Return the ids of all papers that any delivery names, also one whose list cannot be read as JSON."""
    columns = (cast(col(name), String) for name in (Delivery.papers, Delivery.omitted_papers, Delivery.close_papers))
    rows = session.execute(select(*columns).execution_options(yield_per=10_000))
    return {int(number) for row in rows for cell in row for number in NUMBER_PATTERN.findall(cell or "")}


def named_ids(session: Session) -> set[int]:
    """Return the ids of the papers that keywords name: papers like these."""
    texts = session.exec(select(Keyword.canonical).where(col(Keyword.canonical).contains(LIKE_FIELD, autoescape=True)))
    names = {normalize_identifier(name) for text in texts for name in NAME_PATTERN.findall(text)}
    return set(find_owners(session, [name for name in names if name]).values())


def unlisted_since(session: Session, before: date) -> Iterator[int]:
    """Yield the ids of papers that no source has listed on or after a day, that no subscriber has marked or gets."""
    listed = exists(select(1).where(col(Listing.paper_id) == Paper.id, col(Listing.list_day) >= before))
    may_get_digests = or_(
        col(Subscriber.status).in_((SubscriberStatus.ACTIVE, SubscriberStatus.PENDING)),
        and_(col(Subscriber.status) == SubscriberStatus.PAUSED, col(Subscriber.paused_until).is_not(None)),
    )
    considered = session.scalar(select(func.min(Subscriber.covered_listing_id)).where(may_get_digests))
    merged = aliased(Paper)  # of several rows that are one paper none goes
    stands = exists(select(1).where(col(merged.merged_into) == Paper.id))
    marked = exists(select(1).where(col(PaperMark.paper_id) == Paper.id))
    query = select(col(Paper.id)).where(~listed, col(Paper.merged_into).is_(None), ~stands, ~marked)
    if considered is not None:
        query = query.where(col(Paper.first_listing_id) <= considered)
    return (int(paper_id or 0) for paper_id in session.exec(query.order_by(col(Paper.id))))


def delete_papers(session: Session, ids: Sequence[int], before: date) -> int:
    """Delete papers with their listings and full-text entries, unless they were listed or marked meanwhile."""
    listed_again = select(Listing.paper_id).where(
        is_in_values(session, col(Listing.paper_id), ids), col(Listing.list_day) >= before
    )
    marked = select(PaperMark.paper_id).where(is_in_values(session, col(PaperMark.paper_id), ids))
    ids = sorted(set(ids) - set(session.scalars(listed_again)) - set(session.scalars(marked)))
    session.execute(delete(Listing).where(is_in_values(session, col(Listing.paper_id), ids)))
    if is_postgresql(session):
        session.execute(text(f"DELETE FROM {FULLTEXT_TABLE} WHERE paper_id = ANY(:ids)"), {"ids": ids})  # noqa: S608
    session.execute(delete(PaperIdentifier).where(is_in_values(session, col(PaperIdentifier.paper_id), ids)))
    session.execute(delete(PaperEvent).where(is_in_values(session, col(PaperEvent.paper_id), ids)))
    is_of_these = (is_in_values(session, column, ids) for column in (PaperRelation.paper_id, PaperRelation.other_id))
    session.execute(delete(PaperRelation).where(or_(*is_of_these)))
    session.execute(delete(Paper).where(is_in_values(session, col(Paper.id), ids)))
    return len(ids)


def compact_index(engine: Engine) -> None:
    """Make the full-text index of SQLite anew when a large part of it is about papers that are gone.

    It stores no text, so an entry cannot be deleted. A search drops what it finds in such entries.
    """
    with write_session(engine) as session:
        entries = session.scalar(text(f"SELECT count(*) FROM {FULLTEXT_TABLE}_docsize")) or 0  # noqa: S608
        papers = session.scalar(select(func.count()).select_from(Paper).where(col(Paper.is_indexed))) or 0
        if entries <= papers * (1 + MAX_STALE_SHARE):
            return
        session.execute(text(f"INSERT INTO {FULLTEXT_TABLE} ({FULLTEXT_TABLE}) VALUES ('delete-all')"))  # noqa: S608
        session.execute(update(Paper).values(is_indexed=False))
    while True:
        with write_session(engine) as session:
            if not update_index(session, REINDEXED_PER_TRANSACTION):
                return
