"""The way to the relay, as the record has it: while the relay refuses us, no letter is tried and none is to blame."""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlmodel import Session, col

from digest.db import RELAY_LOCK, hold
from digest.models import Lane

FIRST_PAUSE = timedelta(seconds=30)
LAST_PAUSE = timedelta(minutes=15)


def closed(session: Session, relay: str) -> Lane | None:
    """Since when and why the way to `relay` is closed, if it is."""
    return session.get(Lane, relay)


def rests(lane: Lane, now: datetime) -> bool:
    """Whether it is too early to try again. A clock that was set back has nothing to say about how long it has been."""
    return lane.tried_at <= now < lane.until


def close(session: Session, relay: str, *, code: int, reply: str, now: datetime) -> Lane:
    """Try nothing for 30 seconds; for twice as long after each refusal in a row, up to 15 minutes.

    `tries` is 1 when the way was open before. Several senders that are refused together count as one try.
    """
    hold(session, RELAY_LOCK)
    lane = session.get(Lane, relay) or Lane(relay=relay, closed_at=now, tried_at=now, until=now)
    if lane.tries and rests(lane, now):
        return lane
    lane.tries += 1
    pause = min(FIRST_PAUSE * (1 << min(lane.tries - 1, 10)), LAST_PAUSE)
    lane.tried_at, lane.until, lane.code, lane.reply = now, now + pause, code, reply
    session.add(lane)
    return lane


def reopen(session: Session, relay: str) -> None:
    """It takes letters again."""
    session.execute(delete(Lane).where(col(Lane.relay) == relay))
