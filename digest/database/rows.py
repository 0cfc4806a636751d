"""Many rows at once: pages of a table by a cursor, and updates of many rows by their keys."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar, cast

from sqlalchemy import bindparam, inspect, update
from sqlmodel import Session, SQLModel, col, select

if TYPE_CHECKING:
    from sqlalchemy import Table

Row = TypeVar("Row", bound=SQLModel)


def latest_rows(
    session: Session, model: type[Row], values: Mapping[str, object], *, before_id: int | None, limit: int
) -> Sequence[Row]:
    """Return a page of rows, the latest first, only those before `before_id`.

    `values` are wanted in columns; an empty one is no condition.
    """
    conditions = [col(getattr(model, name)) == value for name, value in values.items() if value]
    number = col(model.id)  # type: ignore[attr-defined]
    if before_id is not None:
        conditions.append(number < before_id)
    return session.exec(select(model).where(*conditions).order_by(number.desc()).limit(limit)).all()


def update_rows(
    session: Session, model: type[SQLModel], keys: Sequence[str], rows: Sequence[Mapping[str, object]]
) -> None:
    """Update rows of a table in one round: each is found by its columns `keys`, and its other columns are set.

    All rows have the same columns.
    """
    if not rows:
        return
    table = cast("Table", inspect(model).local_table)
    # A parameter must not be called as a column that is set.
    parameters = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in rows[0]}
    is_row = [table.c[name] == parameters[name] for name in keys]
    values = {name: parameter for name, parameter in parameters.items() if name not in keys}
    statement = update(table).where(*is_row).values(**values)
    session.connection().execute(statement, [{f"new_{name}": value for name, value in row.items()} for row in rows])
