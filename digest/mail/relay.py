"""Where letters are handed over, and how to get there: connect, TLS, login and EHLO are aiosmtplib's."""

import ssl
from dataclasses import dataclass

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException

from digest.errors import DeliveryError, RelayRefusedError, RelayUnavailableError

REPLY_SECONDS = 60.0  # for an answer to a command, where no setting says otherwise


MESSAGES_PER_CONNECTION = 100  # many relays close one after so many


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayConfig:
    """Where letters are handed over. `tls`: starttls, tls or none; certificates are always verified."""

    host: str
    port: int
    tls: str = "none"
    username: str = ""
    password: str = ""
    local_hostname: str = "localhost"
    max_messages: int = MESSAGES_PER_CONNECTION  # letters a connection before it is closed anew
    timeout: float = REPLY_SECONDS

    @property
    def name(self) -> str:
        """What the record calls it."""
        return f"{self.host}:{self.port}"


async def connect(relay: RelayConfig) -> aiosmtplib.SMTP:
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
        raise _connection_error(f"{relay.host}:{relay.port}", error) from error
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


def _connection_error(address: str, error: Exception) -> DeliveryError:
    if isinstance(error, SMTPResponseException):
        said = f"{address} refuses us: {error.code} {error.message}"
        return (RelayRefusedError if error.code >= 500 else RelayUnavailableError)(said, code=max(error.code, 0))  # noqa: PLR2004
    unsafe = next((each for each in (error, error.__cause__) if isinstance(each, ssl.SSLError)), None)
    if unsafe:
        return RelayRefusedError(f"{address}: no safe connection: {unsafe}")
    # The library's bare SMTPException: no STARTTLS or no login is offered. ValueError: a name that cannot be a host's.
    if type(error) is SMTPException or isinstance(error, aiosmtplib.SMTPNotSupported | ValueError):
        return RelayRefusedError(f"{address} cannot be used as DIGEST_SMTP_* say: {error}")
    return RelayUnavailableError(f"{address} cannot be reached: {error}")
