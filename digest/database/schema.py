"""The schema's version: what the database has, what this program needs, and the way from one to the other.

Alembic goes that way, and is loaded only for it: 11 MB that a process which finds everything in place does not need.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from digest.database.dialects import is_postgresql
from digest.database.engine import redact_url, wrap_store_errors
from digest.database.locks import SCHEMA_LOCK, file_lock
from digest.database.models import Subscriber
from digest.errors import StoreError

if TYPE_CHECKING:
    from alembic.config import Config


MIGRATIONS = Path(__file__).parent / "migrations"


def alembic_config() -> "Config":
    """The migrations, for Alembic's commands."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


@cache
def known_revisions() -> tuple[str, frozenset[str]]:
    """The newest version that this program knows, and all of them, by the names of the migrations' files."""
    found = [each.stem[1:].partition("_")[0] for each in (MIGRATIONS / "versions").glob("v*.py")]
    return max(found), frozenset(found)


def schema_versions(engine: Engine) -> tuple[str | None, str]:
    """The schema's version in the database (None: no schema yet) and the one this program needs.

    Raises StoreError when the database does not answer, holds the tables of others, or is newer than this program.
    """
    head, known = known_revisions()
    with wrap_store_errors(engine), engine.connect() as connection:
        # The tables before the version: a starter beside us may bring both between the two looks.
        tables = set(inspect(connection).get_table_names())
        connection.rollback()
        current = _read_version(connection)
    # Others write their history with Alembic too, so a version alone is no sign of ours.
    if Subscriber.__tablename__ not in tables and (strangers := tables - {"alembic_version"}):
        raise StoreError(
            f"DIGEST_DATABASE_URL {redact_url(engine.url)} holds tables that are not ours "
            f"({', '.join(sorted(strangers)[:3])}); name an empty database"
        )
    if current is None and tables - {"alembic_version"}:
        raise StoreError(f"DIGEST_DATABASE_URL {redact_url(engine.url)} holds tables but no version; restore a backup")
    if current is not None and current not in known:
        raise StoreError(
            f"DIGEST_DATABASE_URL {redact_url(engine.url)} was written by a newer version of digest (schema {current}, "
            f"this one knows {head}); install that version, or restore a backup from before"
        )
    return current, head


def _read_version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def ensure_schema(engine: Engine) -> None:
    """Make sure the schema fits. An empty store and an embedded one are brought up to date; a shared one is not
    touched behind its operator's back. Raises StoreError.
    """
    current, head = schema_versions(engine)
    if current == head:
        return
    if current is None or not is_postgresql(engine):
        migrate(engine)
        return
    raise StoreError(f"the database is at schema {current}, this program needs {head}; run: digest migrate")


def migrate(engine: Engine) -> None:
    """Bring the schema to the version this program needs. Any number of processes may ask at once. Raises StoreError,
    and leaves the database as it was.
    """
    schema_versions(engine)
    with wrap_store_errors(engine):
        if not is_postgresql(engine):
            # The file lock waits for however long another starter takes; the write lock inside gives up after BUSY.
            with file_lock(f"{engine.url.database}.schema.lock"), engine.connect() as connection:
                _migrate_sqlite(connection.execution_options(writer=True))
            return
        with engine.connect() as connection, connection.begin():
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": SCHEMA_LOCK})
            _run_migrations(connection)


def _migrate_sqlite(connection: Connection) -> None:
    # SQLite alters a table by copying it; with foreign keys on, dropping the old copy would delete every child row.
    # The pragma does nothing inside a transaction, so it goes before and after, with a check in between.
    raw = connection.connection.driver_connection
    assert raw is not None  # noqa: S101  - a live connection always has its driver's
    raw.execute("PRAGMA foreign_keys=OFF")
    try:
        with connection.begin():
            _run_migrations(connection)
            if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all():
                raise StoreError(
                    f"the migration would leave {len(broken)} rows without their parent; nothing was changed"
                )
    finally:
        raw.execute("PRAGMA foreign_keys=ON")


def _run_migrations(connection: Connection) -> None:
    from alembic import command

    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
