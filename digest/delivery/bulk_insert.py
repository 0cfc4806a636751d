"""Digests of many subscribers, queued at the speed of the driver: the same rows as `enqueue` writes."""

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
_ROWS_PER_STATEMENT = 500  # with five values each; SQLite takes 32,766 values
_PREFIX_BYTES, _SUFFIX_BYTES = 4, 12  # of a Message-ID: the same for one batch, and a delivery's own

# Subscriber, papers, omitted papers and keywords; the last three are JSON arrays of ids, encoded already. A bare tuple,
# because a run makes a million of them.
DigestRow = tuple[int, str, str, str]


def enqueue_digests(session: Session, edition: str, digests: Sequence[DigestRow], domain: str, now: datetime) -> int:
    """Queue one edition for many subscribers; return how many were new.

    The caller holds the locks on these subscribers and has left out those who have this edition: on PostgreSQL a second
    one raises IntegrityError (COPY knows no ON CONFLICT), on SQLite it is ignored.
    """
    if not digests:
        return 0
    # A batch shares the beginning of its ids, so that the index grows in one place at a time.
    prefix, width = secrets.token_hex(_PREFIX_BYTES), 2 * _SUFFIX_BYTES
    suffixes = secrets.token_hex(_SUFFIX_BYTES * len(digests))
    ids = [f"<{prefix}{suffixes[at : at + width]}@{domain}>" for at in range(0, len(suffixes), width)]
    rows = [(*digest, message_id) for digest, message_id in zip(digests, ids, strict=True)]
    if is_postgresql(session):
        return _copy(session, edition, rows, now)
    return _insert(session, edition, rows, now)


def _insert(session: Session, edition: str, rows: Sequence[tuple[object, ...]], now: datetime) -> int:
    # Many rows a statement: SQLite compiles the CHECK constraints anew for each statement. Constants stand in its text.
    instants = f"'{date.fromisoformat(edition)}', '{to_driver_value(session.get_bind().dialect, now)}'"
    constants = (
        f"{instants}, '{DeliveryKind.DIGEST}', '{DeliveryState.QUEUED}', {PRIORITIES[DeliveryKind.DIGEST]}, 0, 0, 0, ''"
    )
    connection, added = session.connection(), 0
    for start in range(0, len(rows), _ROWS_PER_STATEMENT):
        batch = rows[start : start + _ROWS_PER_STATEMENT]
        values = ", ".join([f"(?, ?, ?, ?, ?, {constants})"] * len(batch))
        insert = f"INSERT INTO {Delivery.__tablename__} ({', '.join(_COLUMNS)}) VALUES {values}"  # noqa: S608  - constants
        result = connection.exec_driver_sql(
            f"{insert} ON CONFLICT (subscriber_id, edition) DO NOTHING", tuple(chain.from_iterable(batch))
        )
        added += result.rowcount
    return added


def _copy(session: Session, edition: str, rows: Sequence[tuple[object, ...]], now: datetime) -> int:
    # Nothing needs escaping: numbers, brackets, hexadecimals, a date and the domain of an address.
    constants = "\t".join(
        (
            *(edition, now.isoformat(), DeliveryKind.DIGEST, DeliveryState.QUEUED),
            *(str(PRIORITIES[DeliveryKind.DIGEST]), "f", "0", "0", ""),
        )
    )
    lines = "".join([f"{a}\t{b}\t{c}\t{d}\t{e}\t{constants}\n" for a, b, c, d, e in rows])
    statement = f"COPY {Delivery.__tablename__} ({', '.join(_COLUMNS)}) FROM STDIN"
    driver: Any = session.connection().connection.driver_connection
    dialect: Any = session.get_bind().dialect
    driver_error = dialect.dbapi.Error
    try:
        with driver.cursor() as cursor:
            with cursor.copy(statement) as copy:
                copy.write(lines)
            return int(cursor.rowcount)
    except driver_error as error:  # callers expect the errors of SQLAlchemy
        raise DBAPIError.instance(statement, None, error, driver_error, dialect=dialect) from error
