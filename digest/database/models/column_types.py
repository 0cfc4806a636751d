"""Column types that read any value: one that is none of the type becomes an `InvalidValue` stand-in.

SQLite stores what it is given, a JSON column holds any JSON, and a file may be damaged. An error in one row would end
the query for all of them.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from math import isfinite
from typing import Any, cast

from sqlalchemy import JSON, BigInteger, Date, DateTime, Dialect, Integer, MetaData
from sqlalchemy.types import TypeDecorator, TypeEngine

Processor = Callable[[Any], Any]


class InvalidValue:
    """Mark of a value that stands in for a stored one that cannot be read."""


class InvalidInteger(InvalidValue, int):
    """Number that cannot be read, taken for 0."""


class InvalidDate(InvalidValue, date):
    """Day that cannot be read, taken for the first of 1970."""


class InvalidDatetime(InvalidValue, datetime):
    """Instant that cannot be read, taken for the beginning of 1970."""


class InvalidList(InvalidValue, list[Any]):
    """List that cannot be read, taken for an empty one."""


class InvalidWeights(InvalidValue, dict[str, float]):
    """Weights that cannot be read, taken for none."""


def tolerant(process: Processor | None, is_valid: Callable[[Any], bool], stand_in: Callable[[], Any]) -> Processor:
    """Wrap a result processor: what it fails on, and what is not valid after it, becomes a stand-in."""

    def read(value: Any) -> Any:
        if value is None:
            return None
        try:
            result = process(value) if process else value
        except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
            return stand_in()
        return result if is_valid(result) else stand_in()

    return read


class TolerantInteger(TypeDecorator[int]):
    """Integer. `is_big`: of 64 bits, which SQLite's have anyway."""

    impl = Integer
    cache_ok = True

    def __init__(self, *, is_big: bool) -> None:
        super().__init__()
        self.is_big = is_big

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(BigInteger() if self.is_big and dialect.name != "sqlite" else Integer())

    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:
        if dialect.name != "sqlite":
            return super().result_processor(dialect, coltype)
        # SQLite converts nothing. The check is one expression, because a batch of e-mails reads thousands of numbers.
        return lambda value: value if value is None or isinstance(value, int) else InvalidInteger()


class TolerantDate(TypeDecorator[date]):
    """Day."""

    impl = Date
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:
        process = super().result_processor(dialect, coltype)
        return tolerant(process, lambda value: isinstance(value, date), lambda: InvalidDate(1970, 1, 1))


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetime, stored in UTC. SQLite has no time zones: there `DateTime(timezone=True)` would drop them."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive instant reached the database: {value!r}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:
        process = self.impl_instance.dialect_impl(dialect).result_processor(dialect, coltype)

        def read(value: Any) -> datetime:
            stored = cast("datetime", process(value) if process else value)
            return stored.replace(tzinfo=UTC) if stored.tzinfo is None else stored.astimezone(UTC)

        stand_in = lambda: InvalidDatetime(1970, 1, 1, tzinfo=UTC)  # noqa: E731
        return tolerant(read, lambda value: isinstance(value, datetime), stand_in)


class _TolerantList(TypeDecorator[list[Any]]):
    impl = JSON
    cache_ok = True
    item_type: type = object

    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:
        process = super().result_processor(dialect, coltype)
        read = tolerant(process, self._is_valid, InvalidList)
        # JSON null is as little a list as SQL NULL in these columns, which have none.
        return lambda value: InvalidList() if value is None else read(value)

    def _is_valid(self, value: Any) -> bool:
        return isinstance(value, list) and all(type(item) is self.item_type for item in value)


class IdList(_TolerantList):
    """JSON array of ids."""

    cache_ok = True
    item_type = int


class TextList(_TolerantList):
    """JSON array of texts."""

    cache_ok = True
    item_type = str


class WeightTable(TypeDecorator[dict[str, float]]):
    """JSON object of words and their weights."""

    impl = JSON
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:
        process = super().result_processor(dialect, coltype)
        read = tolerant(process, self._is_valid, InvalidWeights)
        return lambda value: InvalidWeights() if value is None else read(value)

    def _is_valid(self, value: Any) -> bool:
        return isinstance(value, dict) and all(
            type(weight) in (int, float) and isfinite(weight) for weight in value.values()
        )


def tolerate_odd_integers(metadata: MetaData) -> None:
    """Make the integer columns of all tables tolerant, but primary keys of one column: those are always integers."""
    for table in metadata.tables.values():
        has_single_key = len(table.primary_key.columns) == 1
        for column in table.columns:
            if isinstance(column.type, Integer) and not (column.primary_key and has_single_key):
                column.type = TolerantInteger(is_big=isinstance(column.type, BigInteger))
