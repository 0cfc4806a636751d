"""The upgrade from schema 0006: every row of every table keeps its values, and the new tables are empty."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert, text

from digest.database import migrate
from digest.database.models import Delivery, Keyword, Listing, Paper, Subscriber
from tests.conftest import Connect
from tests.support.migrations import ROWS, fill_former_store, read_rows, run_migrations

NEW_TABLES = ("quarantine", "suppression_entry")
# Columns that schema 0007 adds, and what they hold in the rows of before.
NEW_COLUMNS: dict[str, dict[str, Any]] = {
    "source_fetch": {
        "part": "",
        "is_backfill": False,
        "promised": None,
        "received": 5,
        "unreadable": 0,
        "fresh": 2,
        "stale": 0,
        "whole": False,
    },
    "shared_token_bucket": {"pace": None},
}


@pytest.fixture
def former_store(empty_url: str, connect: Connect) -> Engine:
    """A store of schema 0006 with a row in every table."""
    return fill_former_store(connect(empty_url), "0006")


def test_every_row_keeps_its_values(former_store: Engine) -> None:
    run_migrations(former_store, "0007")
    expected = {table: [{**row, **NEW_COLUMNS.get(table, {})}] for table, row in ROWS.items()}
    with former_store.connect() as connection:
        assert read_rows(connection) == {**expected, **{table: [] for table in NEW_TABLES}}


def test_the_upgrade_can_be_undone(former_store: Engine) -> None:
    run_migrations(former_store, "0007")
    run_migrations(former_store, "0006")
    with former_store.connect() as connection:
        assert read_rows(connection) == {table: [row] for table, row in ROWS.items()}


@pytest.mark.parametrize("model", [Paper, Subscriber, Keyword, Delivery, Listing])
def test_no_id_is_given_again_after_its_row_is_deleted(former_store: Engine, model: Any) -> None:
    migrate(former_store)
    name, row = model.__tablename__, ROWS[model.__tablename__]
    changes: dict[str, dict[str, Any]] = {
        "paper": {"key": "another"},
        "subscriber": {"email_key": "another", "nonce": "another"},
        "keyword": {"canonical": "another"},
        "delivery": {"edition": "another", "message_id": "another"},
        "listing": {"list_day": date(2026, 7, 1)},
    }
    with former_store.connect().execution_options(writer=True) as connection, connection.begin():
        table = model.__table__
        if former_store.dialect.name == "postgresql":  # its sequence was not advanced by the row with an id of its own
            connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), {row['id']})"))
        ids = []
        for _ in range(2):
            values = {key: value for key, value in (row | changes[name]).items() if key != "id"}
            ids.append(connection.execute(insert(table).values(values).returning(table.c.id)).scalar_one())
            connection.execute(delete(table).where(table.c.id == ids[-1]))
    assert ids == [row["id"] + 1, row["id"] + 2]
