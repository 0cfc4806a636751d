"""The page about privacy says what the tables really keep: no column about a person without what it is for."""

from collections.abc import Iterable

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table
from sqlmodel import SQLModel

from digest.config import Settings
from digest.database.models import Subscriber
from digest.tokens import RESUBSCRIBE_LIFETIME
from digest.web.privacy import OTHER_TABLES, PERSONAL_TABLES, retention_sentences


def about_people(tables: Iterable[Table]) -> set[str]:
    """Those of subscribers, and whatever leads to one by its keys."""
    found = {"subscriber"}
    while more := {
        table.name
        for table in tables
        if table.name not in found and any(key.column.table.name in found for key in table.foreign_keys)
    }:
        found |= more
    return found


def unexplained(tables: Iterable[Table]) -> set[str]:
    """What nobody has said anything about; also what is said of tables and columns that are not there."""
    tables = list(tables)
    names = {table.name for table in tables}
    said = {(name, column) for name, (_, columns) in PERSONAL_TABLES.items() for column in columns}
    there = {(table.name, column.name) for table in tables for column in table.columns}
    missing = {f"{name}.{column}" for name, column in there if name in PERSONAL_TABLES} - {
        f"{name}.{column}" for name, column in said
    }
    unknown = names - PERSONAL_TABLES.keys() - OTHER_TABLES
    wrong = about_people(tables) & OTHER_TABLES
    return missing | unknown | wrong | {f"{name}.{column}" for name, column in said - there}


def test_every_column_about_a_person_is_explained() -> None:
    assert Subscriber.metadata is SQLModel.metadata
    assert unexplained(SQLModel.metadata.tables.values()) == set()
    assert about_people(SQLModel.metadata.tables.values()) == {
        "subscriber",
        "saved_keyword",
        "delivery",
        "bounce_record",
    }


@pytest.mark.parametrize(
    ("table", "columns", "told"),
    [
        ("subscriber", ["shoe_size"], "subscriber.shoe_size"),
        ("visit", [], "visit"),
        ("relay_circuit", ["subscriber_id"], "relay_circuit"),
    ],
)
def test_a_column_or_a_table_that_nobody_explained_is_found(table: str, columns: list[str], told: str) -> None:
    made = MetaData()
    for each in SQLModel.metadata.tables.values():
        each.to_metadata(made)
    keys = [Column(name, Integer, *([ForeignKey("subscriber.id")] if name.endswith("_id") else [])) for name in columns]
    if table in made.tables:
        for key in keys:
            made.tables[table].append_column(key)
    else:
        Table(table, made, *keys)
    assert unexplained(made.tables.values()) == {told}


def test_how_long_goes_by_the_settings() -> None:
    said = " ".join(retention_sentences(Settings(_env_file=None, web_copy_days=17)))
    assert "for 17 days" in said
    assert f"after {RESUBSCRIBE_LIFETIME.days} days" in said
