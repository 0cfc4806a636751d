"""Locks between processes: advisory locks on PostgreSQL, lock files beside an SQLite database.

The server or the operating system releases the locks of a process that dies; neither process ids nor timeouts are
involved.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from zlib import crc32

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from digest.database import messages
from digest.database.dialects import is_postgresql
from digest.database.engine import UNAVAILABLE_ERRORS, describe_error, wrap_store_errors
from digest.errors import OwnershipLostError, StoreError

# Ids of advisory locks: arbitrary numbers that nothing else in the database uses.
LISTING_LOCK = 0x64696701
SENDER_LOCK = 0x64696702
SCHEMA_LOCK = 0x64696703
RELAY_LOCK = 0x64696704
ACRONYM_LOCK = 0x64696705
TERM_LOCK = 0x64696706


def acquire_lock(session: Session, lock_id: int) -> None:
    """Wait for an advisory lock and hold it until the transaction ends. A writer on SQLite is alone anyway."""
    if is_postgresql(session):
        session.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": lock_id})


@contextmanager
def exclusive_lock(engine: Engine, lock_id: int) -> Iterator[bool]:
    """Try to take a lock for the duration of the block, and yield whether this process has it."""
    if not is_postgresql(engine):
        with file_lock(f"{engine.url.database}.{lock_id:x}.lock", timeout=0) as is_acquired:
            yield is_acquired
        return
    with _open_transaction(engine) as connection:
        yield bool(connection.scalar(text("SELECT pg_try_advisory_xact_lock(:id)"), {"id": lock_id}))


@contextmanager
def liveness_lock(engine: Engine, owner: str) -> Iterator[Callable[[], None]]:
    """Count as alive under the name `owner` during the block, and yield a check to call before acting as alive.

    The check raises OwnershipLostError when the server has ended the connection that holds the lock. PostgreSQL only:
    on SQLite, whoever holds the exclusive lock knows that no other sender lives.
    """
    key = _lock_key(owner)
    with _open_transaction(engine) as connection:
        with wrap_store_errors(engine, UNAVAILABLE_ERRORS):
            connection.execute(text("SELECT pg_advisory_xact_lock(:namespace, :owner)"), key)
        yield lambda: _check_liveness(engine, connection)


@contextmanager
def _open_transaction(engine: Engine) -> Iterator[Connection]:
    """Keep a transaction open for the locks in it.

    Locks of a transaction and not of a session, because a pooler in transaction mode may give each transaction another
    session. Between two statements the transaction sees no rows, so it holds up no VACUUM.
    """
    with wrap_store_errors(engine, UNAVAILABLE_ERRORS):
        connection = engine.connect()
    try:
        with wrap_store_errors(engine, UNAVAILABLE_ERRORS):
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        yield connection
    finally:
        connection.invalidate()  # closed instead of returned to the pool, so that no lock outlives the block
        connection.close()


def _check_liveness(engine: Engine, connection: Connection) -> None:
    reason = messages.CONNECTION_ENDED
    if not connection.invalidated:  # executing on an invalidated connection would connect anew, without the lock
        try:
            connection.execute(text("SELECT 1"))
        except OperationalError as error:
            reason = describe_error(engine, error)
        else:
            return
    raise OwnershipLostError(messages.session_lost(reason))


def dead_owners(session: Session, owners: Collection[str]) -> list[str]:
    """Return the owners that hold no liveness lock."""
    if not is_postgresql(session):
        return list(owners)
    # Held until the transaction ends, so that an owner counted as dead cannot come back meanwhile.
    statement = text("SELECT pg_try_advisory_xact_lock(:namespace, :owner)")
    return [owner for owner in owners if session.scalar(statement, _lock_key(owner))]


def _lock_key(owner: str) -> dict[str, int]:
    # Two owners with the same checksum only delay the discovery of a dead one until its leases expire.
    checksum = crc32(owner.encode())
    signed = checksum - (1 << 32 if checksum >> 31 else 0)  # PostgreSQL takes signed 32-bit integers
    return {"namespace": SENDER_LOCK, "owner": signed}


@contextmanager
def file_lock(path: str, timeout: float = -1) -> Iterator[bool]:
    """Hold a lock file during the block, and yield whether it was free within `timeout` seconds (-1: wait forever)."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=timeout)
    except Timeout:
        yield False
        return
    except OSError as error:
        raise StoreError(messages.no_lock_file(path, str(error.strerror))) from error
    try:
        yield True
    finally:
        lock.release()
