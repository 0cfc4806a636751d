"""Digests queued for many readers at once: the same rows as `record.enqueue` writes, at the speed of the driver."""

import secrets
from collections.abc import Sequence
from datetime import date, datetime
from itertools import chain
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from digest.database import is_postgresql
from digest.database.models import Delivery, DeliveryKind, DeliveryState, to_driver_value
from digest.delivery.transitions import PRIORITIES

_COLUMNS = (
    *("subscriber_id", "papers", "omitted_papers", "keywords", "message_id"),
    *("edition", "created_at", "kind", "state", "priority", "is_reclaimed", "attempts", "reply_code", "reply"),
)


_ROWS_PER_STATEMENT = 500  # a statement, with five values each; SQLite takes 32,766 values


_PREFIX_BYTES, _SUFFIX_BYTES = 4, 12  # bytes of a message id: the same for one batch, and a letter's own


# One digest: its reader, the papers in it, those left out, and the keywords; the last three as JSON arrays of numbers
# already written as text. A bare tuple, because a round makes a million of them.
DigestRow = tuple[int, str, str, str]


def enqueue_digests(session: Session, edition: str, digests: Sequence[DigestRow], domain: str, now: datetime) -> int:
    """Queue one edition for many readers; how many were new.

    The caller holds the locks on these readers and has left out those who have this edition: on PostgreSQL a second
    one raises IntegrityError (COPY knows no exceptions), on SQLite it is passed over.
    """
    if not digests:
        return 0
    if is_postgresql(session):
        return _copy(session, edition, digests, domain, now)
    return _insert(session, edition, digests, domain, now)


def _insert(session: Session, edition: str, digests: Sequence[DigestRow], domain: str, now: datetime) -> int:
    # Many rows a statement: for each statement SQLite lays out anew what the columns' CHECKs allow.
    # What is the same in all rows stands in the statement itself: a day and an instant, written by ourselves.
    when = f"'{date.fromisoformat(edition)}', '{to_driver_value(session.get_bind().dialect, now)}'"
    constant_values = (
        f"{when}, '{DeliveryKind.DIGEST}', '{DeliveryState.QUEUED}', {PRIORITIES[DeliveryKind.DIGEST]}, 0, 0, 0, ''"
    )
    rows = [(*line, name) for line, name in zip(digests, _message_ids(len(digests), domain), strict=True)]
    connection, added = session.connection(), 0
    for start in range(0, len(rows), _ROWS_PER_STATEMENT):
        batch = rows[start : start + _ROWS_PER_STATEMENT]
        values = ", ".join([f"(?, ?, ?, ?, ?, {constant_values})"] * len(batch))
        insert = f"INSERT INTO {Delivery.__tablename__} ({', '.join(_COLUMNS)}) VALUES {values}"  # noqa: S608  - constants
        done = connection.exec_driver_sql(
            f"{insert} ON CONFLICT (subscriber_id, edition) DO NOTHING", tuple(chain.from_iterable(batch))
        )
        added += done.rowcount
    return added


def _copy(session: Session, edition: str, digests: Sequence[DigestRow], domain: str, now: datetime) -> int:
    # Nothing in a line needs escaping: numbers, brackets, hexadecimals, a date and the domain of an address.
    constant_fields = "\t".join(
        (
            edition,
            now.isoformat(),
            DeliveryKind.DIGEST,
            DeliveryState.QUEUED,
            str(PRIORITIES[DeliveryKind.DIGEST]),
            "f",
            "0",
            "0",
        )
    )
    message_ids = _message_ids(len(digests), domain)
    text = "".join(
        [
            f"{number}\t{papers}\t{left}\t{keywords}\t{name}\t{constant_fields}\t\n"
            for (number, papers, left, keywords), name in zip(digests, message_ids, strict=True)
        ]
    )
    statement = f"COPY {Delivery.__tablename__} ({', '.join(_COLUMNS)}) FROM STDIN"
    driver: Any = session.connection().connection.driver_connection
    dialect: Any = session.get_bind().dialect
    driver_error = dialect.dbapi.Error
    try:
        with driver.cursor() as cursor:
            with cursor.copy(statement) as copy:
                copy.write(text)
            return int(cursor.rowcount)
    except driver_error as error:  # this way past SQLAlchemy is nobody else's business
        raise DBAPIError.instance(statement, None, error, driver_error, dialect=dialect) from error


def _message_ids(count: int, domain: str) -> list[str]:
    """Message ids that nobody can guess. A batch shares its beginning: the index then grows in one place at a time."""
    head, width = secrets.token_hex(_PREFIX_BYTES), 2 * _SUFFIX_BYTES
    tails = secrets.token_hex(_SUFFIX_BYTES * count)
    return [f"<{head}{tails[at : at + width]}@{domain}>" for at in range(0, count * width, width)]
