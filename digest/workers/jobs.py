"""The jobs: what they are called, and how they are handed out."""

from contextlib import suppress
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from digest import db, deliveries, planning
from digest.house import House
from digest.planning import Planned
from digest.workers import tables

if TYPE_CHECKING:
    from procrastinate import App

PLAN, DELIVER = "plan", "deliver"  # jobs, and the queues they wait in
PLANNERS = 8  # at once; more would only wait for the same database
SHARE = 8000  # letters a job: some seconds of work, and a chunk of the plan
SHARDS = 64  # jobs of one kind that a tick hands out


def hand_out(house: House, now: datetime, *, plan: bool = True) -> None:
    """What a tick does where workers do the work: say that there is something. Jobs that wait already are not doubled,
    however many processes tick. Raises StoreError.
    """
    if plan and planning.due_groups(house.engine, now):
        _once(house, PLAN, 0)
    with db.reading(house.engine) as session:
        letters = deliveries.ready(session, now, most=SHARE * SHARDS)
        left = deliveries.in_hand(session)
    for shard in range(-(-letters // SHARE) or int(left)):
        _once(house, DELIVER, shard)


def announce(session: Session, planned: Planned) -> None:
    """A chunk of readers is planned: its letters are work. In the chunk's own transaction, so that neither is without
    the other; no lock, on which planners would wait for each other.
    """
    if planned.letters:
        _defer(session, DELIVER, limit=planned.letters)


def call_for_help(house: House, shard: int) -> None:
    """There is more to plan than one planner has taken: another one may join."""
    if shard + 1 < PLANNERS:
        _once(house, PLAN, shard + 1)


def _once(house: House, job: str, shard: int) -> None:
    """Hand out a job unless the same one waits already."""
    from procrastinate.exceptions import AlreadyEnqueued

    with suppress(AlreadyEnqueued), db.writing(house.engine) as session:
        _defer(session, job, lock=f"{job} {shard}", **({"shard": shard} if job == PLAN else {"limit": SHARE}))


def _defer(session: Session, job: str, *, lock: str | None = None, **about: int) -> None:
    driver: Any = session.connection().connection.driver_connection
    before = tables.enter(session)
    _hands().configure_task(job, queue=job, queueing_lock=lock, connection=driver).defer(**about)
    tables.leave(session, before)


@cache
def _hands() -> "App":
    """Only words for procrastinate: the connection is always the session's."""
    from procrastinate import App, SyncPsycopgConnector

    return App(connector=SyncPsycopgConnector())
