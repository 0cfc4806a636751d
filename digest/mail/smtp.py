"""The way to the relay: a few persistent connections, each step apart, each answer named by what to do about it.

aiosmtplib raises the same exceptions before DATA and after acceptance, so each command is sent apart here, and what
an answer means depends on which of them was under way:

    connect, EHLO, STARTTLS, AUTH   4xx, no answer: RelayDown         5xx, TLS or login refused: LaneClosed
    MAIL                            4xx, connection lost: Deferred    5xx: LaneClosed, the sender is always the same
                                                                      (552: Rejected, this letter is too large)
    RCPT, DATA                      4xx, connection lost: Deferred    5xx: Rejected
    the letter and its final dot    4xx: Deferred   5xx: Rejected     2xx: accepted   anything else: Unknown
"""

import asyncio
import contextlib
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponse, SMTPResponseException

from digest.errors import Deferred, LaneClosed, Rejected, RelayDown, SendError, Unknown

STEP_SECONDS = 60.0  # for an answer to a command, where no setting says otherwise
DATA_STEPS = 10  # so many times as long after the final dot: ten minutes (RFC 5321 4.5.3.2.6)
LETTERS_A_CONNECTION = 100  # many relays close one after so many
NEEDS_LOGIN = {530, 534, 535, 538}
TOO_LARGE = 552  # RFC 1870 6.1
GO_AHEAD = 354
GOING_AWAY = 421
LINE_END = re.compile(rb"\r\n|\r|\n")
# RFC 5321 4.1.2, without quoted strings: what goes between the angle brackets cannot break out of them.
MAILBOX = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Where letters are handed over. `tls`: starttls, tls or none; certificates are always verified."""

    host: str
    port: int
    tls: str = "none"
    username: str = ""
    password: str = ""
    local_hostname: str = "localhost"
    reuse: int = LETTERS_A_CONNECTION  # letters a connection before it is closed anew
    timeout: float = STEP_SECONDS

    @property
    def name(self) -> str:
        """What the record calls it."""
        return f"{self.host}:{self.port}"


class Withdrawn(Exception):
    """`before_data` said that the letter may not leave."""


class Connection:
    """One connection to the relay, opened when first needed, renewed when it is worn out or broken."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._smtp: aiosmtplib.SMTP | None = None
        self._letters = 0
        self._unfinished = False  # the relay still holds the envelope of a letter that did not go

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def send(self, sender: str, recipient: str, raw: bytes, before_data: Callable[[], Awaitable[bool]]) -> str:
        """Hand over one letter in wire form; the relay's answer.

        `before_data` is awaited when the recipient has been accepted and nothing of the letter has left; it returns
        whether the letter may go.

        Raises Deferred, Rejected, Unknown, LaneClosed or Withdrawn. Cancelled after the letter began to leave it
        raises Unknown too; a CancelledError means that nothing has left.
        """
        _check(sender)
        if not MAILBOX.fullmatch(recipient):
            raise Rejected("this address cannot be written in SMTP without extensions", recipient=True)
        smtp = await self._open()
        self._unfinished = True
        await self._envelope(smtp, sender, recipient, len(raw))
        if not await before_data():
            raise Withdrawn
        self._letters += 1
        await self._begin(smtp)
        reply = await self._hand_over(smtp, raw)
        self._unfinished = False
        return f"{reply.code} {reply.message}"

    async def probe(self, sender: str) -> None:
        """Find out whether the relay takes letters from `sender`, without one. Raises LaneClosed or RelayDown."""
        _check(sender)
        smtp = await self._open()
        self._unfinished = True
        try:
            await self._ask(smtp.mail(sender, timeout=self._relay.timeout))
        except SMTPResponseException as error:
            refused = self._refused(error.code, error.message, sender=True)
            if isinstance(refused, LaneClosed):
                raise refused from error
        except Deferred as error:
            raise RelayDown(str(error)) from error

    async def _open(self) -> aiosmtplib.SMTP:
        if self._smtp and (not self._smtp.is_connected or self._letters >= self._relay.reuse):
            await self.close()
        if self._smtp and self._unfinished:
            await self._reset(self._smtp)
        if self._smtp is None:
            self._smtp, self._letters = await connect(self._relay), 0
        return self._smtp

    async def _envelope(self, smtp: aiosmtplib.SMTP, sender: str, recipient: str, size: int) -> None:
        options = [f"size={size}"] if smtp.supports_extension("size") else []
        try:
            await self._ask(smtp.mail(sender, options=options, timeout=self._relay.timeout))
        except SMTPResponseException as error:
            raise self._refused(error.code, error.message, sender=True) from error
        try:
            await self._ask(smtp.rcpt(recipient, timeout=self._relay.timeout))
        except SMTPResponseException as error:
            raise self._refused(error.code, error.message, recipient=True) from error

    async def _begin(self, smtp: aiosmtplib.SMTP) -> None:
        try:
            reply = await self._ask(smtp.execute_command(b"DATA", timeout=self._relay.timeout))
        except SMTPResponseException as error:  # not a reply at all
            raise self._refused(error.code, error.message) from error
        if reply.code != GO_AHEAD:
            raise self._refused(reply.code, reply.message)

    async def _hand_over(self, smtp: aiosmtplib.SMTP, raw: bytes) -> SMTPResponse:
        protocol = smtp.protocol
        if protocol is None or not smtp.is_connected:
            self._drop()
            raise Deferred("the connection broke before the letter left")
        try:
            # Nothing is awaited between these two, so that the reply cannot come before somebody listens.
            protocol.write(wire(raw))
            reply = await protocol.read_response(timeout=DATA_STEPS * self._relay.timeout)
        except (SMTPException, OSError, asyncio.CancelledError) as error:
            self._drop()
            raise Unknown(f"no answer after the letter was handed over: {error!r}") from error
        match reply.code // 100:  # RFC 5321 4.2.1: the first digit says it
            case 2:
                return reply
            case 4 | 5:
                raise self._refused(reply.code, reply.message)
        self._drop()
        raise Unknown(f"an answer that means nothing after the letter: {reply.message}", code=reply.code)

    async def _ask(self, command: Awaitable[SMTPResponse]) -> SMTPResponse:
        try:
            return await command
        except SMTPResponseException:
            raise
        except (SMTPException, OSError) as error:
            self._drop()
            raise Deferred(f"the connection broke before the letter left: {error}") from error
        except asyncio.CancelledError:
            self._drop()  # mid-command: the next reply would answer the wrong question
            raise

    def _refused(self, code: int, said: str, *, sender: bool = False, recipient: bool = False) -> SendError:
        # After 421 the server closes, though the library may still call the connection open (RFC 5321 3.8). A reply
        # that is none, or that does not fit the question, means that we are out of step.
        if code == GOING_AWAY or code < 400:  # noqa: PLR2004  - RFC 5321 4.2.1, as below
            self._drop()
        if code in NEEDS_LOGIN or (sender and code >= 500 and code != TOO_LARGE):  # noqa: PLR2004
            return LaneClosed(f"{self._relay.host}:{self._relay.port} refuses us: {code} {said}", code=code)
        if code >= 500:  # noqa: PLR2004
            return Rejected(said, code=code, recipient=recipient)
        return Deferred(said, code=max(code, 0))

    async def _reset(self, smtp: aiosmtplib.SMTP) -> None:
        try:
            await smtp.rset(timeout=self._relay.timeout)
        except (SMTPException, OSError):
            self._drop()  # it costs a new connection, nothing else
        except asyncio.CancelledError:
            self._drop()
            raise

    def _drop(self) -> None:
        if self._smtp:
            self._smtp.close()
        self._smtp = None

    async def close(self) -> None:
        """Say goodbye and close."""
        if self._smtp and self._smtp.is_connected:
            with contextlib.suppress(SMTPException, OSError):  # it is over either way
                await self._smtp.quit(timeout=5)
        self._drop()


