"""Fetches the sources and stores what they list; each fetch of a list day is recorded.

A source that fails, in whatever way, is recorded with its reason, and the others are fetched all the same. A day stays
due until it has been fetched well.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, TypeVar

import structlog
from sqlmodel import Session

from digest.context import AppContext
from digest.database import InvalidRow, quarantine_rows, read_session, write_session
from digest.database.models import FetchStatus
from digest.errors import NotListedError, SourceError, SourceLoadError
from digest.jobs import messages
from digest.jobs.collect_windows import collect_windows
from digest.jobs.reports import SourceReport
from digest.papers import (
    INDEX_BATCH_SIZE,
    STALE_KINDS,
    StoreReport,
    arxiv_ids_without_text,
    days_due,
    dois_without_text,
    is_stale,
    load_fetches,
    load_http_cache,
    record_fetch,
    store_http_cache,
    store_listings,
    store_texts,
    update_index,
)
from digest.sources import (
    AnswerPart,
    DayListSource,
    Source,
    SourceAnswer,
    SourceClient,
    SourceFault,
    TextSource,
    build_sources,
    read_answer,
)

log = structlog.get_logger()

T = TypeVar("T")
MAX_MISSING_TEXTS = 300  # papers whose text is asked of a source in one run: three requests to arXiv
TEXTS_PER_TRANSACTION = 20  # of those that are asked for one by one


@dataclass(frozen=True, slots=True)
class FetchTiming:
    """Fetch of one list day of a source at `now`; `started` is the monotonic clock in seconds."""

    source: str
    day: date
    now: datetime
    started: float
    is_backfill: bool

    @property
    def seconds(self) -> float:
        """Duration until now."""
        return time.monotonic() - self.started

    def record(self, session: Session, status: FetchStatus, *, day: date | None = None, **details: Any) -> None:
        """Record the fetch in the fetch log, for another `day` where the host showed that one."""
        record_fetch(
            session,
            source=self.source,
            day=day or self.day,
            started_at=self.now,
            seconds=self.seconds,
            status=status,
            is_backfill=self.is_backfill,
            **details,
        )


async def collect_sources(
    ctx: AppContext,
    now: datetime,
    *,
    days: Sequence[date] | None,
    only: Collection[str] | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> list[SourceReport]:
    """Fetch every source of the settings: the current days and the missed ones, or just `days`.

    Of the sources in `only`, and of no others, feeds that are not due are fetched, too.
    """
    unreadable: list[InvalidRow] = []
    with read_session(ctx.engine) as session:
        validators = load_http_cache(session, unreadable)
    settings = ctx.settings
    async with SourceClient(
        base_url=settings.base_url, contact=settings.contact, cached_validators=validators
    ) as client:
        faults: list[SourceFault] = []
        sources = build_sources(settings, client, faults)
        reports = await asyncio.gather(
            *(
                _collect_source(ctx, source, sources, now, days, on_progress, is_requested=only is not None)
                for source in sources
                if only is None or source.name in only
            )
        )
        await _fill_missing_texts(ctx, sources, now, on_progress)
    reports += [
        await asyncio.to_thread(_record_error, ctx, fault, now)
        for fault in faults
        if only is None or fault.name in only
    ]
    if unreadable and reports:  # the cache is that of all sources: its rows are counted with the first
        with write_session(ctx.engine) as session:
            reports[0].unreadable += quarantine_rows(session, unreadable, now)
    return list(reports)


async def _collect_source(
    ctx: AppContext,
    source: Source,
    sources: Sequence[Source],
    now: datetime,
    days: Sequence[date] | None,
    on_progress: Callable[[str], None] | None,
    *,
    is_requested: bool,
) -> SourceReport:
    report = SourceReport(source.name)
    started = time.monotonic()
    try:
        if isinstance(source, DayListSource):
            await _collect_days(ctx, source, now, days, report, on_progress)
        else:
            windows = _call_source(source, source.windows)
            await collect_windows(ctx, source, windows, sources, now, report, on_progress, is_requested=is_requested)
    except SourceLoadError as error:
        return await asyncio.to_thread(_record_error, ctx, SourceFault(source.name, str(error)), now)
    report.seconds = round(time.monotonic() - started, 2)
    return report


async def _collect_days(
    ctx: AppContext,
    source: DayListSource,
    now: datetime,
    days: Sequence[date] | None,
    report: SourceReport,
    on_progress: Callable[[str], None] | None,
) -> None:
    current = _call_source(source, lambda: source.days(now))
    current, missed = await asyncio.to_thread(_days_to_fetch, ctx, source, now, current, days, report)
    for day in sorted({*current, *missed}):
        if on_progress:
            on_progress(f"Fetching {source.name}, {day}")
        timing = FetchTiming(source.name, day, now, time.monotonic(), is_backfill=day not in current)
        fetch = source.backfill if timing.is_backfill else source.fetch
        await _store_fetch(ctx, timing, partial(fetch, day, now), report)


def _call_source(source: Source, call: Callable[[], Sequence[T]]) -> Sequence[T]:
    """Return what a source says that it has to read. Raises SourceLoadError in place of any other error."""
    try:
        return call()
    except Exception as error:
        log.exception("source.failed", source=source.name)
        raise SourceLoadError(messages.source_failed(type(error).__name__)) from error


async def _store_fetch(
    ctx: AppContext, timing: FetchTiming, fetch: Callable[[], Awaitable[SourceAnswer]], report: SourceReport
) -> None:
    """Await an answer and store it, or record why there is none."""
    try:
        answer = await read_answer(fetch, timing.source)
    except SourceError as error:
        await asyncio.to_thread(_record_failure, ctx, timing, error, report)
    else:
        await asyncio.to_thread(_store_answer, ctx, timing, answer, report)


def _days_to_fetch(
    ctx: AppContext,
    source: DayListSource,
    now: datetime,
    current: Sequence[date],
    days: Sequence[date] | None,
    report: SourceReport,
) -> tuple[Sequence[date], Sequence[date]]:
    """Return the current days and the missed ones, which are fetched in other ways."""
    if days is not None:
        return [day for day in days if day in current], [day for day in days if day not in current]
    unreadable: list[InvalidRow] = []
    with read_session(ctx.engine) as session:
        fetches = load_fetches(session, source.name, now, unreadable)
        lists_weekends = bool(getattr(source, "lists_weekends", False))
        due = days_due(fetches, now, current, growth_period=source.settles_after, lists_weekends=lists_weekends)
    if unreadable:
        with write_session(ctx.engine) as session:
            report.unreadable += quarantine_rows(session, unreadable, now)
    return due


def _store_answer(ctx: AppContext, timing: FetchTiming, answer: SourceAnswer, report: SourceReport) -> None:
    """Store papers, fetch and HTTP validators in one transaction: a crash leaves all of them or none.

    Validators are stored only with a whole list: "not modified" then means that all of it is there.
    """
    warnings = list(answer.warnings)
    day = answer.shown_day or timing.day
    with write_session(ctx.engine) as session:
        stored = store_listings(session, answer.papers, timing.now)
        unreadable = list(stored.unreadable)
        update_index(session, INDEX_BATCH_SIZE, unreadable)
        report.unreadable += quarantine_rows(session, unreadable, timing.now)
        parts = [_judge_part(part, answer, stored, timing) for part in answer.parts]
        stale = [part["part"] for part in parts if part["status"] == FetchStatus.STALE]
        warnings += [messages.list_repeated(day, name) for name in stale]
        if all(part["whole"] and part["status"] != FetchStatus.STALE for part in parts):
            store_http_cache(session, answer.validators, timing.now)
        if answer.shown_day:  # the requested day has no list yet: it stays due, whatever the host showed instead
            timing.record(session, FetchStatus.NOT_LISTED, message=messages.list_of_other_day(answer.shown_day))
        status = FetchStatus.UNCHANGED if answer.not_modified else FetchStatus.EMPTY
        for part in parts or [{"status": status}]:
            timing.record(session, day=day, endpoint=answer.endpoint, message="; ".join(warnings), **part)
    report.listed += stored.listed_count
    report.new += stored.new_count
    report.problems.extend(warnings)
    if answer.shown_day:
        log.info("source.not_listed", source=timing.source, day=str(timing.day))
    log.info(
        "source.fetched",
        source=timing.source,
        day=str(day),
        status=" ".join(sorted({str(part["status"]) for part in parts})) or "unchanged",
        listed=stored.listed_count,
        new=stored.new_count,
        seconds=round(timing.seconds, 2),
    )


def _judge_part(part: AnswerPart, answer: SourceAnswer, stored: StoreReport, timing: FetchTiming) -> dict[str, Any]:
    """Return what the fetch log records of one part of an answer."""
    new_entries = {paper.key for paper in answer.papers if paper.kind in STALE_KINDS} & part.keys
    stale = len(stored.stale & part.keys)
    status = FetchStatus.OK if answer.papers else FetchStatus.EMPTY
    if part.received < part.promised:
        status = FetchStatus.PARTIAL
    elif not timing.is_backfill and is_stale(len(new_entries), stale):
        status = FetchStatus.STALE
    return {
        "status": status,
        "part": part.name,
        "promised": part.promised,
        "received": part.received,
        "unreadable": part.unreadable,
        "listed_count": len(stored.listed & part.keys),
        "new_count": len(stored.new & part.keys),
        "fresh": len(stored.fresh & part.keys),
        "stale": stale,
        "whole": part.received >= part.promised,
    }


def _record_failure(ctx: AppContext, timing: FetchTiming, error: SourceError, report: SourceReport) -> None:
    """Record a fetch without a listing: a day that has none, or a failure."""
    not_listed = isinstance(error, NotListedError)
    with write_session(ctx.engine) as session:
        status = FetchStatus.NOT_LISTED if not_listed else FetchStatus.FAILED
        timing.record(session, status, error_code=error.code, message=str(error))
    if not_listed:
        log.info("source.not_listed", source=timing.source, day=str(timing.day))
        return
    report.failed += 1
    report.problems.append(f"{timing.day}: {error}")
    log.warning("source.failed", source=timing.source, day=str(timing.day), code=error.code, error=str(error))


def _record_error(ctx: AppContext, fault: SourceFault, now: datetime) -> SourceReport:
    """Record a source that could not be created: pages and alerts then tell that it is not read."""
    with write_session(ctx.engine) as session:
        record_fetch(
            session,
            source=fault.name,
            day=now.astimezone(UTC).date(),
            started_at=now,
            seconds=0,
            status=FetchStatus.FAILED,
            message=fault.reason,
            error_code="unusable",
        )
    log.warning("source.unusable", source=fault.name, error=fault.reason)
    return SourceReport(fault.name, failed=1, problems=[fault.reason])


async def _fill_missing_texts(
    ctx: AppContext, sources: Sequence[Source], now: datetime, on_progress: Callable[[str], None] | None
) -> None:
    """Ask for the texts of papers that only other lists know so far. A failure costs no paper."""
    for source in sources:
        if not isinstance(source, TextSource):
            continue
        with read_session(ctx.engine) as session:
            if source.text_scheme == "arxiv":
                requested = arxiv_ids_without_text(session, MAX_MISSING_TEXTS)
            else:
                requested = dois_without_text(session, source.name, now, MAX_MISSING_TEXTS)
        if requested and on_progress:
            on_progress(f"Fetching abstracts from {source.title}")
        size = MAX_MISSING_TEXTS if source.text_scheme == "arxiv" else TEXTS_PER_TRANSACTION
        for start in range(0, len(requested), size):
            if not await _fill_texts(ctx, source, requested[start : start + size], now):
                break


async def _fill_texts(ctx: AppContext, source: TextSource, requested: Sequence[str], now: datetime) -> bool:
    """Fetch and store some texts; return whether the host answered."""
    try:
        texts = await source.fetch_texts(requested)
    except SourceError as error:
        log.warning("texts.failed", source=source.name, requested=len(requested), code=error.code, error=str(error))
        return False
    except Exception as error:
        log.exception("texts.parser_failed", source=source.name, requested=len(requested), error=type(error).__name__)
        return False

    def store() -> int:
        with write_session(ctx.engine) as session:
            count = store_texts(session, texts, requested, now, source.text_scheme)
            update_index(session, INDEX_BATCH_SIZE)
            return count

    improved = await asyncio.to_thread(store)
    log.info("texts.stored", source=source.name, requested=len(requested), improved=improved)
    return True
