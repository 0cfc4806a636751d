"""A spoilt row of a paper, a listing or a fetch stops no source; the next list mends the paper."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine, text
from sqlmodel import select

from digest.database import find_row_error, read_session, write_session
from digest.database.models import FetchStatus, Paper
from digest.papers import days_due, load_fetches, load_source_problems, record_fetch, store_listings
from digest.sources import ListedPaper

NOW = datetime(2026, 7, 29, 12, tzinfo=UTC)
TUESDAY, WEDNESDAY = date(2026, 7, 28), date(2026, 7, 29)


def listing(number: int, day: date = TUESDAY) -> ListedPaper:
    return ListedPaper(
        source="arxiv",
        list_day=day,
        rank=number,
        kind="new",
        title=f"Paper {number}",
        abstract="About graphs.",
        authors=("Ada Byron",),
        categories=("cs.CV",),
        arxiv_id=f"2607.0000{number}",
        url="https://arxiv.org",
        published_on=TUESDAY,
    )


SPOILT = [
    "UPDATE paper SET authors = 'no list' WHERE id = 1",
    "UPDATE paper SET authors = NULL WHERE id = 1",
    "UPDATE paper SET categories = '{\"a\": 1}' WHERE id = 1",
    "UPDATE paper SET published_on = 'long ago' WHERE id = 1",
    "UPDATE paper SET version = 'second' WHERE id = 1",
    "UPDATE paper SET title = x'ff00' WHERE id = 1",
    "UPDATE listing SET list_day = 'some day' WHERE id = 1",
    "UPDATE source_fetch SET list_day = 'some day', promised = 'many' WHERE id = 1",
    "UPDATE source_fetch SET started_at = 'once' WHERE id = 1",
]


@pytest.mark.parametrize("statement", SPOILT)
def test_a_spoilt_row_stops_no_source(sqlite_store: Engine, statement: str) -> None:
    with write_session(sqlite_store) as session:
        store_listings(session, [listing(1), listing(2)], NOW)
        for day in (TUESDAY, WEDNESDAY):
            record_fetch(session, source="arxiv", day=day, started_at=NOW, seconds=1, status=FetchStatus.OK)
    with sqlite_store.connect().execution_options(writer=True) as connection, connection.begin():
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        connection.exec_driver_sql("PRAGMA writable_schema = ON")
        connection.exec_driver_sql(
            "UPDATE sqlite_master SET sql = replace(sql, 'authors JSON NOT NULL', 'authors JSON') WHERE name = 'paper'"
        )
    sqlite_store.dispose()
    with sqlite_store.connect().execution_options(writer=True) as connection, connection.begin():
        connection.execute(text(statement))
    with write_session(sqlite_store) as session:
        report = store_listings(session, [listing(1), listing(2), listing(3)], NOW)
        assert report.new_count == 1
    with read_session(sqlite_store) as session:
        assert [find_row_error(paper) for paper in session.exec(select(Paper))] == [None, None, None]
        days_due(load_fetches(session, "arxiv", NOW), NOW, (WEDNESDAY,))
        load_source_problems(session, NOW)
