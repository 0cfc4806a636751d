"""Differences between SQLite and PostgreSQL in the statements that both run."""

import json
from collections.abc import Iterable
from typing import Any, cast

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Engine,
    any_,
    bindparam,
    func,
    select,
    type_coerce,
)
from sqlalchemy.dialects import postgresql as postgresql_dialect
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlmodel import Session


def is_postgresql(bind: Session | Connection | Engine) -> bool:
    """Return whether the store is a PostgreSQL server, which processes share, and not an SQLite file."""
    engine = bind.get_bind() if isinstance(bind, Session) else bind
    return engine.dialect.name == "postgresql"


def register_tolerant_dates(connection: Any) -> None:
    """Let psycopg return days and instants beyond those of Python, such as infinity, as text instead of failing."""
    from psycopg import DataError
    from psycopg.adapt import Loader
    from psycopg.pq import Format

    for name in ("date", "timestamptz"):
        oid = connection.adapters.types[name].oid
        original = connection.adapters.get_loader(oid, Format.TEXT)

        class TolerantLoader(Loader):
            def __init__(self, oid: int, context: Any = None, original: Any = original) -> None:
                super().__init__(oid, context)
                self._original = original(oid, context)

            def load(self, data: Any) -> Any:
                try:
                    return self._original.load(data)
                except DataError:
                    return bytes(data).decode()

        connection.adapters.register_loader(oid, TolerantLoader)


def insert(session: Session, table: Any) -> postgresql_dialect.Insert | sqlite_dialect.Insert:
    """Build an INSERT that supports ON CONFLICT."""
    return postgresql_dialect.insert(table) if is_postgresql(session) else sqlite_dialect.insert(table)


def is_in_values(session: Session, column: Any, values: Iterable[int]) -> ColumnElement[bool]:
    """Build `column IN values` with one parameter, so that the number of values is unlimited."""
    return _is_in_array(column, bindparam(None, array_value(session, values)), postgresql=is_postgresql(session))


def is_in_parameter(column: Any, *, postgresql: bool, parameter: str = "numbers") -> ColumnElement[bool]:
    """Build `column IN :parameter` for a statement that is compiled once; pass an `array_value` on execution."""
    return _is_in_array(column, bindparam(parameter), postgresql=postgresql)


def array_value(session: Session, values: Iterable[int]) -> object:
    """Return the values as such a parameter: an array on PostgreSQL, a JSON text on SQLite."""
    numbers = list(values)
    return numbers if is_postgresql(session) else json.dumps(numbers)


def _is_in_array(column: Any, array: BindParameter[Any], *, postgresql: bool) -> ColumnElement[bool]:
    if postgresql:
        return cast("ColumnElement[bool]", column == any_(type_coerce(array, ARRAY(BigInteger))))
    elements = func.json_each(array).table_valued("value")
    return cast("ColumnElement[bool]", column.in_(select(elements.c.value)))
