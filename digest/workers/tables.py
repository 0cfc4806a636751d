"""The tables of procrastinate. They stand in a schema of their own, and nothing in them is worth keeping: where they
are of another version they are made anew, and the next tick hands the work out again.
"""

from functools import cache
from importlib.metadata import version

from sqlalchemy import Connection, Engine, text
from sqlmodel import Session

from digest import db
from digest.errors import StoreError

SCHEMA = "procrastinate"
_FOUND = text("SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = :name")


@cache
def needed() -> str:
    """The version that this program works with."""
    return version("procrastinate")


def present(engine: Engine) -> str | None:
    """The version in the database; None where there is none. Raises StoreError."""
    with db.reading(engine) as session:
        found: str | None = session.scalar(_FOUND, {"name": SCHEMA})
        return found


def prepare(engine: Engine, *, renew: bool = False) -> None:
    """Make the tables where there are none, and with `renew` where they are of another version.

    Any number of processes may ask at once. Raises StoreError, also where the tables do not fit and stay.
    """
    if present(engine) == needed():  # as nearly always, and every tick asks
        return
    with db.writing(engine) as session:
        db.hold(session, db.SCHEMA_LOCK)
        found = session.scalar(_FOUND, {"name": SCHEMA})
        if found == needed():
            return
        if found is not None and not renew:
            raise StoreError(f"the tables of the jobs are of version {found}, not {needed()}; run: digest migrate")
        _make(session.connection())


def _make(connection: Connection) -> None:
    # Imported where it is used, here and in the files beside: importing it starts another program.
    from procrastinate.schema import SchemaManager

    connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
    connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
    connection.execute(text(f"SET LOCAL search_path = {SCHEMA}"))
    connection.exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
    connection.execute(text(f"COMMENT ON SCHEMA {SCHEMA} IS '{needed()}'"))


def enter(session: Session) -> str:
    """Let this transaction see procrastinate's tables; the path to go back to with `leave`."""
    before = str(session.scalar(text("SELECT current_setting('search_path')")))
    leave(session, SCHEMA)
    return before


def leave(session: Session, path: str) -> None:
    """Look for tables on `path` again."""
    session.execute(text("SELECT set_config('search_path', :path, true)"), {"path": path})
