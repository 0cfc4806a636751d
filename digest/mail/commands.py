"""What is said to a relay (RFC 5321 4.1), and the answers that let the next word follow."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from digest.mail.message import RawMessage
from digest.mail.talk import SmtpStream

GO_AHEAD = 354
END_OF_DATA = b".\r\n"  # after the letter, on a line by itself
# RFC 5321 4.1.2, without quoted strings: what goes between the angle brackets cannot break out of them.
MAILBOX = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+", re.ASCII)


class SmtpCommand(NamedTuple):
    """A command, the answers that let the next one follow, and whom a refusal is about."""

    line: bytes
    expected: frozenset[int]
    subject: str = "letter"


class OutgoingMessage(NamedTuple):
    """A letter and its envelope. Nothing in `raw` is changed on its way, nor looked for."""

    sender: str
    recipient: str
    raw: RawMessage


DATA = SmtpCommand(b"DATA\r\n", frozenset({GO_AHEAD}))
RSET = SmtpCommand(b"RSET\r\n", frozenset({250}))
QUIT = SmtpCommand(b"QUIT\r\n", frozenset({221}))
MAIL_ACCEPTED, RCPT_ACCEPTED = frozenset({250}), frozenset({250, 251})


def envelope_commands(stream: SmtpStream, message: OutgoingMessage) -> Sequence[SmtpCommand]:
    """What is said before the letter: with DATA where that may follow unasked."""
    size = len(message.raw) if "size" in stream.extensions else 0
    said = mail_command(message.sender, size), rcpt_command(message.recipient)
    return (*said, DATA) if stream.can_pipeline else said


def mail_command(sender: str, size: int) -> SmtpCommand:
    """`size` in bytes, where the relay wants to know (RFC 1870)."""
    parameter = b" SIZE=%d" % size if size else b""
    return SmtpCommand(b"MAIL FROM:<%b>%b\r\n" % (sender.encode(), parameter), MAIL_ACCEPTED, "sender")


def rcpt_command(recipient: str) -> SmtpCommand:
    return SmtpCommand(b"RCPT TO:<%b>\r\n" % recipient.encode(), RCPT_ACCEPTED, "recipient")
