"""The door to the database: one engine, two kinds of session, locks, and the schema's version.

SQLite runs in WAL, fully durable, with one writer at a time; PostgreSQL through psycopg 3. Everything above speaks
SQLModel or SQLAlchemy Core and does not know which of the two it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlmodel import Session

from digest.errors import StoreError

# Numbers of advisory locks on PostgreSQL: any will do that nothing else in the database uses.
LISTING_LOCK = 0x64696701
SENDER_LOCK = 0x64696702
SCHEMA_LOCK = 0x64696703


def connect(url: str) -> Engine:
    """An engine for `url`. The folder of an SQLite file is made where it is missing."""
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        return create_engine(address, pool_pre_ping=True)
    try:
        Path(str(address.database)).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"DIGEST_DATABASE_URL: no folder can be made for {address.database}: {error.strerror}"
        ) from error
    # The driver's own idea of transactions is switched off; ours begin in _begin.
    engine = create_engine(address, connect_args={"timeout": 30, "check_same_thread": False, "isolation_level": None})
    event.listen(engine, "connect", _pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at once. A transaction that reads first and writes later would otherwise fail
    # with "database is locked" without ever having waited.
    writer = connection.get_execution_options().get("writer", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session to look with. Nothing written through it is kept."""
    with Session(engine) as session:
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """A session to write with: one transaction, committed at the end, undone by any exception."""
    with Session(engine.execution_options(writer=True), expire_on_commit=False) as session, session.begin():
        yield session


def hold(session: Session, number: int) -> None:
    """Wait for an advisory lock until the transaction ends. On SQLite a writer is alone anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


@contextmanager
def alone(engine: Engine, number: int) -> Iterator[bool]:
    """Whether this process is the only one inside; the operating system or the server ends the claim of a dead one."""
    if engine.dialect.name == "sqlite":
        lock = FileLock(f"{engine.url.database}.{number:x}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        won = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:number)"), {"number": number}))
        try:
            yield won
        finally:
            if won:
                connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": number})


def _history() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def versions(engine: Engine) -> tuple[str | None, str]:
    """The schema's version in the database (None: no schema yet) and the one this program needs."""
    head = ScriptDirectory.from_config(_history()).get_current_head()
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision(), str(head)
    except DatabaseError as error:
        raise StoreError(unusable(engine, error)) from error


def upgrade(engine: Engine) -> None:
    """Bring the schema to the version this program needs. Any number of processes may ask at once."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            with FileLock(f"{engine.url.database}.schema.lock"):
                _upgrade_sqlite(connection)
            return
        with connection.begin():
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
    config = _history()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def ready(engine: Engine) -> None:
    """Make sure the schema fits. An empty store and an embedded one are brought up to date; a shared one is not
    touched behind its operator's back.
    """
    current, head = versions(engine)
    if current == head:
        return
    if current is None and (strangers := set(inspect(engine).get_table_names()) - {"alembic_version"}):
        raise StoreError(
            f"the database holds tables that are not ours ({', '.join(sorted(strangers)[:3])}); use an empty one"
        )
    if current is not None and current not in {
        rev.revision for rev in ScriptDirectory.from_config(_history()).walk_revisions()
    }:
        raise StoreError(f"the database was written by a newer version of digest (schema {current}); install that one")
    if current is None or engine.dialect.name == "sqlite":
        upgrade(engine)
        return
    raise StoreError(f"the database is at schema {current}, this program needs {head}; run: digest migrate")


def unusable(engine: Engine, error: DatabaseError) -> str:
    """What to say when the database does not answer: the address without its password, the driver's first line."""
    reason = str(error.orig).strip().splitlines()[0] if error.orig else "no reason given"
    hint = (
        "is the server running and the address right?"
        if isinstance(error, OperationalError)
        else "is it a digest database?"
    )
    return f"DIGEST_DATABASE_URL {engine.url.render_as_string(hide_password=True)} cannot be used: {reason}; {hint}"
