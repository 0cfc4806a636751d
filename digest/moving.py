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

from digest import db
from digest.errors import StoreError
from digest.models import Paper, RateLimitCounter, SharedTokenBucket

AT_ONCE = 2000  # rows
PASSING = {
    RateLimitCounter.__tablename__,
    SharedTokenBucket.__tablename__,
}  # what several processes share for the moment
MADE_ANEW = {(Paper.__tablename__, "is_indexed")}  # by the search of the new database
Tell = Callable[[str, int], None]


def move(source: Engine, target: Engine, tell: Tell = lambda _table, _rows: None) -> dict[str, int]:
    """Copy everything from `source` into the empty `target`; how many rows of each table. `tell` hears of the progress.

    Raises StoreError, and leaves the target empty, when a store does not fit, somebody writes to the source meanwhile,
    a row cannot be kept in the target, or one differs after the copy.
    """
    _fits(source)
    db.ready(target)
    with db.told(source), db.alone(source, db.SENDER_LOCK) as free:
        if not free:
            raise StoreError(f"{db.shown(source.url)} is at work; stop digest first, so that nothing is left behind")
        with _snapshot(source) as here, target.execution_options(writer=True).begin() as there:
            before, tables = _changes(here), _tables()
            _is_empty(there, tables)
            copied = {table.name: _copy(here, there, table, tell) for table in tables}
            for table in tables:
                _compare(here, there, table)
            here.rollback()  # only outside the snapshot is it seen what others wrote
            if _changes(here) != before:
                raise StoreError(f"somebody wrote to {db.shown(source.url)} meanwhile; stop digest and try again")
    return copied


def existing(url: str) -> Engine:
    """An engine on a store that is there. Raises StoreError: connecting to a missing SQLite file would make one."""
    engine = db.connect(url)
    if not db.on_server(engine) and not Path(str(engine.url.database)).is_file():
        raise StoreError(f"there is no file {engine.url.database}")
    return engine


def _fits(source: Engine) -> None:
    current, head = db.versions(source)
    if current != head:
        said = (
            f"is at schema {current}, this program needs {head}; first, with it in DIGEST_DATABASE_URL: digest migrate"
        )
        raise StoreError(f"{db.shown(source.url)} {said if current else 'holds no store of digest'}")


def _snapshot(source: Engine) -> Connection:
    if not db.on_server(source):
        return source.connect()  # readers see one instant of a file in WAL
    return source.connect().execution_options(isolation_level="REPEATABLE READ")


def _changes(connection: Connection) -> tuple[object, ...]:
    """Something that is another after anybody else has written."""
    if not db.on_server(connection):
        seen = connection.exec_driver_sql("PRAGMA data_version").scalar()
        connection.execute(text("SELECT 1 FROM alembic_version"))  # the snapshot begins here
        return (seen,)
    counts = "SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables ORDER BY relname"
    return tuple(tuple(row) for row in connection.execute(text(counts)))


def _tables() -> list[Table]:
    """Parents before children."""
    return [each for each in SQLModel.metadata.sorted_tables if each.name not in PASSING]


def _is_empty(there: Connection, tables: list[Table]) -> None:
    for each in tables:
        if there.execute(select(each).limit(1)).first():
            raise StoreError(f"{db.shown(there.engine.url)} is not empty: there are rows in {each.name}")


def _copy(here: Connection, there: Connection, table: Table, tell: Tell) -> int:
    done = 0
    with closing(_rows(here, table)) as rows:
        for some in rows.partitions(AT_ONCE):
            _insert(there, table, some)
            tell(table.name, done := done + len(some))
    if db.on_server(there):
        _number_on(there, table)
    return done


def _insert(there: Connection, table: Table, rows: Sequence[Row[Any]]) -> None:
    anew = {name for of, name in MADE_ANEW if of == table.name}
    values = [{name: value for name, value in row._mapping.items() if name not in anew} for row in rows]  # noqa: SLF001
    try:
        there.execute(insert(table), values)
    except DBAPIError as error:
        said = str(error.orig).strip().splitlines()[0]
        raise StoreError(f"{db.shown(there.engine.url)} does not take a row of {table.name}: {said}") from error


def _rows(connection: Connection, table: Table) -> Result[Any]:
    return connection.execution_options(yield_per=AT_ONCE).execute(_ordered(connection, table))


def _ordered(connection: Connection, table: Table) -> Select[Any]:
    # SQLite orders text by its bytes; on a server a locale would have its own idea.
    server = db.on_server(connection)
    keys = [
        collate(each, "C") if server and each.type.python_type is str else each for each in table.primary_key.columns
    ]
    return select(table).order_by(*keys)


def _number_on(there: Connection, table: Table) -> None:
    """New rows get the numbers after those that were copied."""
    key = table.autoincrement_column
    if key is not None and (last := there.scalar(select(func.max(key)))):
        name = there.scalar(select(func.pg_get_serial_sequence(table.name, key.name)))
        there.execute(select(func.setval(name, last)))


def _compare(here: Connection, there: Connection, table: Table) -> None:
    with closing(_rows(here, table)) as before, closing(_rows(there, table)) as after:
        for old, new in zip_longest(before, after):
            if old is None or new is None:
                raise StoreError(f"{table.name}: the copy has another number of rows; nothing was moved")
            _same(table, dict(old._mapping), dict(new._mapping))  # noqa: SLF001


def _same(table: Table, old: dict[str, Any], new: dict[str, Any]) -> None:
    for name, value in old.items():
        if (table.name, name) not in MADE_ANEW and new[name] != value:
            row = ", ".join(f"{key.name} {old[key.name]}" for key in table.primary_key.columns)
            raise StoreError(f"{table.name}, {row}: {name} differs in the copy; nothing was moved")
