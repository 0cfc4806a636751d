"""Tasks for workers on PostgreSQL, and how they are deferred.

    tick ──> defer_tasks ──> plan 0, plan 1 ...      a planner whose first chunk is full defers one more planner
                        └──> deliver                 what is due without a task: retries, and leftovers of dead workers
             plan        ──> deliver, deliver ...    one for each chunk of subscribers, in the chunk's own transaction

A task says that there is work and about how much. Which subscribers and which deliveries, each worker claims from the
database, past those that others hold. So a task that is lost, runs twice or comes late costs a moment and never an
e-mail, no shard is lost with a dead worker, and a worker that joins late helps at once.
"""

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

PLAN, DELIVER = "plan", "deliver"  # names of tasks, and of the queues they wait in
MAX_PLANNERS = 8  # at once; more would only wait for the same database
DELIVERIES_PER_TASK = 8000  # some seconds of work, and a chunk of the plan
MAX_TASKS_PER_TICK = 64


def defer_tasks(ctx: AppContext, now: datetime, *, plan: bool = True) -> None:
    """Defer what is due now. Raises StoreError.

    Tasks that wait already are not doubled, however many processes tick.
    """
    if plan and due_groups(ctx.engine, now):
        _defer_once(ctx, PLAN, 0)
    with read_session(ctx.engine) as session:
        due = count_due(session, now, limit=DELIVERIES_PER_TASK * MAX_TASKS_PER_TICK)
        in_progress = any_in_progress(session)
    for shard in range(-(-due // DELIVERIES_PER_TASK) or int(in_progress)):
        _defer_once(ctx, DELIVER, shard)


def defer_delivery(session: Session, report: PlanReport) -> None:
    """Defer the delivery of a planned chunk, in the chunk's own transaction, so that neither is without the other.

    Without a queueing lock, on which planners would wait for each other.
    """
    if report.digests:
        _defer(session, DELIVER, limit=report.digests)


def defer_planner(ctx: AppContext, shard: int) -> None:
    """Defer one more planner after the one of `shard`."""
    if shard + 1 < MAX_PLANNERS:
        _defer_once(ctx, PLAN, shard + 1)


def _defer_once(ctx: AppContext, task: str, shard: int) -> None:
    """Defer a task unless the same one waits already."""
    from procrastinate.exceptions import AlreadyEnqueued

    arguments = {"shard": shard} if task == PLAN else {"limit": DELIVERIES_PER_TASK}
    with suppress(AlreadyEnqueued), write_session(ctx.engine) as session:
        _defer(session, task, lock=f"{task} {shard}", **arguments)


def _defer(session: Session, task: str, *, lock: str | None = None, **arguments: int) -> None:
    driver: Any = session.connection().connection.driver_connection
    search_path = use_schema(session)
    _app().configure_task(task, queue=task, queueing_lock=lock, connection=driver).defer(**arguments)
    set_search_path(session, search_path)


@cache
def _app() -> "App":
    """Create an app that only writes tasks: the connection is always the session's."""
    from procrastinate import App, SyncPsycopgConnector

    return App(connector=SyncPsycopgConnector())
