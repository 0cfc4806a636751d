"""The upgrade from schema 0005, which renames tables and columns: every row of every table keeps its values."""

import re
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, text

from digest.database import migrate, write_session
from digest.database.models import FetchStatus, SourceFetch
from digest.database.models.papers import FULLTEXT_TABLE
from tests.conftest import Connect
from tests.support.migrations import DAY, LATER, ROWS, read_rows, run_migrations, write_rows

# What schema 0005 called them: the table (None: the same) and its columns.
FORMER_NAMES: dict[str, tuple[str | None, dict[str, str]]] = {
    "paper": (
        None,
        {
            "text_source": "text_from",
            "first_listing_id": "entered",
            "text_fetched_at": "filled_in_at",
            "is_indexed": "indexed",
        },
    ),
    "subscriber": (None, {"covered_listing_id": "covered_to", "last_due_day": "last_slot"}),
    "delivery": (
        None,
        {"omitted_papers": "left_out", "is_reclaimed": "given_back", "lease_expires_at": "lease_until"},
    ),
    "saved_keyword": ("savedkeyword", {"text": "written"}),
    "source_fetch": (
        "reading",
        {"endpoint": "via", "listed_count": "listed", "new_count": "new", "error_code": "code"},
    ),
    "http_cache_entry": ("fetched", {"stored_at": "at"}),
    "bounce_record": ("evidence", {"bounce_class": "verdict", "status_code": "status"}),
    "relay_circuit": (
        "lane",
        {
            "opened_at": "closed_at",
            "last_failure_at": "tried_at",
            "retry_at": "until",
            "failure_count": "tries",
            "reply_code": "code",
        },
    ),
    "shared_token_bucket": ("bucket", {"available_at": "free_at"}),
    "rate_limit_counter": ("allowance", {"key": "name", "expires_at": "until"}),
}


def former_rows() -> dict[str, dict[str, Any]]:
    """The rows under the names of schema 0005."""
    found = {}
    for table, row in ROWS.items():
        former_table, columns = FORMER_NAMES.get(table, (None, {}))
        found[former_table or table] = {columns.get(name, name): value for name, value in row.items()}
    return found


@pytest.fixture
def former_store(empty_url: str, connect: Connect) -> Engine:
    """A store of schema 0005 with a row in every table, and with an entry in the full-text index."""
    engine = connect(empty_url)
    run_migrations(engine, "0005")
    with engine.connect().execution_options(writer=True) as connection, connection.begin():
        write_rows(connection, former_rows())
        if engine.dialect.name == "postgresql":
            connection.execute(text("INSERT INTO paper_words VALUES (1024, array_to_tsvector(ARRAY['graph']))"))
        else:
            connection.execute(text("INSERT INTO paper_words (rowid, words) VALUES (1024, 'graph')"))
    return engine


def test_every_table_of_the_former_schema_has_a_row_in_this_test(former_store: Engine) -> None:
    with former_store.connect() as connection:
        assert {name: len(rows) for name, rows in read_rows(connection).items()} == dict.fromkeys(former_rows(), 1)


def test_every_row_keeps_its_values_under_the_new_names(former_store: Engine) -> None:
    run_migrations(former_store, "0006")
    with former_store.connect() as connection:
        assert read_rows(connection) == {table: [row] for table, row in ROWS.items()}


def test_the_full_text_index_keeps_its_entries(former_store: Engine) -> None:
    run_migrations(former_store, "0006")
    condition = "words @@ 'graph'" if former_store.dialect.name == "postgresql" else f"{FULLTEXT_TABLE} MATCH 'graph'"
    column = "paper_id" if former_store.dialect.name == "postgresql" else "rowid"
    with former_store.connect() as connection:
        found = connection.execute(text(f"SELECT {column} FROM {FULLTEXT_TABLE} WHERE {condition}")).scalars()
        assert list(found) == [1024]


def test_new_rows_get_numbers_after_the_upgrade(former_store: Engine) -> None:
    migrate(former_store)
    with write_session(former_store) as session:
        fetch = SourceFetch(source="arxiv", list_day=DAY, started_at=LATER, seconds=1, status=FetchStatus.OK)
        session.add(fetch)
        session.flush()
        assert fetch.id


def test_no_former_name_is_left(former_store: Engine) -> None:
    run_migrations(former_store, "0006")
    catalog = inspect(former_store)
    former = [name for name, _ in FORMER_NAMES.values() if name] + ["paper_words"]
    names = set(catalog.get_table_names())
    for table in list(names):
        keys: list[Any] = [catalog.get_pk_constraint(table), *catalog.get_unique_constraints(table)]
        keys += [*catalog.get_indexes(table), *catalog.get_foreign_keys(table), *catalog.get_check_constraints(table)]
        names |= {str(key["name"]) for key in keys}
    assert [name for name in names if re.match(rf"((pk|uq|fk|ck|ix)_)?({'|'.join(former)})(_|$)", name)] == []


def test_the_upgrade_can_be_undone_and_done_again(former_store: Engine) -> None:
    run_migrations(former_store, "0006")
    run_migrations(former_store, "0005")
    with former_store.connect() as connection:
        assert read_rows(connection) == {table: [row] for table, row in former_rows().items()}
    run_migrations(former_store, "0006")
    with former_store.connect() as connection:
        assert read_rows(connection) == {table: [row] for table, row in ROWS.items()}
