"""How each source does: its last whole day, how quickly it came, when it is fetched next, and what is wrong with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session

from digest.config import Settings, source_title
from digest.database import read_session
from digest.database.models import Feed, FetchStatus, SourceFetch
from digest.papers import days_due, fetches_by_day, is_due, load_fetches, load_source_problems, load_window_fetches
from digest.schedule import COLLECT_MINUTE
from digest.sources import DayListSource, SourceClient, SourceFault, Window, build_sources

MAX_HOURS_AHEAD = 24 * 8  # a list that is due later than this is not fetched for now
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SourceOverview:
    """State of one source in use, or of one feed.

    `entries` came in `seconds` when its last whole day was fetched; `next_fetch_at` is when `digest serve` fetches it
    again, None where nothing is due. `problems` are sentences. One that is not usable could not be created.
    `source`: the source that reads a feed, else its own name; `is_fine`: nothing is wrong now.
    """

    name: str
    title: str
    last_whole_day: date | None = None
    entries: int = 0
    seconds: float = 0
    next_fetch_at: datetime | None = None
    problems: Sequence[str] = field(default_factory=tuple)
    is_usable: bool = True
    source: str = ""
    is_fine: bool = True

    @property
    def entries_per_second(self) -> float | None:
        """Speed of the last whole day; None where nothing came."""
        return round(self.entries / self.seconds, 1) if self.entries and self.seconds else None

    def to_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "source": self.name,
            "title": self.title,
            "last_whole_day": self.last_whole_day,
            "entries": self.entries,
            "seconds": round(self.seconds, 2),
            "entries_per_second": self.entries_per_second,
            "next_fetch": self.next_fetch_at,
            "problems": list(self.problems),
        }


def load_source_overview(engine: Engine, settings: Settings, now: datetime) -> list[SourceOverview]:
    """Return the state of each source in use, in the order of the settings, and of each feed. No host is asked."""
    faults: list[SourceFault] = []
    sources = {source.name: source for source in build_sources(settings, SourceClient(), faults)}
    rows: list[SourceOverview] = []
    with read_session(engine) as session:
        problems = load_source_problems(session, now)

        def sentences(name: str) -> tuple[str, ...]:
            return tuple(problem.sentence for problem in problems if problem.source == name)

        troubled = {problem.source for problem in problems if problem.kind != "made-up"}

        for name in settings.sources:
            source = sources.get(name)
            if isinstance(source, DayListSource):
                row = _describe_days(session, source, now, sentences(name))
                rows.append(replace(row, source=name, is_fine=name not in troubled))
            elif source is not None:
                windows = [_describe_window(session, name, one, now, sentences(one.name)) for one in source.windows()]
                rows += [replace(row, source=name, is_fine=row.name not in troubled) for row in windows]
        for fault in faults:
            reason = f"{source_title(fault.name)} {fault.reason}."
            title = source_title(fault.name)
            texts = (reason, *sentences(fault.name))
            faulty = SourceOverview(
                fault.name, title, problems=texts, source=fault.name, is_usable=False, is_fine=False
            )
            rows.append(faulty)
    return rows


def _describe_days(session: Session, source: DayListSource, now: datetime, problems: Sequence[str]) -> SourceOverview:
    fetches = load_fetches(session, source.name, now, [])
    whole = {day: [one for one in same_day if one.has_list] for day, same_day in fetches_by_day(fetches).items()}
    last = max((day for day, same_day in whole.items() if same_day), default=None)
    # "Unchanged" is whole, too, but tells nothing of speed.
    listed = [one for one in (whole[last] if last else []) if any(part.received for part in one.parts)]
    parts = [part for part in listed[-1].parts if isinstance(part, SourceFetch)] if listed else []

    def has_due_day(then: datetime) -> bool:
        regular, missed = days_due(
            fetches,
            then,
            source.days(then),
            growth_period=source.settles_after,
            lists_weekends=bool(getattr(source, "lists_weekends", False)),
        )
        return bool(regular or missed)

    entries, seconds = sum(part.received for part in parts), max((part.seconds for part in parts), default=0)
    next_at = find_next_fetch(now, has_due_day)
    return SourceOverview(source.name, source.title, last, entries, seconds, next_at, problems)


def _describe_window(
    session: Session, source: str, window: Window, now: datetime, problems: Sequence[str]
) -> SourceOverview:
    feed = session.get(Feed, (source, window.name))
    title = window.title or (feed.title if feed else "") or window.name
    fetches = load_window_fetches(session, source, window.name, now)
    read = [fetch for fetch in fetches if fetch.status != FetchStatus.FAILED]
    listed = [fetch for fetch in read if fetch.received]
    entries, seconds = (listed[-1].received, listed[-1].seconds) if listed else (0, 0.0)
    next_at = find_next_fetch(now, lambda then: feed is None or is_due(feed, then))
    last = read[-1].list_day if read else None
    return SourceOverview(window.name, title, last, entries, seconds, next_at, problems)


def find_next_fetch(now: datetime, is_due_at: Callable[[datetime], bool]) -> datetime | None:
    """Return the next time at which `digest serve` collects and something is due; None where nothing is for a week."""
    moment = now.replace(minute=COLLECT_MINUTE, second=0, microsecond=0)
    moment += HOUR if moment <= now else timedelta(0)
    times = (moment + hours * HOUR for hours in range(MAX_HOURS_AHEAD))
    return next((then for then in times if is_due_at(then)), None)
