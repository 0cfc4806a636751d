"""Papers as letters know them.

What was read for one batch of letters and is good for the next one, too: papers that have not changed since.

Made of plain rows. Objects of the ORM are made only of papers that are new or have changed; a batch looks at hundreds,
and nearly all of them were in the last one.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any, cast

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ScalarSelect,
    Select,
    Table,
    TextClause,
    bindparam,
    func,
    inspect,
    select,
    text,
)
from sqlmodel import Session, SQLModel

from digest.database import array_value, is_in_parameter, is_postgresql
from digest.database.models import Keyword, Listing, Paper, SourceFetch
from digest.matching import PaperDocument, Query
from digest.papers import papers_by_id, source_problems, sources_by_paper
from digest.rendering.contexts import PaperView
from digest.rendering.match_cache import MatchCache, PaperSnapshot, highlight_matches

SATURDAY = 5


def paper_view(
    paper: Paper,
    listed_on: date,
    queries: Sequence[Query],
    written_at: datetime,
    frequency: str = "daily",
    sources: Sequence[str] = (),
) -> PaperView:
    """A paper as a letter shows it, with the words that matched. `written_at` is an instant in the reader's zone."""
    return highlight_matches(
        snapshot(paper, listed_on, sources), queries, late=is_late(listed_on, written_at.date(), frequency)
    )


def stamp(paper: Paper, listed_on: date | None, sources: Sequence[str]) -> tuple[object, ...]:
    """Changes with anything that a letter shows of a paper, or that matching looks at."""
    said = (paper.title, paper.abstract, paper.authors, paper.categories, paper.organization, paper.published_on)
    links = (paper.url, paper.pdf_url, paper.discussion_url, paper.code_url, paper.project_url)
    votes = (paper.upvotes, paper.comments, paper.code_stars)
    return (paper.id, *said, *links, *votes, paper.ai_summary, listed_on, sources)


def snapshot(
    paper: Paper, listed_on: date, sources: Sequence[str], stamped: tuple[object, ...] | None = None
) -> PaperSnapshot:
    """A stored paper as letters know it. `stamped`: its stamp, where it is known."""
    plain = PaperView(
        id=int(paper.id or 0),
        title=paper.title,
        abstract=paper.abstract,
        summary=paper.ai_summary or "",
        authors=tuple(paper.authors),
        organization=paper.organization,
        published_on=paper.published_on,
        listed_on=listed_on,
        upvotes=paper.upvotes,
        comments=paper.comments,
        url=paper.url,
        pdf_url=paper.pdf_url,
        discussion_url=paper.discussion_url,
        code_url=paper.code_url,
        code_stars=paper.code_stars,
        project_url=paper.project_url,
    )
    return PaperSnapshot(stamped or stamp(paper, listed_on, sources), PaperDocument.from_paper(paper, sources), plain)


@lru_cache
def is_late(listed_on: date, written_on: date, frequency: str) -> bool:
    """Whether a paper should have been in an earlier letter: more list days have passed than fit the rhythm."""
    days = (listed_on + timedelta(days=n) for n in range(1, (written_on - listed_on).days + 1))
    between = sum(1 for day in days if day.weekday() < SATURDAY)
    return between > (5 if frequency == "weekly" else 2)


MOST = 4_000  # papers that are kept


KEYWORDS = 50_000  # that are kept


@dataclass(frozen=True, slots=True)
class CachedPaper:
    """A paper as it was read: `seen` tells whether its row is still the same."""

    seen: int
    paper: Paper
    listed_on: date
    sources: tuple[str, ...]
    stamp: tuple[object, ...]


