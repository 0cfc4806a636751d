"""What follows from an attempt to send: a retry is a value, decided here and carried out elsewhere."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.database.models import DeliveryState
from digest.errors import (
    DeliveryError,
    PermanentDeliveryError,
    RelayRefusedError,
    RelayUnavailableError,
    SmtpStep,
    TemporaryDeliveryError,
)
from digest.mail import replies

INITIAL_BACKOFF = timedelta(minutes=5)
MAX_BACKOFF = timedelta(hours=8)
JITTER = 0.25  # of a wait, either way


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """End of an attempt.

    `suppress`: the relay refused the address for good, so the subscription ends. `counts_as_attempt`: not when the
    relay refused us or was down, which is no fault of the delivery.
    """

    state: DeliveryState
    code: int = 0
    reply: str = ""
    retry_at: datetime | None = None
    suppress: bool = False
    counts_as_attempt: bool = True


def outcome_from_error(error: DeliveryError, *, attempts: int, now: datetime, rng: random.Random) -> DeliveryOutcome:
    """Return what follows from an error: retry after 4xx, failure after 5xx, uncertain without a reply after the dot.

    `attempts` includes this one. A relay that is down or refuses us says nothing about the delivery, which stays due.
    """
    reply = replies.redact_addresses(str(error))
    if isinstance(error, RelayRefusedError | RelayUnavailableError):
        return DeliveryOutcome(DeliveryState.QUEUED, error.code, reply, counts_as_attempt=False)
    if isinstance(error, TemporaryDeliveryError):
        return DeliveryOutcome(DeliveryState.QUEUED, error.code, reply, now + backoff(attempts, rng))
    if isinstance(error, PermanentDeliveryError):
        is_dead = error.step is SmtpStep.RCPT and replies.classify_error(error).is_dead
        return DeliveryOutcome(DeliveryState.FAILED, error.code, reply, suppress=is_dead)
    return DeliveryOutcome(DeliveryState.UNCERTAIN, error.code, reply)


def backoff(attempts: int, rng: random.Random) -> timedelta:
    """Return 5 minutes, doubled with each attempt up to 8 hours, and spread by a quarter either way."""
    doublings = min(max(attempts, 1) - 1, 10)
    return min(INITIAL_BACKOFF * (1 << doublings), MAX_BACKOFF) * rng.uniform(1 - JITTER, 1 + JITTER)
