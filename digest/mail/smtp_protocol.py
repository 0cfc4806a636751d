"""SMTP protocol: commands that are written, one or several at a time (RFC 2920), and their replies (RFC 5321 4.2).

aiosmtplib opens the connection, but asks one question at a time and drops what follows its reply. So when the relay is
ready for MAIL its transport is taken over here. A line that answers nothing, that is no reply or that does not end puts
the stream out of step: it is closed, whatever else may come.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self, cast

import aiosmtplib

from digest.errors import RelayUnavailableError, SmtpStep
from digest.mail import messages
from digest.mail.message import RawMessage

GO_AHEAD, SHUTTING_DOWN = 354, 421
END_OF_DATA = b".\r\n"  # after the message, on a line by itself
MAX_REPLY_LINE = 8192  # bytes; RFC 5321 4.5.3.1.5 says 512, and many servers write more
MAX_REPLY = 4 * MAX_REPLY_LINE
# RFC 5321 4.1.2, without quoted strings: what goes between the angle brackets cannot break out of them.
MAILBOX = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+", re.ASCII)
REPLY_LINE = re.compile(rb"(\d{3})(?:([ -])(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """Message and its envelope. The bytes of `raw` are sent as they are."""

    sender: str
    recipient: str
    raw: RawMessage


class SmtpCommand(NamedTuple):
    """Command line, the reply codes that let the next one follow, and its step."""

    line: bytes
    expected: frozenset[int]
    step: SmtpStep = SmtpStep.DATA


class SmtpReply(NamedTuple):
    """Reply; `text` has its lines without their code."""

    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


DATA = SmtpCommand(b"DATA\r\n", frozenset({GO_AHEAD}))
RSET = SmtpCommand(b"RSET\r\n", frozenset({250}))
QUIT = SmtpCommand(b"QUIT\r\n", frozenset({221}))


def mail_command(sender: str, size: int = 0) -> SmtpCommand:
    """Return MAIL; with the size in bytes where the relay wants to know it (RFC 1870)."""
    parameter = b" SIZE=%d" % size if size else b""
    return SmtpCommand(b"MAIL FROM:<%b>%b\r\n" % (sender.encode(), parameter), frozenset({250}), SmtpStep.MAIL)


def rcpt_command(recipient: str) -> SmtpCommand:
    """Return RCPT."""
    return SmtpCommand(b"RCPT TO:<%b>\r\n" % recipient.encode(), frozenset({250, 251}), SmtpStep.RCPT)


class SmtpStream(asyncio.Protocol):
    """Connection after its EHLO, for one task at a time. `closed_reason` says why nothing can be sent any more."""

    def __init__(self, transport: asyncio.WriteTransport, extensions: Iterable[str] = ()) -> None:
        self.closed_reason = ""
        self.extensions = frozenset(extensions)  # in lower case
        self.can_pipeline = "pipelining" in self.extensions
        self._transport = transport
        self._partial_line = b""  # continued in the next packet
        self._reply_lines: list[bytes] = []  # of a reply that is continued
        self._replies: list[SmtpReply] = []  # not read yet
        self._outstanding = 0  # replies to what was written
        self._awaited = 0  # so many replies wake the reader
        self._waiter: asyncio.Future[None] | None = None

    @classmethod
    def from_client(cls, client: aiosmtplib.SMTP) -> Self:
        """Take over the connection of a client. Raises RelayUnavailableError if it is closed already."""
        transport = client.transport
        if transport is None or transport.is_closing():
            raise RelayUnavailableError(messages.CLOSED_AFTER_GREETING)
        stream = cls(cast("asyncio.WriteTransport", transport), client.esmtp_extensions)
        transport.set_protocol(stream)
        return stream

    def envelope(self, message: OutgoingMessage) -> Sequence[SmtpCommand]:
        """Return the commands before a message, with DATA where it may be pipelined."""
        size = len(message.raw) if "size" in self.extensions else 0
        commands = mail_command(message.sender, size), rcpt_command(message.recipient)
        return (*commands, DATA) if self.can_pipeline else commands

    async def request(self, data: bytes, *, replies: int = 1, seconds: float) -> list[SmtpReply]:
        """Write `data` and read the replies to it."""
        self.write(data, replies)
        return await self.read_replies(replies, seconds)

    def write(self, data: bytes, replies: int) -> None:
        """Send `data`, to which so many replies have to be read."""
        if not self.closed_reason:
            self._outstanding += replies
            self._transport.write(data)

    async def read_replies(self, count: int, seconds: float) -> list[SmtpReply]:
        """Wait up to `seconds` for the next replies, fewer if the connection is closed meanwhile.

        A 421 is the last one (RFC 5321 3.8), though the relay may leave the connection open. Cancellation closes the
        connection: the next reply would answer the wrong command.
        """
        if len(self._replies) < count and not self.closed_reason:
            loop = asyncio.get_running_loop()
            self._awaited, self._waiter = count, loop.create_future()
            timeout = loop.call_later(seconds, self._abort, messages.no_answer(seconds))
            try:
                await self._waiter
            except asyncio.CancelledError:
                self._abort(messages.CANCELLED_WHILE_WAITING)
                raise
            finally:
                timeout.cancel()
                self._waiter = None
        replies, self._replies = self._replies[:count], self._replies[count:]
        return replies

    def close(self) -> None:
        """Close the connection without QUIT."""
        self._transport.close()
        self.closed_reason = self.closed_reason or "closed"

    def data_received(self, data: bytes) -> None:
        """Handle half a line, or many."""
        *lines, self._partial_line = (self._partial_line + data).split(b"\n")
        for line in lines:
            if not self.closed_reason:
                self._line_received(line.rstrip(b" \t\r"))
        if len(self._partial_line) > MAX_REPLY_LINE:
            self._abort(messages.LINE_WITHOUT_END)

    def eof_received(self) -> None:
        """Close our side, too."""
        self._abort(messages.CLOSED_BY_RELAY)

    def connection_lost(self, error: Exception | None) -> None:
        """Note why the connection is closed."""
        self._abort(messages.broken(error) if error else messages.CLOSED)

    def _line_received(self, line: bytes) -> None:
        match = REPLY_LINE.fullmatch(line)
        if not self._outstanding or not match:
            self._abort(messages.not_a_reply(line[:200].decode("utf-8", "replace")))
            return
        self._reply_lines.append(line)
        if sum(map(len, self._reply_lines)) > MAX_REPLY or line[:3] != self._reply_lines[0][:3]:
            self._abort(messages.REPLY_WITHOUT_END)
            return
        if match[2] == b"-":
            return
        code, text = int(match[1]), b"\n".join(line[4:].strip() for line in self._reply_lines)
        self._reply_lines = []
        self._replies.append(SmtpReply(code, text.decode("utf-8", "surrogateescape")))
        self._outstanding -= 1
        if code == SHUTTING_DOWN:
            self._abort(messages.CLOSING)
        elif len(self._replies) == self._awaited:
            self._wake()

    def _abort(self, reason: str) -> None:
        if not self.closed_reason:
            self.closed_reason = reason
            self._transport.abort()
            self._wake()

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)
