"""The jobs: what they are called, and how they are handed out."""

from contextlib import suppress
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.delivery import any_in_progress, count_due
from digest.jobs.task_tables import set_search_path, use_schema
from digest.planning import PlanReport, due_groups

if TYPE_CHECKING:
    from procrastinate import App


PLAN, DELIVER = "plan", "deliver"  # jobs, and the queues they wait in


MAX_PLANNERS = 8  # at once; more would only wait for the same database


DELIVERIES_PER_JOB = 8000  # letters a job: some seconds of work, and a chunk of the plan


MAX_JOBS_PER_TICK = 64  # jobs of one kind that a tick hands out


def defer_jobs(ctx: AppContext, now: datetime, *, plan: bool = True) -> None:
    """What a tick does where workers do the work: say that there is something. Jobs that wait already are not doubled,
    however many processes tick. Raises StoreError.
    """
    if plan and due_groups(ctx.engine, now):
        _defer_once(ctx, PLAN, 0)
    with read_session(ctx.engine) as session:
        letters = count_due(session, now, limit=DELIVERIES_PER_JOB * MAX_JOBS_PER_TICK)
        left = any_in_progress(session)
    for shard in range(-(-letters // DELIVERIES_PER_JOB) or int(left)):
        _defer_once(ctx, DELIVER, shard)


def defer_delivery(session: Session, planned: PlanReport) -> None:
    """A chunk of readers is planned: its letters are work. In the chunk's own transaction, so that neither is without
    the other; no lock, on which planners would wait for each other.
    """
    if planned.digests:
        _defer_task(session, DELIVER, limit=planned.digests)


def defer_planner(ctx: AppContext, shard: int) -> None:
    """There is more to plan than one planner has taken: another one may join."""
    if shard + 1 < MAX_PLANNERS:
        _defer_once(ctx, PLAN, shard + 1)


def _defer_once(ctx: AppContext, job: str, shard: int) -> None:
    """Hand out a job unless the same one waits already."""
    from procrastinate.exceptions import AlreadyEnqueued

    with suppress(AlreadyEnqueued), write_session(ctx.engine) as session:
        _defer_task(
            session, job, lock=f"{job} {shard}", **({"shard": shard} if job == PLAN else {"limit": DELIVERIES_PER_JOB})
        )


def _defer_task(session: Session, job: str, *, lock: str | None = None, **arguments: int) -> None:
    driver: Any = session.connection().connection.driver_connection
    before = use_schema(session)
    _defer_app().configure_task(job, queue=job, queueing_lock=lock, connection=driver).defer(**arguments)
    set_search_path(session, before)


@cache
def _defer_app() -> "App":
    """Only words for procrastinate: the connection is always the session's."""
    from procrastinate import App, SyncPsycopgConnector

    return App(connector=SyncPsycopgConnector())