@dataclass(slots=True)
class PaperCache:
    """Papers, and what readers are told of the sources. For one thread at a time."""

    _papers: dict[int, CachedPaper] = field(default_factory=dict)
    _listings: int | None = -1  # the number of the last listing when they were read
    _when: object = None  # the minute, and the last reading, since when papers have been
    _sure: set[int] = field(default_factory=set)
    _notices: tuple[object, tuple[str, ...]] = (None, ())
    _canonicals: dict[int, str] = field(default_factory=dict)

    def papers(self, session: Session, numbers: Collection[int], now: datetime) -> Mapping[int, CachedPaper]:
        """These papers as the store has them; each is looked at once a minute, and after each reading."""
        listings, reading = session.connection().execute(_LATEST).one()
        when = reading, now.replace(second=0, microsecond=0)
        if listings != self._listings or len(self._papers) > MOST:
            self._papers, self._listings, self._when = {}, listings, None
        if when != self._when:
            self._sure, self._when = set(), when
        if unsure := set(numbers) - self._sure:
            self._look_at(session, unsure)
        return {number: self._papers[number] for number in numbers if number in self._papers}

    def _look_at(self, session: Session, numbers: Collection[int]) -> None:
        asked = _paper_marks(server=is_postgresql(session))
        rows = session.connection().execute(asked, {"numbers": array_value(session, numbers)})
        seen = {int(row[0]): hash(row) for row in rows}
        fresh = [n for n, mark in seen.items() if (kept := self._papers.get(n)) is None or kept.seen != mark]
        if fresh:
            self._read(session, fresh, seen)
        self._sure |= seen.keys()

    def _read(self, session: Session, fresh: Collection[int], seen: Mapping[int, int]) -> None:
        found = papers_by_id(session, fresh)
        days, sources = listed_days(session, found.values()), sources_by_paper(session, fresh)
        for number, paper in found.items():
            listed_on, listed_by = days.get(number, paper.first_seen_at.date()), sources.get(number, ())
            marks = stamp(paper, listed_on, listed_by)
            self._papers[number] = CachedPaper(seen[number], paper, listed_on, listed_by, marks)

    def canonicals(self, session: Session, numbers: AbstractSet[int]) -> Mapping[int, str]:
        """Keywords by their numbers, these and maybe more, in canonical form. What a number means never changes."""
        if len(self._canonicals) > KEYWORDS:
            self._canonicals = {}
        if missing := numbers - self._canonicals.keys():
            asked = _keywords(server=is_postgresql(session))
            rows = session.connection().execute(asked, {"numbers": array_value(session, missing)})
            self._canonicals |= dict(tuple(row) for row in rows.fetchall())
        return self._canonicals

    def notices(self, session: Session, now: datetime) -> tuple[str, ...]:
        """What readers should know about the sources; looked at as often as `papers`, with which it is asked."""
        if self._notices[0] != self._when:
            self._notices = (self._when, tuple(problem.sentence for problem in source_problems(session, now)))
        return self._notices[1]


class RenderCache(MatchCache):
    """What a process that writes many letters keeps from one batch to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.shelf = PaperCache()


def _last(model: type[SQLModel]) -> ScalarSelect[Any]:
    return select(func.max(cast("Table", inspect(model).local_table).c.id)).scalar_subquery()


_LATEST = select(_last(Listing), _last(SourceFetch))


@cache
def _paper_marks(*, server: bool) -> TextClause:
    """Papers, each with what changes when anything in its row does: a hash where the server can make one, else all."""
    if server:
        marks = "SELECT id, sha256(convert_to(CAST(paper AS text), 'UTF8')) FROM paper WHERE id = ANY(:numbers)"
        return text(marks).bindparams(bindparam("numbers", type_=ARRAY(BigInteger)))
    return text("SELECT * FROM paper WHERE id IN (SELECT value FROM json_each(:numbers))")


@cache
def _keywords(*, server: bool) -> Select[Any]:
    keywords = cast("Table", inspect(Keyword).local_table)
    return select(keywords.c.id, keywords.c.canonical).where(is_in_parameter(keywords.c.id, postgresql=server))


@cache
def _listed_on(*, server: bool) -> Select[Any]:
    listings = cast("Table", inspect(Listing).local_table)
    return select(listings.c.paper_id, listings.c.list_day).where(is_in_parameter(listings.c.id, postgresql=server))


def listed_days(session: Session, carried: Iterable[Paper]) -> dict[int, date]:
    """The day on which each paper was first listed."""
    entered = array_value(session, (paper.first_listing_id for paper in carried))
    rows = session.connection().execute(_listed_on(server=is_postgresql(session)), {"numbers": entered})
    return {row.paper_id: row.list_day for row in rows}
