"""What the relay's answer means for a letter. A retry is a value, decided here and carried out elsewhere."""

import random
from datetime import datetime, timedelta
from typing import NamedTuple

from digest.database.models import DeliveryState
from digest.errors import (
    DeliveryError,
    PermanentDeliveryError,
    RelayRefusedError,
    RelayUnavailableError,
    TemporaryDeliveryError,
)
from digest.mail import replies

INITIAL_BACKOFF = timedelta(minutes=5)


MAX_BACKOFF = timedelta(hours=8)


JITTER = 0.25  # of a wait, either way


class DeliveryOutcome(NamedTuple):
    """How an attempt ended. `suppress`: the address itself was refused for good, so its reader gets no more letters.
    `charged`: it counts as an attempt; what happened at the relay's door is no fault of the letter's.
    """

    state: DeliveryState
    code: int = 0
    reply: str = ""
    retry_at: datetime | None = None
    suppress: bool = False
    counts_as_attempt: bool = True


SENT = DeliveryOutcome(DeliveryState.SENT, 250)


def outcome_from_error(error: DeliveryError, *, attempts: int, now: datetime, rng: random.Random) -> DeliveryOutcome:
    """4xx: again later. 5xx: final. No reply after the dot: uncertain. `attempts` counts this one too.

    A relay that is down or refuses us has said nothing about the letter: it may go as soon as any may.
    """
    said = replies.redact_addresses(str(error))
    if isinstance(error, RelayRefusedError | RelayUnavailableError):
        return DeliveryOutcome(DeliveryState.QUEUED, error.code, said, counts_as_attempt=False)
    if isinstance(error, TemporaryDeliveryError):
        return DeliveryOutcome(DeliveryState.QUEUED, error.code, said, now + backoff(attempts, rng))
    if isinstance(error, PermanentDeliveryError):
        return DeliveryOutcome(
            DeliveryState.FAILED,
            error.code,
            said,
            suppress=error.recipient_refused and replies.is_recipient_error(error.code, said),
        )
    return DeliveryOutcome(DeliveryState.UNCERTAIN, error.code, said)


def backoff(attempts: int, rng: random.Random) -> timedelta:
    """5 minutes, doubled with each attempt up to 8 hours, then up to a quarter more or less so that retries spread."""
    doublings = min(max(attempts, 1) - 1, 10)
    doubled = INITIAL_BACKOFF * (1 << doublings)
    return min(doubled, MAX_BACKOFF) * rng.uniform(1 - JITTER, 1 + JITTER)
