"""Faults at each command of an SMTP conversation, at random: the same seed and connection give the same faults.

A fault is a short text: "451 4.3.0 busy" is said and the talk goes on; "421 ..." is said and the server hangs up;
a bare word is one of the things below.
"""

import random
from dataclasses import dataclass

CUT = "cut"  # the connection ends, without a word
STALL = "stall"  # no answer, until the client gives up
HALF = "half"  # half of a reply, and the connection ends
JUNK = "junk"  # something that is no reply
# After the dot, once the email is in the log:
LOST = "lost"  # no reply, the connection ends
MUTE = "mute"  # no reply until the client gives up
GARBLED = "garbled"  # half of the 250, and the connection ends
BYE = "bye"  # the 250, and at once 421 and the end
LATE = "late"  # the 250, after a moment
ACCEPTING = (LOST, MUTE, GARBLED, BYE, LATE)

BUSY, LATER, AWAY = "451 4.3.0 something is wrong here", "450 4.2.0 come again", "421 4.3.2 going away"
SPOOLED = "452 4.3.1 no space left"
NO_MAILBOX, POLICY, SPAM = "550 5.1.1 no such user", "550 5.7.1 not here", "554 5.6.0 I do not like this letter"


@dataclass(frozen=True, slots=True)
class FaultPoint:
    """How often something goes wrong there, and what."""

    often: float
    what: tuple[str, ...]


# The first four are met once a connection, the others once an email.
USUAL = {
    "greeting": FaultPoint(0.03, (AWAY, "454 4.7.0 not now", "554 5.3.2 no mail today", CUT, STALL, HALF)),
    "EHLO": FaultPoint(0.03, (AWAY, BUSY, "554 5.5.0 I know you", "502 5.5.1 what", CUT, STALL)),
    "STARTTLS": FaultPoint(0.10, ("454 4.7.0 not available", CUT, STALL, JUNK, HALF)),
    "RSET": FaultPoint(0.03, (AWAY, CUT, STALL)),
    "MAIL": FaultPoint(0.008, (AWAY, BUSY, SPOOLED, "552 5.3.4 too large", "550 5.7.1 not from you", CUT, STALL)),
    "RCPT": FaultPoint(
        0.03, (AWAY, LATER, LATER, SPOOLED, NO_MAILBOX, NO_MAILBOX, POLICY, POLICY, "553 5.1.3 what", CUT, STALL)
    ),
    "DATA": FaultPoint(0.012, (AWAY, BUSY, SPAM, "250 2.0.0 fine", CUT, STALL, HALF)),
    "body": FaultPoint(0.006, (CUT,)),
    "dot": FaultPoint(
        0.045, (AWAY, BUSY, SPOOLED, SPAM, SPAM, CUT, STALL, LOST, LOST, MUTE, GARBLED, BYE, BYE, BYE, LATE, LATE)
    ),
    "QUIT": FaultPoint(0.05, (CUT, STALL)),
}
SLOW = {STALL: 0.15, MUTE: 0.15}  # what makes everybody wait is taken only so often


class FaultPlan:
    """The faults of one connection."""

    def __init__(self, seed: int, connection: int, rate: float) -> None:
        self._dice = random.Random(f"{seed}/{connection}")
        self._rate = rate
        self.pipelining = self._dice.random() < 0.5  # whether this connection is offered it

    def at(self, place: str) -> str:
        """What goes wrong now; empty when nothing does."""
        chance = USUAL.get(place)
        if chance is None or self._dice.random() >= chance.often * self._rate:
            return ""
        what = self._dice.choice(chance.what)
        return what if self._dice.random() < SLOW.get(what, 1) else ""

    def rudely(self) -> bool:
        """Whether a connection ends with RST, not FIN."""
        return self._dice.random() < 0.5

    def share(self) -> float:
        """Some share of something."""
        return self._dice.random()
