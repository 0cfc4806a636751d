"""Conventions of all tables: names of constraints, 64-bit keys, instants in UTC, columns that hold an enum."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Dialect, Integer
from sqlmodel import SQLModel

from digest.database.models.column_types import UtcDateTime

# The same names on both databases, so that migrations can refer to them.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
# SQLite assigns ids only to a column declared exactly INTEGER, which has 64 bits there.
BIG_INTEGER = BigInteger().with_variant(Integer(), "sqlite")

# Of a table whose ids stand in links, or tell what is new: SQLite would give the id of a deleted last row again.
KEEP_IDS = {"sqlite_autoincrement": True}


def to_driver_value(dialect: Dialect, value: datetime) -> Any:
    """Convert an instant to what the driver expects, for statements without typed columns."""
    process = UtcDateTime().dialect_impl(dialect).bind_processor(dialect)
    return process(value) if process else value


def check_one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """Build a CHECK that `column` holds one of the values of an enum."""
    literals = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({literals})", name=f"{column}_known")
