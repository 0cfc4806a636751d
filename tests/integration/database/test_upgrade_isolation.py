"""The upgrade from schema 0006: every row of every table keeps its values, and the new tables are empty."""

from typing import Any

import pytest
from sqlalchemy import Engine

from digest.database import migrate
from tests.conftest import Connect
from tests.support.migrations import ROWS, read_rows, run_migrations, write_rows

NEW_TABLES = ("quarantine",)
# Columns that schema 0007 adds, and what they hold in the rows of before.
NEW_COLUMNS: dict[str, dict[str, Any]] = {}


@pytest.fixture
def former_store(empty_url: str, connect: Connect) -> Engine:
    """A store of schema 0006 with a row in every table."""
    engine = connect(empty_url)
    run_migrations(engine, "0006")
    with engine.connect().execution_options(writer=True) as connection, connection.begin():
        write_rows(connection, ROWS)
    return engine


def test_every_row_keeps_its_values(former_store: Engine) -> None:
    migrate(former_store)
    expected = {table: [{**row, **NEW_COLUMNS.get(table, {})}] for table, row in ROWS.items()}
    with former_store.connect() as connection:
        assert read_rows(connection) == {**expected, **{table: [] for table in NEW_TABLES}}


def test_the_upgrade_can_be_undone(former_store: Engine) -> None:
    migrate(former_store)
    run_migrations(former_store, "0006")
    with former_store.connect() as connection:
        assert read_rows(connection) == {table: [row] for table, row in ROWS.items()}
