"""Who may do what alone, and who still lives: advisory locks on PostgreSQL, files beside an SQLite database.

The server or the operating system ends the claim of whoever dies; nothing here goes by process numbers or by time.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from zlib import crc32

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from digest.database.dialects import is_postgresql
from digest.database.engine import UNAVAILABLE_ERRORS, describe_error, wrap_store_errors
from digest.errors import OwnershipLostError, StoreError

# Numbers of advisory locks on PostgreSQL: any will do that nothing else in the database uses.
LISTING_LOCK = 0x64696701


SENDER_LOCK = 0x64696702


SCHEMA_LOCK = 0x64696703


RELAY_LOCK = 0x64696704


def acquire_lock(session: Session, lock_id: int) -> None:
    """Wait for an advisory lock until the transaction ends. On SQLite a writer is alone anyway."""
    if is_postgresql(session):
        session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": lock_id})


@contextmanager
def exclusive_lock(engine: Engine, lock_id: int) -> Iterator[bool]:
    """Whether this process is the only one inside; the operating system or the server ends the claim of a dead one."""
    if not is_postgresql(engine):
        with file_lock(f"{engine.url.database}.{lock_id:x}.lock", timeout=0) as won:
            yield won
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        won = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:number)"), {"number": lock_id}))
        try:
            yield won
        finally:
            if won:
                with suppress(OperationalError):  # the connection is gone, and the claim with it
                    connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": lock_id})


@contextmanager
def liveness_lock(engine: Engine, owner: str) -> Iterator[Callable[[], None]]:
    """Be known as alive by `name` until the block ends. What it gives is to be called
    before anything that needs us alive: it raises Lost when the server has lost us.

    PostgreSQL only: on SQLite, whoever is `alone` knows that no other lives.
    """
    with wrap_store_errors(engine, UNAVAILABLE_ERRORS):
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        with wrap_store_errors(engine, UNAVAILABLE_ERRORS):
            connection.execute(text("SELECT pg_advisory_lock(:room, :name)"), _lock_key(owner))
        yield lambda: _check_liveness(engine, connection)
    finally:
        if not connection.invalidated:  # asked again it would connect anew
            with suppress(OperationalError):  # the server has ended it already
                connection.execute(text("SELECT pg_advisory_unlock(:room, :name)"), _lock_key(owner))
        connection.invalidate()  # closed, not given back to the pool: a lock that is left goes with it
        connection.close()


def dead_owners(session: Session, owners: Collection[str]) -> list[str]:
    """Those of `names` who live no more."""
    if not is_postgresql(session):
        return list(owners)
    # Held until the transaction ends, so that nobody is called gone who comes back meanwhile.
    question = text("SELECT pg_try_advisory_xact_lock(:room, :name)")
    return [name for name in owners if session.scalar(question, _lock_key(name))]


def _check_liveness(engine: Engine, connection: Connection) -> None:
    why = "it has ended the connection"
    if not connection.invalidated:  # asked again it would connect anew, without the lock
        try:
            connection.execute(text("SELECT 1"))
        except OperationalError as error:
            why = describe_error(engine, error)
        else:
            return
    raise OwnershipLostError(f"the database server counts this process as dead; what it held goes to others: {why}")


def _lock_key(owner: str) -> dict[str, int]:
    # Two names with one number would only mean that a dead one is found out later, by its leases.
    number = crc32(owner.encode())
    return {"room": SENDER_LOCK, "name": number - (1 << 32 if number >> 31 else 0)}  # PostgreSQL's are signed


@contextmanager
def file_lock(path: str, timeout: float = -1) -> Iterator[bool]:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=timeout)
    except Timeout:
        yield False
        return
    except OSError as error:
        raise StoreError(f"DIGEST_DATABASE_URL: {path} cannot be made beside the database: {error.strerror}") from error
    try:
        yield True
    finally:
        lock.release()
