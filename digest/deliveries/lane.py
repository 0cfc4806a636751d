"""The way to the relay, as the record has it: while the relay refuses us, no letter is tried and none is to blame."""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlmodel import Session, col

from digest.db import RELAY_LOCK, hold
from digest.models import RelayCircuit

FIRST_PAUSE = timedelta(seconds=30)
LAST_PAUSE = timedelta(minutes=15)


def closed(session: Session, relay: str) -> RelayCircuit | None:
    """Since when and why the way to `relay` is closed, if it is."""
    return session.get(RelayCircuit, relay)


def rests(lane: RelayCircuit, now: datetime) -> bool:
    """Whether it is too early to try again. A clock that was set back has nothing to say about how long it has been."""
    return lane.last_failure_at <= now < lane.retry_at


def close(session: Session, relay: str, *, code: int, reply: str, now: datetime) -> RelayCircuit:
    """Try nothing for 30 seconds; for twice as long after each refusal in a row, up to 15 minutes.

    `tries` is 1 when the way was open before. Several senders that are refused together count as one try.
    """
    hold(session, RELAY_LOCK)
    lane = session.get(RelayCircuit, relay) or RelayCircuit(
        relay=relay, opened_at=now, last_failure_at=now, retry_at=now
    )
    if lane.failure_count and rests(lane, now):
        return lane
    lane.failure_count += 1
    pause = min(FIRST_PAUSE * (1 << min(lane.failure_count - 1, 10)), LAST_PAUSE)
    lane.last_failure_at, lane.retry_at, lane.reply_code, lane.reply = now, now + pause, code, reply
    session.add(lane)
    return lane


def reopen(session: Session, relay: str) -> None:
    """It takes letters again."""
    session.execute(delete(RelayCircuit).where(col(RelayCircuit.relay) == relay))
