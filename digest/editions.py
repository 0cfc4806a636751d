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

    paper: int
    entered: int
    upvotes: int = 0
    queries: int = 0
    in_title: bool = False


@dataclass(frozen=True, slots=True)
class Edition:
    """Papers in the order of the letter, and those that matched but found no room."""

    papers: tuple[int, ...]
    left_out: tuple[int, ...]


def choose(matched: Sequence[Candidate], trending: Sequence[Candidate] = (), *, cap: int, top: int = 3) -> Edition:
    """The best `cap` matched papers, then the `top` most upvoted others within the cap; none twice.

    A paper matched by more keywords comes first, then a match in the title, then upvotes, then what was listed
    later; equals keep their order. Without a matched paper there is nobody's keyword to serve: trending papers fill
    the letter up to the cap. So a caller whose reader has keywords and no match passes no trending papers.
    """
    ranked = _once(sorted(matched, key=_by_match))
    papers = [candidate.paper for candidate in ranked]
    chosen = papers[:cap]
    wanted = min(top, cap - len(chosen)) if papers else cap
    known = set(papers)
    others = [candidate.paper for candidate in _once(sorted(trending, key=_by_votes)) if candidate.paper not in known]
    return Edition((*chosen, *others[: max(wanted, 0)]), tuple(papers[cap:]))


def _by_match(candidate: Candidate) -> tuple[int, bool, int, int]:
    return (-candidate.queries, not candidate.in_title, -candidate.upvotes, -candidate.entered)


def _by_votes(candidate: Candidate) -> tuple[int, int]:
    return (-candidate.upvotes, -candidate.entered)


def _once(candidates: Sequence[Candidate]) -> list[Candidate]:
    first: dict[int, Candidate] = {}
    for candidate in candidates:
        first.setdefault(candidate.paper, candidate)
    return list(first.values())


def instant(day: date, timezone: str, hour: int) -> datetime:
    """When a letter of this local day is due, in UTC. Raises ZoneInfoNotFoundError for an unknown zone.

    An hour that the clocks jump over is due when they have jumped; of an hour that comes twice the first counts
    (PEP 495, fold=0, gives both). So each local day has one instant, also when it has 23 or 25 hours.
    """
    return datetime.combine(day, time(hour), ZoneInfo(timezone)).astimezone(UTC)


def slot(now: datetime, timezone: str, hour: int, frequency: str) -> date:
    """The latest due local day whose instant has come. `frequency` is daily, weekdays or weekly (Mondays)."""
    day = now.astimezone(ZoneInfo(timezone)).date() + DAY
    while not (_due(day, frequency) and instant(day, timezone, hour) <= now):
        day -= DAY
    return day


def next_slot(now: datetime, timezone: str, hour: int, frequency: str) -> date:
    """The first due local day whose instant is still to come."""
    day = now.astimezone(ZoneInfo(timezone)).date() - DAY
    while not (_due(day, frequency) and instant(day, timezone, hour) > now):
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
