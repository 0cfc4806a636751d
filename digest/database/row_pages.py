"""Pages of a table for operators, by a cursor."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from sqlmodel import Session, SQLModel, col, select

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
