"""Who is due, and which papers each of them gets: rows in, queued deliveries out.

    due readers ──┐
                  ├─> fan.fan_out ──────────────> lists ──> deliveries.enqueue_digests
    new papers ───┴─ pool: matched once for all readers
                        └─> doors.edition_for: the few with papers owed, or trending

What is new for a reader is what was first listed after the last edition looked (`entered > covered_to`), and what
earlier letters carried and could not deliver. Every due reader is marked as covered, letter or not, in the same
transaction that queues the letter; so a plan that dies half way is simply made again. Readers go by in chunks: what
a plan holds in memory is one chunk and the papers, however many readers there are.

Any number of processes may plan at once. On PostgreSQL each takes the readers that no other holds, and waits only at
the end for those whom somebody else (the front desk, a planner that dies) held meanwhile.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from digest.context import AppContext
from digest.planning.due import CHUNK_SIZE, due_groups, end_expired_pauses


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What a plan came to. `quiet`: due readers for whom there was nothing."""

    due: int = 0
    digests: int = 0
    without_papers: int = 0

    def __add__(self, other: "PlanReport") -> "PlanReport":
        return PlanReport(
            self.due + other.due, self.digests + other.digests, self.without_papers + other.without_papers
        )


PlanCallback = Callable[[Session, PlanReport], None]


def nobody(_session: Session, _planned: PlanReport) -> None:
    """Nobody is told."""


def never() -> bool:
    """Nobody stops it."""
    return False


def plan(
    ctx: AppContext,
    now: datetime,
    *,
    chunk_size: int = CHUNK_SIZE,
    on_progress: PlanCallback = nobody,
    should_stop: Callable[[], bool] = never,
) -> PlanReport:
    """Queue a digest for every reader whose hour has come and for whom there is something.

    `told` is called in the transaction of each chunk of readers; between two chunks a plan can be ended by `over`.
    """
    end_expired_pauses(ctx.engine, now)
    groups = due_groups(ctx.engine, now)
    if not groups:
        return PlanReport()
    from digest.planning.chunks import ChunkOptions, plan_groups

    return plan_groups(ctx, groups, now, ChunkOptions(chunk_size, on_progress, should_stop))
