"""The logbook of the sources: every look at one for one list day, what is due next, and what readers should know.

Nothing here commits. A reading is written in the transaction of the papers it brought, and so is what the host said
about the answer (its ETag): a crash in between leaves neither, and the next run reads again.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from digest.database.models import FetchStatus, HttpCacheEntry, SourceFetch

BACKFILL_DAYS = 14  # days that are made up for at most


HTTP_CACHE_LIFETIME = timedelta(days=45)  # how long an ETag is of use: lists that old are not read again


SATURDAY = 5


SOURCE_TITLES = {"huggingface": "Hugging Face", "arxiv": "arXiv"}


_SUCCESSFUL = (FetchStatus.OK, FetchStatus.UNCHANGED)


class FetchedAnswer(Protocol):
    """What a host said about an answer; digest.sources.base has the real one."""

    @property
    def url(self) -> str: ...
    @property
    def etag(self) -> str | None: ...
    @property
    def last_modified(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class CachedValidators:
    """Validators of an answer that was taken in (RFC 9110, section 8.8)."""

    etag: str | None
    last_modified: str | None


@dataclass(frozen=True, slots=True)
class SourceProblem:
    """Something about a source that must not look like quiet. `kind`: failed, empty, missing or made-up.

    Only `failed` and `missing` are faults that still stand.
    """

    kind: str
    source: str
    day: date
    sentence: str


def record_fetch(
    session: Session,
    *,
    source: str,
    day: date,
    started_at: datetime,
    seconds: float,
    status: FetchStatus,
    via: str = "",
    listed: int = 0,
    new: int = 0,
    code: str = "",
    message: str = "",
) -> SourceFetch:
    """Write one look at `source` for list day `day`. `code` and `message` say what went wrong, or warn."""
    reading = SourceFetch(
        source=source,
        list_day=day,
        started_at=started_at,
        seconds=round(seconds, 3),
        status=status,
        endpoint=via,
        listed_count=listed,
        new_count=new,
        error_code=code,
        message=message[:1000],
    )
    session.add(reading)
    session.flush()
    return reading


def store_http_cache(session: Session, answers: Iterable[FetchedAnswer], now: datetime) -> None:
    """Keep what hosts said about answers, in the transaction of the papers that were in them."""
    for each in answers:
        session.merge(HttpCacheEntry(url=each.url, etag=each.etag, last_modified=each.last_modified, stored_at=now))
    session.flush()
    session.execute(delete(HttpCacheEntry).where(col(HttpCacheEntry.stored_at) < now - HTTP_CACHE_LIFETIME))


def load_http_cache(session: Session) -> dict[str, CachedValidators]:
    """What hosts said about answers that were taken in, by the answers' names."""
    rows = session.exec(select(HttpCacheEntry.url, HttpCacheEntry.etag, HttpCacheEntry.last_modified)).all()
    return {url: CachedValidators(etag, last_modified) for url, etag, last_modified in rows}


def due_days(
    session: Session,
    source: str,
    now: datetime,
    regular_days: Sequence[date],
    *,
    growth_period: timedelta = timedelta(0),
) -> tuple[tuple[date, ...], tuple[date, ...]]:
    """The days to read now: the regular ones, and the ones to make up, both oldest first.

    To make up are the weekdays of the last fourteen days, since the source was first read well, that are not settled:
    without a good or empty reading begun at least `grows` after the day began (UTC), and without a proper "no list"
    given after the day was over. A reading that failed settles nothing.
    """
    first: date | None = session.exec(
        select(func.min(SourceFetch.list_day)).where(
            SourceFetch.source == source, col(SourceFetch.status).in_(_SUCCESSFUL)
        )
    ).one()
    today = now.astimezone(UTC).date()
    if first is None:
        return tuple(sorted(regular_days)), ()
    since = max(first, today - timedelta(days=BACKFILL_DAYS))
    rows = session.exec(
        select(SourceFetch).where(SourceFetch.source == source, col(SourceFetch.list_day) >= since)
    ).all()
    settled = {row.list_day for row in rows if _completes_day(row, growth_period)}
    missed = [day for day in _weekdays(since, today) if day not in settled and day not in regular_days]
    return tuple(sorted(regular_days)), tuple(missed)


