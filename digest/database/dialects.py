"""Where the two kinds of store want other words, and many numbers as one parameter.

Many rows in one turn.

The driver of SQLite lets go of the interpreter for every row and has to get it back, from threads that are at work.
There all rows come as one value, which is made while the others work.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, cast

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Engine,
    Select,
    any_,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session


def is_postgresql(bind: Session | Connection | Engine) -> bool:
    """PostgreSQL, which any number of processes may share; else the file of one."""
    engine = bind.get_bind() if isinstance(bind, Session) else bind
    return engine.dialect.name == "postgresql"


def insert(session: Session, table: Any) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that knows ON CONFLICT."""
    return postgresql.insert(table) if is_postgresql(session) else sqlite.insert(table)


def is_in_values(session: Session, column: Any, values: Iterable[int]) -> ColumnElement[bool]:
    """`column` is one of `numbers`, said with a single parameter, so that there may be any number of them."""
    server = is_postgresql(session)
    return _is_in_array(server, column, bindparam(None, array_value(session, values), type_=_array_type(server)))


def is_in_parameter(column: Any, *, postgresql: bool, parameter: str = "numbers") -> ColumnElement[bool]:
    """`column` is one of the numbers that the parameter `name` carries: a statement that is made once for all."""
    return _is_in_array(postgresql, column, bindparam(parameter, type_=_array_type(postgresql)))


def array_value(session: Session, values: Iterable[int]) -> object:
    """Numbers as such a parameter."""
    many = list(values)
    return many if is_postgresql(session) else json.dumps(many)


def _array_type(postgresql: bool) -> ARRAY[int] | None:
    return ARRAY(BigInteger) if postgresql else None


def _is_in_array(postgresql: bool, column: Any, array: BindParameter[Any]) -> ColumnElement[bool]:
    if postgresql:
        return cast("ColumnElement[bool]", column == any_(array))
    each = func.json_each(array).table_valued("value")
    return cast("ColumnElement[bool]", column.in_(select(each.c.value)))


class RowQuery:
    """A statement for many rows. Make it once: that costs more than a few rows do."""

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        columns = statement.subquery().columns
        self._types = [(place, each.type) for place, each in enumerate(columns) if not isinstance(each.type, JSON)]
        values = [func.json(each) if isinstance(each.type, JSON) else each for each in columns]
        self._json_statement = select(func.json_group_array(func.json_array(*values)))

    def fetch_all(self, connection: Connection, **parameters: object) -> Sequence[Sequence[Any]]:
        """All rows, in the order of the statement, with values as its columns have them."""
        if is_postgresql(connection):
            return connection.execute(self._statement, parameters).fetchall()
        made: list[list[Any]] = json.loads(connection.execute(self._json_statement, parameters).scalar_one())
        for place, kind in self._types:
            if read := kind.dialect_impl(connection.dialect).result_processor(connection.dialect, None):
                for row in made:
                    row[place] = read(row[place])
        return made
