"""Looks at sources by day, and when each last answered well."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import func, select
from sqlmodel import Session, col

from digest.database.models import FetchStatus, SourceFetch
from digest.monitoring.time_window import parse_day, rows_since, start_of_day, utc_day, utc_day_column

SUCCESS_STATUSES = (FetchStatus.OK, FetchStatus.UNCHANGED)


EMPTY_STATUSES = (FetchStatus.EMPTY, FetchStatus.NOT_LISTED)


@dataclass(slots=True)
class FetchCounts:
    """Looks at one source on one day, by how they ended, and the papers that were new."""

    by_status: dict[str, int] = field(default_factory=dict)
    new: int = 0

    @property
    def succeeded(self) -> int:
        return sum(self.by_status.get(each, 0) for each in SUCCESS_STATUSES)

    @property
    def empty(self) -> int:
        return sum(self.by_status.get(each, 0) for each in EMPTY_STATUSES)

    @property
    def failed(self) -> int:
        return self.by_status.get(FetchStatus.FAILED, 0)


@dataclass(frozen=True, slots=True)
class LastFetch:
    """When a source was last looked at, and when it last gave a list."""

    looked: datetime
    good: datetime | None


def fetches_by_day(session: Session, first: date) -> dict[str, dict[date, FetchCounts]]:
    """Looks at each source by the day on which they were made."""
    day, begin = utc_day_column(session, col(SourceFetch.started_at)), start_of_day(first)
    rows = session.execute(
        select(
            col(SourceFetch.source), day, col(SourceFetch.status), func.count(), func.sum(col(SourceFetch.new_count))
        )
        .where(*rows_since(session, col(SourceFetch.id), col(SourceFetch.started_at), begin))
        .group_by(col(SourceFetch.source), day, col(SourceFetch.status))
    )
    found: dict[str, dict[date, FetchCounts]] = defaultdict(lambda: defaultdict(FetchCounts))
    for source, when, status, count, new in rows:
        looks = found[source][parse_day(when)]
        looks.by_status[status] = count
        looks.new += int(new or 0)
    return {source: dict(days) for source, days in found.items()}


def last_fetches(session: Session) -> dict[str, LastFetch]:
    """The last look at each source."""
    source, at = col(SourceFetch.source), func.max(col(SourceFetch.started_at))
    looked = session.execute(select(source, at).group_by(source)).all()
    good = session.execute(
        select(source, at).where(col(SourceFetch.status).in_(SUCCESS_STATUSES)).group_by(source)
    ).all()
    answered = dict(tuple(row) for row in good)
    return {name: LastFetch(when, answered.get(name)) for name, when in looked}


def fetches_today(session: Session, now: datetime) -> Mapping[str, FetchCounts]:
    """Today's looks at each source."""
    day = utc_day(now)
    return {source: days[day] for source, days in fetches_by_day(session, day).items() if day in days}


def listed_days(session: Session, first: date) -> set[tuple[str, date]]:
    """The list days of each source, from `first` on, that had papers."""
    source, day = col(SourceFetch.source), col(SourceFetch.list_day)
    rows = session.execute(select(source, day).where(day >= first, col(SourceFetch.listed_count) > 0).distinct())
    return {(name, listed_on) for name, listed_on in rows}
