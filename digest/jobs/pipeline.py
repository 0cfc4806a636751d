"""Data flow of the service.

    collect   sources -> papers                           listings become papers; each fetch is recorded
    plan      papers, subscribers -> deliveries           new papers for a subscriber become a queued digest
    deliver   deliveries -> rendering -> mail             queued digests become e-mails; the record says how it went
    learn     papers -> acronyms, words                   what papers define alike, and which words tell them apart

Each step may be killed at any line and started again: the database knows what is done. The scheduler, the workers and
the command line call these functions and hold no rules of their own.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime

from digest import planning
from digest.context import AppContext
from digest.database import check_mark, read_session
from digest.delivery import Clock, DeliveryReport, count_queued, send_queued
from digest.jobs.learn_acronyms import learn_acronyms
from digest.jobs.learn_words import learn_words
from digest.jobs.reports import RunReport, SourceReport
from digest.planning import PlanCallback, PlanReport
from digest.rendering import RenderCache
from digest.subscribers import announce_keywords, renew_keywords

ProgressCallback = Callable[[str], None]


async def collect(
    ctx: AppContext,
    now: datetime,
    *,
    days: Sequence[date] | None = None,
    only: Collection[str] | None = None,
    on_progress: ProgressCallback | None = None,
) -> list[SourceReport]:
    """Fetch every source for the days that are due, or just `days`, and store what they list.

    Of the sources in `only`, and of no others, feeds that are not due are fetched, too.
    """
    from digest.jobs.collect import collect_sources  # parsers take memory, and workers fetch no source

    return await collect_sources(ctx, now, days=days, only=only, on_progress=on_progress)


async def learn(ctx: AppContext, now: datetime, *, should_stop: Callable[[], bool] | None = None) -> int:
    """Learn acronyms from the papers that are new since the last time, and return how many changed.

    Once a week the terms of the papers are counted, too.
    """
    changed = await asyncio.to_thread(learn_acronyms, ctx.engine, should_stop=should_stop)
    await asyncio.to_thread(learn_words, ctx, now, should_stop=should_stop)
    return changed


async def plan(
    ctx: AppContext,
    now: datetime,
    *,
    on_chunk: PlanCallback | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> PlanReport:
    """Queue a digest for every subscriber who is due and for whom there are new papers.

    Raises StaleStoreError for a store that does not know what was sent from it.
    """
    check_mark(ctx.engine)
    await asyncio.to_thread(renew_keywords, ctx.engine)
    report = await asyncio.to_thread(
        planning.plan, ctx.engine, ctx.sender_domain, now, on_chunk=on_chunk, should_stop=should_stop
    )
    if report.digests:
        await asyncio.to_thread(announce_keywords, ctx.engine)
    return report


async def deliver(
    ctx: AppContext,
    clock: Clock,
    *,
    stop: asyncio.Event | None = None,
    on_progress: ProgressCallback | None = None,
    force: bool = False,
    limit: int | None = None,
    cache: RenderCache | None = None,
) -> DeliveryReport:
    """Send what is due, at most `limit` e-mails. `force` tries the relay although its circuit is open."""

    def report(sent: DeliveryReport) -> None:
        if on_progress:
            on_progress(f"Sent {sent.sent:,} e-mails")

    return await send_queued(
        ctx,
        clock,
        stop=stop,
        on_progress=report,
        force=force,
        limit=limit,
        cache=cache,
    )


async def run_once(
    ctx: AppContext, clock: Clock, *, stop: asyncio.Event | None = None, on_progress: ProgressCallback | None = None
) -> RunReport:
    """Collect, plan and deliver. Setting `stop` ends it after the e-mails that are on the wire."""
    source_reports = await collect(ctx, clock(), on_progress=on_progress)
    if on_progress:
        on_progress("matching")
    plan_report = await plan(ctx, clock())
    delivery_report = await deliver(ctx, clock, stop=stop, on_progress=on_progress, force=True)
    await learn(ctx, clock(), should_stop=stop.is_set if stop else None)  # for the next run; nobody waits for it
    with read_session(ctx.engine) as session:
        return RunReport(source_reports, plan_report, delivery_report, count_queued(session))
