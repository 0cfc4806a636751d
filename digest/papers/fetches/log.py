"""Log of fetches: what was fetched when.

Nothing here commits. A fetch is recorded in the transaction that stores its papers and the validators of its HTTP
responses, so a crash leaves none of them, and the next run fetches again.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import delete, func, or_
from sqlmodel import Session, col, select

from digest.database import InvalidRow, select_readable
from digest.database.models import FetchStatus, HttpCacheEntry, SourceFetch
from digest.papers.fetches.list_days import BACKFILL_DAYS, LISTED

HTTP_CACHE_LIFETIME = timedelta(days=45)  # lists older than this are not fetched again
WINDOW_MEMORY = timedelta(days=45)  # a gap of 14 days, and the reading before it
FEED_ENDPOINT = "feed"
MAX_MESSAGE_LENGTH = 1000
SUCCESSFUL = (FetchStatus.OK, FetchStatus.UNCHANGED)
WHOLE = (*SUCCESSFUL, FetchStatus.EMPTY, FetchStatus.GAP, FetchStatus.THIN)


class FetchedAnswer(Protocol):
    """HTTP response with its validators, as `digest.sources` returns it."""

    @property
    def url(self) -> str: ...
    @property
    def etag(self) -> str | None: ...
    @property
    def last_modified(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class StoredValidators:
    """Validators of a response that was stored (RFC 9110, section 8.8)."""

    etag: str | None
    last_modified: str | None


def record_fetch(
    session: Session,
    *,
    source: str,
    day: date,
    started_at: datetime,
    seconds: float,
    status: FetchStatus,
    message: str = "",
    **details: Any,
) -> SourceFetch:
    """Record one fetch of `source` for a list day, or of one part. `error_code` and `message` name a failure, or warn.

    `details` are further columns of SourceFetch. A list is whole unless they say otherwise.
    """
    details.setdefault("whole", status in WHOLE)
    fetch = SourceFetch(
        source=source,
        list_day=day,
        started_at=started_at,
        seconds=round(seconds, 3),
        status=status,
        message=message[:MAX_MESSAGE_LENGTH],
        **details,
    )
    session.add(fetch)
    session.flush()
    return fetch


def store_http_cache(session: Session, answers: Iterable[FetchedAnswer], now: datetime) -> None:
    """Store the validators of responses, in the transaction that stores their papers."""
    for answer in answers:
        session.merge(
            HttpCacheEntry(url=answer.url, etag=answer.etag, last_modified=answer.last_modified, stored_at=now)
        )
    session.flush()
    session.execute(delete(HttpCacheEntry).where(col(HttpCacheEntry.stored_at) < now - HTTP_CACHE_LIFETIME))


def load_http_cache(session: Session, unreadable: list[InvalidRow] | None = None) -> dict[str, StoredValidators]:
    """Return the stored validators by URL. Rows that cannot be read are left out and appended to `unreadable`."""
    rows = select_readable(session.exec(select(HttpCacheEntry)).all(), [] if unreadable is None else unreadable)
    return {row.url: StoredValidators(row.etag, row.last_modified) for row in rows}


def load_fetches(
    session: Session, source: str, now: datetime, unreadable: list[InvalidRow] | None = None
) -> Sequence[SourceFetch]:
    """Return the fetches of a source that `days_due` asks for: the last days' and that of its first list.

    Rows that cannot be read are left out and appended to `unreadable`.
    """
    is_source = SourceFetch.source == source
    first = select(func.min(SourceFetch.list_day)).where(is_source, col(SourceFetch.status).in_(LISTED))
    since = now.astimezone(UTC).date() - timedelta(days=BACKFILL_DAYS)
    day = col(SourceFetch.list_day)
    statement = select(SourceFetch).where(is_source, or_(day >= since, day == first.scalar_subquery()))
    rows = session.exec(statement.order_by(col(SourceFetch.started_at), col(SourceFetch.id))).all()
    return select_readable(rows, [] if unreadable is None else unreadable)


def load_window_fetches(session: Session, source: str, name: str, now: datetime) -> Sequence[SourceFetch]:
    """Return the fetches of a feed in the last weeks, in their order; those that cannot be read are left out."""
    since = now - WINDOW_MEMORY
    rows = select(SourceFetch).where(SourceFetch.source == source, SourceFetch.part == name)
    rows = rows.where(col(SourceFetch.list_day) >= since.astimezone(UTC).date())
    found = session.exec(rows.order_by(col(SourceFetch.started_at), col(SourceFetch.id))).all()
    return select_readable(found, [])


def failing_since(fetches: Sequence[SourceFetch]) -> datetime | None:
    """Return since when all of these fetches failed, None when the last run brought any answer."""
    answered = (fetch.started_at for fetch in fetches if fetch.status != FetchStatus.FAILED)
    last = max(answered, default=datetime.min.replace(tzinfo=UTC))
    return min((fetch.started_at for fetch in fetches if fetch.started_at > last), default=None)


def latest_fetches(session: Session) -> list[SourceFetch]:
    """Return the last fetch of each source, with all its parts, for each of its last five list days, latest first."""
    part = (col(SourceFetch.source), col(SourceFetch.list_day), col(SourceFetch.part))
    newest = select(func.max(SourceFetch.id)).group_by(*part)
    fetches: dict[str, dict[date, list[SourceFetch]]] = defaultdict(lambda: defaultdict(list))
    for fetch in session.exec(select(SourceFetch).where(col(SourceFetch.id).in_(newest)).order_by(*part)):
        fetches[fetch.source][fetch.list_day].append(fetch)
    latest: list[SourceFetch] = []
    for _, days in sorted(fetches.items()):
        for day in sorted(days, reverse=True)[:5]:
            last = max(fetch.started_at for fetch in days[day])
            # Each feed is fetched in its own time; parts of a list are fetched together.
            latest += [fetch for fetch in days[day] if fetch.started_at == last or fetch.endpoint == FEED_ENDPOINT]
    return latest