def _check(sender: str) -> None:
    if not MAILBOX.fullmatch(sender):
        said = "see DIGEST_MAIL_FROM and DIGEST_BOUNCE_ADDRESS"
        raise LaneClosed(f"the sender's address cannot be written in SMTP without extensions; {said}")


def wire(raw: bytes) -> bytes:
    """A message as DATA wants it (RFC 5321 2.3.8, 4.5.2): lines end in CRLF, a leading dot is doubled, a dot ends it.

    Our letters need no change, and finding that out is all it costs.
    """
    if not raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r"):
        raw = LINE_END.sub(b"\r\n", raw)
    raw = (b"." if raw.startswith(b".") else b"") + raw.replace(b"\r\n.", b"\r\n..")
    return raw + (b".\r\n" if raw.endswith(b"\r\n") else b"\r\n.\r\n")


async def connect(relay: Relay) -> aiosmtplib.SMTP:
    """A connection that is ready for MAIL. Raises RelayDown or LaneClosed."""
    try:
        smtp = aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            use_tls=relay.tls == "tls",
            start_tls=relay.tls == "starttls",
            username=relay.username or None,
            password=relay.password or None,
            local_hostname=relay.local_hostname,
            timeout=relay.timeout,
        )
        await _greet(smtp)
    except (SMTPException, OSError, ValueError) as error:
        raise _no_way(f"{relay.host}:{relay.port}", error) from error
    return smtp


async def _greet(smtp: aiosmtplib.SMTP) -> None:
    try:
        await smtp.connect()
        if smtp.last_ehlo_response is None:  # AUTH has asked already, STARTTLS forgets
            try:
                await smtp.ehlo()
            except aiosmtplib.SMTPHeloError as error:
                if error.code < 500:  # noqa: PLR2004
                    raise
                await smtp.helo()  # RFC 5321 3.2: a server that knows no EHLO
    except BaseException:
        smtp.close()
        raise


def _no_way(where: str, error: Exception) -> SendError:
    if isinstance(error, SMTPResponseException):
        said = f"{where} refuses us: {error.code} {error.message}"
        return (LaneClosed if error.code >= 500 else RelayDown)(said, code=max(error.code, 0))  # noqa: PLR2004
    unsafe = next((each for each in (error, error.__cause__) if isinstance(each, ssl.SSLError)), None)
    if unsafe:
        return LaneClosed(f"{where}: no safe connection: {unsafe}")
    # The library's bare SMTPException: no STARTTLS or no login is offered. ValueError: a name that cannot be a host's.
    if type(error) is SMTPException or isinstance(error, aiosmtplib.SMTPNotSupported | ValueError):
        return LaneClosed(f"{where} cannot be used as DIGEST_SMTP_* say: {error}")
    return RelayDown(f"{where} cannot be reached: {error}")
