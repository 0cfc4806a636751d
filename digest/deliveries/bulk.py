"""Digests queued for many readers at once: the same rows as `record.enqueue` writes, at the speed of the driver."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlmodel import Session

from digest.deliveries.record import PRIORITY
from digest.models import Delivery, Instant, Kind, State

_COLUMNS = (
    *("subscriber_id", "papers", "left_out", "message_id", "edition", "created_at"),
    *("kind", "state", "priority", "given_back", "attempts", "reply_code", "reply"),
)
_HEAD, _TAIL = 4, 12  # bytes of a message id: the same for one batch, and a letter's own


class Line(NamedTuple):
    """One digest: its reader, and two JSON arrays of paper numbers, already written as text."""

    subscriber_id: int
    papers: str
    left_out: str


def enqueue_digests(session: Session, edition: str, lines: Sequence[Line], domain: str, now: datetime) -> int:
    """Queue one edition for many readers; how many were new.

    The caller holds the locks on these readers and has left out those who have this edition: on PostgreSQL a second
    one raises IntegrityError (COPY knows no exceptions), on SQLite it is passed over.
    """
    if not lines:
        return 0
    if session.get_bind().dialect.name == "postgresql":
        return _copy(session, edition, lines, domain, now)
    same = (edition, _stored(session, now), Kind.DIGEST, State.QUEUED, PRIORITY[Kind.DIGEST], 0, 0, 0, "")
    rows = [(*line, name, *same) for line, name in zip(lines, _names(len(lines), domain), strict=True)]
    places = ", ".join("?" * len(_COLUMNS))
    insert = f"INSERT INTO {Delivery.__tablename__} ({', '.join(_COLUMNS)}) VALUES ({places})"  # noqa: S608  - constants
    done = session.connection().exec_driver_sql(f"{insert} ON CONFLICT (subscriber_id, edition) DO NOTHING", rows)
    return done.rowcount


def _copy(session: Session, edition: str, lines: Sequence[Line], domain: str, now: datetime) -> int:
    # Nothing in a line needs escaping: numbers, brackets, hexadecimals, a date and the domain of an address.
    same = "\t".join((edition, now.isoformat(), Kind.DIGEST, State.QUEUED, str(PRIORITY[Kind.DIGEST]), "f", "0", "0"))
    names = _names(len(lines), domain)
    text = "".join(
        [
            f"{number}\t{papers}\t{left}\t{name}\t{same}\t\n"
            for (number, papers, left), name in zip(lines, names, strict=True)
        ]
    )
    driver: Any = session.connection().connection.driver_connection
    with driver.cursor() as cursor:
        with cursor.copy(f"COPY {Delivery.__tablename__} ({', '.join(_COLUMNS)}) FROM STDIN") as copy:
            copy.write(text)
        return int(cursor.rowcount)


def _names(count: int, domain: str) -> list[str]:
    """Message ids that nobody can guess. A batch shares its beginning: the index then grows in one place at a time."""
    head, width = secrets.token_hex(_HEAD), 2 * _TAIL
    tails = secrets.token_hex(_TAIL * count)
    return [f"<{head}{tails[at : at + width]}@{domain}>" for at in range(0, count * width, width)]


def _stored(session: Session, now: datetime) -> Any:
    """An instant as the driver wants it."""
    dialect = session.get_bind().dialect
    process = Instant().dialect_impl(dialect).bind_processor(dialect)
    return process(now) if process else now
