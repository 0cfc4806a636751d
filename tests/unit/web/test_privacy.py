"""The privacy page against the tables: no column with personal data without a purpose."""

from collections.abc import Iterable

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table
from sqlmodel import SQLModel

from digest.config import Settings
from digest.database.models import Subscriber
from digest.tokens import RESUBSCRIBE_LIFETIME
from digest.web.privacy import OTHER_TABLES, PERSONAL_TABLES, retention_sentences


def personal_tables(tables: Iterable[Table]) -> set[str]:
    """Return the tables of subscribers, and those that refer to them by foreign keys."""
    found = {"subscriber"}
    while more := {
        table.name
        for table in tables
        if table.name not in found and any(key.column.table.name in found for key in table.foreign_keys)
    }:
        found |= more
    return found


def unexplained_columns(tables: Iterable[Table]) -> set[str]:
    """Return columns and tables without a purpose, and purposes without a column or table."""
    tables = list(tables)
    names = {table.name for table in tables}
    explained = {(name, column) for name, (_, columns) in PERSONAL_TABLES.items() for column in columns}
    existing = {(table.name, column.name) for table in tables for column in table.columns}
    missing = {f"{name}.{column}" for name, column in existing if name in PERSONAL_TABLES} - {
        f"{name}.{column}" for name, column in explained
    }
    unknown = names - PERSONAL_TABLES.keys() - OTHER_TABLES
    wrong = personal_tables(tables) & OTHER_TABLES
    return missing | unknown | wrong | {f"{name}.{column}" for name, column in explained - existing}


def test_every_column_with_personal_data_has_a_purpose() -> None:
    assert Subscriber.metadata is SQLModel.metadata
    assert unexplained_columns(SQLModel.metadata.tables.values()) == set()
    assert personal_tables(SQLModel.metadata.tables.values()) == {
        "subscriber",
        "saved_keyword",
        "paper_mark",
        "profile",
        "seed_text",
        "delivery",
        "bounce_record",
    }


@pytest.mark.parametrize(
    ("table", "columns", "expected"),
    [
        ("subscriber", ["shoe_size"], "subscriber.shoe_size"),
        ("visit", [], "visit"),
        ("relay_circuit", ["subscriber_id"], "relay_circuit"),
    ],
)
def test_a_column_or_table_without_a_purpose_is_found(table: str, columns: list[str], expected: str) -> None:
    metadata = MetaData()
    for model in SQLModel.metadata.tables.values():
        model.to_metadata(metadata)
    keys = [Column(name, Integer, *([ForeignKey("subscriber.id")] if name.endswith("_id") else [])) for name in columns]
    if table in metadata.tables:
        for key in keys:
            metadata.tables[table].append_column(key)
    else:
        Table(table, metadata, *keys)
    assert unexplained_columns(metadata.tables.values()) == {expected}


def test_retention_sentences_follow_the_settings() -> None:
    explained = " ".join(retention_sentences(Settings(_env_file=None, web_copy_days=17)))
    assert "for 17 days" in explained
    assert f"keywords and marks are kept for {RESUBSCRIBE_LIFETIME.days} days" in explained