def latest_fetches(session: Session) -> list[SourceFetch]:
    """The last reading of each source for each of its last list days, latest day first."""
    newest = select(func.max(SourceFetch.id)).group_by(col(SourceFetch.source), col(SourceFetch.list_day))
    rows = session.exec(select(SourceFetch).where(col(SourceFetch.id).in_(newest))).all()
    by_source: dict[str, list[SourceFetch]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.list_day, reverse=True):
        by_source[row.source].append(row)
    return [row for source in sorted(by_source) for row in by_source[source][:5]]


def source_problems(session: Session, now: datetime, since: datetime | None = None) -> list[SourceProblem]:
    """What readers and the operator should know, each in a plain sentence.

    A list day whose last reading failed, a weekday that stayed empty, a day without any reading, and days that failed
    first and were read since `since` (a day ago unless given).
    """
    since = since or now - timedelta(days=1)
    today = now.astimezone(UTC).date()
    start = today - timedelta(days=BACKFILL_DAYS)
    found: list[SourceProblem] = []
    days: dict[str, dict[date, list[SourceFetch]]] = defaultdict(lambda: defaultdict(list))
    rows = (
        select(SourceFetch)
        .where(col(SourceFetch.list_day) >= start)
        .order_by(col(SourceFetch.started_at), col(SourceFetch.id))
    )
    for row in session.exec(rows):
        days[row.source][row.list_day].append(row)
    for source, readings in sorted(days.items()):
        for day, looks in sorted(readings.items()):
            found += _problems_on_day(source, day, looks, today, since)
        if good := [day for day, looks in readings.items() if any(look.status in _SUCCESSFUL for look in looks)]:
            unread = [day for day in _weekdays(min(good), max(good)) if day not in readings]
            found += [
                _source_problem("missing", source, day, "was not read for {day}; its papers will be made up.")
                for day in unread
            ]
    return found


def _problems_on_day(
    source: str, day: date, fetches: Sequence[SourceFetch], today: date, since: datetime
) -> Iterator[SourceProblem]:
    """What is to be told of one list day, from its readings in their order."""
    last = fetches[-1]
    failed = [look for look in fetches if look.status == FetchStatus.FAILED]
    brought = [look for look in fetches if look.status in _SUCCESSFUL]
    if last.status == FetchStatus.FAILED:
        said = _FAILURE_TEXTS.get(last.error_code, "could not be read")
        rest = "the papers listed there since will follow." if brought else "its papers will be made up."
        yield _source_problem("failed", source, day, f"{said} on {{day}}; {rest}")
    elif failed and brought and failed[0].started_at < brought[0].started_at and brought[0].started_at >= since:
        yield _source_problem("made-up", source, day, "did not answer at first on {day}; its papers have been made up.")
    elif last.status == FetchStatus.EMPTY and day.weekday() < SATURDAY and day < today and not brought:
        yield _source_problem("empty", source, day, "listed no papers on {day}, a weekday.")


_FAILURE_TEXTS = {
    "unreachable": "did not answer",
    "throttled": "asked us to wait",
    "malformed": "gave an answer that could not be read",
}


def _source_problem(kind: str, source: str, day: date, sentence: str) -> SourceProblem:
    spoken = f"{day:%A} {day.day} {day:%B}"
    return SourceProblem(kind, source, day, f"{SOURCE_TITLES.get(source, source)} {sentence.format(day=spoken)}")


def _completes_day(fetch: SourceFetch, growth_period: timedelta) -> bool:
    began = datetime.combine(fetch.list_day, time(), tzinfo=UTC)
    if fetch.status in _SUCCESSFUL or fetch.status == FetchStatus.EMPTY:
        return not growth_period or fetch.started_at >= began + growth_period
    return fetch.status == FetchStatus.NOT_LISTED and fetch.started_at >= began + timedelta(days=1)


def _weekdays(first: date, before: date) -> Iterator[date]:
    for number in range((before - first).days):
        day = first + timedelta(days=number)
        if day.weekday() < SATURDAY:
            yield day
