"""Procrastinate's tables, in a schema of their own.

Nothing in them is worth keeping: tables of another version are dropped and created anew, and the next tick of the
scheduler defers the tasks again.
"""

from functools import cache
from importlib.metadata import version

from sqlalchemy import Engine, text
from sqlmodel import Session

from digest.database import SCHEMA_LOCK, acquire_lock, read_session, write_session
from digest.errors import StoreError
from digest.jobs import messages

SCHEMA = "procrastinate"
_INSTALLED_VERSION = text("SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = :name")


@cache
def required_version() -> str:
    """Return the version of procrastinate that this program works with."""
    return version("procrastinate")


def installed_version(engine: Engine) -> str | None:
    """Return the version of the tables in the database; None where there are none. Raises StoreError."""
    with read_session(engine) as session:
        installed: str | None = session.scalar(_INSTALLED_VERSION, {"name": SCHEMA})
        return installed


def prepare_tables(engine: Engine, *, recreate: bool = False) -> None:
    """Create missing tables, and with `recreate` replace those of another version.

    Any number of processes may call it at once. Raises StoreError, also for tables of another version that stay.
    """
    if installed_version(engine) == required_version():  # nearly always, and every tick asks
        return
    with write_session(engine) as session:
        acquire_lock(session, SCHEMA_LOCK)
        installed, required = session.scalar(_INSTALLED_VERSION, {"name": SCHEMA}), required_version()
        if installed == required:
            return
        if installed is not None and not recreate:
            raise StoreError(messages.task_tables_mismatch(installed, required))
        # Here and in the modules beside it, procrastinate is imported where it is used: its import starts a process.
        from procrastinate.schema import SchemaManager

        connection = session.connection()
        connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
        connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        connection.execute(text(f"SET LOCAL search_path = {SCHEMA}"))
        connection.exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
        connection.execute(text(f"COMMENT ON SCHEMA {SCHEMA} IS '{required}'"))


def use_schema(session: Session) -> str:
    """Let the transaction see procrastinate's tables. Returns the search path to restore with `set_search_path`."""
    search_path = str(session.scalar(text("SELECT current_setting('search_path')")))
    set_search_path(session, SCHEMA)
    return search_path


def set_search_path(session: Session, path: str) -> None:
    """Set the search path of the transaction."""
    session.execute(text("SELECT set_config('search_path', :path, true)"), {"path": path})
