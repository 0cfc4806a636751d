"""Many lines of the record in one statement: a commit of sixteen letters should not cost sixteen times as much.

The statements are made once for each kind of database and go past the ORM, which would look at every row. A claim is
the number of a letter and of its attempt: a copy in hand of a letter that was claimed anew since is nobody's.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import Connection, TextClause, bindparam, text

from digest.database import WriteConnection
from digest.database.models import DeliveryKind, DeliveryState, SubscriberStatus, UtcDateTime, to_driver_value
from digest.delivery.retry import DeliveryOutcome

# Who may still get which letter at the very moment before it leaves.
ELIGIBLE_STATUSES = {
    DeliveryKind.DIGEST: (SubscriberStatus.ACTIVE,),
    DeliveryKind.WELCOME: (SubscriberStatus.ACTIVE,),
    DeliveryKind.CONFIRM: (SubscriberStatus.PENDING,),
    DeliveryKind.ALREADY_SUBSCRIBED: (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED),
    DeliveryKind.GOODBYE: (SubscriberStatus.UNSUBSCRIBED,),
}


# Uncertain too: somebody took this sender for dead, and here comes the answer that only this sender has heard.
SETTLEABLE_STATES = (DeliveryState.SENDING, DeliveryState.ON_WIRE, DeliveryState.UNCERTAIN)


AttemptKey = tuple[int, int]


Statement = Callable[[str], TextClause]


_ROW_SOURCES = {
    "sqlite": """
        SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS attempt,
               json_extract(value, '$[2]') AS code, json_extract(value, '$[3]') AS said
        FROM json_each(:lines)""",
    "postgresql": """
        SELECT (value ->> 0)::bigint AS id, (value ->> 1)::integer AS attempt,
               (value ->> 2)::integer AS code, value ->> 3 AS said
        FROM json_array_elements(CAST(:lines AS json))""",
}


def update_all_or_none(
    changes: WriteConnection,
    owner: str,
    updates: Mapping[AttemptKey, DeliveryOutcome | None],
    now: datetime,
    lease_until: datetime,
) -> dict[AttemptKey, DeliveryState]:
    """Letters that leave now (None), and letters that the relay took, in one statement. All of them, or none where one
    is not ours any more or its reader has left; only where another sender comes between may it be some.
    """
    said = [(*claim, outcome and outcome.code, outcome and outcome.reply) for claim, outcome in updates.items()]
    instants = {"now": to_driver_value(changes.dialect, now), "lease": to_driver_value(changes.dialect, lease_until)}
    given = {"lines": json.dumps(said), "many": len(said), "owner": owner, **instants}
    changed, rows = changes.execute_atomically(_together(changes.dialect.name), given)
    fates = {claim: DeliveryState.SENT if outcome else DeliveryState.ON_WIRE for claim, outcome in updates.items()}
    if changed == len(fates):
        return fates
    return {(row[0], row[1]): fates[row[0], row[1]] for row in rows}


def mark_on_wire(
    connection: Connection, owner: str, attempts: Sequence[AttemptKey], now: datetime, lease_until: datetime
) -> dict[AttemptKey, DeliveryState]:
    """Which of these letters leave now, and which are cancelled, because their reader has left."""
    fates = _change(connection, _leaving, attempts, owner=owner, lease=lease_until)
    written = dict.fromkeys(fates, DeliveryState.ON_WIRE)
    if len(written) < len(attempts):
        written |= dict.fromkeys(_change(connection, _staying, attempts, owner=owner, now=now), DeliveryState.CANCELLED)
    return written


def _change(
    connection: Connection, made: Statement, lines: Sequence[tuple[object, ...]], **about: object
) -> list[AttemptKey]:
    rows = connection.execute(made(connection.dialect.name), {"lines": json.dumps(lines), **about})
    return [(number, attempt) for number, attempt in rows.fetchall()]


def _update(dialect: str, change: str, states: Sequence[DeliveryState], condition: str = "") -> TextClause:
    wanted = ", ".join(f"'{state}'" for state in states)
    # By the number: SQLite would rather go through all that this sender has claimed, once for each line.
    no_index = "NOT INDEXED" if dialect == "sqlite" else ""
    return text(f"""
        UPDATE delivery {no_index} SET {change} FROM ({_ROW_SOURCES[dialect]}) AS line
        WHERE delivery.id = line.id AND delivery.attempts = line.attempt
          AND delivery.owner = :owner AND delivery.state IN ({wanted}) {condition}
        RETURNING delivery.id, delivery.attempts
    """)  # noqa: S608  - words of our own


def _subscriber_is_eligible() -> str:
    cases = [
        f"(delivery.kind = '{kind}' AND subscriber.status = '{status}')"
        for kind, statuses in ELIGIBLE_STATUSES.items()
        for status in statuses
    ]
    wanted = " OR ".join(cases)
    return f"EXISTS (SELECT 1 FROM subscriber WHERE subscriber.id = delivery.subscriber_id AND ({wanted}))"  # noqa: S608


@cache
def _leaving(dialect: str) -> TextClause:
    change = f"state = '{DeliveryState.ON_WIRE}', lease_expires_at = :lease"
    made = _update(dialect, change, [DeliveryState.SENDING], f"AND {_subscriber_is_eligible()}")
    return made.bindparams(bindparam("lease", type_=UtcDateTime))


@cache
def _staying(dialect: str) -> TextClause:
    # The reader's state is asked for again: between the two a letter may have become ours.
    change = f"state = '{DeliveryState.CANCELLED}', owner = NULL, lease_expires_at = NULL, settled_at = :now"
    made = _update(dialect, change, [DeliveryState.SENDING], f"AND NOT {_subscriber_is_eligible()}")
    return made.bindparams(bindparam("now", type_=UtcDateTime))


@cache
def _together(dialect: str) -> str:
    """SQLite's driver would take a turn for each row returned, and wait for the interpreter at each: so there the
    statement changes all or nothing, and the count tells which. A server's row may change between the two looks.
    """
    name, no_index = (":{}".format, "NOT INDEXED") if dialect == "sqlite" else ("%({})s".format, "")
    lines = _ROW_SOURCES[dialect].replace(":lines", name("lines"))
    settled = ", ".join(f"'{state}'" for state in SETTLEABLE_STATES)
    match = f"""
        delivery.id = line.id AND delivery.attempts = line.attempt AND delivery.owner = {name("owner")}
        AND CASE WHEN line.code IS NULL THEN delivery.state = '{DeliveryState.SENDING}' AND {_subscriber_is_eligible()}
                 ELSE delivery.state IN ({settled}) END"""
    returning = "" if dialect == "sqlite" else "RETURNING delivery.id, delivery.attempts"
    return f"""
        UPDATE delivery {no_index} SET
            state = CASE WHEN line.code IS NULL THEN '{DeliveryState.ON_WIRE}' ELSE '{DeliveryState.SENT}' END,
            owner = CASE WHEN line.code IS NULL THEN delivery.owner END,
            lease_expires_at = CASE WHEN line.code IS NULL THEN {name("lease")} END,
            settled_at = CASE WHEN line.code IS NULL THEN delivery.settled_at ELSE {name("now")} END,
            next_attempt_at = CASE WHEN line.code IS NULL THEN delivery.next_attempt_at END,
            reply_code = coalesce(line.code, delivery.reply_code), reply = coalesce(line.said, delivery.reply)
        FROM ({lines}) AS line
        WHERE {match} AND {name("many")} = (SELECT count(*) FROM ({lines}) AS line, delivery {no_index} WHERE {match})
        {returning}
    """  # noqa: S608  - words of our own
