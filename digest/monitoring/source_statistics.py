"""Fetches of sources by day, and when each source last answered with a list."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import func, select
from sqlmodel import Session, col

from digest.database.models import FetchStatus, SourceFetch
from digest.monitoring.time_window import parse_day, rows_since, start_of_day, utc_day, utc_day_column

SUCCESS_STATUSES = (
    FetchStatus.OK,
    FetchStatus.UNCHANGED,
    FetchStatus.PARTIAL,
    FetchStatus.GAP,
    FetchStatus.THIN,
)
EMPTY_STATUSES = (FetchStatus.EMPTY, FetchStatus.NOT_LISTED, FetchStatus.STALE)


@dataclass(slots=True)
class FetchCounts:
    """Fetches of one source on one day by status, and the number of new papers."""

    by_status: dict[str, int] = field(default_factory=dict)
    new: int = 0

    @property
    def succeeded(self) -> int:
        """Number of fetches with a list."""
        return sum(self.by_status.get(status, 0) for status in SUCCESS_STATUSES)

    @property
    def empty(self) -> int:
        """Number of fetches of a day without a list."""
        return sum(self.by_status.get(status, 0) for status in EMPTY_STATUSES)

    @property
    def failed(self) -> int:
        """Number of failed fetches."""
        return self.by_status.get(FetchStatus.FAILED, 0)


@dataclass(frozen=True, slots=True)
class LastFetch:
    """Instants of the last fetch of a source, and of the last one with a list."""

    fetched_at: datetime
    succeeded_at: datetime | None


def fetches_by_day(session: Session, first: date) -> dict[str, dict[date, FetchCounts]]:
    """Count the fetches of each source by the day on which they were made, from `first` on."""
    source, status = col(SourceFetch.source), col(SourceFetch.status)
    day, start = utc_day_column(session, col(SourceFetch.started_at)), start_of_day(first)
    looks = (  # the parts of a fetch share its instant and list day
        select(source, day.label("day"), status, func.sum(col(SourceFetch.new_count)).label("new"))
        .where(*rows_since(session, col(SourceFetch.id), col(SourceFetch.started_at), start))
        .group_by(source, day, status, col(SourceFetch.started_at), col(SourceFetch.list_day))
        .subquery()
    )
    columns = looks.c.source, looks.c.day, looks.c.status
    rows = session.execute(select(*columns, func.count(), func.sum(looks.c.new)).group_by(*columns))
    counts: dict[str, dict[date, FetchCounts]] = defaultdict(lambda: defaultdict(FetchCounts))
    for source_name, fetched_on, fetch_status, count, new in rows:
        fetches = counts[source_name][parse_day(fetched_on)]
        fetches.by_status[fetch_status] = count
        fetches.new += int(new or 0)
    return {name: dict(days) for name, days in counts.items()}


def fetches_today(session: Session, now: datetime) -> Mapping[str, FetchCounts]:
    """Count today's fetches of each source."""
    today = utc_day(now)
    return {source: days[today] for source, days in fetches_by_day(session, today).items() if today in days}


def last_fetches(session: Session) -> dict[str, LastFetch]:
    """Find the last fetch of each source."""
    last = select(col(SourceFetch.source), func.max(col(SourceFetch.started_at))).group_by(col(SourceFetch.source))
    succeeded_at = dict(
        tuple(row) for row in session.execute(last.where(col(SourceFetch.status).in_(SUCCESS_STATUSES)))
    )
    return {source: LastFetch(fetched_at, succeeded_at.get(source)) for source, fetched_at in session.execute(last)}
