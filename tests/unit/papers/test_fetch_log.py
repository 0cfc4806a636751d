"""The fetch log: days that are due, problems of sources, and stored validators."""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine

from digest.database import read_session, write_session
from digest.database.models import FetchStatus
from digest.papers import latest_fetches, load_http_cache, record_fetch, store_http_cache
from digest.papers.fetches.log import StoredValidators
from digest.sources.http import HttpValidators

FRIDAY, MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2026, 7, day) for day in (24, 27, 28, 29, 30))
GROWTH_PERIOD = timedelta(days=2)


def at(day: date, hour: int = 9) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def log_fetch(
    store: Engine,
    day: date,
    status: FetchStatus = FetchStatus.OK,
    *,
    when: datetime | None = None,
    source: str = "arxiv",
    error_code: str = "",
) -> None:
    with write_session(store) as session:
        record_fetch(
            session,
            source=source,
            day=day,
            started_at=when or at(day),
            seconds=0.5,
            status=status,
            error_code=error_code,
        )


def test_the_latest_fetch_of_each_day_is_returned(store: Engine) -> None:
    log_fetch(store, MONDAY, FetchStatus.FAILED)
    log_fetch(store, MONDAY, when=at(MONDAY, 12))
    log_fetch(store, TUESDAY, source="huggingface")
    with read_session(store) as session:
        latest = [(fetch.source, fetch.list_day, fetch.status) for fetch in latest_fetches(session)]
    assert latest == [("arxiv", MONDAY, "ok"), ("huggingface", TUESDAY, "ok")]


def test_validators_are_stored_replaced_and_expire(store: Engine) -> None:
    with write_session(store) as session:
        store_http_cache(session, [HttpValidators("u", '"1"'), HttpValidators("v", None, "Mon")], at(MONDAY))
    with write_session(store) as session:
        store_http_cache(session, [HttpValidators("u", '"2"')], at(MONDAY) + timedelta(days=46))
    with read_session(store) as session:
        assert load_http_cache(session) == {"u": StoredValidators('"2"', None)}
