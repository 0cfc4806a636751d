"""Many numbers as one parameter, so that a statement is made once, whatever their number."""

import json
from collections.abc import Iterable
from typing import Any, cast

from sqlalchemy import ARRAY, BigInteger, ColumnElement, any_, bindparam, func, select
from sqlmodel import Session


def within(dialect: str, column: Any, name: str = "numbers") -> ColumnElement[bool]:
    """`column` is one of the numbers that the parameter `name` carries."""
    if dialect == "postgresql":
        return cast("ColumnElement[bool]", column == any_(bindparam(name, type_=ARRAY(BigInteger))))
    each = func.json_each(bindparam(name)).table_valued("value")
    return cast("ColumnElement[bool]", column.in_(select(each.c.value)))


def packed(session: Session, numbers: Iterable[int]) -> object:
    """Numbers as such a parameter."""
    many = list(numbers)
    return many if session.get_bind().dialect.name == "postgresql" else json.dumps(many)
