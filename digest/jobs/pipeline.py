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

from digest import planning
from digest.context import AppContext
from digest.database import read_session
from digest.delivery import Clock, DeliveryReport, count_queued, send_queued
from digest.planning import PlanCallback, PlanReport
from digest.rendering import RenderCache

if TYPE_CHECKING:
    from digest.jobs.collect import SourceReport


ProgressCallback = Callable[[str], None]


def ignore_progress(_said: str) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """One whole run."""

    collected: "list[SourceReport]"
    plan_report: PlanReport
    delivery_report: DeliveryReport
    queued: int

    @property
    def delivery_counts(self) -> dict[str, int]:
        """Letters by fate; `queued` wait for another attempt, `skipped` readers had nothing new or left meanwhile."""
        sent = self.delivery_report
        return {
            "sent": sent.sent,
            "queued": self.queued,
            "failed": sent.failed,
            "uncertain": sent.uncertain,
            "skipped": self.plan_report.without_papers + sent.cancelled,
        }

    @property
    def problems(self) -> list[str]:
        """What failed, in words; empty when the run went well."""
        letters = [
            f"{self.delivery_counts[fate]} letters {fate}"
            for fate in ("failed", "uncertain")
            if self.delivery_counts[fate]
        ]
        put_off = (
            [f"{self.delivery_report.deferred} letters put off by the relay"] if self.delivery_report.deferred else []
        )
        closed = (
            [f"the relay takes no letters: {self.delivery_report.relay_error}"]
            if self.delivery_report.relay_error
            else []
        )
        broken = [f"{each.source}: {said}" for each in self.collected if each.failed for said in each.problems]
        return [*broken, *closed, *letters, *put_off]

    def to_dict(self) -> dict[str, Any]:
        return {
            "sources": {each.source: each.to_dict() for each in self.collected},
            "readers_due": self.plan_report.due,
            "letters": self.delivery_counts,
            "papers_mailed": self.delivery_report.papers,
            "problems": self.problems,
        }


async def collect(
    ctx: AppContext,
    now: datetime,
    *,
    days: Sequence[date] | None = None,
    on_progress: ProgressCallback = ignore_progress,
) -> "list[SourceReport]":
    """Read every source for the days it is due (or just `days`) and remember what they list."""
    from digest.jobs.collect import collect_sources  # parsers take memory, and workers read no source

    return await collect_sources(ctx, now, days=days, on_progress=on_progress)


async def plan(
    ctx: AppContext,
    now: datetime,
    *,
    on_chunk: PlanCallback | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> PlanReport:
    """Queue a digest for every reader whose hour has come and for whom there is something."""
    return await asyncio.to_thread(
        planning.plan, ctx.engine, ctx.sender_domain, now, on_chunk=on_chunk, should_stop=should_stop
    )


async def deliver(
    ctx: AppContext,
    clock: Clock,
    *,
    stop: asyncio.Event | None = None,
    on_progress: ProgressCallback = ignore_progress,
    force: bool = False,
    limit: int | None = None,
    render_cache: RenderCache | None = None,
) -> DeliveryReport:
    """Send what may go now, or the first `most` letters; `insist` also asks a relay that refused us a moment ago."""

    def report_progress(sent: DeliveryReport) -> None:
        on_progress(f"{sent.sent} letters sent")

    return await send_queued(
        ctx,
        clock,
        stop=stop,
        on_progress=report_progress,
        force=force,
        limit=limit,
        cache=render_cache,
        first_papers=planning.first_papers,
    )


async def run_once(
    ctx: AppContext, clock: Clock, *, stop: asyncio.Event | None = None, on_progress: ProgressCallback = ignore_progress
) -> RunReport:
    """All three, once. Setting `stop` ends it after the letters that are on the wire."""
    collected = await collect(ctx, clock(), on_progress=on_progress)
    on_progress("matching")
    planned = await plan(ctx, clock())
    sent = await deliver(ctx, clock, stop=stop, on_progress=on_progress, force=True)
    with read_session(ctx.engine) as session:
        queued = count_queued(session)
    return RunReport(collected, planned, sent, queued)
