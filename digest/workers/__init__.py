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

from digest.workers.jobs import defer_jobs
from digest.workers.tables import prepare_tables
from digest.workers.worker import run_worker

__all__ = ["defer_jobs", "prepare_tables", "run_worker"]
