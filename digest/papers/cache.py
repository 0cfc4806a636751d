"""Cache of papers, for a process that renders many e-mails.

A batch of e-mails looks at hundreds of papers, and nearly all of them were in the batch before. So a paper is kept as
a snapshot and read again only when its row or its listings have changed.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import inspect
from sqlmodel import Session

from digest.database import array_value, is_in_parameter, is_postgresql
from digest.database.models import Listing, Paper
from digest.papers.fetches import load_source_problems, load_titled_sources, subscriber_notices
from digest.papers.queries import papers_by_id, store_fingerprint
from digest.papers.snapshots import PaperSnapshot

PAPERS_LIMIT = 4_000  # snapshots that are kept


class PaperCache:
    """Snapshots of papers by id, and what subscribers are told of the sources. For one thread at a time."""

    def __init__(self) -> None:
        self._snapshots: dict[int, PaperSnapshot] = {}
        self._row_hashes: dict[int, int] = {}
        self._last_listing = -1
        self._checked_at: object = None
        self._checked_ids: set[int] = set()
        self._notices: tuple[object, tuple[str, ...]] = (None, ())

    def load(self, session: Session, paper_ids: Collection[int], now: datetime) -> Mapping[int, PaperSnapshot]:
        """Return snapshots of these papers. Each row is checked once a minute, and again after each fetch."""
        last_listing, last_fetch = store_fingerprint(session)
        if last_listing != self._last_listing or len(self._snapshots) > PAPERS_LIMIT:
            self._snapshots, self._row_hashes, self._last_listing, self._checked_at = {}, {}, last_listing, None
        checked_at = last_fetch, now.replace(second=0, microsecond=0)
        if checked_at != self._checked_at:
            self._checked_ids, self._checked_at = set(), checked_at
        if unchecked := set(paper_ids) - self._checked_ids:
            statement = _rows_statement(postgresql=is_postgresql(session))
            rows = session.connection().execute(statement, {"numbers": array_value(session, unchecked)})
            row_hashes = {int(row[0]): hash(tuple(row)) for row in rows}
            changed = [number for number, row_hash in row_hashes.items() if self._row_hashes.get(number) != row_hash]
            if changed:
                self._snapshots |= load_snapshots(session, changed, row_hashes)
            self._row_hashes |= row_hashes
            self._checked_ids |= row_hashes.keys()
        return {number: self._snapshots[number] for number in paper_ids if number in self._snapshots}

    def notices(self, session: Session, now: datetime) -> tuple[str, ...]:
        """Return what subscribers should know about the sources, looked up as often as rows are checked."""
        if self._notices[0] != self._checked_at:
            self._notices = self._checked_at, subscriber_notices(load_source_problems(session, now))
        return self._notices[1]


def load_snapshots(
    session: Session, paper_ids: Collection[int], row_hashes: Mapping[int, int] | None = None
) -> dict[int, PaperSnapshot]:
    """Read papers, with their first list days and sources."""
    rows, sources = papers_by_id(session, paper_ids), load_titled_sources(session, paper_ids)
    days = listed_days(session, rows.values())
    taken = {}
    for number, row in rows.items():
        listed_on, listed_by = days.get(number, row.first_seen_at.date()), sources.get(number, {})
        fingerprint = hash((row_hashes[number], listed_on, tuple(listed_by))) if row_hashes else 0
        taken[number] = PaperSnapshot.from_row(row, listed_on, listed_by, fingerprint)
    return taken


def listed_days(session: Session, papers: Iterable[Paper]) -> dict[int, date]:
    """Return the day on which each paper was first listed."""
    first_listings = array_value(session, (paper.first_listing_id for paper in papers))
    statement = _listed_days_statement(postgresql=is_postgresql(session))
    rows = session.connection().execute(statement, {"numbers": first_listings})
    return {row.paper_id: row.list_day for row in rows}


@cache
def _rows_statement(*, postgresql: bool) -> sa.TextClause:
    """Select papers, each with what changes when its row does: a hash where the server can make one, else all of it."""
    if postgresql:
        statement = "SELECT id, sha256(convert_to(CAST(paper AS text), 'UTF8')) FROM paper WHERE id = ANY(:numbers)"
        return sa.text(statement).bindparams(sa.bindparam("numbers", type_=sa.ARRAY(sa.BigInteger)))
    return sa.text("SELECT * FROM paper WHERE id IN (SELECT value FROM json_each(:numbers))")


@cache
def _listed_days_statement(*, postgresql: bool) -> sa.Select[Any]:
    listings = cast("sa.Table", inspect(Listing).local_table)
    return sa.select(listings.c.paper_id, listings.c.list_day).where(
        is_in_parameter(listings.c.id, postgresql=postgresql)
    )
