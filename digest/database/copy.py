"""Copy of a store to another database, compared row by row before it is committed.

    source ──(one snapshot)──> target, in one transaction ──> compared row by row ──> committed

The full-text index is not copied: the target builds its own as papers are fetched or searched.
"""

from collections.abc import Callable
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Result, Select, Table, collate, func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from digest.database import messages
from digest.database.dialects import is_postgresql
from digest.database.engine import connect, redact_url, wrap_store_errors
from digest.database.locks import SENDER_LOCK, exclusive_lock
from digest.database.models import InvalidValue, Paper, RateLimitCounter, SharedTokenBucket
from digest.database.schema import ensure_schema, schema_versions
from digest.errors import StoreError

BATCH_SIZE = 2000  # rows
TRANSIENT_TABLES = {RateLimitCounter.__tablename__, SharedTokenBucket.__tablename__}
REBUILT_COLUMNS = {(Paper.__tablename__, "is_indexed")}  # the target has its own full-text index
ProgressCallback = Callable[[str, int], None]


def copy_store(
    source: Engine, target: Engine, on_progress: ProgressCallback = lambda _table, _rows: None
) -> dict[str, int]:
    """Copy all rows of `source` into the empty `target`, and return the number of rows by table.

    `on_progress` is called with a table and the number of rows copied so far. Raises StoreError, and leaves the
    target empty, when a store does not fit, another process writes to the source meanwhile, the target refuses a
    row, or a row differs after the copy.
    """
    current, head = schema_versions(source)
    if current != head:
        store = redact_url(source.url)
        raise StoreError(messages.copy_of_old_schema(store, current, head) if current else messages.not_a_store(store))
    ensure_schema(target)
    tables = [table for table in SQLModel.metadata.sorted_tables if table.name not in TRANSIENT_TABLES]
    with wrap_store_errors(source), exclusive_lock(source, SENDER_LOCK) as is_acquired:
        if not is_acquired:
            raise StoreError(messages.copy_in_use(redact_url(source.url)))
        # A read transaction of SQLite in WAL mode is a snapshot, too.
        isolation = {"isolation_level": "REPEATABLE READ"} if is_postgresql(source) else {}
        with (
            source.connect().execution_options(**isolation) as read,
            target.execution_options(writer=True).begin() as write,
        ):
            counters = _write_counters(read)
            for table in tables:
                if write.execute(select(table).limit(1)).first():
                    raise StoreError(messages.copy_not_empty(redact_url(target.url), table.name))
            copied = {table.name: _copy_table(read, write, table, on_progress) for table in tables}
            for table in tables:
                _compare_tables(read, write, table)
            read.rollback()  # what others wrote is visible only after the snapshot
            if _write_counters(read) != counters:
                raise StoreError(messages.changed_while_copied(redact_url(source.url)))
    return copied


def open_existing(url: str) -> Engine:
    """Create an engine for an existing store. Raises StoreError where connecting would create an SQLite file."""
    engine = connect(url)
    if not is_postgresql(engine) and not Path(str(engine.url.database)).is_file():
        raise StoreError(messages.no_file(str(engine.url.database)))
    return engine


def _write_counters(connection: Connection) -> tuple[object, ...]:
    """Return a value that differs once another connection has written."""
    if not is_postgresql(connection):
        version = connection.exec_driver_sql("PRAGMA data_version").scalar()
        connection.execute(text("SELECT 1 FROM alembic_version"))  # the first read begins the snapshot
        return (version,)
    counts = "SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables ORDER BY relname"
    return tuple(tuple(row) for row in connection.execute(text(counts)))


def _copy_table(source: Connection, target: Connection, table: Table, on_progress: ProgressCallback) -> int:
    rebuilt = {column for table_name, column in REBUILT_COLUMNS if table_name == table.name}
    copied = 0
    with closing(_select_by_key(source, table)) as rows:
        for batch in rows.mappings().partitions(BATCH_SIZE):
            values = [{name: value for name, value in row.items() if name not in rebuilt} for row in batch]
            if odd := [name for row in values for name, value in row.items() if isinstance(value, InvalidValue)]:
                raise StoreError(messages.row_not_copied(table.name, odd[0]))
            try:
                target.execute(insert(table), values)
            except DBAPIError as error:
                reason = str(error.orig).strip().splitlines()[0]
                store = redact_url(target.engine.url)
                raise StoreError(messages.row_refused(store, table.name, reason)) from error
            copied += len(batch)
            on_progress(table.name, copied)
    key = table.autoincrement_column
    if key is not None:
        last_id = max(target.scalar(select(func.max(key))) or 0, _last_id(source, table))
        if last_id:  # new rows get ids above all that the source has given, to deleted rows too
            _set_last_id(target, table, last_id)
    return copied


def _last_id(connection: Connection, table: Table) -> int:
    """Return the highest id that a store has given in a table, as far as it knows."""
    if is_postgresql(connection):
        sequence = connection.scalar(_sequence_of(table))
        return int(connection.scalar(select(func.coalesce(func.pg_sequence_last_value(text(f"'{sequence}'")), 0))) or 0)
    statement = text("SELECT max(seq) FROM sqlite_sequence WHERE name = :table")
    return int(connection.scalar(statement, {"table": table.name}) or 0)


def _set_last_id(connection: Connection, table: Table, last_id: int) -> None:
    if is_postgresql(connection):
        connection.execute(select(func.setval(connection.scalar(_sequence_of(table)), last_id)))
    elif table.dialect_options["sqlite"]["autoincrement"]:
        values = {"table": table.name, "last_id": last_id}
        connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :table"), values)
        connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last_id)"), values)


def _sequence_of(table: Table) -> Select[tuple[str]]:
    key = table.autoincrement_column
    assert key is not None  # noqa: S101  - for the type checker
    return select(func.pg_get_serial_sequence(table.name, key.name))


def _select_by_key(connection: Connection, table: Table) -> Result[Any]:
    # SQLite orders text by its bytes, PostgreSQL by the collation of the database.
    keys = [
        collate(column, "C") if is_postgresql(connection) and column.type.python_type is str else column
        for column in table.primary_key.columns
    ]
    return connection.execution_options(yield_per=BATCH_SIZE).execute(select(table).order_by(*keys))


def _compare_tables(source: Connection, target: Connection, table: Table) -> None:
    with closing(_select_by_key(source, table)) as rows, closing(_select_by_key(target, table)) as copies:
        for row, copy in zip_longest(rows.mappings(), copies.mappings()):
            if row is None or copy is None:
                raise StoreError(messages.copy_incomplete(table.name))
            for name, value in row.items():
                if (table.name, name) not in REBUILT_COLUMNS and copy[name] != value:
                    key = ", ".join(f"{column.name} {row[column.name]}" for column in table.primary_key.columns)
                    raise StoreError(messages.copy_differs(table.name, key, name))
