"""The pipe, as code:

    collect   sources -> papers                                listings become papers, each looked-at day a reading
    plan      papers, readers -> matching -> editions          what is new for whom becomes queued deliveries
    deliver   deliveries -> letters -> mail -> deliveries      queued deliveries become letters; the record says how

Each step may die at any line and be started again: the database says what is done. The scheduler, the pages and the
command line stand on these three and hold no rules of their own.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from digest import db, deliveries, planning, sending
from digest.house import House
from digest.planning import Planned, Told, never, nobody
from digest.sending import Clock, Sent
from digest.writing import Memory

if TYPE_CHECKING:
    from digest.collecting import Collected

Tell = Callable[[str], None]


def silent(_said: str) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Report:
    """One whole run."""

    collected: "list[Collected]"
    planned: Planned
    sent: Sent
    queued: int

    @property
    def letters(self) -> dict[str, int]:
        """Letters by fate; `queued` wait for another attempt, `skipped` readers had nothing new or left meanwhile."""
        sent = self.sent
        return {
            "sent": sent.sent,
            "queued": self.queued,
            "failed": sent.failed,
            "uncertain": sent.uncertain,
            "skipped": self.planned.quiet + sent.cancelled,
        }

    @property
    def problems(self) -> list[str]:
        """What failed, in words; empty when the run went well."""
        letters = [f"{self.letters[fate]} letters {fate}" for fate in ("failed", "uncertain") if self.letters[fate]]
        put_off = [f"{self.sent.deferred} letters put off by the relay"] if self.sent.deferred else []
        closed = [f"the relay takes no letters: {self.sent.closed}"] if self.sent.closed else []
        broken = [f"{each.source}: {said}" for each in self.collected if each.failed for said in each.problems]
        return [*broken, *closed, *letters, *put_off]

    def as_json(self) -> dict[str, Any]:
        return {
            "sources": {each.source: each.as_json() for each in self.collected},
            "readers_due": self.planned.due,
            "letters": self.letters,
            "papers_mailed": self.sent.papers,
            "problems": self.problems,
        }


async def collect(
    house: House, now: datetime, *, days: Sequence[date] | None = None, tell: Tell = silent
) -> "list[Collected]":
    """Read every source for the days it is due (or just `days`) and remember what they list."""
    from digest import collecting  # parsers take memory, and workers read no source

    return await collecting.read_all(house, now, days=days, tell=tell)


async def plan(house: House, now: datetime, *, told: Told = nobody, over: Callable[[], bool] = never) -> Planned:
    """Queue a digest for every reader whose hour has come and for whom there is something."""
    return await asyncio.to_thread(planning.plan, house, now, told=told, over=over)


async def deliver(
    house: House,
    clock: Clock,
    *,
    stop: asyncio.Event | None = None,
    tell: Tell = silent,
    insist: bool = False,
    most: int | None = None,
    known: Memory | None = None,
) -> Sent:
    """Send what may go now, or the first `most` letters; `insist` also asks a relay that refused us a moment ago."""

    def told(sent: Sent) -> None:
        tell(f"{sent.sent} letters sent")

    return await sending.send_all(house, clock, stop=stop, tell=told, insist=insist, most=most, known=known)


async def run(house: House, clock: Clock, *, stop: asyncio.Event | None = None, tell: Tell = silent) -> Report:
    """All three, once. Setting `stop` ends it after the letters that are on the wire."""
    collected = await collect(house, clock(), tell=tell)
    tell("matching")
    planned = await plan(house, clock())
    sent = await deliver(house, clock, stop=stop, tell=tell, insist=True)
    with db.reading(house.engine) as session:
        queued = deliveries.waiting(session)
    return Report(collected, planned, sent, queued)
