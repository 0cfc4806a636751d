"""Version of the schema: read it, compare it with what this program needs, and migrate.

Alembic is imported only to migrate: a process that finds the schema in place saves 11 MB.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from digest.database import messages
from digest.database.dialects import is_postgresql
from digest.database.engine import redact_url, wrap_store_errors
from digest.database.locks import SCHEMA_LOCK, file_lock
from digest.database.models import Subscriber
from digest.errors import StoreError

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "alembic_version"


def alembic_config() -> "Config":
    """Return the configuration of Alembic for our migrations."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


@cache
def known_revisions() -> tuple[str, frozenset[str]]:
    """Return the newest revision that this program knows, and all of them, by the names of the migrations' files."""
    revisions = [path.stem[1:].partition("_")[0] for path in (MIGRATIONS / "versions").glob("v*.py")]
    return max(revisions), frozenset(revisions)


def schema_versions(engine: Engine) -> tuple[str | None, str]:
    """Return the revision of the database (None: no schema yet) and the one that this program needs.

    Raises StoreError when the database does not answer, holds foreign tables, or is newer than this program.
    """
    head, known = known_revisions()
    with wrap_store_errors(engine), engine.connect() as connection:
        # Tables first: a process that starts beside this one may create tables and version between the two queries.
        tables = set(inspect(connection).get_table_names())
        connection.rollback()
        current = None
        if inspect(connection).has_table(VERSION_TABLE):
            current = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one_or_none()  # noqa: S608
    store = redact_url(engine.url)
    # Other programs use Alembic too, so its version table alone does not prove that the database is ours.
    foreign_tables = tables - {VERSION_TABLE}
    if Subscriber.__tablename__ not in tables and foreign_tables:
        raise StoreError(messages.foreign_tables(store, sorted(foreign_tables)[:3]))
    if current is None and foreign_tables:
        raise StoreError(messages.no_version(store))
    if current is not None and current not in known:
        raise StoreError(messages.newer_schema(store, current, head))
    return current, head


def ensure_schema(engine: Engine) -> None:
    """Migrate an empty or an SQLite store; for a shared store only check. Raises StoreError when it does not fit."""
    current, head = schema_versions(engine)
    if current == head:
        return
    if current is None or not is_postgresql(engine):
        migrate(engine)
        return
    raise StoreError(messages.old_schema(current, head))


def migrate(engine: Engine) -> None:
    """Bring the schema to the revision this program needs. Safe to call from several processes at once.

    Raises StoreError and leaves the database unchanged when it cannot.
    """
    if _is_current(engine):
        return
    with wrap_store_errors(engine):
        if is_postgresql(engine):
            with engine.connect() as connection, connection.begin():
                connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": SCHEMA_LOCK})
                if not _is_current(engine):  # another process may have migrated while this one waited
                    _run_migrations(connection)
            return
        # The file lock waits without limit for another process; the write lock of SQLite gives up after BUSY_TIMEOUT.
        with file_lock(f"{engine.url.database}.schema.lock"):
            if not _is_current(engine):
                with engine.connect() as connection:
                    _migrate_sqlite(connection.execution_options(writer=True))


def _is_current(engine: Engine) -> bool:
    current, head = schema_versions(engine)
    return current == head


def _migrate_sqlite(connection: Connection) -> None:
    # SQLite alters a table by copying it; with foreign keys on, dropping the old copy would delete all child rows.
    # The pragma has no effect inside a transaction, so it stands around it, with a check before the commit.
    driver_connection = connection.connection.driver_connection
    assert driver_connection is not None  # noqa: S101  - a live connection always has one
    driver_connection.execute("PRAGMA foreign_keys=OFF")
    try:
        with connection.begin():
            _run_migrations(connection)
            if orphans := connection.exec_driver_sql("PRAGMA foreign_key_check").all():
                raise StoreError(messages.orphaned_rows(len(orphans)))
    finally:
        driver_connection.execute("PRAGMA foreign_keys=ON")


def _run_migrations(connection: Connection) -> None:
    from alembic import command

    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
