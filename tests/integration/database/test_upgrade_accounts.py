"""The upgrade from schema 0007: every row keeps its values, and the new columns hold what was true before."""

from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from tests.conftest import Connect
from tests.support.migrations import fill_former_store, read_rows, run_migrations

# Columns that schema 0008 adds, and what they hold in the rows of before.
NEW_COLUMNS: dict[str, dict[str, Any]] = {
    "subscriber": {"weekday": 0, "thumbnails": False},
    "saved_keyword": {"is_muted": False},
    "delivery": {"recipient": ""},
}


@pytest.fixture
def former_store(empty_url: str, connect: Connect) -> Engine:
    """A store of schema 0007 with a row in every table that 0006 had."""
    return fill_former_store(connect(empty_url), "0007")


def rows_of(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    with engine.connect() as connection:
        return read_rows(connection)


def execute(engine: Engine, *statements: str) -> None:
    with engine.connect().execution_options(writer=True) as connection, connection.begin():
        for statement in statements:
            connection.execute(text(statement))


def test_every_row_keeps_its_values(former_store: Engine) -> None:
    before = rows_of(former_store)
    run_migrations(former_store, "0008")
    assert rows_of(former_store) == {
        table: [{**row, **NEW_COLUMNS.get(table, {})} for row in rows] for table, rows in before.items()
    }


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE subscriber SET frequency = 'hourly'",
        "UPDATE subscriber SET weekday = 7",
        "UPDATE delivery SET kind = 'postcard'",
    ],
)
def test_the_checks_allow_the_new_values_and_no_others(former_store: Engine, change: str) -> None:
    run_migrations(former_store, "0008")
    execute(
        former_store,
        "UPDATE subscriber SET frequency = 'monthly', weekday = 6",
        "UPDATE delivery SET kind = 'address-change'",
    )
    with pytest.raises(IntegrityError):
        execute(former_store, change)


def test_partial_indexes_and_lasting_ids_stay(former_store: Engine) -> None:
    def definitions(connection: Connection) -> set[str]:
        catalog = {"sqlite": "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"}
        query = catalog.get(former_store.dialect.name, "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'")
        return set(connection.scalars(text(query)))

    with former_store.connect() as connection:
        before = definitions(connection)
    run_migrations(former_store, "0008")
    with former_store.connect() as connection:
        assert definitions(connection) == before
        if former_store.dialect.name == "sqlite":
            tables = "SELECT sql FROM sqlite_master WHERE name IN ('subscriber', 'delivery')"
            assert all("AUTOINCREMENT" in sql for sql in connection.scalars(text(tables)))


def test_the_upgrade_can_be_undone(former_store: Engine) -> None:
    before = rows_of(former_store)
    run_migrations(former_store, "0008")
    run_migrations(former_store, "0007")
    assert rows_of(former_store) == before


def test_what_the_former_schema_cannot_say_is_not_left_behind(former_store: Engine) -> None:
    run_migrations(former_store, "0008")
    execute(
        former_store,
        "UPDATE subscriber SET frequency = 'monthly'",
        "UPDATE saved_keyword SET is_muted = true",
        "UPDATE delivery SET kind = 'address-changed', recipient = 'old@example.org'",
    )
    run_migrations(former_store, "0007")
    after = rows_of(former_store)
    assert (after["saved_keyword"], after["delivery"], after["bounce_record"]) == ([], [], [])
    assert after["subscriber"][0]["frequency"] == "weekly"
