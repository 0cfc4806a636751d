"""One engine, two kinds of session, and what to say when the database does not answer."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Error as DriverError
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DatabaseError, InternalError, OperationalError
from sqlmodel import Session

from digest.database.dialects import is_postgresql
from digest.errors import StoreError

CONNECT_TIMEOUT = 10  # seconds that a server may take to answer


# A line that is cut says nothing. Both ends ask after each other, so that a worker that cannot be reached counts as
# dead within some 20 seconds, and a query to a server that cannot be reached ends as soon.
KEEPALIVE = {"keepalives_idle": 5, "keepalives_interval": 5, "keepalives_count": 3}


UNACKNOWLEDGED_TIMEOUT = 20_000  # milliseconds that what was sent may stay without an answer


# A process that is paused in the middle of a transaction still answers the line, and holds what it has locked. The
# server ends it after so long; a planner may well think for a minute between two statements.
IDLE_TRANSACTION_TIMEOUT = 300_000  # milliseconds


UNAVAILABLE_ERRORS = (OperationalError, InternalError)  # the latter is what a driver makes of such an end


# KiB of pages that a connection keeps: usually, and while a round writes much at once.
CACHE_KIB, BULK_CACHE_KIB = 4_096, 32_768


# Few, large moves from the log to the file (pages).
PRAGMAS = (
    *("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"),
    *(f"cache_size=-{CACHE_KIB}", "wal_autocheckpoint=8000"),
)


# Of a server's transactions: the usual ones, and statements that are one each.
_ISOLATION_LEVELS = "READ COMMITTED", "AUTOCOMMIT"


BUSY_TIMEOUT = 30  # seconds to wait for another writer of an SQLite file


def connect(url: str) -> Engine:
    """An engine for `url`. The folder of an SQLite file is made where it is missing; nothing is opened yet."""
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        # Without a limit of its own a server behind a silent firewall would hold the start for minutes.
        postgres = {"connect_timeout": CONNECT_TIMEOUT, "tcp_user_timeout": UNACKNOWLEDGED_TIMEOUT, **KEEPALIVE}
        server = create_engine(address, pool_pre_ping=True, hide_parameters=True, connect_args=postgres)
        event.listen(server, "connect", _set_timeouts)
        return server
    try:
        Path(str(address.database)).parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # it holds addresses
    except OSError as error:
        raise StoreError(
            f"DIGEST_DATABASE_URL: no folder can be made for {address.database}: {error.strerror}"
        ) from error
    # The driver's own idea of transactions is switched off; ours begin in _begin.
    sqlite = {"timeout": BUSY_TIMEOUT, "check_same_thread": False, "isolation_level": None}
    engine = create_engine(address, hide_parameters=True, connect_args=sqlite)  # parameters are addresses: not for logs
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin_transaction)
    return engine


def _set_timeouts(connection: Any, _record: Any) -> None:
    asked = {f"tcp_{name}": value for name, value in KEEPALIVE.items()}
    asked["idle_in_transaction_session_timeout"] = IDLE_TRANSACTION_TIMEOUT
    connection.execute("; ".join(f"SET {name} = {value}" for name, value in asked.items()))
    connection.commit()


def _set_pragmas(connection: Any, _record: Any) -> None:
    try:
        for pragma in PRAGMAS:
            _execute_pragma(connection, pragma)
    except DriverError:
        connection.close()  # the pool never learns of it
        raise


def _execute_pragma(connection: Any, pragma: str) -> None:
    # Of many who turn a new file to WAL at once, SQLite tells some that it is locked, and does not wait as it should.
    until = monotonic() + BUSY_TIMEOUT
    while True:
        try:
            connection.execute(f"PRAGMA {pragma}")
        except DriverError as error:
            if "locked" not in str(error) or monotonic() > until:
                raise
            sleep(0.05)
        else:
            return


def _begin_transaction(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at once. A transaction that reads first and writes later would otherwise fail
    # with "database is locked" without ever having waited.
    options = connection.get_execution_options()
    if options.get("alone", False):
        return  # a statement outside of any transaction is one
    if connection.info.get("much", False) != (much := options.get("much", False)):
        connection.info["much"] = much
        connection.exec_driver_sql(f"PRAGMA cache_size=-{BULK_CACHE_KIB if much else CACHE_KIB}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writer", False) else "BEGIN")


@contextmanager
def read_session(engine: Engine) -> Iterator[Session]:
    """A session to look with. Nothing written through it is kept. Raises StoreError when the store is out of reach."""
    with wrap_store_errors(engine, UNAVAILABLE_ERRORS), Session(engine) as session:
        yield session


@contextmanager
def write_session(engine: Engine, *, bulk: bool = False) -> Iterator[Session]:
    """A session to write with: one transaction, committed at the end, undone by any exception. Raises StoreError when
    the store is out of reach or another writer does not make way; a constraint's no is still an IntegrityError.

    With `much` to write, there is room for it in memory.
    """
    writer = engine.execution_options(writer=True, much=bulk)
    with (
        wrap_store_errors(engine, UNAVAILABLE_ERRORS),
        Session(writer, expire_on_commit=False) as session,
        session.begin(),
    ):
        yield session


class WriteConnection:
    """As `writing`, for statements of our own that are made often: past the session, which costs more than they do, and
    on one connection, which stays open until `close`. For one thread at a time.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine, self.dialect = engine, engine.dialect
        self._connection: Connection | None = None

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction. Raises as `writing` does; the next one has a new connection then."""
        with self._open_connection(autocommit=False) as connection, connection.begin():
            yield connection

    def execute_atomically(
        self, statement: str, parameters: Mapping[str, object]
    ) -> tuple[int, Sequence[Sequence[Any]]]:
        """One statement that is a transaction by itself, in the driver's own words: one way to a server and back, and
        one turn of SQLite's driver. How many rows it changed, and what it returned. Raises as `begin` does.
        """
        with self._open_connection(autocommit=True) as connection, connection.begin() as transaction:
            done = connection.exec_driver_sql(statement, dict(parameters))
            changed, rows = done.rowcount, done.fetchall() if done.returns_rows else ()
            if not changed:
                transaction.rollback()
            return changed, rows

    @contextmanager
    def _open_connection(self, *, autocommit: bool) -> Iterator[Connection]:
        with wrap_store_errors(self._engine, UNAVAILABLE_ERRORS):
            connection = self._connection or self._engine.connect().execution_options(writer=True)
            self._connection = None
            try:
                if connection.get_execution_options().get("alone") is not autocommit:
                    level = {"isolation_level": _ISOLATION_LEVELS[autocommit]} if is_postgresql(connection) else {}
                    connection.execution_options(alone=autocommit, **level)
                yield connection
            except BaseException:
                connection.close()
                raise
            self._connection = connection

    def close(self) -> None:
        """Give the connection back."""
        if self._connection:
            self._connection.close()
        self._connection = None


@contextmanager
def wrap_store_errors(
    engine: Engine, error_types: tuple[type[DatabaseError], ...] = (DatabaseError,)
) -> Iterator[None]:
    try:
        yield
    except error_types as error:
        raise StoreError(describe_error(engine, error)) from error


def describe_error(engine: Engine, error: DatabaseError) -> str:
    """What to say when the database does not answer: the address without its password, the driver's first line."""
    lines = str(error.orig).strip().splitlines() if error.orig else []
    reason = lines[0] if lines else "no reason given"
    if isinstance(error, InternalError):
        hint = "was this process, or its machine, paused?"
    elif not isinstance(error, OperationalError):
        hint = "is it a database of digest, and may this user write to it?"
    elif not is_postgresql(engine):
        hint = "may this user write to the file and its folder, and does nobody else hold it?"
    else:
        hint = "is the server running and the address right?"
    return f"DIGEST_DATABASE_URL {redact_url(engine.url)} cannot be used: {reason}; {hint}"


def redact_url(url: URL) -> str:
    """The address without any password, fit for a message."""
    secret = [name for name in url.query if "password" in name.lower()]
    return url.difference_update_query(secret).render_as_string(hide_password=True)
