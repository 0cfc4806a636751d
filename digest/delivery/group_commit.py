"""Group commit: state changes of many connections go into one transaction, one statement a kind.

A commit costs milliseconds (fsync, or a round trip), an update within it microseconds. Each connection submits the
change that it is about to send DATA, and each reply; one transaction writes all that was submitted while the one before
was committed. A kill between two commits leaves at most one message a connection in doubt.

An attempt is named by the delivery's id and its number. A sender that was away for longer than its leases may hold an
older copy of a delivery that it has claimed again since: updates for the older attempt change nothing.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial

from sqlalchemy import Connection, Engine, TextClause, bindparam, text
from sqlmodel import Session

from digest.database import WriteConnection
from digest.database.models import (
    Delivery,
    DeliveryKind,
    DeliveryState,
    Subscriber,
    SubscriberStatus,
    UtcDateTime,
    to_driver_value,
)
from digest.delivery.addresses import went_to_current_address
from digest.delivery.claims import CLAIM_LEASE, ON_WIRE_LEASE
from digest.delivery.retry import DeliveryOutcome
from digest.delivery.store_executor import RETRY_PAUSES, StoreExecutor

GATHER_SECONDS = 0.002  # wait for company: a commit costs as much for one update as for ten
AttemptKey = tuple[int, int]  # id of the delivery, number of the attempt

# Subscribers who may still get an e-mail of a kind at the moment before it leaves.
ELIGIBLE_STATUSES = {
    DeliveryKind.DIGEST: (SubscriberStatus.ACTIVE,),
    DeliveryKind.WELCOME: (SubscriberStatus.ACTIVE,),
    DeliveryKind.CONFIRM: (SubscriberStatus.PENDING,),
    DeliveryKind.ALREADY_SUBSCRIBED: (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED),
    DeliveryKind.GOODBYE: (SubscriberStatus.UNSUBSCRIBED,),
    DeliveryKind.ADDRESS_CHANGE: (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED),
    # Whoever loses a subscription, perhaps to a thief who has ended it since, is told.
    DeliveryKind.ADDRESS_CHANGED: tuple(SubscriberStatus),
    DeliveryKind.ADDRESS_RESTORED: tuple(SubscriberStatus),
}
# Uncertain too: another sender took this one for dead, but the relay's reply has reached only this one.
SETTLEABLE_STATES = (DeliveryState.SENDING, DeliveryState.ON_WIRE, DeliveryState.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class _PendingUpdate:
    key: AttemptKey
    outcome: DeliveryOutcome | None
    now: datetime
    committed: asyncio.Future[DeliveryState | None]


class GroupCommitter:
    """Commits state changes for all connections of one sender, in one event loop."""

    def __init__(self, engine: Engine, owner: str, retry_pauses: Sequence[float] = RETRY_PAUSES) -> None:
        self._connection, self._owner = WriteConnection(engine), owner
        self._executor = StoreExecutor(engine, "group-commit", retry_pauses)
        self._pending: list[_PendingUpdate] = []
        self._writer: asyncio.Task[None] | None = None

    def submit(
        self, delivery_id: int, attempt: int, outcome: DeliveryOutcome | None, now: datetime
    ) -> asyncio.Future[DeliveryState | None]:
        """Queue a state change for the next group commit; `outcome=None` marks the delivery as on the wire.

        It is committed whether or not the caller waits, with what was submitted before or after it. The future has the
        committed state: CANCELLED instead of ON_WIRE if the subscriber has left meanwhile, None if the delivery is not
        this sender's any more.
        """
        update = _PendingUpdate((delivery_id, attempt), outcome, now, asyncio.get_running_loop().create_future())
        self._pending.append(update)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._commit_all())
        return update.committed

    async def close(self) -> None:
        """Wait until everything submitted is committed, then release the connection."""
        if self._writer:
            await asyncio.shield(self._writer)
        await self._executor.run(self._connection.close)
        self._executor.close()

    async def _commit_all(self) -> None:
        while self._pending:
            await asyncio.sleep(GATHER_SECONDS)
            updates, self._pending = self._pending, []
            try:
                states = await self._executor.run(partial(self._commit, updates))
            except Exception as error:  # noqa: BLE001  - every waiting connection gets it
                # Those submitted since, too: no message may leave on a connection whose last reply is not recorded.
                updates, self._pending = [*updates, *self._pending], []
                for update in updates:
                    if not update.committed.done():
                        update.committed.set_exception(error)
                continue
            for update, state in zip(updates, states, strict=True):
                if not update.committed.done():
                    update.committed.set_result(state)

    def _commit(self, updates: Sequence[_PendingUpdate]) -> list[DeliveryState | None]:
        now = updates[-1].now
        departures = [update.key for update in updates if update.outcome is None]
        outcomes = {update.key: update.outcome for update in updates if update.outcome}
        with self._connection.begin() as connection:
            states = mark_on_wire(connection, self._owner, departures, now)
            settled = record_outcomes(connection, self._owner, outcomes, now)
            for key, subscriber_id in settled.items():
                if outcomes[key].suppress:
                    suppress_subscriber(connection, subscriber_id, key[0], outcomes[key], now)
        states |= {key: outcomes[key].state for key in settled}
        return [
            states.get(update.key) if update.outcome is None or update.key in settled else None for update in updates
        ]


def mark_on_wire(
    connection: Connection, owner: str, attempts: Sequence[AttemptKey], now: datetime
) -> dict[AttemptKey, DeliveryState]:
    """Mark attempts as on the wire, or as cancelled where the subscriber may no longer get the e-mail.

    Attempts that are not the owner's any more are missing from the result.
    """
    if not attempts:
        return {}
    parameters = {"rows": json.dumps(attempts), "owner": owner, "now": now, "lease_expires_at": now + ON_WIRE_LEASE}
    rows = connection.execute(on_wire_statement(connection.dialect.name), parameters)
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
    parameters = {"rows": json.dumps(rows), "owner": owner, "now": now, "lease_expires_at": now + CLAIM_LEASE}
    updated = connection.execute(outcome_statement(dialect.name), parameters)
    return {keys[delivery_id, attempts]: subscriber_id for delivery_id, attempts, subscriber_id in updated}


def suppress_subscriber(
    connection: Connection, subscriber_id: int, delivery_id: int, outcome: DeliveryOutcome, now: datetime
) -> None:
    """End a subscription whose address the relay refuses for good, within the transaction of `connection`.

    Another address that a change of address involves says nothing about the subscription.
    """
    with Session(connection) as session:
        # Locked, so that a subscriber who leaves at this moment is not overwritten.
        subscriber = session.get_one(Subscriber, subscriber_id, with_for_update=True)
        is_current = went_to_current_address(session, session.get_one(Delivery, delivery_id))
        statuses = {SubscriberStatus.ACTIVE, SubscriberStatus.PENDING, SubscriberStatus.PAUSED}
        if is_current and subscriber.status in statuses:
            reason = f"refused: {outcome.code} {outcome.reply}"[:200]
            subscriber.end_subscription(SubscriberStatus.SUPPRESSED, reason, now)
        session.commit()


@cache
def on_wire_statement(dialect: str) -> TextClause:
    """Return the statement of `mark_on_wire`."""
    is_eligible = " OR ".join(
        f"(delivery.kind = '{kind}' AND subscriber.status = '{status}')"
        for kind, statuses in ELIGIBLE_STATUSES.items()
        for status in statuses
    )
    return update_statement(
        dialect,
        f"""state = CASE WHEN {is_eligible} THEN '{DeliveryState.ON_WIRE}' ELSE '{DeliveryState.CANCELLED}' END,
            owner = CASE WHEN {is_eligible} THEN delivery.owner END,
            lease_expires_at = CASE WHEN {is_eligible} THEN :lease_expires_at END,
            settled_at = CASE WHEN {is_eligible} THEN delivery.settled_at ELSE :now END""",
        f"subscriber.id = delivery.subscriber_id AND delivery.state = '{DeliveryState.SENDING}'",
        returning="state",
        tables=", subscriber",
    )


@cache
def outcome_statement(dialect: str) -> TextClause:
    """Return the statement of `record_outcomes`."""
    states = ", ".join(f"'{state}'" for state in SETTLEABLE_STATES)
    retry_at = {"sqlite": "value ->> 6", "postgresql": "CAST(value ->> 6 AS timestamptz)"}[dialect]
    return update_statement(
        dialect,
        f"""state = attempt.state, attempts = attempt.attempts, reply_code = attempt.code, reply = attempt.reply,
            owner = CASE WHEN attempt.state = '{DeliveryState.SENDING}' THEN delivery.owner END,
            lease_expires_at = CASE WHEN attempt.state = '{DeliveryState.SENDING}' THEN :lease_expires_at END,
            next_attempt_at = attempt.retry_at,
            settled_at = CASE WHEN attempt.state NOT IN ('{DeliveryState.QUEUED}', '{DeliveryState.SENDING}')
                              THEN :now END""",
        f"delivery.state IN ({states})",
        returning="subscriber_id",
        columns=f""", CAST(value ->> 2 AS integer) AS attempts, value ->> 3 AS state,
            CAST(value ->> 4 AS integer) AS code, value ->> 5 AS reply, {retry_at} AS retry_at""",
    )


def update_statement(
    dialect: str, changes: str, condition: str, *, returning: str, columns: str = "", tables: str = ""
) -> TextClause:
    """Return an UPDATE of the owner's attempts whose keys, and more columns, come as one JSON value."""
    rows = {"sqlite": "json_each(:rows)", "postgresql": "json_array_elements(CAST(:rows AS json))"}[dialect]
    # By primary key: SQLite would rather scan all that this owner has claimed, once for each row.
    hint = "NOT INDEXED" if dialect == "sqlite" else ""
    statement = f"""
        UPDATE delivery {hint} SET {changes}
        FROM (SELECT CAST(value ->> 0 AS bigint) AS id, CAST(value ->> 1 AS integer) AS number{columns}
              FROM {rows}) AS attempt{tables}
        WHERE delivery.id = attempt.id AND delivery.attempts = attempt.number
          AND delivery.owner = :owner AND {condition}
        RETURNING delivery.id, delivery.attempts, delivery.{returning}"""  # noqa: S608  - our own names and constants
    instants = (bindparam(name, type_=UtcDateTime) for name in ("now", "lease_expires_at"))
    return text(statement).bindparams(*instants)
