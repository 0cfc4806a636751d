"""A store moves to another database: every row is copied, and then every row is compared.

    source ──(one snapshot)──> target, in one transaction ──> compared row by row ──> committed

Either all of it is there and the same, or the target is as it was. The full-text index is not copied: each database
makes its own, as papers are read again or searched.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Result, Row, Select, Table, collate, func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from digest.database.dialects import is_postgresql
from digest.database.engine import connect, redact_url, wrap_store_errors
from digest.database.locks import SENDER_LOCK, exclusive_lock
from digest.database.models import Paper, RateLimitCounter, SharedTokenBucket
from digest.database.schema import ensure_schema, schema_versions
from digest.errors import StoreError

BATCH_SIZE = 2000  # rows


TRANSIENT_TABLES = {
    RateLimitCounter.__tablename__,
    SharedTokenBucket.__tablename__,
}  # what several processes share for the moment


REBUILT_COLUMNS = {(Paper.__tablename__, "is_indexed")}  # by the search of the new database


ProgressCallback = Callable[[str, int], None]


def copy_store(
    source: Engine, target: Engine, on_progress: ProgressCallback = lambda _table, _rows: None
) -> dict[str, int]:
    """Copy everything from `source` into the empty `target`; how many rows of each table. `tell` hears of the progress.

    Raises StoreError, and leaves the target empty, when a store does not fit, somebody writes to the source meanwhile,
    a row cannot be kept in the target, or one differs after the copy.
    """
    _check_schema(source)
    ensure_schema(target)
    with wrap_store_errors(source), exclusive_lock(source, SENDER_LOCK) as free:
        if not free:
            raise StoreError(f"{redact_url(source.url)} is at work; stop digest first, so that nothing is left behind")
        with _open_snapshot(source) as here, target.execution_options(writer=True).begin() as there:
            before, tables = _write_counters(here), _copied_tables()
            _check_empty(there, tables)
            copied = {table.name: _copy_table(here, there, table, on_progress) for table in tables}
            for table in tables:
                _compare_tables(here, there, table)
            here.rollback()  # only outside the snapshot is it seen what others wrote
            if _write_counters(here) != before:
                raise StoreError(f"somebody wrote to {redact_url(source.url)} meanwhile; stop digest and try again")
    return copied


def open_existing(url: str) -> Engine:
    """An engine on a store that is there. Raises StoreError: connecting to a missing SQLite file would make one."""
    engine = connect(url)
    if not is_postgresql(engine) and not Path(str(engine.url.database)).is_file():
        raise StoreError(f"there is no file {engine.url.database}")
    return engine


def _check_schema(source: Engine) -> None:
    current, head = schema_versions(source)
    if current != head:
        said = (
            f"is at schema {current}, this program needs {head}; first, with it in DIGEST_DATABASE_URL: digest migrate"
        )
        raise StoreError(f"{redact_url(source.url)} {said if current else 'holds no store of digest'}")


def _open_snapshot(source: Engine) -> Connection:
    if not is_postgresql(source):
        return source.connect()  # readers see one instant of a file in WAL
    return source.connect().execution_options(isolation_level="REPEATABLE READ")


def _write_counters(connection: Connection) -> tuple[object, ...]:
    """Something that is another after anybody else has written."""
    if not is_postgresql(connection):
        seen = connection.exec_driver_sql("PRAGMA data_version").scalar()
        connection.execute(text("SELECT 1 FROM alembic_version"))  # the snapshot begins here
        return (seen,)
    counts = "SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables ORDER BY relname"
    return tuple(tuple(row) for row in connection.execute(text(counts)))


def _copied_tables() -> list[Table]:
    """Parents before children."""
    return [each for each in SQLModel.metadata.sorted_tables if each.name not in TRANSIENT_TABLES]


def _check_empty(target: Connection, tables: list[Table]) -> None:
    for each in tables:
        if target.execute(select(each).limit(1)).first():
            raise StoreError(f"{redact_url(target.engine.url)} is not empty: there are rows in {each.name}")


def _copy_table(source: Connection, target: Connection, table: Table, on_progress: ProgressCallback) -> int:
    done = 0
    with closing(_select_rows(source, table)) as rows:
        for some in rows.partitions(BATCH_SIZE):
            _insert_rows(target, table, some)
            on_progress(table.name, done := done + len(some))
    if is_postgresql(target):
        _advance_sequence(target, table)
    return done


def _insert_rows(target: Connection, table: Table, rows: Sequence[Row[Any]]) -> None:
    anew = {name for of, name in REBUILT_COLUMNS if of == table.name}
    values = [{name: value for name, value in row._mapping.items() if name not in anew} for row in rows]  # noqa: SLF001
    try:
        target.execute(insert(table), values)
    except DBAPIError as error:
        said = str(error.orig).strip().splitlines()[0]
        raise StoreError(f"{redact_url(target.engine.url)} does not take a row of {table.name}: {said}") from error


def _select_rows(connection: Connection, table: Table) -> Result[Any]:
    return connection.execution_options(yield_per=BATCH_SIZE).execute(_select_by_key(connection, table))


def _select_by_key(connection: Connection, table: Table) -> Select[Any]:
    # SQLite orders text by its bytes; on a server a locale would have its own idea.
    server = is_postgresql(connection)
    keys = [
        collate(each, "C") if server and each.type.python_type is str else each for each in table.primary_key.columns
    ]
    return select(table).order_by(*keys)


def _advance_sequence(target: Connection, table: Table) -> None:
    """New rows get the numbers after those that were copied."""
    key = table.autoincrement_column
    if key is not None and (last := target.scalar(select(func.max(key)))):
        name = target.scalar(select(func.pg_get_serial_sequence(table.name, key.name)))
        target.execute(select(func.setval(name, last)))


def _compare_tables(source: Connection, target: Connection, table: Table) -> None:
    with closing(_select_rows(source, table)) as before, closing(_select_rows(target, table)) as after:
        for old, new in zip_longest(before, after):
            if old is None or new is None:
                raise StoreError(f"{table.name}: the copy has another number of rows; nothing was moved")
            _compare_rows(table, dict(old._mapping), dict(new._mapping))  # noqa: SLF001


def _compare_rows(table: Table, old: dict[str, Any], new: dict[str, Any]) -> None:
    for name, value in old.items():
        if (table.name, name) not in REBUILT_COLUMNS and new[name] != value:
            row = ", ".join(f"{key.name} {old[key.name]}" for key in table.primary_key.columns)
            raise StoreError(f"{table.name}, {row}: {name} differs in the copy; nothing was moved")
