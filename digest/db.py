"""The door to the database: one engine, two kinds of session, locks, and the schema's version.

SQLite runs in WAL, fully durable, with one writer at a time; PostgreSQL through psycopg 3. Everything above speaks
SQLModel or SQLAlchemy Core and does not know which of the two it is.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from sqlite3 import Error as DriverError
from typing import Any, cast

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock, Timeout
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    any_,
    bindparam,
    create_engine,
    event,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlmodel import Session

from digest.errors import StoreError
from digest.models import Subscriber

# Numbers of advisory locks on PostgreSQL: any will do that nothing else in the database uses.
LISTING_LOCK = 0x64696701
SENDER_LOCK = 0x64696702
SCHEMA_LOCK = 0x64696703

CONNECT = 10  # seconds that a server may take to answer
# A round writes much at once: room for it in memory (KiB when negative), and fewer, larger moves from the log (pages).
PRAGMAS = (
    *("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"),
    *("cache_size=-32768", "wal_autocheckpoint=8000"),
)
BUSY = 30  # seconds to wait for another writer of an SQLite file


def connect(url: str) -> Engine:
    """An engine for `url`. The folder of an SQLite file is made where it is missing; nothing is opened yet."""
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        # Without a limit of its own a server behind a silent firewall would hold the start for minutes.
        postgres = {"connect_timeout": CONNECT}
        return create_engine(address, pool_pre_ping=True, hide_parameters=True, connect_args=postgres)
    try:
        Path(str(address.database)).parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # it holds addresses
    except OSError as error:
        raise StoreError(
            f"DIGEST_DATABASE_URL: no folder can be made for {address.database}: {error.strerror}"
        ) from error
    # The driver's own idea of transactions is switched off; ours begin in _begin.
    sqlite = {"timeout": BUSY, "check_same_thread": False, "isolation_level": None}
    engine = create_engine(address, hide_parameters=True, connect_args=sqlite)  # parameters are addresses: not for logs
    event.listen(engine, "connect", _pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _pragmas(connection: Any, _record: Any) -> None:
    try:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
    except DriverError:
        connection.close()  # the pool never learns of it
        raise


def _begin(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at once. A transaction that reads first and writes later would otherwise fail
    # with "database is locked" without ever having waited.
    writer = connection.get_execution_options().get("writer", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session to look with. Nothing written through it is kept. Raises StoreError when the store is out of reach."""
    with _told(engine, OperationalError), Session(engine) as session:
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """A session to write with: one transaction, committed at the end, undone by any exception. Raises StoreError when
    the store is out of reach or another writer does not make way; a constraint's no is still an IntegrityError.
    """
    writer = engine.execution_options(writer=True)
    with _told(engine, OperationalError), Session(writer, expire_on_commit=False) as session, session.begin():
        yield session


def hold(session: Session, number: int) -> None:
    """Wait for an advisory lock until the transaction ends. On SQLite a writer is alone anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def among(session: Session, column: Any, numbers: Sequence[int]) -> ColumnElement[bool]:
    """`column` is one of `numbers`, said with a single parameter, so that there may be any number of them."""
    if session.get_bind().dialect.name == "postgresql":
        many = bindparam(None, list(numbers), type_=ARRAY(BigInteger))
        return cast("ColumnElement[bool]", column == any_(many))
    each = func.json_each(json.dumps(list(numbers))).table_valued("value")
    return cast("ColumnElement[bool]", column.in_(select(each.c.value)))


@contextmanager
def alone(engine: Engine, number: int) -> Iterator[bool]:
    """Whether this process is the only one inside; the operating system or the server ends the claim of a dead one."""
    if engine.dialect.name == "sqlite":
        with _file_lock(f"{engine.url.database}.{number:x}.lock", seconds=0) as won:
            yield won
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        won = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:number)"), {"number": number}))
        try:
            yield won
        finally:
            if won:
                with suppress(OperationalError):  # the connection is gone, and the claim with it
                    connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": number})


def history() -> Config:
    """The migrations, for Alembic's commands."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def versions(engine: Engine) -> tuple[str | None, str]:
    """The schema's version in the database (None: no schema yet) and the one this program needs.

    Raises StoreError when the database does not answer, holds the tables of others, or is newer than this program.
    """
    steps = ScriptDirectory.from_config(history())
    head = str(steps.get_current_head())
    with _told(engine), engine.connect() as connection:
        # The tables before the version: a starter beside us may bring both between the two looks.
        tables = set(inspect(connection).get_table_names())
        connection.rollback()
        current = MigrationContext.configure(connection).get_current_revision()
    # Others write their history with Alembic too, so a version alone is no sign of ours.
    if Subscriber.__tablename__ not in tables and (strangers := tables - {"alembic_version"}):
        raise StoreError(
            f"DIGEST_DATABASE_URL {shown(engine.url)} holds tables that are not ours "
            f"({', '.join(sorted(strangers)[:3])}); name an empty database"
        )
    if current is None and tables - {"alembic_version"}:
        raise StoreError(f"DIGEST_DATABASE_URL {shown(engine.url)} holds tables but no version; restore a backup")
    if current is not None and current not in {step.revision for step in steps.walk_revisions()}:
        raise StoreError(
            f"DIGEST_DATABASE_URL {shown(engine.url)} was written by a newer version of digest (schema {current}, "
            f"this one knows {head}); install that version, or restore a backup from before"
        )
    return current, head


