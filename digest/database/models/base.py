"""Conventions of all tables: names of constraints, 64-bit keys, instants in UTC, columns that hold an enum."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Dialect, Integer
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

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


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetime, stored in UTC. SQLite has no time zones: there `DateTime(timezone=True)` would drop them."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive instant reached the store: {value!r}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  - SQLAlchemy's signature
        if value is None:
            return None
        stored = cast("datetime", value)
        return stored.replace(tzinfo=UTC) if stored.tzinfo is None else stored.astimezone(UTC)


def to_driver_value(dialect: Dialect, value: datetime) -> Any:
    """Convert an instant to what the driver expects, for statements without typed columns."""
    process = UtcDateTime().dialect_impl(dialect).bind_processor(dialect)
    return process(value) if process else value


def check_one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """Build a CHECK that `column` holds one of the values of an enum."""
    literals = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({literals})", name=f"{column}_known")
