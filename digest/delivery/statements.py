"""Set-based updates of the delivery record: one statement for all messages of a group commit.

An attempt is named by the delivery's id and its number. A sender that was away for longer than its leases may hold an
older copy of a delivery that it has claimed again since: updates for the older attempt change nothing.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import Connection, TextClause, bindparam, text

from digest.database.models import DeliveryKind, DeliveryState, SubscriberStatus, UtcDateTime, to_driver_value
from digest.delivery.retry import DeliveryOutcome

AttemptKey = tuple[int, int]  # id of the delivery, number of the attempt

# Subscribers who may still get an e-mail of a kind at the moment before it leaves.
ELIGIBLE_STATUSES = {
    DeliveryKind.DIGEST: (SubscriberStatus.ACTIVE,),
    DeliveryKind.WELCOME: (SubscriberStatus.ACTIVE,),
    DeliveryKind.CONFIRM: (SubscriberStatus.PENDING,),
    DeliveryKind.ALREADY_SUBSCRIBED: (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED),
    DeliveryKind.GOODBYE: (SubscriberStatus.UNSUBSCRIBED,),
}
# Uncertain too: another sender took this one for dead, but the relay's reply has reached only this one.
SETTLEABLE_STATES = (DeliveryState.SENDING, DeliveryState.ON_WIRE, DeliveryState.UNCERTAIN)

_ROWS = {"sqlite": "json_each(:rows)", "postgresql": "json_array_elements(CAST(:rows AS json))"}
_IS_ELIGIBLE = " OR ".join(
    f"(delivery.kind = '{kind}' AND subscriber.status = '{status}')"
    for kind, statuses in ELIGIBLE_STATUSES.items()
    for status in statuses
)


def mark_on_wire(
    connection: Connection, owner: str, attempts: Sequence[AttemptKey], now: datetime, lease_expires_at: datetime
) -> dict[AttemptKey, DeliveryState]:
    """Mark attempts as on the wire, or as cancelled where the subscriber may no longer get the e-mail.

    Attempts that are not the owner's any more are missing from the result.
    """
    if not attempts:
        return {}
    parameters = {"rows": json.dumps(attempts), "owner": owner, "now": now, "lease_expires_at": lease_expires_at}
    rows = connection.execute(_on_wire_statement(connection.dialect.name), parameters)
    return {(delivery_id, attempt): DeliveryState(state) for delivery_id, attempt, state in rows}


def record_outcomes(
    connection: Connection, owner: str, outcomes: Mapping[AttemptKey, DeliveryOutcome], now: datetime
) -> dict[AttemptKey, int]:
    """Record how attempts ended; return the subscriber of each attempt that was still the owner's."""
    if not outcomes:
        return {}
    dialect, rows, keys = connection.dialect, [], {}
    for key, outcome in sorted(outcomes.items(), key=lambda item: item[0]):
        attempts = key[1] if outcome.counts_as_attempt else key[1] - 1
        keys[key[0], attempts] = key  # of two copies of a delivery only the newer one can match
        retry_at = outcome.retry_at and str(to_driver_value(dialect, outcome.retry_at))
        rows.append((*key, attempts, outcome.state, outcome.code, outcome.reply, retry_at))
    parameters = {"rows": json.dumps(rows), "owner": owner, "now": now}
    updated = connection.execute(_outcome_statement(dialect.name), parameters)
    return {keys[delivery_id, attempts]: subscriber_id for delivery_id, attempts, subscriber_id in updated}


@cache
def _on_wire_statement(dialect: str) -> TextClause:
    return _update(
        dialect,
        f"""state = CASE WHEN {_IS_ELIGIBLE} THEN '{DeliveryState.ON_WIRE}' ELSE '{DeliveryState.CANCELLED}' END,
            owner = CASE WHEN {_IS_ELIGIBLE} THEN delivery.owner END,
            lease_expires_at = CASE WHEN {_IS_ELIGIBLE} THEN :lease_expires_at END,
            settled_at = CASE WHEN {_IS_ELIGIBLE} THEN delivery.settled_at ELSE :now END""",
        f"subscriber.id = delivery.subscriber_id AND delivery.state = '{DeliveryState.SENDING}'",
        returning="state",
        tables=", subscriber",
    ).bindparams(bindparam("lease_expires_at", type_=UtcDateTime))


@cache
def _outcome_statement(dialect: str) -> TextClause:
    states = ", ".join(f"'{state}'" for state in SETTLEABLE_STATES)
    retry_at = {"sqlite": "value ->> 6", "postgresql": "CAST(value ->> 6 AS timestamptz)"}[dialect]
    return _update(
        dialect,
        f"""state = attempt.state, owner = NULL, lease_expires_at = NULL, attempts = attempt.attempts,
            reply_code = attempt.code, reply = attempt.reply, next_attempt_at = attempt.retry_at,
            settled_at = CASE WHEN attempt.state = '{DeliveryState.QUEUED}' THEN NULL ELSE :now END""",
        f"delivery.state IN ({states})",
        returning="subscriber_id",
        columns=f""", CAST(value ->> 2 AS integer) AS attempts, value ->> 3 AS state,
            CAST(value ->> 4 AS integer) AS code, value ->> 5 AS reply, {retry_at} AS retry_at""",
    )


def _update(
    dialect: str, changes: str, condition: str, *, returning: str, columns: str = "", tables: str = ""
) -> TextClause:
    # By primary key: SQLite would rather scan all that this owner has claimed, once for each row.
    hint = "NOT INDEXED" if dialect == "sqlite" else ""
    statement = f"""
        UPDATE delivery {hint} SET {changes}
        FROM (SELECT CAST(value ->> 0 AS bigint) AS id, CAST(value ->> 1 AS integer) AS number{columns}
              FROM {_ROWS[dialect]}) AS attempt{tables}
        WHERE delivery.id = attempt.id AND delivery.attempts = attempt.number
          AND delivery.owner = :owner AND {condition}
        RETURNING delivery.id, delivery.attempts, delivery.{returning}"""  # noqa: S608  - our own names and constants
    return text(statement).bindparams(bindparam("now", type_=UtcDateTime))
