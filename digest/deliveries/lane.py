"""The way to the relay, as the record has it: while the relay refuses us, no letter is tried and none is to blame."""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlmodel import Session, col

from digest.db import RELAY_LOCK, acquire_lock
from digest.models import RelayCircuit

INITIAL_PAUSE = timedelta(seconds=30)
MAX_PAUSE = timedelta(minutes=15)


def find_circuit(session: Session, relay: str) -> RelayCircuit | None:
    """Since when and why the way to `relay` is closed, if it is."""
    return session.get(RelayCircuit, relay)


def is_open(circuit: RelayCircuit, now: datetime) -> bool:
    """Whether it is too early to try again. A clock that was set back has nothing to say about how long it has been."""
    return circuit.last_failure_at <= now < circuit.retry_at


def open_circuit(session: Session, relay: str, *, code: int, reply: str, now: datetime) -> RelayCircuit:
    """Try nothing for 30 seconds; for twice as long after each refusal in a row, up to 15 minutes.

    `tries` is 1 when the way was open before. Several senders that are refused together count as one try.
    """
    acquire_lock(session, RELAY_LOCK)
    circuit = session.get(RelayCircuit, relay) or RelayCircuit(
        relay=relay, opened_at=now, last_failure_at=now, retry_at=now
    )
    if circuit.failure_count and is_open(circuit, now):
        return circuit
    circuit.failure_count += 1
    pause = min(INITIAL_PAUSE * (1 << min(circuit.failure_count - 1, 10)), MAX_PAUSE)
    circuit.last_failure_at, circuit.retry_at, circuit.reply_code, circuit.reply = now, now + pause, code, reply
    session.add(circuit)
    return circuit


def close_circuit(session: Session, relay: str) -> None:
    """It takes letters again."""
    session.execute(delete(RelayCircuit).where(col(RelayCircuit.relay) == relay))
