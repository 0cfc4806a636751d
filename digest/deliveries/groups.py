"""Many lines of the record in one statement: a commit of sixteen letters should not cost sixteen times as much.

The statements are made once for each kind of database and go past the ORM, which would look at every row. A claim is
the number of a letter and of its attempt: a copy in hand of a letter that was claimed anew since is nobody's.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import Connection, TextClause, bindparam, text

from digest.deliveries.outcome import Outcome
from digest.models import Kind, State, Status
from digest.models.base import Instant

# Who may still get which letter at the very moment before it leaves.
STILL_WANTED = {
    Kind.DIGEST: (Status.ACTIVE,),
    Kind.WELCOME: (Status.ACTIVE,),
    Kind.CONFIRM: (Status.PENDING,),
    Kind.ALREADY: (Status.ACTIVE, Status.PAUSED),
    Kind.GOODBYE: (Status.UNSUBSCRIBED,),
}
# Uncertain too: somebody took this sender for dead, and here comes the answer that only this sender has heard.
OURS_TO_SETTLE = (State.SENDING, State.ON_WIRE, State.UNCERTAIN)
Claim = tuple[int, int]
Statement = Callable[[str], TextClause]

_LINES = {
    "sqlite": """
        SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS attempt,
               json_extract(value, '$[2]') AS code, json_extract(value, '$[3]') AS said
        FROM json_each(:lines)""",
    "postgresql": """
        SELECT (value ->> 0)::bigint AS id, (value ->> 1)::integer AS attempt,
               (value ->> 2)::integer AS code, value ->> 3 AS said
        FROM json_array_elements(CAST(:lines AS json))""",
}


def put_on_wire(
    connection: Connection, owner: str, claims: Sequence[Claim], now: datetime, lease: datetime
) -> dict[Claim, State]:
    """Which of these letters leave now, and which are cancelled, because their reader has left."""
    fates = _change(connection, _leaving, claims, owner=owner, lease=lease)
    written = dict.fromkeys(fates, State.ON_WIRE)
    if len(written) < len(claims):
        written |= dict.fromkeys(_change(connection, _staying, claims, owner=owner, now=now), State.CANCELLED)
    return written


def settle_sent(
    connection: Connection, owner: str, answers: Mapping[Claim, Outcome], now: datetime
) -> dict[Claim, State]:
    """Letters that the relay took: which of them were still ours."""
    lines = [(*claim, outcome.code, outcome.reply) for claim, outcome in answers.items()]
    return dict.fromkeys(_change(connection, _sent, lines, owner=owner, now=now), State.SENT)


def _change(
    connection: Connection, made: Statement, lines: Sequence[tuple[object, ...]], **about: object
) -> list[Claim]:
    rows = connection.execute(made(connection.dialect.name), {"lines": json.dumps(lines), **about})
    return [(number, attempt) for number, attempt in rows.fetchall()]


def _update(dialect: str, change: str, states: Sequence[State], condition: str = "") -> TextClause:
    wanted = ", ".join(f"'{state}'" for state in states)
    # By the number: SQLite would rather go through all that this sender has claimed, once for each line.
    no_index = "NOT INDEXED" if dialect == "sqlite" else ""
    return text(f"""
        UPDATE delivery {no_index} SET {change} FROM ({_LINES[dialect]}) AS line
        WHERE delivery.id = line.id AND delivery.attempts = line.attempt
          AND delivery.owner = :owner AND delivery.state IN ({wanted}) {condition}
        RETURNING delivery.id, delivery.attempts
    """)  # noqa: S608  - words of our own


def _reader() -> str:
    cases = [
        f"(delivery.kind = '{kind}' AND subscriber.status = '{status}')"
        for kind, statuses in STILL_WANTED.items()
        for status in statuses
    ]
    wanted = " OR ".join(cases)
    return f"EXISTS (SELECT 1 FROM subscriber WHERE subscriber.id = delivery.subscriber_id AND ({wanted}))"  # noqa: S608


@cache
def _leaving(dialect: str) -> TextClause:
    change = f"state = '{State.ON_WIRE}', lease_until = :lease"
    made = _update(dialect, change, [State.SENDING], f"AND {_reader()}")
    return made.bindparams(bindparam("lease", type_=Instant))


@cache
def _staying(dialect: str) -> TextClause:
    # The reader's state is asked for again: between the two a letter may have become ours.
    change = f"state = '{State.CANCELLED}', owner = NULL, lease_until = NULL, settled_at = :now"
    made = _update(dialect, change, [State.SENDING], f"AND NOT {_reader()}")
    return made.bindparams(bindparam("now", type_=Instant))


@cache
def _sent(dialect: str) -> TextClause:
    change = f"""
        state = '{State.SENT}', owner = NULL, lease_until = NULL, next_attempt_at = NULL, settled_at = :now,
        reply_code = line.code, reply = line.said"""
    return _update(dialect, change, OURS_TO_SETTLE).bindparams(bindparam("now", type_=Instant))
