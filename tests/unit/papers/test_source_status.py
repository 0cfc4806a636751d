"""Sentences about the sources: one a fact, with "since", the newest first, and true."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from digest.database import read_session, write_session
from digest.database.models import FetchStatus
from digest.papers import SourceProblem, lasting_notices, load_source_problems, record_fetch
from digest.papers.fetches.source_status import subscriber_notices

FRIDAY, MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2026, 7, day) for day in (24, 27, 28, 29, 30))
DAY = timedelta(days=1)


def at(day: date, hour: int = 9) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def log(
    store: Engine, day: date, status: str = "ok", when: datetime | None = None, source: str = "arxiv", **details: Any
) -> None:
    with write_session(store) as session:
        record_fetch(
            session,
            source=source,
            day=day,
            started_at=when or at(day),
            seconds=1,
            status=FetchStatus(status),
            **details,
        )


def problems(store: Engine, now: datetime) -> list[SourceProblem]:
    with read_session(store) as session:
        return load_source_problems(session, now)


def sentences(store: Engine, now: datetime) -> list[str]:
    return [problem.sentence for problem in problems(store, now)]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("unreachable", "arXiv has not answered since Tuesday 28 July; its papers will be fetched later."),
        ("throttled", "arXiv has asked us to wait since Tuesday 28 July; its papers will be fetched later."),
        (
            "malformed",
            "arXiv has sent answers that could not be read since Tuesday 28 July; its papers will be fetched later.",
        ),
        ("other", "arXiv could not be read since Tuesday 28 July; its papers will be fetched later."),
    ],
)
def test_a_source_that_is_down_for_days_is_one_sentence(store: Engine, code: str, words: str) -> None:
    log(store, MONDAY)
    for day in (TUESDAY, WEDNESDAY, THURSDAY):
        log(store, day, "failed", error_code=code)
        assert sentences(store, at(day, 10)) == [words]
    log(store, THURSDAY, when=at(THURSDAY, 12))
    assert words not in sentences(store, at(THURSDAY, 13))


def test_a_source_that_is_quiet_for_days_is_one_sentence(store: Engine) -> None:
    log(store, FRIDAY)
    words = "arXiv has announced nothing since Friday 24 July; anything late will be in a later digest."
    log(store, MONDAY, "empty")
    assert sentences(store, at(MONDAY, 12)) == []  # the day is not over
    log(store, TUESDAY, "not-listed", when=at(WEDNESDAY))
    log(store, MONDAY, "empty", when=at(WEDNESDAY))
    assert sentences(store, at(WEDNESDAY)) == [words]
    assert lasting_notices(problems(store, at(WEDNESDAY))) == (words,)
    log(store, WEDNESDAY)
    assert sentences(store, at(WEDNESDAY, 12)) == [
        "arXiv announced nothing on Tuesday 28 July; anything late will be in a later digest.",
        "arXiv announced nothing on Monday 27 July; anything late will be in a later digest.",
    ]
    log(store, MONDAY, "empty", when=at(THURSDAY))  # the third look: a holiday
    assert all("Monday" not in sentence for sentence in sentences(store, at(THURSDAY, 12)))


def test_subscribers_get_one_sentence_and_hear_of_a_quiet_source_after_two_weekdays(store: Engine) -> None:
    def notices(now: datetime) -> tuple[str, ...]:
        return subscriber_notices(problems(store, now))

    log(store, FRIDAY)
    log(store, MONDAY, "empty", when=at(TUESDAY))
    log(store, TUESDAY, "empty")
    assert (len(sentences(store, at(TUESDAY, 12))), notices(at(TUESDAY, 12))) == (1, ())
    log(store, TUESDAY, "empty", when=at(WEDNESDAY))
    quiet = "arXiv has announced nothing since Friday 24 July; anything late will be in a later digest."
    assert notices(at(WEDNESDAY)) == (quiet,)
    log(store, MONDAY, source="huggingface")
    log(store, WEDNESDAY, source="huggingface")  # what is missing concerns them more than what is quiet
    missing = "Hugging Face was not read for Tuesday 28 July; its papers will be fetched later."
    assert notices(at(WEDNESDAY, 13)) == (missing,)
    log(store, THURSDAY, "failed")
    several = "Papers from Hugging Face and arXiv are incomplete today; what is missing will be in a later digest."
    assert notices(at(THURSDAY, 10)) == (several,)


def test_a_quiet_weekend_is_not_mentioned(store: Engine) -> None:
    log(store, FRIDAY)
    for day in (FRIDAY + DAY, FRIDAY + 2 * DAY):
        log(store, day, "not-listed", when=at(day + DAY))
    assert sentences(store, at(MONDAY, 12)) == []


def test_the_newest_fact_stands_first(store: Engine) -> None:
    log(store, MONDAY)
    log(store, TUESDAY, "partial", promised=1000, received=970)
    log(store, WEDNESDAY, "stale", part="cs.CV")
    log(store, THURSDAY, source="huggingface")
    log(store, MONDAY, source="huggingface")
    assert sentences(store, at(THURSDAY)) == [
        "arXiv repeated an earlier list on Wednesday 29 July; the right one will be fetched later.",
        "Hugging Face was not read for Wednesday 29 July; its papers will be fetched later.",
        "arXiv gave 970 of 1,000 papers for Tuesday 28 July; the rest will be fetched later.",
        "Hugging Face was not read for Tuesday 28 July; its papers will be fetched later.",
    ]


def test_a_day_that_failed_beside_others_is_named_until_it_is_read(store: Engine) -> None:
    log(store, MONDAY)
    log(store, TUESDAY, "failed", when=at(WEDNESDAY))
    log(store, WEDNESDAY)
    words = ["arXiv could not be read for Tuesday 28 July; its papers will be fetched later."]
    assert sentences(store, at(WEDNESDAY)) == words
    log(store, TUESDAY, when=at(THURSDAY))
    assert sentences(store, at(THURSDAY)) == [
        "arXiv did not answer at first on Tuesday 28 July; its papers have been fetched since."
    ]
    assert sentences(store, at(THURSDAY) + 2 * DAY) == []


def test_a_day_that_was_closed_incomplete_stays_with_the_operator(store: Engine) -> None:
    log(store, MONDAY)
    log(store, TUESDAY, "partial", promised=1000, received=970)
    log(store, TUESDAY, "failed", when=at(WEDNESDAY))
    log(store, WEDNESDAY + 14 * DAY)
    found = problems(store, at(WEDNESDAY) + 14 * DAY)
    closed = "arXiv gave 970 of 1,000 papers for Tuesday 28 July; it is no longer asked for the rest."
    assert [problem.sentence for problem in found] == [closed]
    assert subscriber_notices(found) == ()
    assert not any(problem.is_error for problem in found)
