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

from digest import db, papers, readings, search, sources
from digest.errors import Malformed, NotListed, SourceError
from digest.house import House
from digest.models import FetchStatus
from digest.sources.arxiv import ArXiv
from digest.sources.base import Answer, Listed, Source
from digest.sources.http import Client

log = structlog.get_logger()

FILLED_IN_A_RUN = 300  # papers whose text is asked for at arXiv in one run: three requests
# What a parser raises when an answer is of a shape that nobody thought of: our fault, but no reason to end the run.
UNFORESEEN = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@dataclass(slots=True)
class Collected:
    """What one source gave in one run. `failed` counts list days; `problems` says in words what was wrong."""

    source: str
    listed: int = 0
    new: int = 0
    failed: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {name: value for name, value in asdict(self).items() if name != "source"}


async def read_all(
    house: House, now: datetime, *, days: Sequence[date] | None, tell: Callable[[str], None]
) -> list[Collected]:
    """Read every source of the settings: the regular days and the missed ones, or just `days`."""
    with db.reading(house.engine) as session:
        known = readings.known_fetched(session)
    chosen = house.settings
    async with Client(base_url=chosen.base_url, contact=chosen.contact, known=known) as client:
        built = sources.build(chosen, client)
        found = await asyncio.gather(*(_read_source(house, source, now, days, tell) for source in built))
        await _fill_in(house, built, now, tell)
    return list(found)


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one source for one list day, begun at `now`; `begun` is the machine's stopwatch."""

    source: str
    day: date
    now: datetime
    begun: float

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begun


async def _read_source(
    house: House, source: Source, now: datetime, days: Sequence[date] | None, tell: Callable[[str], None]
) -> Collected:
    collected = Collected(source.name)
    began = time.monotonic()
    regular, missed = await asyncio.to_thread(_days, house, source, now, days)
    for day in sorted({*regular, *missed}):
        tell(f"reading {source.name}, {day}")
        look = Look(source.name, day, now, time.monotonic())
        try:
            answer = await _ask(source, day, now, current=day in regular)
        except SourceError as error:
            await asyncio.to_thread(_note, house, look, error, collected)
        else:
            await asyncio.to_thread(_take_in, house, look, answer, collected)
    collected.seconds = round(time.monotonic() - began, 2)
    return collected


async def _ask(source: Source, day: date, now: datetime, *, current: bool) -> Answer:
    try:
        return await (source.read if current else source.make_up)(day, now)
    except UNFORESEEN as error:
        log.exception("source.unforeseen", source=source.name, day=str(day))
        raise Malformed(f"its answer could not be read ({type(error).__name__}: please report this)") from error


def _days(
    house: House, source: Source, now: datetime, days: Sequence[date] | None
) -> tuple[Sequence[date], Sequence[date]]:
    current = source.days(now)
    if days is not None:
        return [day for day in days if day in current], [day for day in days if day not in current]
    with db.reading(house.engine) as session:
        return readings.due(session, source.name, now, current, grows=source.grows)


def _take_in(house: House, look: Look, answer: Answer, collected: Collected) -> None:
    """Papers, reading and the host's validators in one transaction: a crash leaves all of them or none."""
    with db.writing(house.engine) as session:
        remembered = papers.remember(session, answer.listed, look.now)
        search.keep_up(session, search.AT_ONCE)
        status = FetchStatus.UNCHANGED if answer.unchanged else FetchStatus.OK
        if not answer.listed and not answer.unchanged:
            status = FetchStatus.EMPTY
        readings.remember_fetched(session, answer.fetched, look.now)
        if answer.shown:  # the day asked for has no list yet: it stays due, whatever the host showed instead
            _record(session, look, FetchStatus.NOT_LISTED, message=f"the list shown was of {answer.shown}")
        counts = {"listed": remembered.listed, "new": remembered.new}
        _record(session, look, status, day=answer.shown, via=answer.via, message="; ".join(answer.notes), **counts)
    collected.listed += remembered.listed
    collected.new += remembered.new
    collected.problems.extend(answer.notes)
    if answer.shown:
        log.info("source.not_listed", source=look.source, day=str(look.day))
    log.info(
        "source.read",
        source=look.source,
        day=str(answer.shown or look.day),
        status=str(status),
        listed=remembered.listed,
        new=remembered.new,
        seconds=round(look.seconds, 2),
    )


def _note(house: House, look: Look, error: SourceError, collected: Collected) -> None:
    """A look that brought nothing: a day without a list, or a failure with its name."""
    quiet = isinstance(error, NotListed)
    status = FetchStatus.NOT_LISTED if quiet else FetchStatus.FAILED
    with db.writing(house.engine) as session:
        _record(session, look, status, code=error.code, message=str(error))
    if quiet:
        log.info("source.not_listed", source=look.source, day=str(look.day))
        return
    collected.failed += 1
    collected.problems.append(f"{look.day}: {error}")
    log.warning("source.failed", source=look.source, day=str(look.day), code=error.code, said=str(error))


def _record(session: Session, look: Look, status: FetchStatus, *, day: date | None = None, **said: Any) -> None:
    readings.record(
        session,
        source=look.source,
        day=day or look.day,
        started_at=look.now,
        seconds=look.seconds,
        status=status,
        **said,
    )


async def _fill_in(house: House, built: Sequence[Source], now: datetime, tell: Callable[[str], None]) -> None:
    """Ask arXiv for the texts of papers that so far only other lists know. A failure here costs no paper."""
    arxiv = next((source for source in built if isinstance(source, ArXiv)), None)
    with db.reading(house.engine) as session:
        wanted = papers.to_fill_in(session, FILLED_IN_A_RUN)
    if arxiv is None or not wanted:
        return
    tell("asking arXiv for texts")
    try:
        texts = await arxiv.fill_in(wanted)
    except SourceError as error:
        log.warning("texts.failed", asked=len(wanted), code=error.code, said=str(error))
        return
    except UNFORESEEN:
        log.exception("texts.unforeseen", asked=len(wanted))
        return
    await asyncio.to_thread(_improve, house, texts, wanted, now)


def _improve(house: House, texts: Sequence[Listed], asked: Sequence[str], now: datetime) -> None:
    with db.writing(house.engine) as session:
        improved = papers.fill_in(session, texts, asked, now)
        search.keep_up(session, search.AT_ONCE)
    log.info("texts.filled_in", asked=len(asked), improved=improved)
