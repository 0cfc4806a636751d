"""Log of fetches: what was fetched when, and which problems people should know.

Nothing here commits. A fetch is recorded in the transaction that stores its papers and the validators of its HTTP
responses, so a crash leaves none of them, and the next run fetches again.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol, Self

from sqlalchemy import delete, func, or_
from sqlmodel import Session, col, select

from digest.database.models import FetchStatus, HttpCacheEntry, SourceFetch
from digest.papers.completeness import BACKFILL_DAYS, LISTED, SATURDAY, weekdays

HTTP_CACHE_LIFETIME = timedelta(days=45)  # lists older than this are not fetched again
MAX_MESSAGE_LENGTH = 1000
SOURCE_TITLES = {"huggingface": "Hugging Face", "arxiv": "arXiv"}
SUCCESSFUL = (FetchStatus.OK, FetchStatus.UNCHANGED)
WHOLE = (*SUCCESSFUL, FetchStatus.EMPTY)
FAILURE_TEXTS = {
    "unreachable": "did not answer",
    "throttled": "asked us to wait",
    "malformed": "gave an answer that could not be read",
}


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


@dataclass(frozen=True, slots=True)
class SourceProblem:
    """Problem of a source on a list day. `kind`: failed, empty, missing or made-up.

    Only `failed` and `missing` are errors that persist.
    """

    kind: str
    source: str
    day: date
    sentence: str

    @classmethod
    def on_day(cls, kind: str, source: str, day: date, template: str) -> Self:
        """Write the sentence: the name of the source, and `template` with the day in place of `{}`."""
        sentence = f"{SOURCE_TITLES.get(source, source)} {template.format(f'{day:%A} {day.day} {day:%B}')}"
        return cls(kind, source, day, sentence)


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


def load_http_cache(session: Session) -> dict[str, StoredValidators]:
    """Return the stored validators by URL."""
    rows = session.exec(select(HttpCacheEntry.url, HttpCacheEntry.etag, HttpCacheEntry.last_modified)).all()
    return {url: StoredValidators(etag, last_modified) for url, etag, last_modified in rows}


def load_fetches(session: Session, source: str, now: datetime) -> Sequence[SourceFetch]:
    """Return the fetches of a source that `days_due` asks for: the last days' and that of its first list."""
    is_source = SourceFetch.source == source
    first = select(func.min(SourceFetch.list_day)).where(is_source, col(SourceFetch.status).in_(LISTED))
    since = now.astimezone(UTC).date() - timedelta(days=BACKFILL_DAYS)
    day = col(SourceFetch.list_day)
    statement = select(SourceFetch).where(is_source, or_(day >= since, day == first.scalar_subquery()))
    return session.exec(statement.order_by(col(SourceFetch.started_at), col(SourceFetch.id))).all()


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
            latest += [fetch for fetch in days[day] if fetch.started_at == last]
    return latest


def source_problems(session: Session, now: datetime, since: datetime | None = None) -> list[SourceProblem]:
    """Return what subscribers and the operator should know about the sources, each as a sentence.

    These are list days whose last fetch failed, weekdays that stayed empty, days without any fetch, and days that
    failed first and succeeded since `since` (a day ago unless given).
    """
    since = since or now - timedelta(days=1)
    today = now.astimezone(UTC).date()
    fetches_by_day: dict[str, dict[date, list[SourceFetch]]] = defaultdict(lambda: defaultdict(list))
    fetches = (
        select(SourceFetch)
        .where(col(SourceFetch.list_day) >= today - timedelta(days=BACKFILL_DAYS))
        .order_by(col(SourceFetch.started_at), col(SourceFetch.id))
    )
    for fetch in session.exec(fetches):
        fetches_by_day[fetch.source][fetch.list_day].append(fetch)
    problems: list[SourceProblem] = []
    for source, days in sorted(fetches_by_day.items()):
        for day, day_fetches in sorted(days.items()):
            if problem := _problem_on_day(source, day, day_fetches, today, since):
                problems.append(problem)
        successful = [day for day in days if any(fetch.status in SUCCESSFUL for fetch in days[day])]
        span = weekdays(min(successful), max(successful)) if successful else ()
        problems += [
            SourceProblem.on_day("missing", source, day, "was not read for {}; its papers will be made up.")
            for day in span
            if day not in days
        ]
    return problems


def _problem_on_day(
    source: str, day: date, fetches: Sequence[SourceFetch], today: date, since: datetime
) -> SourceProblem | None:
    """Return the problem of one list day, given its fetches in their order."""
    last = fetches[-1]
    failed = [fetch for fetch in fetches if fetch.status == FetchStatus.FAILED]
    successful = [fetch for fetch in fetches if fetch.status in SUCCESSFUL]
    if last.status == FetchStatus.FAILED:
        failure = FAILURE_TEXTS.get(last.error_code, "could not be read")
        outlook = "the papers listed there since will follow." if successful else "its papers will be made up."
        return SourceProblem.on_day("failed", source, day, f"{failure} on {{}}; {outlook}")
    if failed and successful and failed[0].started_at < successful[0].started_at and successful[0].started_at >= since:
        return SourceProblem.on_day(
            "made-up", source, day, "did not answer at first on {}; its papers have been made up."
        )
    if last.status == FetchStatus.EMPTY and day.weekday() < SATURDAY and day < today and not successful:
        return SourceProblem.on_day("empty", source, day, "listed no papers on {}, a weekday.")
    return None
