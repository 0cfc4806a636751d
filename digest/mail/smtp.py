"""Persistent connections to the relay; each reply becomes an error that says what to do about it.

The same code means different things at different steps:

    connect, EHLO, STARTTLS, AUTH   4xx, no reply: RelayUnavailableError         5xx, TLS, login: RelayRefusedError
    MAIL                            4xx, closed: TemporaryDeliveryError          5xx: RelayRefusedError, as the sender
                                                                                 is always the same (552: permanent,
                                                                                 this message is too large)
    RCPT, DATA                      4xx, closed: TemporaryDeliveryError          5xx: PermanentDeliveryError
    the message and its final dot   4xx: TemporaryDeliveryError                  5xx: PermanentDeliveryError
                                    2xx: accepted                                else: UncertainDeliveryError

A relay that offers PIPELINING (RFC 2920) gets MAIL, RCPT and DATA in one write, and the envelope of the next message
with the end of the one before (RFC 2920 3.1): one round trip a message. `before_data` is awaited when all three are
answered. A message that may not leave then, or a DATA that the relay accepts although it refused the recipient, costs
the connection: nothing of the message has left. A relay that refuses an envelope sent so early gets it again in the
usual way.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from itertools import zip_longest
from types import TracebackType
from typing import Self

from digest.errors import (
    DeliveryError,
    PermanentDeliveryError,
    RelayRefusedError,
    RelayUnavailableError,
    SmtpStep,
    TemporaryDeliveryError,
    UncertainDeliveryError,
)
from digest.mail import messages
from digest.mail.relay import RelayConfig, connect
from digest.mail.replies import error_from_reply
from digest.mail.smtp_protocol import (
    DATA,
    END_OF_DATA,
    GO_AHEAD,
    MAILBOX,
    QUIT,
    RSET,
    SHUTTING_DOWN,
    OutgoingMessage,
    SmtpCommand,
    SmtpReply,
    SmtpStream,
    mail_command,
)

DATA_TIMEOUT_FACTOR = 10  # so many times as long for the reply to the final dot: ten minutes (RFC 5321 4.5.3.2.6)
QUIT_SECONDS = 5.0
TOO_MANY = 452  # RFC 5321 4.5.3.1.10, also of messages in a session
SESSION_END_CODES = {SHUTTING_DOWN, TOO_MANY}
# A relay that ends the session with these words wants less, not another session at once.
TOO_FAST = re.compile(r"\brate\b|throttl|frequen|too (?:fast|quick)|slow|per (?:second|minute|hour|day)", re.IGNORECASE)


class SendCancelled(Exception):
    """`before_data` returned that the message may not leave."""


class SmtpConnection:
    """Connection to the relay, opened when it is first needed, replaced when it is used up or broken."""

    def __init__(self, relay: RelayConfig) -> None:
        self._relay = relay
        self._stream: SmtpStream | None = None
        self._sent_count, self._session_limit = 0, relay.max_messages
        self._longest_session = 0  # messages of those that the relay ended
        self._needs_reset = False  # the relay still holds the envelope of a message that did not leave
        self._pipelined: tuple[OutgoingMessage, Sequence[SmtpCommand]] | None = None  # sent with the message before
        self._may_pipeline = True  # the next envelope

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def is_used_up(self) -> bool:
        """Whether it is replaced before the next message."""
        return self._stream is not None and self._sent_count >= self._session_limit

    @property
    def has_pipelined(self) -> bool:
        """Whether the envelope of the next message has been sent already."""
        return self._stream is not None and self._pipelined is not None

    async def send(
        self,
        message: OutgoingMessage,
        before_data: Callable[[], Awaitable[bool]],
        next_message: Callable[[], OutgoingMessage | None] = lambda: None,
    ) -> SmtpReply:
        """Send a message; return the relay's reply to it.

        `before_data` is awaited when the recipient is accepted and nothing of the message has left; it returns whether
        it may leave. `next_message` is called as it leaves.

        Raises TemporaryDeliveryError, PermanentDeliveryError, UncertainDeliveryError, RelayRefusedError or
        SendCancelled. Cancelled after the message began to leave it raises UncertainDeliveryError, too; a
        CancelledError means that nothing has left.
        """
        _check_sender(message.sender)
        if not MAILBOX.fullmatch(message.recipient):
            raise PermanentDeliveryError(messages.RECIPIENT_NOT_ASCII, step=SmtpStep.RCPT)
        stream = await self._send_envelope(message)
        may_leave = False
        try:
            may_leave = await before_data()
        finally:
            if stream.can_pipeline and not may_leave:
                self._disconnect()  # the relay waits for the message already
        if not may_leave:
            raise SendCancelled
        if not stream.can_pipeline:
            await self._execute(stream, [DATA])
        self._sent_count += 1
        reply = await self._send_data(stream, message, next_message())
        self._needs_reset = False
        return reply

    async def probe(self, sender: str) -> None:
        """Ask whether the relay takes messages from `sender`. Raises RelayRefusedError or RelayUnavailableError."""
        _check_sender(sender)
        stream = await self._open()
        self._needs_reset = True
        try:
            await self._execute(stream, [mail_command(sender)])
        except RelayRefusedError:
            raise
        except DeliveryError as error:
            if not error.code:
                raise RelayUnavailableError(str(error)) from error

    async def close(self) -> None:
        """Say QUIT and close."""
        if self._stream and not self._pipelined:  # else the relay waits for a message
            await self._stream.request(QUIT.line, seconds=QUIT_SECONDS)
        self._disconnect()

    async def _open(self) -> SmtpStream:
        if self.is_used_up:
            await self.close()
        if self._stream and self._needs_reset:
            replies = await self._stream.request(RSET.line, seconds=self._relay.timeout)
            if not replies or replies[0].code not in RSET.expected:
                self._disconnect()  # it costs a new connection, nothing else
        if self._stream is None or self._stream.closed_reason:
            self._stream, self._sent_count = SmtpStream.from_client(await connect(self._relay)), 0
        return self._stream

    async def _send_envelope(self, message: OutgoingMessage) -> SmtpStream:
        """Return a stream on which the relay has accepted the envelope, and DATA where that is pipelined."""
        while True:
            sent_commands: Sequence[SmtpCommand] = ()  # with the message before
            if self._stream and self._pipelined and self._pipelined[0] is message:
                stream, sent_commands, self._pipelined = self._stream, self._pipelined[1], None
            else:
                if self._pipelined:
                    self._disconnect()  # the relay waits for that message
                stream = await self._open()
            self._needs_reset = True
            try:
                if sent_commands:
                    await self._check_replies(stream, sent_commands)
                else:
                    await self._execute(stream, stream.envelope(message))
            except DeliveryError as error:
                # That a relay ends a session between two messages is normal, even if it shows only now, and no fault of
                # this message. Nor is it one if the relay does not like to get an envelope so early.
                is_over = self._is_session_over(stream, error)
                if not is_over and not (sent_commands and isinstance(error, RelayRefusedError)):
                    raise
                if sent_commands and error.code not in SESSION_END_CODES:
                    self._may_pipeline = False
                if error.code == TOO_MANY and is_over:
                    self._session_limit = self._sent_count
                    await self.close()
                self._disconnect()
            else:
                return stream

    def _is_session_over(self, stream: SmtpStream, error: DeliveryError) -> bool:
        """Return whether the relay ends a session that was as long as any before; else it wants less of us."""
        if not self._sent_count or TOO_FAST.search(str(error)):
            return False
        if error.code not in SESSION_END_CODES:
            return not error.code and bool(stream.closed_reason)
        is_full = self._sent_count >= self._longest_session
        self._longest_session = max(self._longest_session, self._sent_count)
        return is_full

    async def _execute(self, stream: SmtpStream, commands: Sequence[SmtpCommand]) -> None:
        """Send commands, in one write where the relay can pipeline."""
        for group in (commands,) if stream.can_pipeline else ((command,) for command in commands):
            stream.write(b"".join(command.line for command in group), len(group))
            await self._check_replies(stream, group)

    async def _check_replies(self, stream: SmtpStream, commands: Sequence[SmtpCommand]) -> None:
        """Read the replies to commands; raise for the first that was refused."""
        replies = await stream.read_replies(len(commands), len(commands) * self._relay.timeout)
        for command, reply in zip_longest(commands, replies):
            if reply is None:
                raise TemporaryDeliveryError(messages.broken_before(stream.closed_reason))
            if reply.code not in command.expected:
                if replies[-1].code == GO_AHEAD:
                    self._disconnect()  # the relay waits for a message that it refused
                raise self._error_from_reply(reply, command.step)

    async def _send_data(
        self, stream: SmtpStream, message: OutgoingMessage, next_message: OutgoingMessage | None
    ) -> SmtpReply:
        if stream.closed_reason:
            raise TemporaryDeliveryError(messages.broken_before(stream.closed_reason))
        envelope: Sequence[SmtpCommand] = ()
        can_pipeline = stream.can_pipeline and self._may_pipeline and not self.is_used_up
        if can_pipeline and next_message and all(map(MAILBOX.fullmatch, (next_message.sender, next_message.recipient))):
            envelope = stream.envelope(next_message)
            self._pipelined = next_message, envelope
        lines = [message.raw, END_OF_DATA, *(command.line for command in envelope)]
        stream.write(b"".join(lines), 1 + len(envelope))
        try:
            replies = await stream.read_replies(1, DATA_TIMEOUT_FACTOR * self._relay.timeout)
        except asyncio.CancelledError as error:
            raise UncertainDeliveryError(messages.CANCELLED_WHILE_SENDING) from error
        if self._stream and self._stream.closed_reason:
            self._disconnect()
        if not replies:
            raise UncertainDeliveryError(messages.no_reply(stream.closed_reason))
        reply = replies[0]
        match reply.code // 100:  # RFC 5321 4.2.1: the first digit decides
            case 2:
                return reply
            case 4 | 5:
                raise self._error_from_reply(reply)
        self._disconnect()
        raise UncertainDeliveryError(messages.unexpected_reply(reply.text), code=reply.code)

    def _error_from_reply(self, reply: SmtpReply, step: SmtpStep = SmtpStep.DATA) -> DeliveryError:
        if reply.code < 400:  # noqa: PLR2004  - RFC 5321 4.2.1
            self._disconnect()  # a reply that does not fit the command: out of step
        return error_from_reply(reply.code, reply.text, step=step, relay=self._relay.name)

    def _disconnect(self) -> None:
        if self._stream:
            self._stream.close()
        self._stream = self._pipelined = None


def _check_sender(sender: str) -> None:
    if not MAILBOX.fullmatch(sender):
        raise RelayRefusedError(messages.SENDER_NOT_ASCII, step=SmtpStep.MAIL)
