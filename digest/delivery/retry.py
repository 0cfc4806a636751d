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
    TemporaryDeliveryError,
)
from digest.mail import replies
from digest.tokens import redact_tokens

INITIAL_BACKOFF = timedelta(minutes=5)
MAX_BACKOFF = timedelta(hours=8)
JITTER = 0.25  # of a wait, either way


# What only our own relay says, whatever the message: these wait for the operator.
RELAY_REASONS = {
    *("not logged in", "login refused", "relaying refused", "sender refused", "sender not verified"),
    *("quota used up", "account suspended"),
}


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


def outcome_from_error(error: Exception, *, attempts: int, now: datetime, rng: random.Random) -> DeliveryOutcome:
    """Return what follows from an error: retry after 4xx, failure after 5xx, uncertain without a reply after the dot.

    `attempts` includes this one. A relay that is down or refuses us says nothing about the delivery, which stays due.
    """
    reply = replies.redact_addresses(str(error))
    match error:
        case RelayRefusedError() | RelayUnavailableError():
            return DeliveryOutcome(DeliveryState.QUEUED, error.code, reply, counts_as_attempt=False)
        case TemporaryDeliveryError():
            return DeliveryOutcome(DeliveryState.QUEUED, error.code, reply, now + backoff(attempts, rng))
        case PermanentDeliveryError():
            meaning = replies.classify_error(error)
            if meaning.reason in RELAY_REASONS:
                return DeliveryOutcome(DeliveryState.QUEUED, error.code, reply, now + backoff(attempts, rng))
            return DeliveryOutcome(DeliveryState.FAILED, error.code, reply, suppress=meaning.is_dead)
        case DeliveryError():
            return DeliveryOutcome(DeliveryState.UNCERTAIN, error.code, reply)
    # The message could not be rendered. The representation of an error may show the text that it failed on, with links.
    reply = redact_tokens(replies.redact_addresses(f"cannot be written: {type(error).__name__}: {error}"))
    return DeliveryOutcome(DeliveryState.QUEUED, 0, reply, now + backoff(attempts, rng))


def backoff(attempts: int, rng: random.Random) -> timedelta:
    """Return 5 minutes, doubled with each attempt up to 8 hours, and spread by a quarter either way."""
    doublings = min(max(attempts, 1) - 1, 10)
    return min(INITIAL_BACKOFF * (1 << doublings), MAX_BACKOFF) * rng.uniform(1 - JITTER, 1 + JITTER)
