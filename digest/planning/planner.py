"""Plan all due subscribers, chunk by chunk."""

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session

from digest import papers
from digest.database import (
    InvalidRow,
    quarantine_rows,
    quarantined_rows,
    read_session,
    release_readable,
    write_session,
)
from digest.matching import find_keyword_error
from digest.planning.due import CHUNK_SIZE, DueGroup, due_groups, end_expired_pauses, lock_due_subscribers


@dataclass(frozen=True, slots=True)
class PlanReport:
    """Counts of a plan.

    `without_papers`: due subscribers for whom there was nothing; `unreadable`: rows that were set aside.
    """

    due: int = 0
    digests: int = 0
    without_papers: int = 0
    unreadable: int = 0

    def __add__(self, other: "PlanReport") -> "PlanReport":
        return PlanReport(
            self.due + other.due,
            self.digests + other.digests,
            self.without_papers + other.without_papers,
            self.unreadable + other.unreadable,
        )


PlanCallback = Callable[[Session, PlanReport], None]


@dataclass(slots=True)
class UnreadableRows:
    """Rows that a plan found unreadable: those of `found` are recorded with the next transaction, each once."""

    found: list[InvalidRow] = field(default_factory=list)
    recorded: set[InvalidRow] = field(default_factory=set)

    def record(self, session: Session, now: datetime) -> None:
        """Put the rows into quarantine, and withhold the papers among them until they can be read."""
        rows = [row for row in self.found if row not in self.recorded]
        if rows:
            quarantine_rows(session, sorted(rows, key=lambda row: (row.table_name, row.row_id)), now)
            papers.withhold_papers(session, rows)
            self.recorded.update(rows)
        self.found.clear()


def plan(
    engine: Engine,
    domain: str,
    now: datetime,
    *,
    chunk_size: int = CHUNK_SIZE,
    on_chunk: PlanCallback | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> PlanReport:
    """Queue a digest for every due subscriber for whom there are papers. Rows that cannot be read are set aside.

    `domain` is that of the Message-IDs. `on_chunk` is called in the transaction of each chunk of subscribers;
    `should_stop` is asked between two chunks.
    """
    _release_readable(engine, now)
    end_expired_pauses(engine, now)
    unreadable = UnreadableRows()
    groups = due_groups(engine, now, unreadable.found)
    total = (
        _plan_groups(engine, domain, now, groups, unreadable, chunk_size, on_chunk, should_stop)
        if groups
        else PlanReport()
    )
    if unreadable.found:
        with write_session(engine) as session:
            unreadable.record(session, now)
    return total + PlanReport(unreadable=len({(row.table_name, row.row_id) for row in unreadable.recorded}))


def _release_readable(engine: Engine, now: datetime) -> None:
    with read_session(engine) as session:
        is_empty = not quarantined_rows(session)
    if not is_empty:
        with write_session(engine) as session:
            release_readable(session, now, find_keyword_error)
    with read_session(engine) as session:
        has_released = papers.has_released_papers(session)
    if has_released:
        with write_session(engine) as session:
            papers.renumber_released_papers(session)


def _plan_groups(
    engine: Engine,
    domain: str,
    now: datetime,
    groups: list[DueGroup],
    unreadable: UnreadableRows,
    chunk_size: int,
    on_chunk: PlanCallback | None,
    should_stop: Callable[[], bool] | None,
) -> PlanReport:
    # NumPy and SciPy cost 25 MB, which a process that only sends does without.
    from digest.planning.chunk import plan_chunk
    from digest.planning.new_papers import load_new_papers

    with read_session(engine) as session:  # before any subscriber is locked: matching takes a while
        new_papers = load_new_papers(session, unreadable.found)

    def plan_group(group: DueGroup, *, wait: bool) -> PlanReport:
        nonlocal new_papers
        total, last_id = PlanReport(), 0
        while not (should_stop and should_stop()):
            with write_session(engine, bulk=True) as session:
                subscribers = lock_due_subscribers(
                    session, group, unreadable.found, last_id, limit=chunk_size, wait=wait
                )
                if not subscribers.last_id:
                    break
                if not new_papers.covers(subscribers):
                    new_papers = load_new_papers(session, unreadable.found)
                report, new_papers = plan_chunk(
                    session, new_papers, subscribers, group.due_day, domain, now, unreadable.found
                )
                # With the marks of these subscribers: a plan that dies here must not forget what they did not get.
                unreadable.record(session, now)
                if on_chunk:
                    on_chunk(session, report)
            total += report
            last_id = subscribers.last_id
        return total

    total = PlanReport()
    gc.freeze()  # new papers live to the end: to traverse them in every collection costs a tenth of the time
    try:
        for wait in (False, True):  # first the subscribers that no other process has locked
            for group in groups:
                total += plan_group(group, wait=wait)
    finally:
        gc.unfreeze()
    return total
