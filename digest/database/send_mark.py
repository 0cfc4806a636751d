"""Mark beside an SQLite file, by which a store that has gone back is recognized before it sends anything twice.

A store that was restored from a backup, or has lost its write-ahead log, does not know what was sent since. The mark
knows: it holds the number of the last batch that was put on the wire. The store holds the same number, and counts
first, so a crash between the two leaves the store ahead, which is harmless. A mark that is ahead stops sending.

On PostgreSQL there is no file beside the store: docs/backup.md says what to do after a restore.
"""

import json
import os
import secrets
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy import Connection, Engine
from sqlmodel import Session, col, func, select

from digest.database import messages
from digest.database.dialects import is_postgresql
from digest.database.engine import read_session, write_session
from digest.database.models import Delivery
from digest.errors import StaleStoreError, StoreError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SendMark:
    """Number of the last batch that was put on the wire, its highest delivery, and when."""

    store_id: int
    batch: int
    highest_delivery: int
    written_at: str

    @property
    def instant(self) -> datetime:
        """When it was written."""
        return datetime.fromisoformat(self.written_at)


def mark_path(engine: Engine) -> Path:
    """Return the path of the mark."""
    return Path(f"{engine.url.database}.mark")


def read_mark(engine: Engine) -> SendMark | None:
    """Read the mark; None where there is none. Raises StoreError for a file that is no mark."""
    path = mark_path(engine)
    try:
        return SendMark(**json.loads(path.read_text(encoding="ascii")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(messages.mark_not_readable(str(path), str(error))) from error


def check_mark(engine: Engine) -> None:
    """Raise StaleStoreError while the mark is ahead of the store; do nothing on PostgreSQL."""
    if is_postgresql(engine) or (mark := read_mark(engine)) is None:
        return
    with read_session(engine) as session:
        if not _is_ahead(session, mark):
            return
        batch = _pragma(session.connection(), "user_version")
    raise StaleStoreError(
        messages.store_went_back(
            str(mark_path(engine)), mark.batch, mark.highest_delivery, mark.written_at, store_batch=batch
        )
    )


def ensure_mark(engine: Engine, now: datetime) -> None:
    """Check the mark before a run of deliveries, and write one where there is none; do nothing on PostgreSQL."""
    if is_postgresql(engine):
        return
    check_mark(engine)
    mark = read_mark(engine)
    with read_session(engine) as session:
        is_ours = mark is not None and mark.store_id == _pragma(session.connection(), "application_id")
    if not is_ours:
        renew_mark(engine, now)
        log.warning("database.mark_written", path=str(mark_path(engine)))


def renew_mark(engine: Engine, now: datetime) -> None:
    """Write a mark that agrees with the store, whatever another one says."""
    with write_session(engine) as session:
        connection = session.connection()
        if not _pragma(connection, "application_id"):
            connection.exec_driver_sql(f"PRAGMA application_id={secrets.randbelow(2**31 - 1) + 1}")
        highest = session.scalar(select(func.max(col(Delivery.id)))) or 0
        mark = count_batch(session, highest, now)
    write_mark(engine, mark)


def count_batch(session: Session, highest_delivery: int, now: datetime) -> SendMark:
    """Count one more batch in the transaction that claims it; return the mark to write once that is committed."""
    connection = session.connection()
    batch = _pragma(connection, "user_version") + 1
    connection.exec_driver_sql(f"PRAGMA user_version={batch}")  # in the header of the file, and transactional
    return SendMark(_pragma(connection, "application_id"), batch, highest_delivery, now.isoformat())


def write_mark(engine: Engine, mark: SendMark) -> None:
    """Replace the mark durably: readers find the old one or the new one. Raises StoreError."""
    path = mark_path(engine)
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # of mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                json.dump(asdict(mark), file)
                file.flush()
                os.fsync(descriptor)
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StoreError(messages.mark_not_written(str(path), str(error.strerror))) from error


def _is_ahead(session: Session, mark: SendMark) -> bool:
    connection = session.connection()
    if mark.store_id == _pragma(connection, "application_id"):
        return mark.batch > _pragma(connection, "user_version")
    # Of another store: it says nothing of one that has never had a delivery.
    return session.scalar(select(col(Delivery.id)).limit(1)) is not None


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar() or 0)
