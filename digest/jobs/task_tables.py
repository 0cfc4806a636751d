"""The tables of procrastinate. They stand in a schema of their own, and nothing in them is worth keeping: where they
are of another version they are made anew, and the next tick hands the work out again.
"""

from functools import cache
from importlib.metadata import version

from sqlalchemy import Connection, Engine, text
from sqlmodel import Session

from digest.database import SCHEMA_LOCK, acquire_lock, read_session, write_session
from digest.errors import StoreError

SCHEMA = "procrastinate"


_INSTALLED_VERSION = text("SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = :name")


@cache
def required_version() -> str:
    """The version that this program works with."""
    return version("procrastinate")


def installed_version(engine: Engine) -> str | None:
    """The version in the database; None where there is none. Raises StoreError."""
    with read_session(engine) as session:
        found: str | None = session.scalar(_INSTALLED_VERSION, {"name": SCHEMA})
        return found


def prepare_tables(engine: Engine, *, recreate: bool = False) -> None:
    """Make the tables where there are none, and with `renew` where they are of another version.

    Any number of processes may ask at once. Raises StoreError, also where the tables do not fit and stay.
    """
    if installed_version(engine) == required_version():  # as nearly always, and every tick asks
        return
    with write_session(engine) as session:
        acquire_lock(session, SCHEMA_LOCK)
        found = session.scalar(_INSTALLED_VERSION, {"name": SCHEMA})
        if found == required_version():
            return
        if found is not None and not recreate:
            raise StoreError(
                f"the tables of the jobs are of version {found}, not {required_version()}; run: digest migrate"
            )
        _create_tables(session.connection())


def _create_tables(connection: Connection) -> None:
    # Imported where it is used, here and in the files beside: importing it starts another program.
    from procrastinate.schema import SchemaManager

    connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
    connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
    connection.execute(text(f"SET LOCAL search_path = {SCHEMA}"))
    connection.exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
    connection.execute(text(f"COMMENT ON SCHEMA {SCHEMA} IS '{required_version()}'"))


def use_schema(session: Session) -> str:
    """Let this transaction see procrastinate's tables; the path to go back to with `leave`."""
    before = str(session.scalar(text("SELECT current_setting('search_path')")))
    set_search_path(session, SCHEMA)
    return before


def set_search_path(session: Session, path: str) -> None:
    """Look for tables on `path` again."""
    session.execute(text("SELECT set_config('search_path', :path, true)"), {"path": path})
