"""What one reader gets, and when: the choice of papers and the due days. Pure; the clock is an argument."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
MONDAY, SATURDAY = 0, 5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A paper that may be chosen. `entered` grows with listing time; `queries` counts distinct queries matched."""

    paper_id: int
    first_listing_id: int
    upvotes: int = 0
    query_count: int = 0
    in_title: bool = False


@dataclass(frozen=True, slots=True)
class PaperSelection:
    """Papers in the order of the letter, and those that matched but found no room."""

    paper_ids: tuple[int, ...]
    omitted_ids: tuple[int, ...]


def choose_papers(
    matched: Sequence[Candidate], trending: Sequence[Candidate] = (), *, cap: int, trending_limit: int = 3
) -> PaperSelection:
    """The best `cap` matched papers, then the `top` most upvoted others within the cap; none twice.

    A paper matched by more keywords comes first, then a match in the title, then upvotes, then what was listed
    later; equals keep their order. Without a matched paper there is nobody's keyword to serve: trending papers fill
    the letter up to the cap. So a caller whose reader has keywords and no match passes no trending papers.
    """
    ranked = _unique(sorted(matched, key=ranking_key))
    ranked_ids = [candidate.paper_id for candidate in ranked]
    selected_ids = ranked_ids[:cap]
    trending_room = min(trending_limit, cap - len(selected_ids)) if ranked_ids else cap
    matched_ids = set(ranked_ids)
    trending_ids = [
        candidate.paper_id
        for candidate in _unique(sorted(trending, key=trending_key))
        if candidate.paper_id not in matched_ids
    ]
    return PaperSelection((*selected_ids, *trending_ids[: max(trending_room, 0)]), tuple(ranked_ids[cap:]))


def ranking_key(candidate: Candidate) -> tuple[int, bool, int, int]:
    return (-candidate.query_count, not candidate.in_title, -candidate.upvotes, -candidate.first_listing_id)


def trending_key(candidate: Candidate) -> tuple[int, int]:
    return (-candidate.upvotes, -candidate.first_listing_id)


def _unique(candidates: Sequence[Candidate]) -> list[Candidate]:
    by_paper: dict[int, Candidate] = {}
    for candidate in candidates:
        by_paper.setdefault(candidate.paper_id, candidate)
    return list(by_paper.values())


def due_instant(day: date, timezone: str, hour: int) -> datetime:
    """When a letter of this local day is due, in UTC. Raises ZoneInfoNotFoundError for an unknown zone.

    An hour that the clocks jump over is due when they have jumped; of an hour that comes twice the first counts
    (PEP 495, fold=0, gives both). So each local day has one instant, also when it has 23 or 25 hours.
    """
    return datetime.combine(day, time(hour), ZoneInfo(timezone)).astimezone(UTC)


def latest_due_day(now: datetime, timezone: str, hour: int, frequency: str) -> date:
    """The latest due local day whose instant has come. `frequency` is daily, weekdays or weekly (Mondays)."""
    day = now.astimezone(ZoneInfo(timezone)).date() + DAY
    while not (_due(day, frequency) and due_instant(day, timezone, hour) <= now):
        day -= DAY
    return day


def next_due_day(now: datetime, timezone: str, hour: int, frequency: str) -> date:
    """The first due local day whose instant is still to come."""
    day = now.astimezone(ZoneInfo(timezone)).date() - DAY
    while not (_due(day, frequency) and due_instant(day, timezone, hour) > now):
        day += DAY
    return day


def _due(day: date, frequency: str) -> bool:
    match frequency:
        case "daily":
            return True
        case "weekdays":
            return day.weekday() < SATURDAY
        case "weekly":
            return day.weekday() == MONDAY
        case _:
            raise ValueError(f"no frequency is called {frequency!r}: daily, weekdays or weekly")
