"""Where the two kinds of store want other words, and many numbers as one parameter."""

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
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session


def on_server(store: Session | Connection | Engine) -> bool:
    """PostgreSQL, which any number of processes may share; else the file of one."""
    engine = store.get_bind() if isinstance(store, Session) else store
    return engine.dialect.name == "postgresql"


def insert(session: Session, table: Any) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that knows ON CONFLICT."""
    return postgresql.insert(table) if on_server(session) else sqlite.insert(table)


def among(session: Session, column: Any, numbers: Iterable[int]) -> ColumnElement[bool]:
    """`column` is one of `numbers`, said with a single parameter, so that there may be any number of them."""
    server = on_server(session)
    return _within(server, column, bindparam(None, packed(session, numbers), type_=_kind(server)))


def within(column: Any, *, server: bool, name: str = "numbers") -> ColumnElement[bool]:
    """`column` is one of the numbers that the parameter `name` carries: a statement that is made once for all."""
    return _within(server, column, bindparam(name, type_=_kind(server)))


def packed(session: Session, numbers: Iterable[int]) -> object:
    """Numbers as such a parameter."""
    many = list(numbers)
    return many if on_server(session) else json.dumps(many)


def _kind(server: bool) -> ARRAY[int] | None:
    return ARRAY(BigInteger) if server else None


def _within(server: bool, column: Any, many: BindParameter[Any]) -> ColumnElement[bool]:
    if server:
        return cast("ColumnElement[bool]", column == any_(many))
    each = func.json_each(many).table_valued("value")
    return cast("ColumnElement[bool]", column.in_(select(each.c.value)))
