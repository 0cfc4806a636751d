from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from digest.database import read_session, write_session
from digest.database.models import FetchStatus
from digest.papers import due_days, latest_fetches, load_http_cache, record_fetch, source_problems, store_http_cache
from digest.papers.fetch_log import StoredValidators
from digest.sources.base import HttpValidators

FRIDAY, MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2026, 7, day) for day in (24, 27, 28, 29, 30))
GROWS = timedelta(days=2)


def at(day: date, hour: int = 9) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def read(
    store: Engine,
    day: date,
    status: FetchStatus = FetchStatus.OK,
    *,
    when: datetime | None = None,
    source: str = "arxiv",
    code: str = "",
) -> None:
    with write_session(store) as session:
        record_fetch(
            session, source=source, day=day, started_at=when or at(day), seconds=0.5, status=status, error_code=code
        )


def missed(store: Engine, now: datetime, *regular: date, grows: timedelta = timedelta(0)) -> tuple[date, ...]:
    with read_session(store) as session:
        days, late = due_days(session, "arxiv", now, regular, growth_period=grows)
        assert days == regular
        return late


def sentences(store: Engine, now: datetime) -> list[str]:
    with read_session(store) as session:
        return [problem.sentence for problem in source_problems(session, now)]


def test_nothing_is_made_up_before_the_first_good_reading(store: Engine) -> None:
    assert missed(store, at(THURSDAY), THURSDAY) == ()
    read(store, TUESDAY, FetchStatus.FAILED)
    assert missed(store, at(THURSDAY), THURSDAY) == ()


def test_a_missed_day_is_made_up_until_it_is_read(store: Engine) -> None:
    read(store, FRIDAY)
    read(store, TUESDAY, FetchStatus.FAILED, code="unreachable")
    assert missed(store, at(WEDNESDAY), WEDNESDAY) == (MONDAY, TUESDAY)
    read(store, MONDAY, when=at(WEDNESDAY))
    read(store, TUESDAY, FetchStatus.FAILED, when=at(WEDNESDAY), code="unreachable")
    assert missed(store, at(THURSDAY), THURSDAY) == (TUESDAY, WEDNESDAY)
    read(store, TUESDAY, when=at(THURSDAY))
    assert missed(store, at(THURSDAY), WEDNESDAY, THURSDAY) == ()


@pytest.mark.parametrize("status", [FetchStatus.UNCHANGED, FetchStatus.EMPTY])
def test_unchanged_and_empty_settle_a_day(store: Engine, status: FetchStatus) -> None:
    read(store, MONDAY)
    read(store, TUESDAY, status)
    assert missed(store, at(WEDNESDAY), WEDNESDAY) == ()


def test_no_list_yet_settles_nothing_but_no_list_afterwards_does(store: Engine) -> None:
    read(store, MONDAY)
    read(store, TUESDAY, FetchStatus.NOT_LISTED, when=at(TUESDAY, 1))
    assert missed(store, at(WEDNESDAY), WEDNESDAY) == (TUESDAY,)
    read(store, TUESDAY, FetchStatus.NOT_LISTED, when=at(WEDNESDAY, 1))
    assert missed(store, at(WEDNESDAY), WEDNESDAY) == ()


def test_a_list_that_grows_is_read_again_after_it_has_grown(store: Engine) -> None:
    read(store, MONDAY)
    assert missed(store, at(THURSDAY), TUESDAY, WEDNESDAY, THURSDAY) == ()
    assert missed(store, at(THURSDAY), TUESDAY, WEDNESDAY, THURSDAY, grows=GROWS) == (MONDAY,)
    read(store, MONDAY, when=at(WEDNESDAY, 0))
    assert missed(store, at(THURSDAY), TUESDAY, WEDNESDAY, THURSDAY, grows=GROWS) == ()


def test_no_more_than_two_weeks_are_made_up(store: Engine) -> None:
    read(store, MONDAY)
    now = at(MONDAY + timedelta(days=30))
    late = missed(store, now)
    assert min(late) >= now.date() - timedelta(days=14)
    assert len(late) == 10


def test_health_names_what_failed_and_that_it_was_made_up(store: Engine) -> None:
    read(store, MONDAY)
    read(store, TUESDAY, FetchStatus.FAILED, code="unreachable")
    assert sentences(store, at(TUESDAY)) == ["arXiv did not answer on Tuesday 28 July; its papers will be made up."]
    read(store, TUESDAY, when=at(WEDNESDAY))
    assert sentences(store, at(WEDNESDAY)) == [
        "arXiv did not answer at first on Tuesday 28 July; its papers have been made up."
    ]
    assert sentences(store, at(THURSDAY, 12)) == []


def test_health_tells_an_empty_weekday_and_an_unread_day(store: Engine) -> None:
    read(store, FRIDAY, source="huggingface")
    read(store, MONDAY, FetchStatus.EMPTY, source="huggingface")
    assert sentences(store, at(MONDAY, 12)) == []
    read(store, WEDNESDAY, source="huggingface")
    assert sentences(store, at(WEDNESDAY)) == [
        "Hugging Face listed no papers on Monday 27 July, a weekday.",
        "Hugging Face was not read for Tuesday 28 July; its papers will be made up.",
    ]


def test_health_says_how_it_failed_after_a_good_reading(store: Engine) -> None:
    read(store, TUESDAY, source="huggingface")
    read(store, TUESDAY, FetchStatus.FAILED, when=at(TUESDAY, 15), source="huggingface", code="malformed")
    (said,) = sentences(store, at(TUESDAY, 16))
    assert said.startswith("Hugging Face gave an answer that could not be read on Tuesday 28 July;")
    assert said.endswith("the papers listed there since will follow.")


def test_the_latest_reading_of_each_day_is_shown(store: Engine) -> None:
    read(store, MONDAY, FetchStatus.FAILED)
    read(store, MONDAY, when=at(MONDAY, 12))
    read(store, TUESDAY, source="huggingface")
    with read_session(store) as session:
        shown = [(x.source, x.list_day, x.status) for x in latest_fetches(session)]
    assert shown == [("arxiv", MONDAY, "ok"), ("huggingface", TUESDAY, "ok")]


def test_what_hosts_said_is_kept_renewed_and_forgotten(store: Engine) -> None:
    with write_session(store) as session:
        store_http_cache(session, [HttpValidators("u", '"1"'), HttpValidators("v", None, "Mon")], at(MONDAY))
    with write_session(store) as session:
        store_http_cache(session, [HttpValidators("u", '"2"')], at(MONDAY) + timedelta(days=46))
    with read_session(store) as session:
        assert load_http_cache(session) == {"u": StoredValidators('"2"', None)}
