"""Settings of the way out (relay, sender, signature) and of what comes back."""

import re
from email.utils import parseaddr
from typing import Self

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator, model_validator

from digest.settings.kinds import TlsMode, validate_hostname, validate_one_line
from digest.settings.said import ENV_PREFIX, format_example

EMAIL_PATTERN = re.compile(r"[^@\s<>]+@[^@\s<>.]+(\.[^@\s<>.]+)*")
HOST_PATTERN = re.compile(r"[\w.-]+|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")  # a name, IPv4 or IPv6
MAX_LOCAL_PART = 24  # characters: with "+" and a token of 39 they fill the 64 of RFC 5321, 4.5.3.1.1
BOUNCE_ADDRESS_PATTERN = re.compile(
    rf"[\w.+=~-]{{1,{MAX_LOCAL_PART}}}@(?:[a-z0-9-]+\.)*[a-z0-9-]+", re.ASCII | re.IGNORECASE
)
MIN_RATE = 0.1  # letters a second: slower ones would not outlast the seconds between two looks at the queue


class MailSettings(BaseModel):
    """How letters travel."""

    smtp_host: str = ""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_username: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_tls: TlsMode = TlsMode.STARTTLS
    smtp_rate: float = Field(default=0, ge=0, le=10_000)
    smtp_domain_rate: float = Field(default=0, ge=0, le=10_000)
    smtp_connections: int = Field(default=4, ge=1, le=100)
    smtp_reuse: int = Field(default=100, ge=1, le=100_000)
    smtp_timeout: float = Field(default=60, ge=0.1, le=600)
    mail_from: str = "Paper Digest <digest@localhost>"
    bounce_address: str = ""
    imap_host: str = ""
    imap_port: int = Field(default=993, ge=1, le=65535)
    imap_username: str = ""
    imap_password: SecretStr = SecretStr("")
    imap_folder: str = "INBOX"
    imap_tls: TlsMode = TlsMode.TLS
    dkim_key: str = ""
    dkim_selector: str = ""
    dkim_domain: str = ""
    postal_address: str = ""

    _validate_one_line = field_validator(
        *("mail_from", "postal_address", "smtp_host", "smtp_username", "dkim_key"),
        *("imap_host", "imap_username", "imap_folder"),
    )(validate_one_line)
    _validate_hostname = field_validator("dkim_selector", "dkim_domain")(validate_hostname)

    @property
    def has_relay(self) -> bool:
        """A relay is set: letters leave this machine."""
        return bool(self.smtp_host)

    @property
    def has_mailbox(self) -> bool:
        """A mailbox is set that bounces are read from."""
        return bool(self.imap_host)

    @property
    def signing_domain(self) -> str:
        """The domain that answers for our signature: DIGEST_DKIM_DOMAIN, else the sender's."""
        return (self.dkim_domain or parseaddr(self.mail_from)[1].rpartition("@")[2]).lower()

    @field_validator("mail_from")
    @classmethod
    def _validate_mail_from(cls, value: str) -> str:
        # The name must not be taken for an address: "Me, Myself <me@example.org>" needs quotes (RFC 5322, 3.4).
        if not EMAIL_PATTERN.fullmatch(parseaddr(value)[1]):
            raise ValueError("not a mail address, or a name that needs quotes")
        return value

    @field_validator("bounce_address")
    @classmethod
    def _validate_bounce_address(cls, value: str) -> str:
        value = value.strip()
        if value and not BOUNCE_ADDRESS_PATTERN.fullmatch(value):
            raise ValueError(f"not a plain mail address with at most {MAX_LOCAL_PART} characters before the @")
        return value

    @field_validator("smtp_rate", "smtp_domain_rate")
    @classmethod
    def _validate_rate(cls, value: float) -> float:
        if 0 < value < MIN_RATE:
            raise ValueError(f"slower than a letter every {1 / MIN_RATE:.0f} seconds; 0 is no limit")
        return value

    @field_validator("smtp_host", "imap_host")
    @classmethod
    def _validate_host(cls, value: str, info: ValidationInfo) -> str:
        if value and not HOST_PATTERN.fullmatch(value):
            port = f"{ENV_PREFIX}{info.field_name}".upper().replace("HOST", "PORT")
            raise ValueError(f"not the name or number of a host alone; the port goes into {port}")
        return value

    @model_validator(mode="after")
    def _validate_combinations(self) -> Self:
        if bool(self.dkim_key) != bool(self.dkim_selector):
            name = "dkim_selector" if self.dkim_key else "dkim_key"
            said = f"DIGEST_{name.upper()}: missing; a signature needs the key and the selector both."
            raise ValueError(said + format_example(name))
        if self.smtp_password.get_secret_value() and not self.smtp_username:
            said = "DIGEST_SMTP_USERNAME: missing, but DIGEST_SMTP_PASSWORD is set."
            raise ValueError(said + format_example("smtp_username"))
        for way, tls, host, user in (
            ("SMTP", self.smtp_tls, self.smtp_host, self.smtp_username),
            ("IMAP", self.imap_tls, self.imap_host, self.imap_username),
        ):
            if user and tls is TlsMode.NONE and host not in {"", "127.0.0.1", "::1", "localhost"}:
                said = f"DIGEST_{way}_TLS: none would send the password of DIGEST_{way}_USERNAME in the clear."
                raise ValueError(said + format_example(f"{way.lower()}_tls"))
        for name in ("bounce_address", "imap_username") if self.has_mailbox else ():
            if not getattr(self, name):
                said = f"DIGEST_{name.upper()}: missing, but DIGEST_IMAP_HOST names a mailbox for what comes back."
                raise ValueError(said + format_example(name))
        return self
