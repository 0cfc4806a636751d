"""Relay, and how to reach it: connect, TLS, login and EHLO are aiosmtplib's."""

import ssl
from dataclasses import dataclass

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException

from digest.errors import DeliveryError, RelayRefusedError, RelayUnavailableError, SmtpStep
from digest.mail import messages
from digest.mail.replies import error_from_reply

SmtpClient = aiosmtplib.SMTP
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


async def connect(relay: RelayConfig) -> SmtpClient:
    """Return a connection that is ready for MAIL. Raises RelayUnavailableError or RelayRefusedError."""
    try:
        client = aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            use_tls=relay.tls == "tls",
            start_tls=relay.tls == "starttls",
            local_hostname=relay.local_hostname,
            timeout=relay.timeout,
        )
        try:
            await client.connect()
            if relay.username:
                await _log_in(client, relay)
            if client.last_ehlo_response is None:  # AUTH has sent EHLO already, STARTTLS forgets it
                await _say_hello(client)
        except BaseException:
            client.close()
            raise
    except (SMTPException, OSError, ValueError) as error:
        raise _connection_error(relay.name, error) from error
    return client


async def _log_in(client: SmtpClient, relay: RelayConfig) -> None:
    try:
        await client.login(relay.username, relay.password)
    except SMTPException as error:
        offered = client.server_auth_methods
        if isinstance(error, SMTPResponseException) or not offered or client.supported_auth_methods:
            raise
        methods = (", ".join(sorted(method.upper() for method in names)) for names in (offered, client.AUTH_METHODS))
        raise SMTPException(messages.no_common_login(*methods)) from error


async def _say_hello(client: SmtpClient) -> None:
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
        return error_type(messages.relay_refuses(relay, error.code, error.message), code=max(error.code, 0), step=step)
    for cause in (error, error.__cause__):
        if isinstance(cause, ssl.SSLError):
            return RelayRefusedError(messages.no_safe_connection(relay, cause), step=SmtpStep.CONNECT)
    # A bare SMTPException: no STARTTLS or no login is offered. ValueError: a name that cannot be a host's.
    if type(error) is SMTPException or isinstance(error, aiosmtplib.SMTPNotSupported | ValueError):
        return RelayRefusedError(messages.relay_failed(relay, error), step=SmtpStep.CONNECT)
    return RelayUnavailableError(messages.relay_unreachable(relay, error), step=SmtpStep.CONNECT)


async def try_envelope(client: SmtpClient, sender: str, recipient: str, relay: str) -> DeliveryError | None:
    """Ask MAIL and RCPT as a delivery would, without DATA, and quit. Return the error of the first refusal."""
    step = SmtpStep.MAIL
    try:
        await client.mail(sender)
        step = SmtpStep.RCPT
        await client.rcpt(recipient)
        await client.rset()
        await client.quit()
    except (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPRecipientRefused) as error:
        return error_from_reply(error.code, error.message, step=step, relay=relay)
    except (SMTPException, OSError) as error:
        return RelayUnavailableError(messages.relay_silent(relay, error), step=SmtpStep.CONNECT)
    finally:
        client.close()
    return None
