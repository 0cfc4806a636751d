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

from digest.db.dialects import on_server
from digest.db.engine import AWAY, told, unusable
from digest.errors import Lost, StoreError

# Numbers of advisory locks on PostgreSQL: any will do that nothing else in the database uses.
LISTING_LOCK = 0x64696701
SENDER_LOCK = 0x64696702
SCHEMA_LOCK = 0x64696703
RELAY_LOCK = 0x64696704


def hold(session: Session, number: int) -> None:
    """Wait for an advisory lock until the transaction ends. On SQLite a writer is alone anyway."""
    if on_server(session):
        session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


@contextmanager
def alone(engine: Engine, number: int) -> Iterator[bool]:
    """Whether this process is the only one inside; the operating system or the server ends the claim of a dead one."""
    if not on_server(engine):
        with file_lock(f"{engine.url.database}.{number:x}.lock", seconds=0) as won:
            yield won
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        won = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:number)"), {"number": number}))
        try:
            yield won
        finally:
            if won:
                with suppress(OperationalError):  # the connection is gone, and the claim with it
                    connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": number})


@contextmanager
def present(engine: Engine, name: str) -> Iterator[Callable[[], None]]:
    """Be known as alive by `name` until the block ends. What it gives is to be called
    before anything that needs us alive: it raises Lost when the server has lost us.

    PostgreSQL only: on SQLite, whoever is `alone` knows that no other lives.
    """
    with told(engine, AWAY):
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        with told(engine, AWAY):
            connection.execute(text("SELECT pg_advisory_lock(:room, :name)"), _key(name))
        yield lambda: _still(engine, connection)
    finally:
        if not connection.invalidated:  # asked again it would connect anew
            with suppress(OperationalError):  # the server has ended it already
                connection.execute(text("SELECT pg_advisory_unlock(:room, :name)"), _key(name))
        connection.invalidate()  # closed, not given back to the pool: a lock that is left goes with it
        connection.close()


def gone(session: Session, names: Collection[str]) -> list[str]:
    """Those of `names` who live no more."""
    if not on_server(session):
        return list(names)
    # Held until the transaction ends, so that nobody is called gone who comes back meanwhile.
    question = text("SELECT pg_try_advisory_xact_lock(:room, :name)")
    return [name for name in names if session.scalar(question, _key(name))]


def _still(engine: Engine, connection: Connection) -> None:
    why = "it has ended the connection"
    if not connection.invalidated:  # asked again it would connect anew, without the lock
        try:
            connection.execute(text("SELECT 1"))
        except OperationalError as error:
            why = unusable(engine, error)
        else:
            return
    raise Lost(f"the database server counts this process as dead; what it held goes to others: {why}")


def _key(name: str) -> dict[str, int]:
    # Two names with one number would only mean that a dead one is found out later, by its leases.
    number = crc32(name.encode())
    return {"room": SENDER_LOCK, "name": number - (1 << 32 if number >> 31 else 0)}  # PostgreSQL's are signed


@contextmanager
def file_lock(path: str, seconds: float = -1) -> Iterator[bool]:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        yield False
        return
    except OSError as error:
        raise StoreError(f"DIGEST_DATABASE_URL: {path} cannot be made beside the database: {error.strerror}") from error
    try:
        yield True
    finally:
        lock.release()
