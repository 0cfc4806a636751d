"""What the relay's answer means for a letter. A retry is a value, decided here and carried out elsewhere."""

import random
import re
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

INITIAL_BACKOFF = timedelta(minutes=5)


MAX_BACKOFF = timedelta(hours=8)


JITTER = 0.25  # of a wait, either way


RECIPIENT_CODES = {0, 550, 551, 553}  # RFC 5321 4.2.3; 552, 554 and 50x at RCPT speak of size, policy and syntax


SENDER_DETAILS = {"7", "8"}  # RFC 3463 X.1.7 and X.1.8 are bad *sender* addresses: ours


ENHANCED_STATUS = re.compile(r"(?<![\d.])5\.(\d{1,3})\.(\d{1,3})(?!\.?\d)")


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
    said = redact_addresses(str(error))
    if isinstance(error, RelayRefusedError | RelayUnavailableError):
        return DeliveryOutcome(DeliveryState.QUEUED, error.code, said, counts_as_attempt=False)
    if isinstance(error, TemporaryDeliveryError):
        return DeliveryOutcome(DeliveryState.QUEUED, error.code, said, now + backoff(attempts, rng))
    if isinstance(error, PermanentDeliveryError):
        return DeliveryOutcome(
            DeliveryState.FAILED,
            error.code,
            said,
            suppress=error.recipient_refused and is_recipient_error(error.code, said),
        )
    return DeliveryOutcome(DeliveryState.UNCERTAIN, error.code, said)


def backoff(attempts: int, rng: random.Random) -> timedelta:
    """5 minutes, doubled with each attempt up to 8 hours, then up to a quarter more or less so that retries spread."""
    doublings = min(max(attempts, 1) - 1, 10)
    doubled = INITIAL_BACKOFF * (1 << doublings)
    return min(doubled, MAX_BACKOFF) * rng.uniform(1 - JITTER, 1 + JITTER)


def is_recipient_error(code: int, reply: str) -> bool:
    """Whether a 5xx at RCPT is about the mailbox (RFC 3463: X.1.*, X.2.1) rather than about us (X.7.*, X.3.*, X.4.*).

    A server that gives no enhanced code is taken at its basic code.
    """
    enhanced = ENHANCED_STATUS.search(reply)
    if not enhanced:
        return code in RECIPIENT_CODES
    subject, detail = enhanced.groups()
    return (subject == "1" and detail not in SENDER_DETAILS) or (subject, detail) == ("2", "1")


def redact_addresses(reply: str) -> str:
    """The reply on one line, short, and without any address: it goes into the record, which people show around.

    What is no text goes too: a relay may send any byte, and no store takes NUL or half a character.
    """
    printable = reply if reply.isprintable() else "".join(each if each.isprintable() else " " for each in reply)
    return " ".join("(address)" if "@" in word else word for word in printable.split())[:300]
