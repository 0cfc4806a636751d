"""Reads the feeds that are due, stores what was never seen in them, and fills gaps where there is a road.

What a reading tells (known entries, rate, gap) is stored in the transaction that stores its papers.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog
from sqlmodel import Session

from digest.context import AppContext
from digest.database import quarantine_rows, read_session, write_session
from digest.database.models import Feed, FetchStatus
from digest.errors import MalformedAnswerError, SourceError, SourceThrottledError
from digest.jobs import messages
from digest.jobs.reports import SourceReport
from digest.papers import (
    INDEX_BATCH_SIZE,
    WindowEntry,
    WindowGap,
    describe_rare_reading,
    find_open_gaps,
    first_rate,
    is_backlog,
    is_due,
    judge_window,
    known_entries,
    last_rate,
    load_window_fetches,
    mean_rate,
    reading_interval,
    record_fetch,
    split_window,
    store_entries,
    store_http_cache,
    store_listings,
    sync_feeds,
    update_index,
)
from digest.sources import (
    ArchivedWindowSource,
    FeedGap,
    GapSource,
    ListedPaper,
    Source,
    SourceAnswer,
    Window,
    WindowSource,
    read_answer,
    window_names,
)

log = structlog.get_logger()

PARALLEL_WINDOWS = 4
MAX_ARCHIVES = 10  # earlier documents of a feed that are read for one gap
RETRY_AFTER = timedelta(hours=1)
DEAD_RETRY_AFTER = timedelta(days=1)  # where there is no feed any more
REPAIR_INTERVAL = timedelta(hours=20)
DEAD_CODES = {"gone", "no-feed"}


@dataclass(frozen=True, slots=True)
class WindowReading:
    """Reading of one window at `now`; `started` is the monotonic clock in seconds."""

    source: str
    window: Window
    now: datetime
    started: float

    def record(self, session: Session, status: FetchStatus, message: str = "", **details: object) -> None:
        """Record it in the log of fetches."""
        details = {"part": self.window.name, "endpoint": "feed", "day": self.now.astimezone(UTC).date()} | details
        seconds = time.monotonic() - self.started
        record_fetch(
            session,
            source=self.source,
            started_at=self.now,
            seconds=seconds,
            status=status,
            message=message,
            **details,  # type: ignore[arg-type]  # columns of the log
        )


async def collect_windows(
    ctx: AppContext,
    source: WindowSource,
    windows: Sequence[Window],
    others: Sequence[Source],
    now: datetime,
    report: SourceReport,
    on_progress: Callable[[str], None] | None,
    *,
    is_requested: bool = False,
) -> None:
    """Read the windows that are due, or all when the operator asks for it. `others` may fill their gaps."""
    due = await asyncio.to_thread(_find_due, ctx, source.name, windows, now, is_requested=is_requested)
    limit = asyncio.Semaphore(PARALLEL_WINDOWS)

    async def collect(window: Window) -> None:
        async with limit:
            if on_progress:
                on_progress(f"Fetching {window.title or window.name}")
            reading = WindowReading(source.name, window, now, time.monotonic())
            answer = await _fetch(ctx, reading, source, report)
            if answer is not None:
                await asyncio.to_thread(_store_reading, ctx, reading, answer, report)
                await _fill_gaps(ctx, reading, source, others, answer, report)

    await asyncio.gather(*(collect(window) for window in due))


def _find_due(
    ctx: AppContext, source: str, windows: Sequence[Window], now: datetime, *, is_requested: bool
) -> list[Window]:
    with write_session(ctx.engine) as session:
        feeds = sync_feeds(session, source, windows, now)
        due = [window for window in windows if is_due(feeds[window.name], now)]
        if not is_requested:
            return due
        # A host that has asked us to wait is not asked before.
        throttled = {
            window.name
            for window in windows
            if (fetches := load_window_fetches(session, source, window.name, now))
            and fetches[-1].error_code == SourceThrottledError.code
        }
        return [window for window in windows if window in due or window.name not in throttled]


async def _fetch(
    ctx: AppContext, reading: WindowReading, source: WindowSource, report: SourceReport
) -> SourceAnswer | None:
    """Fetch a window, or record why there is no answer."""
    window = reading.window
    try:
        return await read_answer(lambda: source.fetch(window, reading.now), window.name)
    except SourceError as error:
        failure = error
    await asyncio.to_thread(_record_failure, ctx, reading, failure, report)
    return None


def _record_failure(ctx: AppContext, reading: WindowReading, error: SourceError, report: SourceReport) -> None:
    with write_session(ctx.engine) as session:
        feed = session.get_one(Feed, (reading.source, reading.window.name))
        delay = DEAD_RETRY_AFTER if error.code in DEAD_CODES else RETRY_AFTER
        feed.next_at = reading.now + delay
        if isinstance(error, SourceThrottledError):
            feed.next_at = max(feed.next_at, error.until)
        reading.record(session, FetchStatus.FAILED, str(error), error_code=error.code)
    report.failed += 1
    report.problems.append(f"{reading.window.name}: {error}")
    log.warning("source.failed", source=reading.source, window=reading.window.name, code=error.code, error=str(error))


def _store_reading(ctx: AppContext, reading: WindowReading, answer: SourceAnswer, report: SourceReport) -> None:
    """Store what a reading brought, and when the window is due again."""
    now = reading.now
    with write_session(ctx.engine) as session:
        feed = session.get_one(Feed, (reading.source, reading.window.name))
        is_first = feed.checked_at is None
        if answer.not_modified:
            fresh, status = 0, FetchStatus.UNCHANGED
            reading.record(session, status)
        else:
            fresh, status = _store_entries(session, feed, reading, answer, report, is_first=is_first)
        elapsed = now - feed.checked_at if feed.checked_at else timedelta(0)
        last = 0.0 if is_first else last_rate(fresh, elapsed)
        mean = first_rate([paper.published_on for paper in answer.papers]) if is_first else mean_rate(feed.rate, last)
        facts = answer.facts
        if facts:
            feed.title = reading.window.title or facts.title or feed.title
            feed.issns = " ".join(facts.issns) or feed.issns
            feed.moved_to = facts.moved_to or None
        if not answer.not_modified:
            feed.entries = len(answer.papers)
        stated = facts.refresh_interval if facts else None
        interval = reading_interval(feed.entries, max(last, mean), status=status, stated=stated)
        feed.rate, feed.checked_at = mean, now
        feed.interval_seconds, feed.next_at = int(interval.total_seconds()), now + interval
        if all(part.received >= part.promised for part in answer.parts):
            store_http_cache(session, answer.validators, now)
        session.flush()
        fetches = load_window_fetches(session, reading.source, reading.window.name, now)
        rare_reading = describe_rare_reading(feed, fetches)
    report.problems.extend((*answer.warnings, *filter(None, [rare_reading])))
    log.info(
        "source.fetched",
        source=reading.source,
        window=reading.window.name,
        status=str(status),
        entries=len(answer.papers),
        fresh=fresh,
        next_at=str(now + interval),
    )


def _store_entries(
    session: Session,
    feed: Feed,
    reading: WindowReading,
    answer: SourceAnswer,
    report: SourceReport,
    *,
    is_first: bool,
    day_details: dict[str, object] | None = None,
) -> tuple[int, FetchStatus]:
    """Store the entries of an answer that are new or say something new; return how many were never seen."""
    now, papers = reading.now, answer.papers
    entries = [describe_entry(paper) for paper in papers]
    known = known_entries(session, feed, entries)
    split = split_window([entry.names for entry in entries], known)
    listings: list[ListedPaper] = []
    for position in split.fresh:
        paper, entry = papers[position], entries[position]
        kind = "replace" if any(work in known for work in entry.works) else paper.kind
        if is_first and is_backlog(paper.published_on, now):
            kind = "backlog"
        listings.append(replace(paper, kind=kind))
    for position in split.known:
        entry = entries[position]
        if not any(known.get(name) == entry.content_hash for name in entry.names):
            listings.append(replace(papers[position], kind="replace"))
    stored = store_listings(session, listings, now)
    unreadable = list(stored.unreadable)
    update_index(session, INDEX_BATCH_SIZE, unreadable)
    report.unreadable += quarantine_rows(session, unreadable, now)
    store_entries(session, feed, entries, known, now)
    status = FetchStatus.OK if is_first and papers else judge_window(len(split.known), split.size)
    promised, received = (sum(getattr(part, name) for part in answer.parts) for name in ("promised", "received"))
    details: dict[str, object] = {
        "endpoint": answer.endpoint,
        "promised": promised,
        "received": received,
        "unreadable": sum(part.unreadable for part in answer.parts),
        "listed_count": stored.listed_count,
        "new_count": stored.new_count,
        "fresh": len(split.fresh),
        "whole": received >= promised,
    }
    if day_details:  # what fills a gap is no reading: it has no status of its own
        status = FetchStatus.OK if received >= promised else FetchStatus.PARTIAL
    reading.record(session, status, "; ".join(answer.warnings), **(details | (day_details or {})))
    report.listed += stored.listed_count
    report.new += stored.new_count
    return len(split.fresh), status


def describe_entry(paper: ListedPaper) -> WindowEntry:
    """Return the names of a paper as an entry of a window, and what it says."""
    works = frozenset(f"work {name}" for name in paper.identifiers if name.version)
    content = (paper.title, paper.abstract, *paper.authors, *sorted(window_names(paper.identifiers)))
    return WindowEntry(frozenset(window_names(paper.identifiers)), works, "\n".join(content))


async def _fill_gaps(
    ctx: AppContext,
    reading: WindowReading,
    source: WindowSource,
    others: Sequence[Source],
    answer: SourceAnswer,
    report: SourceReport,
) -> None:
    """Fill the open gaps of a window: from its earlier documents, else from a source that knows its journal."""
    for gap in await asyncio.to_thread(_gaps_to_fill, ctx, reading):
        is_filled = False
        previous = answer.facts.previous_url if answer.facts else ""
        if previous and gap.last_at == reading.now and isinstance(source, ArchivedWindowSource):
            is_filled = await _fill_from_archive(ctx, reading, source, previous, gap, answer, report)
        for other in others:
            if not is_filled and isinstance(other, GapSource):
                is_filled = await _fill_from_source(ctx, reading, other, gap, answer, report)


def _gaps_to_fill(ctx: AppContext, reading: WindowReading) -> list[WindowGap]:
    """Return the open gaps that nobody has tried to fill for some hours."""
    with read_session(ctx.engine) as session:
        fetches = load_window_fetches(session, reading.source, reading.window.name, reading.now)
    tried = {fetch.list_day: fetch.started_at for fetch in fetches if fetch.is_backfill}
    gaps = find_open_gaps(fetches, reading.now)
    return [gap for gap in gaps if gap.day not in tried or reading.now - tried[gap.day] >= REPAIR_INTERVAL]


async def _fill_from_archive(
    ctx: AppContext,
    reading: WindowReading,
    source: ArchivedWindowSource,
    url: str,
    gap: WindowGap,
    answer: SourceAnswer,
    report: SourceReport,
) -> bool:
    """Read earlier documents until one shows an entry that was known before the gap (RFC 5005, 4)."""
    names = {name for paper in answer.papers for name in window_names(paper.identifiers)}
    for _ in range(MAX_ARCHIVES):
        try:
            earlier = await source.fetch_previous(reading.window, url, reading.now)
        except SourceError as error:
            await asyncio.to_thread(_record_attempt, ctx, reading, gap, error)
            return False
        is_joined = await asyncio.to_thread(_store_repair, ctx, reading, gap, earlier, report, frozenset(names))
        if is_joined:
            return True
        names |= {name for paper in earlier.papers for name in window_names(paper.identifiers)}
        url = earlier.facts.previous_url if earlier.facts else ""
        if not url:
            return False
    return False


async def _fill_from_source(
    ctx: AppContext,
    reading: WindowReading,
    source: GapSource,
    gap: WindowGap,
    answer: SourceAnswer,
    report: SourceReport,
) -> bool:
    """Ask a source for what the journal published on the days of a gap."""
    with read_session(ctx.engine) as session:
        issns = tuple(session.get_one(Feed, (reading.source, reading.window.name)).issns.split())
    dois = tuple(paper.doi for paper in answer.papers if paper.doi)[:20]
    days = (gap.first_at.astimezone(UTC).date(), gap.last_at.astimezone(UTC).date())
    sought = FeedGap(source=reading.window.name, first_day=days[0], last_day=days[1], issns=issns, dois=dois)
    try:
        filling = await source.fetch_gap(sought, reading.now)
    except SourceError as error:
        await asyncio.to_thread(_record_attempt, ctx, reading, gap, error)
        return False
    except Exception as error:
        log.exception("gap.failed", window=reading.window.name)
        failure = MalformedAnswerError(messages.gap_not_filled(type(error).__name__))
        await asyncio.to_thread(_record_attempt, ctx, reading, gap, failure)
        return False
    return await asyncio.to_thread(_store_repair, ctx, reading, gap, filling, report, None)


def _store_repair(
    ctx: AppContext,
    reading: WindowReading,
    gap: WindowGap,
    answer: SourceAnswer,
    report: SourceReport,
    later_names: frozenset[str] | None,
) -> bool:
    """Store papers of a gap; return whether it is filled.

    With `later_names`, those of the entries after these, it is filled once an entry was known before the gap.
    """
    with write_session(ctx.engine) as session:
        feed = session.get_one(Feed, (reading.source, reading.window.name))
        entries = [describe_entry(paper) for paper in answer.papers]
        known = known_entries(session, feed, entries)
        is_filled = bool(entries) and all(part.received >= part.promised for part in answer.parts)
        if later_names is not None:
            is_filled = any(name in known and name not in later_names for entry in entries for name in entry.names)
        details: dict[str, object] = {"is_backfill": True, "day": gap.day}
        if not is_filled:
            details["whole"] = False
        _store_entries(session, feed, reading, answer, report, is_first=False, day_details=details)
    return is_filled


def _record_attempt(ctx: AppContext, reading: WindowReading, gap: WindowGap, error: SourceError) -> None:
    """Record that a gap could not be filled now."""
    with write_session(ctx.engine) as session:
        reading.record(
            session, FetchStatus.FAILED, str(error), error_code=error.code, day=gap.day, is_backfill=True, whole=False
        )
    log.info("gap.open", window=reading.window.name, error=str(error))
