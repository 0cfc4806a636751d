"""What is said on a connection to the relay: commands go out, alone or several at a time (RFC 2920), and each gets its
reply (RFC 5321 4.2), in the order in which they were said.

aiosmtplib makes the connection; it knows one question at a time and throws away what comes behind its answer. So when
the relay is ready for MAIL, the transport is taken over here. A line that answers no question, that is no reply, or
that never ends puts us out of step: then the connection is `lost`, whatever else may come.

What is said to a relay (RFC 5321 4.1), and the answers that let the next word follow.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self, cast

import aiosmtplib

from digest.errors import RelayUnavailableError
from digest.mail.message import RawMessage

MAX_REPLY_LINE = 8192  # bytes; RFC 5321 4.5.3.1.5 says 512, and many say more


MAX_REPLY = 4 * MAX_REPLY_LINE


SHUTTING_DOWN = 421


REPLY_LINE = re.compile(rb"(\d{3})(?:([ -])(.*))?", re.DOTALL)


class SmtpReply(NamedTuple):
    """`text` has the lines of the reply without their code."""

    code: int
    text: str


class SmtpStream(asyncio.Protocol):
    """One connection after its EHLO. One task at a time talks. `lost`: why nothing can be said any more."""

    def __init__(self, transport: asyncio.WriteTransport, extensions: Iterable[str] = ()) -> None:
        self.closed_reason = ""
        self.extensions = frozenset(extensions)  # the extensions that the relay named, in small letters
        self.can_pipeline = "pipelining" in self.extensions
        self._transport = transport
        self._partial_line = b""  # of a line that goes on in the next packet
        self._reply_lines: list[bytes] = []  # of a reply that goes on
        self._replies: list[SmtpReply] = []  # and not heard yet
        self._outstanding = 0  # replies to what was said
        self._awaited = 0  # so many make who waits go on
        self._waiter: asyncio.Future[None] | None = None

    @classmethod
    def from_client(cls, smtp: aiosmtplib.SMTP) -> Self:
        """The connection that the library has made. Raises RelayDown where it is gone already."""
        transport = smtp.transport
        if transport is None or transport.is_closing():
            raise RelayUnavailableError("the relay closed the connection after its greeting")
        stream = cls(cast("asyncio.WriteTransport", transport), smtp.esmtp_extensions)
        transport.set_protocol(stream)
        return stream

    async def request(self, data: bytes, *, replies: int = 1, seconds: float) -> list[SmtpReply]:
        """`say` and `hear`."""
        self.write(data, replies)
        return await self.read_replies(replies, seconds)

    def write(self, data: bytes, replies: int) -> None:
        """Send `said` in one write. So many replies to it have to be heard."""
        if not self.closed_reason:
            self._outstanding += replies
            self._transport.write(data)

    async def read_replies(self, count: int, seconds: float) -> list[SmtpReply]:
        """Wait for the next replies; fewer come back where the connection is lost meanwhile.

        A 421 is the last (RFC 5321 3.8), though the relay may leave the connection open. `seconds` are those of all
        replies together. Cancelled, the connection is lost: the next reply would answer the wrong question.
        """
        if len(self._replies) < count and not self.closed_reason:
            await self._wait(count, seconds)
        heard, self._replies = self._replies[:count], self._replies[count:]
        return heard

    async def _wait(self, count: int, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._awaited, self._waiter = count, loop.create_future()
        late = loop.call_later(seconds, self._abort, f"no answer within {seconds:g} seconds")
        try:
            await self._waiter
        except asyncio.CancelledError:
            self._abort("cancelled while the relay was about to answer")
            raise
        finally:
            late.cancel()
            self._waiter = None

    def close(self) -> None:
        """End the connection, without a word."""
        self._transport.close()
        self.closed_reason = self.closed_reason or "closed"

    def data_received(self, data: bytes) -> None:
        """Whatever the relay sends: half a line, or many."""
        *lines, self._partial_line = (self._partial_line + data).split(b"\n")
        for line in lines:
            self._line_received(line.rstrip(b" \t\r"))
        if len(self._partial_line) > MAX_REPLY_LINE:
            self._abort("the relay sends a line without end")

    def eof_received(self) -> None:
        """The relay has closed its side: the transport closes ours."""
        self._abort("the relay closed the connection")

    def connection_lost(self, error: Exception | None) -> None:
        """It broke."""
        self._abort(f"the connection broke: {error}" if error else "the connection was closed")

    def _line_received(self, line: bytes) -> None:
        if self.closed_reason:
            return
        found = REPLY_LINE.fullmatch(line)
        if not self._outstanding or not found:
            self._abort(f"the relay said what is no answer: {line[:200].decode('utf-8', 'replace')}")
            return
        self._reply_lines.append(line)
        if sum(map(len, self._reply_lines)) > MAX_REPLY or line[:3] != self._reply_lines[0][:3]:
            self._abort("the relay gave a reply without end, or of several codes")
        elif found[2] != b"-":
            self._reply_received(int(found[1]))

    def _reply_received(self, code: int) -> None:
        text = b"\n".join(line[4:].strip() for line in self._reply_lines)
        self._reply_lines = []
        self._replies.append(SmtpReply(code, text.decode("utf-8", "surrogateescape")))
        self._outstanding -= 1
        if code == SHUTTING_DOWN:
            self._abort("the relay is closing the connection")
        elif self._waiter and len(self._replies) == self._awaited and not self._waiter.done():
            self._waiter.set_result(None)

    def _abort(self, reason: str) -> None:
        if self.closed_reason:
            return
        self.closed_reason = reason
        self._transport.abort()
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)


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
