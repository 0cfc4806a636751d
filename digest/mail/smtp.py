"""The way to the relay: a few persistent connections, each answer named by what to do about it.

The same words mean different things at different steps, so each reply is judged by the step that it answers:

    connect, EHLO, STARTTLS, AUTH   4xx, no answer: RelayDown         5xx, TLS or login refused: LaneClosed
    MAIL                            4xx, connection lost: Deferred    5xx: LaneClosed, the sender is always the same
                                                                      (552: Rejected, this letter is too large)
    RCPT, DATA                      4xx, connection lost: Deferred    5xx: Rejected
    the letter and its final dot    4xx: Deferred   5xx: Rejected     2xx: accepted   anything else: Unknown

A relay that offers PIPELINING (RFC 2920) gets MAIL, RCPT and DATA in one write, so that a letter needs two round trips
and not four; the fence is asked when all three are answered. A letter that may not leave then, or a DATA that the relay
obeys although it refused the recipient, costs the connection: nothing of a letter has left, and closing says so.

Where the next letter is known, its three words go in one write with the end of the one before (RFC 2920 3.1): then a
letter needs one round trip. A relay that does not like to be asked so early is asked again in the usual way.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import zip_longest
from types import TracebackType
from typing import Self

from digest.errors import (
    DeliveryError,
    PermanentDeliveryError,
    RelayRefusedError,
    RelayUnavailableError,
    TemporaryDeliveryError,
    UncertainDeliveryError,
)
from digest.mail.message import RawMessage
from digest.mail.relay import MESSAGES_PER_CONNECTION, REPLY_SECONDS, RelayConfig, connect
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
    envelope_commands,
    mail_command,
)

__all__ = [
    "MESSAGES_PER_CONNECTION",
    "REPLY_SECONDS",
    "OutgoingMessage",
    "RelayConfig",
    "SendCancelled",
    "SmtpConnection",
    "connect",
]


DATA_TIMEOUT_FACTOR = 10  # so many times as long after the final dot: ten minutes (RFC 5321 4.5.3.2.6)


QUIT_SECONDS = 5.0


LOGIN_CODES = {530, 534, 535, 538}


TOO_LARGE_CODE = 552  # RFC 1870 6.1


class SendCancelled(Exception):
    """`before_data` said that the letter may not leave."""


class SmtpConnection:
    """One connection to the relay, opened when first needed, renewed when it is worn out or broken."""

    def __init__(self, relay: RelayConfig) -> None:
        self._relay = relay
        self._stream: SmtpStream | None = None
        self._sent_count = 0
        self._needs_reset = False  # the relay still holds the envelope of a letter that did not go
        self._pipelined: tuple[OutgoingMessage, Sequence[SmtpCommand]] | None = (
            None  # whose envelope went with the letter before
        )
        self._may_pipeline = True  # whether that may be done

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def is_used_up(self) -> bool:
        """So many letters have gone over it that it is left before the next one."""
        return self._stream is not None and self._sent_count >= self._relay.max_messages

    async def send(
        self,
        message: OutgoingMessage,
        before_data: Callable[[], Awaitable[bool]],
        next_message: Callable[[], OutgoingMessage | None] = lambda: None,
    ) -> str:
        """Hand over one letter; the relay's answer.

        `before_data` is awaited when the recipient has been accepted and nothing of the letter has left; it returns
        whether the letter may go. `following` is asked as it leaves for what will be sent next, if that is known.

        Raises Deferred, Rejected, Unknown, LaneClosed or Withdrawn. Cancelled after the letter began to leave it
        raises Unknown too; a CancelledError means that nothing has left.
        """
        _check_sender(message.sender)
        if not MAILBOX.fullmatch(message.recipient):
            raise PermanentDeliveryError(
                "this address cannot be written in SMTP without extensions", recipient_refused=True
            )
        stream = await self._send_envelope(message)
        if stream.can_pipeline:
            await self._ask_before_data(before_data)
        else:
            if not await before_data():
                raise SendCancelled
            await self._execute(stream, [DATA])
        self._sent_count += 1
        reply = await self._send_data(stream, message.raw, next_message())
        self._needs_reset = False
        return f"{reply.code} {reply.text}"

    async def _send_envelope(self, message: OutgoingMessage) -> SmtpStream:
        """A connection on which the relay has taken the envelope, and DATA where it lets us talk on."""
        while True:
            stream, early = await self._open_for_message(message)
            self._needs_reset = True
            try:
                await (
                    self._check_replies(stream, early)
                    if early
                    else self._execute(stream, envelope_commands(stream, message))
                )
            except DeliveryError as error:
                # That a relay ends the connection between two letters is normal, even if we notice it only now: it is
                # no fault of this letter. Nor is it one if the relay does not like to be asked so early.
                ended = self._sent_count and stream.closed_reason and error.code in {0, SHUTTING_DOWN}
                if not ended and not (early and isinstance(error, RelayRefusedError)):
                    raise
                self._may_pipeline = self._may_pipeline and (not early or error.code == SHUTTING_DOWN)
                self._disconnect()
            else:
                return stream

    async def _open_for_message(self, message: OutgoingMessage) -> tuple[SmtpStream, Sequence[SmtpCommand]]:
        """A connection, and the envelope if it has gone there with the letter before."""
        ahead, self._pipelined = self._pipelined, None
        if self._stream and ahead and ahead[0] is message:
            return self._stream, ahead[1]
        if ahead:
            self._disconnect()  # the relay waits for that one
        return await self._open(), ()

    async def probe(self, sender: str) -> None:
        """Find out whether the relay takes letters from `sender`, without one. Raises LaneClosed or RelayDown."""
        _check_sender(sender)
        stream = await self._open()
        self._needs_reset = True
        try:
            await self._execute(stream, [mail_command(sender, 0)])
        except RelayRefusedError:
            raise
        except DeliveryError as error:
            if not error.code:
                raise RelayUnavailableError(str(error)) from error

    async def close(self) -> None:
        """Say goodbye and close."""
        if self._stream and not self._pipelined:  # else it waits for a letter
            await self._stream.request(QUIT.line, seconds=QUIT_SECONDS)
        self._disconnect()

    async def _open(self) -> SmtpStream:
        if self.is_used_up:
            await self.close()
        if self._stream and self._needs_reset:
            answered = await self._stream.request(RSET.line, seconds=self._relay.timeout)
            if not answered or answered[0].code not in RSET.expected:
                self._disconnect()  # it costs a new connection, nothing else
        if self._stream is None or self._stream.closed_reason:
            self._stream, self._sent_count = SmtpStream.from_client(await connect(self._relay)), 0
        return self._stream

    async def _execute(self, stream: SmtpStream, commands: Sequence[SmtpCommand]) -> None:
        """Take these steps, together where the relay lets us."""
        for group in (commands,) if stream.can_pipeline else ((each,) for each in commands):
            stream.write(b"".join(each.line for each in group), len(group))
            await self._check_replies(stream, group)

    async def _check_replies(self, stream: SmtpStream, commands: Sequence[SmtpCommand]) -> None:
        """Hear the replies to these steps. What follows a refused one is answered and forgotten."""
        replies = await stream.read_replies(len(commands), len(commands) * self._relay.timeout)
        for step, reply in zip_longest(commands, replies):
            if reply is None:
                raise TemporaryDeliveryError(f"the connection broke before the letter left: {stream.closed_reason}")
            if reply.code not in step.expected:
                if replies[-1].code == GO_AHEAD:
                    self._disconnect()  # it waits for a letter that nobody is to get
                raise self._error_from_reply(reply, step.subject)

    async def _ask_before_data(self, before_data: Callable[[], Awaitable[bool]]) -> None:
        """The fence, while the relay waits for the letter already."""
        may_leave = False
        try:
            may_leave = await before_data()
        finally:
            if not may_leave:
                self._disconnect()
        if not may_leave:
            raise SendCancelled

    async def _send_data(self, stream: SmtpStream, raw: RawMessage, next_message: OutgoingMessage | None) -> SmtpReply:
        if stream.closed_reason:
            raise TemporaryDeliveryError(f"the connection broke before the letter left: {stream.closed_reason}")
        next_commands: Sequence[SmtpCommand] = ()
        can_pipeline = stream.can_pipeline and self._may_pipeline and not self.is_used_up
        if (
            can_pipeline
            and next_message
            and MAILBOX.fullmatch(next_message.sender)
            and MAILBOX.fullmatch(next_message.recipient)
        ):
            next_commands = envelope_commands(stream, next_message)
            self._pipelined = next_message, next_commands
        stream.write(b"".join([raw, END_OF_DATA, *(each.line for each in next_commands)]), 1 + len(next_commands))
        try:
            replies = await stream.read_replies(1, DATA_TIMEOUT_FACTOR * self._relay.timeout)
        except asyncio.CancelledError as error:
            raise UncertainDeliveryError("cancelled while the letter was handed over") from error
        if self._stream and self._stream.closed_reason:
            self._disconnect()
        if not replies:
            raise UncertainDeliveryError(f"no answer after the letter was handed over: {stream.closed_reason}")
        match replies[0].code // 100:  # RFC 5321 4.2.1: the first digit says it
            case 2:
                return replies[0]
            case 4 | 5:
                raise self._error_from_reply(replies[0])
        self._disconnect()
        raise UncertainDeliveryError(
            f"an answer that means nothing after the letter: {replies[0].text}", code=replies[0].code
        )

    def _error_from_reply(self, reply: SmtpReply, subject: str = "letter") -> DeliveryError:
        code, said = reply
        if code < 400:  # noqa: PLR2004  - RFC 5321 4.2.1, as below
            self._disconnect()  # a reply that does not fit the question: we are out of step
        if code in LOGIN_CODES or (subject == "sender" and code >= 500 and code != TOO_LARGE_CODE):  # noqa: PLR2004
            return RelayRefusedError(f"{self._relay.name} refuses us: {code} {said}", code=code)
        if code >= 500:  # noqa: PLR2004
            return PermanentDeliveryError(said, code=code, recipient_refused=subject == "recipient")
        return TemporaryDeliveryError(said, code=code)

    def _disconnect(self) -> None:
        if self._stream:
            self._stream.close()
        self._stream = self._pipelined = None


def _check_sender(sender: str) -> None:
    if not MAILBOX.fullmatch(sender):
        said = "see DIGEST_MAIL_FROM and DIGEST_BOUNCE_ADDRESS"
        raise RelayRefusedError(f"the sender's address cannot be written in SMTP without extensions; {said}")