def ready(engine: Engine) -> None:
    """Make sure the schema fits. An empty store and an embedded one are brought up to date; a shared one is not
    touched behind its operator's back. Raises StoreError.
    """
    current, head = versions(engine)
    if current == head:
        return
    if current is None or engine.dialect.name == "sqlite":
        upgrade(engine)
        return
    raise StoreError(f"the database is at schema {current}, this program needs {head}; run: digest migrate")


def upgrade(engine: Engine) -> None:
    """Bring the schema to the version this program needs. Any number of processes may ask at once. Raises StoreError,
    and leaves the database as it was.
    """
    versions(engine)
    with _told(engine):
        if engine.dialect.name == "sqlite":
            # The file lock waits for however long another starter takes; the write lock inside gives up after BUSY.
            with _file_lock(f"{engine.url.database}.schema.lock"), engine.connect() as connection:
                _upgrade_sqlite(connection.execution_options(writer=True))
            return
        with engine.connect() as connection, connection.begin():
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": SCHEMA_LOCK})
            _run_history(connection)


def _upgrade_sqlite(connection: Connection) -> None:
    # SQLite alters a table by copying it; with foreign keys on, dropping the old copy would delete every child row.
    # The pragma does nothing inside a transaction, so it goes before and after, with a check in between.
    raw = connection.connection.driver_connection
    assert raw is not None  # noqa: S101  - a live connection always has its driver's
    raw.execute("PRAGMA foreign_keys=OFF")
    try:
        with connection.begin():
            _run_history(connection)
            if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all():
                raise StoreError(
                    f"the migration would leave {len(broken)} rows without their parent; nothing was changed"
                )
    finally:
        raw.execute("PRAGMA foreign_keys=ON")


def _run_history(connection: Connection) -> None:
    config = history()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextmanager
def _file_lock(path: str, seconds: float = -1) -> Iterator[bool]:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        yield False
        return
    except OSError as error:
        raise StoreError(f"DIGEST_DATABASE_URL: {path} cannot be made beside the database: {error.strerror}") from error
    try:
        yield True
    finally:
        lock.release()


@contextmanager
def _told(engine: Engine, fault: type[DatabaseError] = DatabaseError) -> Iterator[None]:
    try:
        yield
    except fault as error:
        raise StoreError(unusable(engine, error)) from error


def unusable(engine: Engine, error: DatabaseError) -> str:
    """What to say when the database does not answer: the address without its password, the driver's first line."""
    lines = str(error.orig).strip().splitlines() if error.orig else []
    reason = lines[0] if lines else "no reason given"
    if not isinstance(error, OperationalError):
        hint = "is it a database of digest, and may this user write to it?"
    elif engine.dialect.name == "sqlite":
        hint = "may this user write to the file and its folder, and does nobody else hold it?"
    else:
        hint = "is the server running and the address right?"
    return f"DIGEST_DATABASE_URL {shown(engine.url)} cannot be used: {reason}; {hint}"


def shown(url: URL) -> str:
    """The address without any password, fit for a message."""
    secret = [name for name in url.query if "password" in name.lower()]
    return url.difference_update_query(secret).render_as_string(hide_password=True)
