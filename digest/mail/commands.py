"""What is said to a relay (RFC 5321 4.1), and the answers that let the next word follow."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from digest.mail.message import Wired
from digest.mail.talk import Talk

GO_AHEAD = 354
LINE_END = re.compile(rb"\r\n|\r|\n")
# RFC 5321 4.1.2, without quoted strings: what goes between the angle brackets cannot break out of them.
MAILBOX = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Step:
    """A command, the answers that let the next one follow, and whom a refusal is about."""

    command: bytes
    good: frozenset[int]
    about: str = "letter"


class Parcel(NamedTuple):
    """A letter in wire form, and its envelope."""

    sender: str
    recipient: str
    raw: bytes


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


def wire(raw: bytes) -> bytes:
    """A message as DATA wants it (RFC 5321 2.3.8, 4.5.2): lines end in CRLF, a leading dot is doubled, a dot ends it.

    Our letters are made so that they need no change. Looking for what needs one would cost more than sending them.
    """
    if isinstance(raw, Wired):
        return raw + b".\r\n"
    if not raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r"):
        raw = LINE_END.sub(b"\r\n", raw)
    raw = (b"." if raw.startswith(b".") else b"") + raw.replace(b"\r\n.", b"\r\n..")
    return raw + (b".\r\n" if raw.endswith(b"\r\n") else b"\r\n.\r\n")
