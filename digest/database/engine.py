"""Engines, sessions, and the errors of a store that cannot be used."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DatabaseError, InternalError, OperationalError
from sqlmodel import Session

from digest.database import messages
from digest.database.dialects import is_postgresql, register_tolerant_dates
from digest.database.sqlite import connect_sqlite
from digest.errors import NO_REASON, StoreError

CONNECT_TIMEOUT = 10  # seconds
# A cut connection reports nothing by itself. With probes from both ends a worker that cannot be reached counts as
# dead within some 20 seconds, and a query to a server that cannot be reached fails as soon.
KEEPALIVE = {"keepalives_idle": 5, "keepalives_interval": 5, "keepalives_count": 3}
UNACKNOWLEDGED_TIMEOUT = 20_000  # milliseconds that sent data may stay unacknowledged
# A process that is paused in a transaction still acknowledges packets and keeps its locks, so the server ends the
# session. A planner may compute for a minute between two statements.
IDLE_TRANSACTION_TIMEOUT = 300_000  # milliseconds
UNAVAILABLE_ERRORS = (OperationalError, InternalError)  # psycopg reports a session ended by the server as the latter


def connect(url: str) -> Engine:
    """Create an engine for `url` without opening a connection; create the folder of an SQLite file if missing."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        return connect_sqlite(address)
    # libpq sets no limit of its own: a server behind a silent firewall would block the start for minutes.
    limits = {"connect_timeout": CONNECT_TIMEOUT, "tcp_user_timeout": UNACKNOWLEDGED_TIMEOUT, **KEEPALIVE}
    engine = create_engine(address, pool_pre_ping=True, hide_parameters=True, connect_args=limits)
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    # By statements: poolers refuse the startup parameter `options`.
    settings = {f"tcp_{name}": value for name, value in KEEPALIVE.items()}
    settings["idle_in_transaction_session_timeout"] = IDLE_TRANSACTION_TIMEOUT
    connection.execute("; ".join(f"SET {name} = {value}" for name, value in settings.items()))
    register_tolerant_dates(connection)
    server_pid = connection.execute("SELECT pg_backend_pid()").fetchone()[0]
    connection.commit()
    # A pooler names another process than the server does. In transaction mode the next transaction may have another
    # connection, which does not know the statements that were prepared on this one.
    if connection.info.backend_pid != server_pid:
        connection.prepare_threshold = None


@contextmanager
def read_session(engine: Engine) -> Iterator[Session]:
    """Open a session for reading; writes are rolled back. Raises StoreError when the store is unavailable."""
    with wrap_store_errors(engine, UNAVAILABLE_ERRORS), Session(engine) as session:
        yield session


@contextmanager
def write_session(engine: Engine, *, bulk: bool = False) -> Iterator[Session]:
    """Open a session with one transaction, committed at the end and rolled back on any exception.

    `bulk` gives SQLite a larger page cache. Raises StoreError when the store is unavailable or another writer holds
    it for too long; a violated constraint stays an IntegrityError.
    """
    writer = engine.execution_options(writer=True, bulk=bulk)
    with (
        wrap_store_errors(engine, UNAVAILABLE_ERRORS),
        Session(writer, expire_on_commit=False) as session,
        session.begin(),
    ):
        yield session


class WriteConnection:
    """Connection kept open for frequent writes in SQL, without the overhead of a session. For one thread at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Run one transaction. Raises as `write_session` does; the next transaction then connects anew."""
        with wrap_store_errors(self._engine, UNAVAILABLE_ERRORS):
            connection = self._connection or self._engine.connect().execution_options(writer=True)
            self._connection = None
            try:
                with connection.begin():
                    yield connection
            except BaseException:
                connection.close()
                raise
            self._connection = connection

    def close(self) -> None:
        """Return the connection to the pool."""
        if self._connection:
            self._connection.close()
        self._connection = None


@contextmanager
def wrap_store_errors(
    engine: Engine, error_types: tuple[type[DatabaseError], ...] = (DatabaseError,)
) -> Iterator[None]:
    """Raise StoreError in place of the given errors of SQLAlchemy."""
    try:
        yield
    except error_types as error:
        raise StoreError(describe_error(engine, error)) from error


def describe_error(engine: Engine, error: DatabaseError) -> str:
    """Describe why the database cannot be used, with its address (no password) and the driver's first line."""
    lines = str(error.orig).strip().splitlines() if error.orig else []
    store, reason = redact_url(engine.url), lines[0] if lines else NO_REASON
    if isinstance(error, InternalError):
        return messages.store_paused(store, reason)
    if not isinstance(error, OperationalError):
        return messages.store_failed(store, reason)
    if not is_postgresql(engine):
        return messages.file_failed(store, reason)
    return messages.server_failed(store, reason)


def redact_url(url: URL) -> str:
    """Return the address without any password, fit for a message."""
    passwords = [name for name in url.query if "password" in name.lower()]
    return url.difference_update_query(passwords).render_as_string(hide_password=True)
