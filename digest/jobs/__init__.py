"""What runs: the daily pipeline, collecting, the scheduler, workers and retention.

- `collect`: fetches the sources and stores what they list
- `collect_windows`: reads the feeds that are due, and fills their gaps
- `event_loop`: runs a coroutine on an event loop of its own
- `fetch_requests`: fetches that an operator asks for now
- `learn_acronyms`: learns acronyms from new papers
- `learn_words`: counts the terms of the papers, for profiles and related papers
- `messages`: sentences about runs and about what operators ask for
- `pipeline`: collect, plan, deliver, and all three once
- `reports`: what a run did, for people and scripts
- `retention`: what is deleted, and when
- `scheduler`: the jobs of `digest serve`, by the clock
- `task_connection`: connections of procrastinate to its tables
- `task_tables`: procrastinate's tables, in a schema of their own
- `tasks`: tasks for workers, and how they are deferred
- `undo_actions`: undoes what an operator did
- `worker`: the process of `digest worker`
"""

from digest.jobs import pipeline
from digest.jobs.fetch_requests import request_fetch
from digest.jobs.messages import invalid_rows as describe_invalid_rows
from digest.jobs.reports import RunReport, SourceReport
from digest.jobs.retention import prune
from digest.jobs.scheduler import Scheduler, run_scheduler
from digest.jobs.task_tables import prepare_tables
from digest.jobs.undo_actions import can_undo, undo_action
from digest.jobs.worker import run_worker

__all__ = [
    "RunReport",
    "Scheduler",
    "SourceReport",
    "can_undo",
    "describe_invalid_rows",
    "pipeline",
    "prepare_tables",
    "prune",
    "request_fetch",
    "run_scheduler",
    "run_worker",
    "undo_action",
]
