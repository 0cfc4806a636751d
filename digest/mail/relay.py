"""Relay, and how to reach it: connect, TLS, login and EHLO are aiosmtplib's."""

import ssl
from dataclasses import dataclass

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException

from digest.errors import DeliveryError, RelayRefusedError, RelayUnavailableError, SmtpStep

REPLY_SECONDS = 60.0  # for the reply to a command, where no setting says otherwise
MESSAGES_PER_CONNECTION = 100  # many relays close a connection after so many


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayConfig:
    """SMTP server that takes our messages. `tls`: starttls, tls or none; certificates are always verified."""

    host: str
    port: int
    tls: str = "none"
    username: str = ""
    password: str = ""
    local_hostname: str = "localhost"
    max_messages: int = MESSAGES_PER_CONNECTION  # before a connection is replaced
    timeout: float = REPLY_SECONDS

    @property
    def name(self) -> str:
        """Relay's name in the record."""
        return f"{self.host}:{self.port}"


async def connect(relay: RelayConfig) -> aiosmtplib.SMTP:
    """Return a connection that is ready for MAIL. Raises RelayUnavailableError or RelayRefusedError."""
    try:
        client = aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            use_tls=relay.tls == "tls",
            start_tls=relay.tls == "starttls",
            username=relay.username or None,
            password=relay.password or None,
            local_hostname=relay.local_hostname,
            timeout=relay.timeout,
        )
        try:
            await client.connect()
            if client.last_ehlo_response is None:  # AUTH has sent EHLO already, STARTTLS forgets it
                await _say_hello(client)
        except BaseException:
            client.close()
            raise
    except (SMTPException, OSError, ValueError) as error:
        raise _connection_error(relay.name, error) from error
    return client


async def _say_hello(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError as error:
        if error.code < 500:  # noqa: PLR2004
            raise
        await client.helo()  # RFC 5321 3.2: a server that knows no EHLO


def _connection_error(relay: str, error: Exception) -> DeliveryError:
    if isinstance(error, SMTPResponseException):
        error_type = RelayRefusedError if error.code >= 500 else RelayUnavailableError  # noqa: PLR2004
        step = SmtpStep.AUTH if isinstance(error, aiosmtplib.SMTPAuthenticationError) else SmtpStep.CONNECT
        return error_type(f"{relay} refuses us: {error.code} {error.message}", code=max(error.code, 0), step=step)
    for cause in (error, error.__cause__):
        if isinstance(cause, ssl.SSLError):
            return RelayRefusedError(f"{relay}: no safe connection: {cause}", step=SmtpStep.CONNECT)
    # A bare SMTPException: no STARTTLS or no login is offered. ValueError: a name that cannot be a host's.
    if type(error) is SMTPException or isinstance(error, aiosmtplib.SMTPNotSupported | ValueError):
        return RelayRefusedError(f"{relay} cannot be used as DIGEST_SMTP_* say: {error}", step=SmtpStep.CONNECT)
    return RelayUnavailableError(f"{relay} cannot be reached: {error}", step=SmtpStep.CONNECT)
