"""Where letters are handed over, and how to get there: connect, TLS, login and EHLO are aiosmtplib's."""

import ssl
from dataclasses import dataclass

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException

from digest.errors import LaneClosed, RelayDown, SendError

STEP_SECONDS = 60.0  # for an answer to a command, where no setting says otherwise
LETTERS_A_CONNECTION = 100  # many relays close one after so many


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
