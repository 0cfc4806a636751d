"""What the relay's answer means for a letter. A retry is a value, decided here and carried out elsewhere."""

import random
import re
from datetime import datetime, timedelta
from typing import NamedTuple

from digest.errors import Deferred, LaneClosed, Rejected, RelayDown, SendError
from digest.models import DeliveryState

FIRST_RETRY = timedelta(minutes=5)
LAST_RETRY = timedelta(hours=8)
SPREAD = 0.25  # of a wait, either way
NO_SUCH_MAILBOX = {0, 550, 551, 553}  # RFC 5321 4.2.3; 552, 554 and 50x at RCPT speak of size, policy and syntax
ABOUT_THE_SENDER = {"7", "8"}  # RFC 3463 X.1.7 and X.1.8 are bad *sender* addresses: ours
ENHANCED = re.compile(r"(?<![\d.])5\.(\d{1,3})\.(\d{1,3})(?!\.?\d)")


class Outcome(NamedTuple):
    """How an attempt ended. `suppress`: the address itself was refused for good, so its reader gets no more letters.
    `charged`: it counts as an attempt; what happened at the relay's door is no fault of the letter's.
    """

    state: DeliveryState
    code: int = 0
    reply: str = ""
    retry_at: datetime | None = None
    suppress: bool = False
    charged: bool = True


SENT = Outcome(DeliveryState.SENT, 250)


def outcome_of(error: SendError, *, attempts: int, now: datetime, dice: random.Random) -> Outcome:
    """4xx: again later. 5xx: final. No reply after the dot: uncertain. `attempts` counts this one too.

    A relay that is down or refuses us has said nothing about the letter: it may go as soon as any may.
    """
    said = reply_without_addresses(str(error))
    if isinstance(error, LaneClosed | RelayDown):
        return Outcome(DeliveryState.QUEUED, error.code, said, charged=False)
    if isinstance(error, Deferred):
        return Outcome(DeliveryState.QUEUED, error.code, said, now + backoff(attempts, dice))
    if isinstance(error, Rejected):
        return Outcome(
            DeliveryState.FAILED, error.code, said, suppress=error.recipient and speaks_of_the_address(error.code, said)
        )
    return Outcome(DeliveryState.UNCERTAIN, error.code, said)


def backoff(attempts: int, dice: random.Random) -> timedelta:
    """5 minutes, doubled with each attempt up to 8 hours, then up to a quarter more or less so that retries spread."""
    doublings = min(max(attempts, 1) - 1, 10)
    doubled = FIRST_RETRY * (1 << doublings)
    return min(doubled, LAST_RETRY) * dice.uniform(1 - SPREAD, 1 + SPREAD)


def speaks_of_the_address(code: int, reply: str) -> bool:
    """Whether a 5xx at RCPT is about the mailbox (RFC 3463: X.1.*, X.2.1) rather than about us (X.7.*, X.3.*, X.4.*).

    A server that gives no enhanced code is taken at its basic code.
    """
    enhanced = ENHANCED.search(reply)
    if not enhanced:
        return code in NO_SUCH_MAILBOX
    subject, detail = enhanced.groups()
    return (subject == "1" and detail not in ABOUT_THE_SENDER) or (subject, detail) == ("2", "1")


def reply_without_addresses(reply: str) -> str:
    """The reply on one line, short, and without any address: it goes into the record, which people show around.

    What is no text goes too: a relay may send any byte, and no store takes NUL or half a character.
    """
    printable = reply if reply.isprintable() else "".join(each if each.isprintable() else " " for each in reply)
    return " ".join("(address)" if "@" in word else word for word in printable.split())[:300]
