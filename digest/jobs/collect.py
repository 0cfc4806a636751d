"""Reading the sources: each looked-at day becomes a reading in the record, each paper on it a listing.

A source that fails is a reading that failed, with its reason. The other sources are read all the same, and the day is
read again by the next run until it has been read well.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

import structlog
from sqlmodel import Session

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import FetchStatus
from digest.errors import MalformedAnswerError, NotListedError, SourceError
from digest.papers import (
    INDEX_BATCH_SIZE,
    arxiv_ids_without_text,
    due_days,
    load_http_cache,
    record_fetch,
    store_http_cache,
    store_listings,
    store_texts,
    update_index,
)
from digest.sources import ArxivSource, ListedPaper, Source, SourceAnswer, SourceClient, build_sources

log = structlog.get_logger()


MAX_MISSING_TEXTS = 300  # papers whose text is asked for at arXiv in one run: three requests


# What a parser raises when an answer is of a shape that nobody thought of: our fault, but no reason to end the run.
PARSER_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@dataclass(slots=True)
class SourceReport:
    """What one source gave in one run. `failed` counts list days; `problems` says in words what was wrong."""

    source: str
    listed: int = 0
    new: int = 0
    failed: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """For scripts."""
        return {name: value for name, value in asdict(self).items() if name != "source"}


async def collect_sources(
    ctx: AppContext, now: datetime, *, days: Sequence[date] | None, on_progress: Callable[[str], None]
) -> list[SourceReport]:
    """Read every source of the settings: the regular days and the missed ones, or just `days`."""
    with read_session(ctx.engine) as session:
        known = load_http_cache(session)
    chosen = ctx.settings
    async with SourceClient(base_url=chosen.base_url, contact=chosen.contact, cached_validators=known) as client:
        built = build_sources(chosen, client)
        found = await asyncio.gather(*(_collect_source(ctx, source, now, days, on_progress) for source in built))
        await _fill_missing_texts(ctx, built, now, on_progress)
    return list(found)


@dataclass(frozen=True, slots=True)
class FetchTiming:
    """One look at one source for one list day, begun at `now`; `begun` is the machine's stopwatch."""

    source: str
    day: date
    now: datetime
    started: float

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started


async def _collect_source(
    ctx: AppContext, source: Source, now: datetime, days: Sequence[date] | None, on_progress: Callable[[str], None]
) -> SourceReport:
    collected = SourceReport(source.name)
    began = time.monotonic()
    regular, missed = await asyncio.to_thread(_days_to_fetch, ctx, source, now, days)
    for day in sorted({*regular, *missed}):
        on_progress(f"reading {source.name}, {day}")
        look = FetchTiming(source.name, day, now, time.monotonic())
        try:
            answer = await _fetch_day(source, day, now, current=day in regular)
        except SourceError as error:
            await asyncio.to_thread(_record_failure, ctx, look, error, collected)
        else:
            await asyncio.to_thread(_store_answer, ctx, look, answer, collected)
    collected.seconds = round(time.monotonic() - began, 2)
    return collected


async def _fetch_day(source: Source, day: date, now: datetime, *, current: bool) -> SourceAnswer:
    try:
        return await (source.fetch_day if current else source.backfill_day)(day, now)
    except PARSER_ERRORS as error:
        log.exception("source.unforeseen", source=source.name, day=str(day))
        raise MalformedAnswerError(
            f"its answer could not be read ({type(error).__name__}: please report this)"
        ) from error


def _days_to_fetch(
    ctx: AppContext, source: Source, now: datetime, days: Sequence[date] | None
) -> tuple[Sequence[date], Sequence[date]]:
    current = source.current_days(now)
    if days is not None:
        return [day for day in days if day in current], [day for day in days if day not in current]
    with read_session(ctx.engine) as session:
        return due_days(session, source.name, now, current, growth_period=source.growth_period)


def _store_answer(ctx: AppContext, timing: FetchTiming, answer: SourceAnswer, collected: SourceReport) -> None:
    """Papers, reading and the host's validators in one transaction: a crash leaves all of them or none."""
    with write_session(ctx.engine) as session:
        remembered = store_listings(session, answer.papers, timing.now)
        update_index(session, INDEX_BATCH_SIZE)
        status = FetchStatus.UNCHANGED if answer.not_modified else FetchStatus.OK
        if not answer.papers and not answer.not_modified:
            status = FetchStatus.EMPTY
        store_http_cache(session, answer.validators, timing.now)
        if answer.shown_day:  # the day asked for has no list yet: it stays due, whatever the host showed instead
            _record_fetch(session, timing, FetchStatus.NOT_LISTED, message=f"the list shown was of {answer.shown_day}")
        counts = {"listed_count": remembered.listed_count, "new_count": remembered.new_count}
        _record_fetch(
            session,
            timing,
            status,
            day=answer.shown_day,
            endpoint=answer.endpoint,
            message="; ".join(answer.warnings),
            **counts,
        )
    collected.listed += remembered.listed_count
    collected.new += remembered.new_count
    collected.problems.extend(answer.warnings)
    if answer.shown_day:
        log.info("source.not_listed", source=timing.source, day=str(timing.day))
    log.info(
        "source.read",
        source=timing.source,
        day=str(answer.shown_day or timing.day),
        status=str(status),
        listed=remembered.listed_count,
        new=remembered.new_count,
        seconds=round(timing.seconds, 2),
    )


def _record_failure(ctx: AppContext, timing: FetchTiming, error: SourceError, collected: SourceReport) -> None:
    """A look that brought nothing: a day without a list, or a failure with its name."""
    quiet = isinstance(error, NotListedError)
    status = FetchStatus.NOT_LISTED if quiet else FetchStatus.FAILED
    with write_session(ctx.engine) as session:
        _record_fetch(session, timing, status, error_code=error.code, message=str(error))
    if quiet:
        log.info("source.not_listed", source=timing.source, day=str(timing.day))
        return
    collected.failed += 1
    collected.problems.append(f"{timing.day}: {error}")
    log.warning("source.failed", source=timing.source, day=str(timing.day), code=error.code, said=str(error))


def _record_fetch(
    session: Session, timing: FetchTiming, status: FetchStatus, *, day: date | None = None, **said: Any
) -> None:
    record_fetch(
        session,
        source=timing.source,
        day=day or timing.day,
        started_at=timing.now,
        seconds=timing.seconds,
        status=status,
        **said,
    )


async def _fill_missing_texts(
    ctx: AppContext, source_list: Sequence[Source], now: datetime, on_progress: Callable[[str], None]
) -> None:
    """Ask arXiv for the texts of papers that so far only other lists know. A failure here costs no paper."""
    arxiv = next((source for source in source_list if isinstance(source, ArxivSource)), None)
    with read_session(ctx.engine) as session:
        wanted = arxiv_ids_without_text(session, MAX_MISSING_TEXTS)
    if arxiv is None or not wanted:
        return
    on_progress("asking arXiv for texts")
    try:
        texts = await arxiv.fetch_texts(wanted)
    except SourceError as error:
        log.warning("texts.failed", asked=len(wanted), code=error.code, said=str(error))
        return
    except PARSER_ERRORS:
        log.exception("texts.unforeseen", asked=len(wanted))
        return
    await asyncio.to_thread(_store_texts, ctx, texts, wanted, now)


def _store_texts(ctx: AppContext, texts: Sequence[ListedPaper], requested: Sequence[str], now: datetime) -> None:
    with write_session(ctx.engine) as session:
        improved = store_texts(session, texts, requested, now)
        update_index(session, INDEX_BATCH_SIZE)
    log.info("texts.filled_in", asked=len(requested), improved=improved)
