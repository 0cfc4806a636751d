"""Many machines: the same plan and the same delivery, run as jobs by any number of processes on PostgreSQL.

    tick ──> hand_out ──> plan 0, plan 1 ...          a planner whose first chunk is full calls one more planner
                     └──> deliver                     what waits without a job: put off, or left behind by the dead
             plan    ──> deliver, deliver ...         one for each chunk of readers, in the chunk's own transaction

A job holds no truth. It says that there is work and about how much; which readers and which letters, each worker takes
from the record, past those that others hold. So a job that is lost, runs twice or comes late costs a moment and never
a letter, there is no shard that a dead worker keeps, and a worker that joins late helps at once.

    tables.py   procrastinate's own tables, in a schema of their own
    jobs.py     the jobs, and handing them out
    worker.py   the process that runs them
"""

from digest.jobs.collect import SourceReport
from digest.jobs.pipeline import RunReport, collect, deliver, run_once
from digest.jobs.retention import DEFAULT_RETENTION_DAYS, UNCONFIRMED_RETENTION, prune
from digest.jobs.scheduler import run_scheduler
from digest.jobs.task_tables import prepare_tables
from digest.jobs.worker import run_worker

__all__ = [
    "DEFAULT_RETENTION_DAYS",
    "UNCONFIRMED_RETENTION",
    "RunReport",
    "SourceReport",
    "collect",
    "deliver",
    "prepare_tables",
    "prune",
    "run_once",
    "run_scheduler",
    "run_worker",
]
