"""What people should know about the sources, each as one sentence, worded in `messages` only.

A source that is down or quiet for days is one sentence with "since". E-mails, pages, the operator's page, /healthz,
`digest sources` and `digest doctor` show the same ones, the newest fact first.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile

from sqlmodel import Session, col, select

from digest.config import source_title
from digest.database.models import Feed, FetchStatus, SourceFetch
from digest.formatting import format_day, join_words
from digest.papers import messages
from digest.papers.fetches.list_days import (
    BACKFILL_DAYS,
    DAY,
    LISTED,
    SATURDAY,
    DayFetch,
    fetches_by_day,
    is_settled,
    weekdays,
)
from digest.papers.fetches.log import failing_since
from digest.papers.fetches.source_problem import SourceProblem
from digest.papers.fetches.window_problems import describe_feeds

CLOSED_DAYS = 30  # how long a day that was closed incomplete is shown to the operator
FAILURE_SENTENCES = {
    "unreachable": messages.not_answering,
    "throttled": messages.asking_to_wait,
    "malformed": messages.invalid_responses,
}
LASTING_KINDS = ("down", "quiet")
MAX_TITLES = 4  # in one sentence
MIN_QUIET_DAYS = 2  # before subscribers hear of it


def load_source_problems(session: Session, now: datetime, since: datetime | None = None) -> list[SourceProblem]:
    """Return what people should know about the sources, the newest fact first.

    Days that failed first are told as made up when they succeeded since `since` (a day ago unless given).
    """
    today = now.astimezone(UTC).date()
    rows = (
        select(SourceFetch)
        .where(col(SourceFetch.list_day) >= today - timedelta(days=CLOSED_DAYS))
        .order_by(col(SourceFetch.source), col(SourceFetch.started_at), col(SourceFetch.id))
    )
    feeds = {(feed.source, feed.name): feed for feed in session.exec(select(Feed))}
    fetches: dict[str, list[SourceFetch]] = {}
    feed_fetches: dict[tuple[str, str], list[SourceFetch]] = {}
    for fetch in session.exec(rows):
        if (key := (fetch.source, fetch.part)) in feeds:
            feed_fetches.setdefault(key, []).append(fetch)
        else:
            fetches.setdefault(fetch.source, []).append(fetch)
    problems = list(describe_feeds(feeds, feed_fetches, now))
    for source, records in fetches.items():
        problems += describe_problems(source, records, today, since or now - DAY)
    return sorted(problems, key=lambda problem: (-problem.day.toordinal(), problem.source))


def subscriber_notices(problems: Sequence[SourceProblem]) -> tuple[str, ...]:
    """Return the one sentence that concerns subscribers, if any: papers that are missing, else a source that is quiet.

    A single quiet weekday, what was made up and a day that is closed are no news for them.
    """
    public = [problem for problem in problems if not problem.is_for_operator]
    errors = [problem for problem in public if problem.is_error and problem.kind != "gap"]
    if len(sources := sorted({title_of(problem) for problem in errors})) > 1:
        return (messages.several_sources(join_words(sources[:MAX_TITLES], len(sources[MAX_TITLES:]))),)
    gaps = [problem for problem in public if problem.kind == "gap"]
    if not errors and len(feeds := sorted({title_of(problem) for problem in gaps})) > 1:
        return (messages.several_feeds(join_words(feeds[:MAX_TITLES], len(feeds[MAX_TITLES:]))),)
    quiet = [problem for problem in public if problem.kind == "quiet" and problem.days >= MIN_QUIET_DAYS]
    return tuple(problem.sentence for problem in (errors or gaps or quiet)[:1])


def title_of(problem: SourceProblem) -> str:
    """Return what people call the source of a problem."""
    return problem.title or source_title(problem.source)


def lasting_notices(problems: Sequence[SourceProblem]) -> tuple[str, ...]:
    """Return the sentences about sources that are down or quiet, which pages show."""
    return tuple(
        problem.sentence for problem in problems if problem.kind in LASTING_KINDS and not problem.is_for_operator
    )


def describe_problems(
    source: str, fetches: Sequence[SourceFetch], today: date, since: datetime
) -> Iterator[SourceProblem]:
    """Yield the problems of one source, whose fetches are given in their order."""
    title = source_title(source)
    day_fetches = fetches_by_day(fetches)
    open_from = today - BACKFILL_DAYS * DAY
    down_from = failing_since(fetches)
    if down_from is not None:
        describe_failure = FAILURE_SENTENCES.get(fetches[-1].error_code, messages.not_readable)
        day = fetches[-1].started_at.date()
        sentence = describe_failure(title, format_day(down_from.date()))
        yield SourceProblem("down", source, day, sentence)
    quiet_days = _quiet_days(day_fetches, today)
    if quiet_days:
        listed = [day for day in day_fetches if _has_papers(day_fetches[day])]
        begun = max(listed, default=quiet_days[0])
        sentence = messages.quiet_since(title, format_day(begun))
        yield SourceProblem("quiet", source, quiet_days[-1], sentence, len(quiet_days))
    for day in sorted(day_fetches):
        if day < open_from:
            if sentence := _describe_closed(title, day_fetches[day], day):
                yield SourceProblem("closed", source, day, sentence)
        elif day not in quiet_days and (
            problem := _problem_on_day(title, day_fetches[day], day, today, since, is_down=down_from is not None)
        ):
            kind, sentence = problem
            yield SourceProblem(kind, source, day, sentence)
    successful = [day for day in day_fetches if day >= open_from and _has_papers(day_fetches[day])]
    for day in weekdays(min(successful), max(successful)) if successful else ():
        if day not in day_fetches:
            yield SourceProblem("missing", source, day, messages.day_missing(title, format_day(day)))


def _quiet_days(day_fetches: Mapping[date, Sequence[DayFetch]], today: date) -> list[date]:
    """Return the weekdays before today, oldest first, since the last list, if all of them had none."""
    past = sorted((day for day in day_fetches if day < today), reverse=True)
    quiet = list(takewhile(lambda day: day_fetches[day][-1].has_no_list and not _has_papers(day_fetches[day]), past))
    is_over = any(_has_papers(day_fetches[day]) for day in day_fetches if day >= today)
    return [] if is_over else sorted(day for day in quiet if day.weekday() < SATURDAY)


def _has_papers(day_fetches: Sequence[DayFetch]) -> bool:
    return any(part.status in LISTED for day_fetch in day_fetches for part in day_fetch.parts)


def _problem_on_day(
    title: str, day_fetches: Sequence[DayFetch], day: date, today: date, since: datetime, *, is_down: bool
) -> tuple[str, str] | None:
    """Return kind and sentence of the problem of one list day."""
    last, name = day_fetches[-1], format_day(day)
    statuses = [part.status for part in last.parts]
    if FetchStatus.FAILED in statuses:
        return None if is_down else ("failed", messages.day_failed(title, name))
    if FetchStatus.PARTIAL in statuses:
        return "partial", messages.day_partial(title, name, *_received_of_promised(last))
    if FetchStatus.STALE in statuses:
        return "stale", messages.day_stale(title, name)
    failed = [day_fetch.started_at for day_fetch in day_fetches if day_fetch.parts[0].status == FetchStatus.FAILED]
    read = [day_fetch.started_at for day_fetch in day_fetches if day_fetch.has_list]
    if failed and read and failed[0] < read[0] and read[0] >= since:
        return "made-up", messages.day_caught_up(title, name)
    is_empty = last.has_no_list and day < today and day.weekday() < SATURDAY and not _has_papers(day_fetches)
    if is_empty and not is_settled(day_fetches, day, timedelta(0)):
        return "empty", messages.day_empty(title, name)
    return None


def _describe_closed(title: str, day_fetches: Sequence[DayFetch], day: date) -> str:
    """Return the sentence about a day that was closed although it is not complete; empty when it is."""
    best = max(day_fetches, key=lambda day_fetch: sum(part.received for part in day_fetch.parts))
    statuses = {part.status for day_fetch in day_fetches for part in day_fetch.parts}
    if any(day_fetch.has_list for day_fetch in day_fetches) or is_settled(day_fetches, day, timedelta(0)):
        return ""
    if FetchStatus.PARTIAL in statuses:
        return messages.closed_partial(title, format_day(day), *_received_of_promised(best))
    if FetchStatus.STALE in statuses:
        return messages.closed_stale(title, format_day(day))
    if FetchStatus.FAILED in statuses:
        return messages.closed_failed(title, format_day(day))
    return ""


def _received_of_promised(day_fetch: DayFetch) -> tuple[int, int]:
    received = sum(part.received for part in day_fetch.parts)
    promised = sum(part.promised or 0 for part in day_fetch.parts)
    return received, promised
