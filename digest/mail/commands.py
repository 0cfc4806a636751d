"""What is said to a relay (RFC 5321 4.1), and the answers that let the next word follow."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from digest.mail.message import Wired
from digest.mail.talk import Talk

GO_AHEAD = 354
DOT = b".\r\n"  # after the letter, on a line by itself
# RFC 5321 4.1.2, without quoted strings: what goes between the angle brackets cannot break out of them.
MAILBOX = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+", re.ASCII)


class Step(NamedTuple):
    """A command, the answers that let the next one follow, and whom a refusal is about."""

    command: bytes
    good: frozenset[int]
    about: str = "letter"


class Parcel(NamedTuple):
    """A letter and its envelope. Nothing in `raw` is changed on its way, nor looked for."""

    sender: str
    recipient: str
    raw: Wired


DATA = Step(b"DATA\r\n", frozenset({GO_AHEAD}))
RSET = Step(b"RSET\r\n", frozenset({250}))
QUIT = Step(b"QUIT\r\n", frozenset({221}))
MAILED, NAMED = frozenset({250}), frozenset({250, 251})


def envelope(talk: Talk, parcel: Parcel) -> Sequence[Step]:
    """What is said before the letter: with DATA where that may follow unasked."""
    size = len(parcel.raw) if "size" in talk.offers else 0
    said = mail(parcel.sender, size), rcpt(parcel.recipient)
    return (*said, DATA) if talk.pipelines else said


def mail(sender: str, size: int) -> Step:
    """`size` in bytes, where the relay wants to know (RFC 1870)."""
    told = b" SIZE=%d" % size if size else b""
    return Step(b"MAIL FROM:<%b>%b\r\n" % (sender.encode(), told), MAILED, "sender")


def rcpt(recipient: str) -> Step:
    return Step(b"RCPT TO:<%b>\r\n" % recipient.encode(), NAMED, "recipient")
