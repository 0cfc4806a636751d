"""SQLite files: how one is created and opened, and how a damaged one is recognized."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from threading import Lock
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.engine import URL

from digest.database import messages
from digest.errors import StoreError

MIN_VERSION = (3, 38, 0)  # the operator ->>; RETURNING is older
CACHE_KIB, BULK_CACHE_KIB = 4_096, 32_768  # page cache of a connection, usually and for bulk writes
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    f"cache_size=-{CACHE_KIB}",
    "wal_autocheckpoint=8000",  # pages: few, large checkpoints
)
BUSY_TIMEOUT = 30  # seconds to wait for another writer of an SQLite file
DAMAGE_CODES = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
PRIMARY_CODE = 0xFF  # the lower byte of an extended result code
_CREATION_LOCK = Lock()  # no other thread connects before the new file is closed


def connect_sqlite(address: URL) -> Engine:
    """Create an engine for an SQLite file; create the file and its folder if missing, for their owner only.

    Raises StoreError for a folder that cannot be created, and for an SQLite library that is too old.
    """
    check_sqlite_version(sqlite3.sqlite_version)
    path = Path(str(address.database))
    try:
        create_private_folder(path.parent)
    except OSError as error:
        raise StoreError(messages.no_folder(str(path), str(error.strerror))) from error
    # `isolation_level=None` turns off the implicit transactions of sqlite3; _begin_transaction begins them instead.
    options = {"timeout": BUSY_TIMEOUT, "check_same_thread": False, "isolation_level": None}
    # Parameters hold addresses, which must not reach logs.
    engine = create_engine(address, hide_parameters=True, connect_args=options)
    event.listen(engine, "do_connect", _create_file)
    event.listen(engine, "connect", _set_text_factory)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin_transaction)
    event.listen(engine, "handle_error", _raise_if_invalid)
    return engine


def check_sqlite_version(version: str) -> None:
    """Raise StoreError when the SQLite library is older than what our statements need."""
    if tuple(map(int, version.split("."))) < MIN_VERSION:
        needed = ".".join(map(str, MIN_VERSION[:2]))
        raise StoreError(messages.old_sqlite(version, needed))


def create_private_folder(folder: Path) -> None:
    """Create a folder and those above it that are missing, open to their owner only."""
    if not folder.is_dir():
        create_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def check_integrity(engine: Engine) -> None:
    """Read the whole file, a second a gigabyte or so, and raise StoreError when it is damaged."""
    with engine.connect() as connection:
        result = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
    if result != "ok":
        raise StoreError(describe_damage(engine, " ".join(result.split())))


def describe_damage(engine: Engine, reason: str) -> str:
    """Say which file is damaged, how, and what to do."""
    return messages.database_file_invalid(str(engine.url), reason)


def _create_file(_dialect: Any, _record: Any, arguments: Any, _options: Any) -> None:
    # SQLite would create it with the permissions that the umask leaves; its -wal and -shm get those of the file.
    # A file that exists is never opened here: closing it would drop the POSIX locks that connections of this process
    # hold on it, and another process could then delete the -wal under them (sqlite.org/howtocorrupt.html, 2.2).
    with _CREATION_LOCK, suppress(OSError):  # SQLite reports what is wrong, in its own words
        os.close(os.open(arguments[0], os.O_CREAT | os.O_EXCL | os.O_RDONLY, 0o600))


def _set_text_factory(connection: Any, _record: Any) -> None:
    # An invalid byte would end the query for all rows. Read this way, a million texts take 0.15 seconds longer.
    connection.text_factory = _decode_text


def _decode_text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _set_pragmas(connection: Any, _record: Any) -> None:
    # When several processes switch a new file to WAL at once, SQLite reports "database is locked" to some of them
    # without honoring the busy timeout.
    deadline = monotonic() + BUSY_TIMEOUT
    pending = list(PRAGMAS)
    while pending:
        try:
            connection.execute(f"PRAGMA {pending[0]}")
        except sqlite3.Error as error:
            if "locked" not in str(error) or monotonic() > deadline:
                connection.close()  # the pool does not know it yet
                raise
            sleep(0.05)
        else:
            pending.pop(0)


def _begin_transaction(connection: Connection) -> None:
    options = connection.get_execution_options()
    bulk = options.get("bulk", False)
    if connection.info.get("bulk", False) != bulk:
        connection.info["bulk"] = bulk
        connection.exec_driver_sql(f"PRAGMA cache_size=-{BULK_CACHE_KIB if bulk else CACHE_KIB}")
    # IMMEDIATE takes the write lock at once. A transaction that reads first and writes later would otherwise fail
    # with "database is locked" without having waited.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writer", False) else "BEGIN")


def _raise_if_invalid(context: ExceptionContext) -> None:
    """Raise StoreError in place of any error that says that the file is damaged, whatever statement met it."""
    error = context.original_exception
    if getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE in DAMAGE_CODES and context.engine is not None:
        raise StoreError(describe_damage(context.engine, str(error))) from error
