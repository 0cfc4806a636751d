"""The way to the relay: a few persistent connections, each step apart, each answer named by what to do about it.

aiosmtplib raises the same exceptions before DATA and after acceptance, so MAIL, RCPT and DATA are separate calls here,
and what an exception means depends on which of them was under way:

    connect, EHLO, STARTTLS, AUTH   4xx, no answer: RelayDown     5xx, TLS or login refused: LaneClosed
    MAIL, RCPT                      4xx, connection lost: Deferred    5xx: Rejected
    DATA                            4xx: Deferred    5xx: Rejected    no numbered answer: Unknown
"""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiosmtplib
from aiosmtplib import SMTPResponseException

from digest.errors import Deferred, LaneClosed, Rejected, RelayDown, SendError, Unknown

STEP_SECONDS = 60.0
DATA_SECONDS = 600.0  # RFC 5321 4.5.3.2.6: ten minutes for the answer after the final dot
LETTERS_A_CONNECTION = 100
NEEDS_LOGIN = {530, 534, 535, 538}
GOING_AWAY = 421


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Where letters are handed over. `tls`: starttls, tls or none; certificates are always verified."""

    host: str
    port: int
    tls: str = "none"
    username: str = ""
    password: str = ""
    local_hostname: str = "localhost"


class Withdrawn(Exception):
    """`before_data` said that the letter may not leave."""


class Connection:
    """One connection to the relay, opened when first needed, renewed when it is worn out or broken."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._smtp: aiosmtplib.SMTP | None = None
        self._letters = 0

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

        Raises Deferred, Rejected, Unknown, LaneClosed or Withdrawn. Cancelled after DATA began it raises Unknown too.
        """
        smtp = await self._open()
        await self._envelope(smtp, sender, recipient, len(raw))
        if not await before_data():
            await self._reset(smtp)
            raise Withdrawn
        self._letters += 1
        return await self._data(smtp, raw)

    async def _open(self) -> aiosmtplib.SMTP:
        if self._smtp and (not self._smtp.is_connected or self._letters >= LETTERS_A_CONNECTION):
            await self.close()
        if self._smtp is None:
            self._smtp, self._letters = await connect(self._relay), 0
        return self._smtp

    async def _envelope(self, smtp: aiosmtplib.SMTP, sender: str, recipient: str, size: int) -> None:
        options = [f"size={size}"] if smtp.supports_extension("size") else []
        at_recipient = False
        try:
            await smtp.mail(sender, options=options, timeout=STEP_SECONDS)
            at_recipient = True
            await smtp.rcpt(recipient, timeout=STEP_SECONDS)
        except SMTPResponseException as error:
            await self._recover(smtp, error.code)
            raise _refused(error, recipient=at_recipient) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            self._drop()
            raise Deferred(f"the connection broke before the letter left: {error}") from error
        except asyncio.CancelledError:
            self._drop()  # mid-command: the next reply would answer the wrong question
            raise

    async def _data(self, smtp: aiosmtplib.SMTP, raw: bytes) -> str:
        try:
            reply = await smtp.data(raw, timeout=DATA_SECONDS)
        except SMTPResponseException as error:
            await self._recover(smtp, error.code)
            raise _refused(error, recipient=False) from error
        except (aiosmtplib.SMTPException, OSError, asyncio.CancelledError) as error:
            self._drop()
            raise Unknown(f"no answer after the letter was handed over: {error!r}") from error
        return f"{reply.code} {reply.message}"

    async def _recover(self, smtp: aiosmtplib.SMTP, code: int) -> None:
        # After 421 the server closes, though the library still calls the connection open (RFC 5321 3.8).
        if code == GOING_AWAY or not smtp.is_connected:
            self._drop()
        else:
            await self._reset(smtp)

    async def _reset(self, smtp: aiosmtplib.SMTP) -> None:
        try:
            await smtp.rset(timeout=STEP_SECONDS)
        except (aiosmtplib.SMTPException, OSError):
            self._drop()  # it costs a new connection, nothing else

    def _drop(self) -> None:
        if self._smtp:
            self._smtp.close()
        self._smtp = None

    async def close(self) -> None:
        """Say goodbye and close."""
        if self._smtp and self._smtp.is_connected:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):  # it is over either way
                await self._smtp.quit(timeout=5)
        self._drop()


async def connect(relay: Relay) -> aiosmtplib.SMTP:
    """A connection that is ready for MAIL. Raises RelayDown or LaneClosed."""
    smtp = aiosmtplib.SMTP(
        hostname=relay.host,
        port=relay.port,
        use_tls=relay.tls == "tls",
        start_tls=relay.tls == "starttls",
        username=relay.username or None,
        password=relay.password or None,
        local_hostname=relay.local_hostname,
        timeout=STEP_SECONDS,
    )
    try:
        await smtp.connect()
        if smtp.last_ehlo_response is None:  # STARTTLS and AUTH have asked already
            await _greet(smtp)
    except SMTPResponseException as error:
        smtp.close()
        permanent = error.code >= 500 or isinstance(error, aiosmtplib.SMTPAuthenticationError)  # noqa: PLR2004
        said = f"{relay.host}:{relay.port} refuses us: {error.code} {error.message}"
        raise (LaneClosed if permanent else RelayDown)(said, code=error.code) from error
    except (ssl.SSLError, aiosmtplib.SMTPNotSupported) as error:
        smtp.close()
        raise LaneClosed(f"{relay.host}:{relay.port}: no safe connection: {error}") from error
    except (aiosmtplib.SMTPException, OSError) as error:
        smtp.close()
        if isinstance(error.__cause__, ssl.SSLError):
            raise LaneClosed(f"{relay.host}:{relay.port}: no safe connection: {error.__cause__}") from error
        raise RelayDown(f"{relay.host}:{relay.port} cannot be reached: {error}") from error
    return smtp


async def _greet(smtp: aiosmtplib.SMTP) -> None:
    try:
        await smtp.ehlo()
    except aiosmtplib.SMTPHeloError:
        await smtp.helo()  # RFC 5321 3.2: a server that knows no EHLO


def _refused(error: SMTPResponseException, *, recipient: bool) -> SendError:
    code, said = error.code, f"{error.code} {error.message}"
    if code in NEEDS_LOGIN:
        return LaneClosed(said, code=code)
    if code >= 500:  # noqa: PLR2004  - RFC 5321 4.2.1: 5yz is permanent
        return Rejected(str(error.message), code=code, recipient=recipient)
    return Deferred(str(error.message), code=code)
