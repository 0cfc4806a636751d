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

from digest.house import House
from digest.planning.due import CHUNK, due_groups, wake

__all__ = ["CHUNK", "Planned", "Told", "due_groups", "never", "nobody", "plan"]


@dataclass(frozen=True, slots=True)
class Planned:
    """What a plan came to. `quiet`: due readers for whom there was nothing."""

    due: int = 0
    letters: int = 0
    quiet: int = 0

    def __add__(self, other: "Planned") -> "Planned":
        return Planned(self.due + other.due, self.letters + other.letters, self.quiet + other.quiet)


Told = Callable[[Session, Planned], None]


def nobody(_session: Session, _planned: Planned) -> None:
    """Nobody is told."""


def never() -> bool:
    """Nobody stops it."""
    return False


def plan(
    house: House, now: datetime, *, chunk: int = CHUNK, told: Told = nobody, over: Callable[[], bool] = never
) -> Planned:
    """Queue a digest for every reader whose hour has come and for whom there is something.

    `told` is called in the transaction of each chunk of readers; between two chunks a plan can be ended by `over`.
    """
    wake(house.engine, now)
    groups = due_groups(house.engine, now)
    if not groups:
        return Planned()
    from digest.planning.chunks import Chunks, plan_groups  # with numpy and scipy: 25 MB that a sender does not need

    return plan_groups(house, groups, now, Chunks(chunk, told, over))
