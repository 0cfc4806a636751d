"""Settings from `DIGEST_*` environment variables and `.env`. `.env.example` documents each one.

`load_settings` reads them once at the start; what it raises names the setting, the reason and an example.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from email.utils import parseaddr
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, NoReturn, Self
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from dotenv import dotenv_values
from pydantic import BaseModel, Field, SecretStr, ValidationError, ValidationInfo
from pydantic.functional_validators import AfterValidator, BeforeValidator, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from digest.errors import SettingError

ENV_PREFIX = "DIGEST_"
DEFAULT_KEY = "change-me"
KNOWN_SOURCES = ("huggingface", "arxiv")
EXAMPLES = {
    "database_url": "sqlite:///var/digest.db", "base_url": "https://digest.example.org",
    "secret_key": "$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')",
    "secret_keys_old": "the key before, and the one before that", "smtp_host": "smtp.example.org", "smtp_port": "587",
    "smtp_username": "digest", "smtp_password": "the password that the relay gave you", "smtp_tls": "starttls",
    "smtp_rate": "10", "smtp_domain_rate": "2", "smtp_connections": "4", "smtp_reuse": "100", "smtp_timeout": "60",
    "mail_from": "Paper Digest <digest@example.org>", "bounce_address": "bounces@digest.example.org",
    "imap_host": "imap.example.org", "imap_port": "993", "imap_username": "bounces@digest.example.org",
    "imap_password": "the password of that mailbox", "imap_folder": "INBOX", "imap_tls": "tls",
    "dkim_key": "/etc/digest/dkim.pem", "dkim_selector": "digest", "dkim_domain": "example.org",
    "postal_address": "1 Example Street, 12345 Exampletown", "sources": "huggingface,arxiv",
    "arxiv_categories": "cs.CL,cs.LG", "huggingface_url": "https://huggingface.co",
    "arxiv_feed_url": "https://rss.arxiv.org", "arxiv_api_url": "https://export.arxiv.org",
    "contact": "you@example.org", "default_timezone": "Europe/Berlin", "send_hour": "8", "most_keywords": "100",
    "longest_keyword": "2000", "most_terms": "64", "deepest_nesting": "16", "web_copy_days": "90",
    "thumbnails": "yes", "operator_token": "a-long-word-of-your-own-making",
    "metrics_token": "another-long-word-of-your-own", "overdue_minutes": "60", "log_format": "json",
    "trusted_proxies": "127.0.0.1,10.0.0.0/8",
}  # fmt: skip
SECRET_SETTINGS = {"secret_key", "secret_keys_old", "smtp_password", "imap_password", "operator_token", "metrics_token"}
DEFAULT_RETENTION_DAYS = 90  # of what is deleted by age
UNCONFIRMED_RETENTION = timedelta(days=30)  # of an address that its owner has not confirmed
MIN_TOKEN_LENGTH = 16  # characters: the 95 printable ones of ASCII make about 105 bits of them
MIN_RATE = 0.1  # messages a second: a slower sender would not outlast the seconds between two polls of the queue
MAX_LOCAL_PART = 24  # characters: with "+" and a token of 39 they fill the 64 of RFC 5321, 4.5.3.1.1
HOSTNAME_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", re.IGNORECASE)
HOST_PATTERN = re.compile(r"[\w.-]+|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")  # a name, IPv4 or IPv6
EMAIL_PATTERN = re.compile(r"[^@\s<>]+@[^@\s<>.]+(\.[^@\s<>.]+)*")
BOUNCE_PATTERN = re.compile(rf"(?ai)[\w.+=~-]{{1,{MAX_LOCAL_PART}}}@(?:[a-z0-9-]+\.)*[a-z0-9-]+")
CATEGORY_PATTERN = re.compile(r"[a-z-]+(\.[A-Za-z-]+)?")


class TlsMode(StrEnum):
    """Encryption of a connection: STARTTLS (port 587), TLS from the start (465), or none."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class LogFormat(StrEnum):
    """Format of log lines; `auto` is `console` on a terminal and `json` elsewhere."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


def split_list(value: Any) -> Any:
    """Split a list as it is written in an environment variable: by commas or spaces."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def validate_one_line(value: str) -> str:
    """Accept what fits into a header, an SMTP command or a file name."""
    if not value.isprintable():
        raise ValueError("must stand on one line, without control characters")
    return value.strip()


def validate_hostname(value: str) -> str:
    """Accept a DNS name or an empty string."""
    if value and not HOSTNAME_PATTERN.fullmatch(value):
        raise ValueError("not a name in the DNS: letters, digits and hyphens, with dots between")
    return value


def validate_http_url(value: str) -> str:
    """Accept scheme, host, port and path; drop a slash at the end."""
    try:
        parts = urlsplit(value)
        _ = parts.port  # read here, because a bad port raises only when it is read
    except ValueError as error:
        raise ValueError(f"not an address: {str(error)[:1].lower()}{str(error)[1:]}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or any(c.isspace() for c in value):
        raise ValueError("not an address that begins with http:// or https://")
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError("only scheme, host, port and path belong here")
    return value.rstrip("/")


def validate_database_url(url: str) -> str:
    """Accept the URL of an SQLite file or a PostgreSQL database."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # the latter for a port that is no number
        raise ValueError("not a database address") from error
    if parsed.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise ValueError(f"{parsed.drivername!r} is not supported; use sqlite or postgresql+psycopg")
    if not parsed.database or parsed.database.startswith((":memory:", "file:")):
        raise ValueError("names no database: a file by its path, or at the end the name on the server")
    return url


def reject(name: str, reason: str) -> NoReturn:
    """Raise ValueError for a setting that does not fit to others."""
    raise ValueError(f"{ENV_PREFIX}{name.upper()}: {reason}{format_example(name)}")


StringList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)]
OneLine = Annotated[str, AfterValidator(validate_one_line)]
Hostname = Annotated[str, AfterValidator(validate_hostname)]
HttpUrl = Annotated[str, AfterValidator(validate_http_url)]
DatabaseUrl = Annotated[str, AfterValidator(validate_database_url)]


class MailSettings(BaseModel):
    """Relay, sender, DKIM signature, and the mailbox for bounces."""

    smtp_host: OneLine = ""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_username: OneLine = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_tls: TlsMode = TlsMode.STARTTLS
    smtp_rate: float = Field(default=0, ge=0, le=10_000)
    smtp_domain_rate: float = Field(default=0, ge=0, le=10_000)
    smtp_connections: int = Field(default=4, ge=1, le=100)
    smtp_reuse: int = Field(default=100, ge=1, le=100_000)
    smtp_timeout: float = Field(default=60, ge=0.1, le=600)
    mail_from: OneLine = "Paper Digest <digest@localhost>"
    bounce_address: str = ""
    imap_host: OneLine = ""
    imap_port: int = Field(default=993, ge=1, le=65535)
    imap_username: OneLine = ""
    imap_password: SecretStr = SecretStr("")
    imap_folder: OneLine = "INBOX"
    imap_tls: TlsMode = TlsMode.TLS
    dkim_key: OneLine = ""
    dkim_selector: Hostname = ""
    dkim_domain: Hostname = ""
    postal_address: OneLine = ""

    @property
    def has_relay(self) -> bool:
        """Whether e-mails leave this machine."""
        return bool(self.smtp_host)

    @property
    def has_mailbox(self) -> bool:
        """Whether bounces are read from a mailbox."""
        return bool(self.imap_host)

    @property
    def signing_domain(self) -> str:
        """Domain of the DKIM signature: DIGEST_DKIM_DOMAIN, else the sender's."""
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
        if value and not BOUNCE_PATTERN.fullmatch(value):
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
            reject(name, "missing; a signature needs the key and the selector both.")
        if self.smtp_password.get_secret_value() and not self.smtp_username:
            reject("smtp_username", "missing, but DIGEST_SMTP_PASSWORD is set.")
        for protocol, tls, host, user in (
            ("SMTP", self.smtp_tls, self.smtp_host, self.smtp_username),
            ("IMAP", self.imap_tls, self.imap_host, self.imap_username),
        ):
            if user and tls is TlsMode.NONE and host not in {"", "127.0.0.1", "::1", "localhost"}:
                reason = f"none would send the password of DIGEST_{protocol}_USERNAME in the clear."
                reject(f"{protocol.lower()}_tls", reason)
        for name in ("bounce_address", "imap_username") if self.has_mailbox else ():
            if not getattr(self, name):
                reject(name, "missing, but DIGEST_IMAP_HOST names a mailbox for what comes back.")
        return self


class SourceSettings(BaseModel):
    """Sources, and where they are."""

    sources: StringList = KNOWN_SOURCES
    arxiv_categories: StringList = ("cs.AI", "cs.CL", "cs.CV", "cs.LG")
    huggingface_url: HttpUrl = "https://huggingface.co"
    arxiv_feed_url: HttpUrl = "https://rss.arxiv.org"
    arxiv_api_url: HttpUrl = "https://export.arxiv.org"
    contact: OneLine = ""
    thumbnails: bool = False

    @field_validator("sources")
    @classmethod
    def _validate_sources(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in value if name not in KNOWN_SOURCES]:
            raise ValueError(f"no source is called {unknown[0]!r}; known: {', '.join(KNOWN_SOURCES)}")
        if not value:
            raise ValueError("without a source there is nothing to mail")
        return tuple(dict.fromkeys(value))

    @field_validator("arxiv_categories")
    @classmethod
    def _validate_categories(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in value if not CATEGORY_PATTERN.fullmatch(name)]:
            raise ValueError(f"{unknown[0]!r} is not an arXiv category")
        return tuple(dict.fromkeys(value))


class SubscriberSettings(BaseModel):
    """Limits of a subscription, and what new ones begin with."""

    default_timezone: str = "UTC"
    send_hour: int = Field(default=8, ge=0, le=23)
    most_keywords: int = Field(default=100, ge=1, le=1000)
    longest_keyword: int = Field(default=2000, ge=50, le=10_000)
    most_terms: int = Field(default=64, ge=1, le=1000)
    deepest_nesting: int = Field(default=16, ge=1, le=50)
    web_copy_days: int = Field(default=90, ge=1, le=3650)

    @field_validator("default_timezone")
    @classmethod
    def _validate_timezone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"no time zone is called {value!r}")
        return value


class OperatorSettings(BaseModel):
    """Access to the operator's pages and metrics, alerts, logs and trusted proxies."""

    operator_token: SecretStr = SecretStr("")
    metrics_token: SecretStr = SecretStr("")
    overdue_minutes: int = Field(default=60, ge=5, le=1440)
    log_format: LogFormat = LogFormat.AUTO
    trusted_proxies: StringList = ("127.0.0.1", "::1")

    @field_validator("operator_token", "metrics_token")
    @classmethod
    def _validate_token(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value()
        if token and len(token) < MIN_TOKEN_LENGTH:
            raise ValueError(f"has {len(token)} characters, needed are {MIN_TOKEN_LENGTH} or more: it could be guessed")
        if not token.isascii() or any(not c.isprintable() or c.isspace() for c in token):
            raise ValueError("may hold only letters, digits and signs of ASCII, without spaces")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _validate_trusted_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            try:
                network = ip_network(address)
            except ValueError as error:
                raise ValueError(f"{address!r} is no address or network of a proxy") from error
            if network.prefixlen == 0:
                raise ValueError(f"{address} is everybody: each client could say that it is another one")
        return value


class Settings(OperatorSettings, SubscriberSettings, SourceSettings, MailSettings, BaseSettings):
    """Settings of all topics; see `.env.example` for what each one does."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    database_url: DatabaseUrl = Field(default="sqlite:///var/digest.db", repr=False)  # may hold a password
    base_url: HttpUrl = "http://127.0.0.1:8000"
    secret_key: SecretStr = SecretStr("")
    secret_keys_old: SecretStr = SecretStr("")

    @property
    def old_secret_keys(self) -> tuple[str, ...]:
        """Keys that signed before; their links go on to work."""
        return tuple(self.secret_keys_old.get_secret_value().replace(",", " ").split())

    @property
    def uses_sqlite(self) -> bool:
        """Whether the store is an SQLite file rather than a PostgreSQL database."""
        return self.database_url.startswith("sqlite")

    @property
    def data_directory(self) -> Path:
        """Directory of our own files: beside the SQLite file, else `var`."""
        database = make_url(self.database_url).database
        return Path(database).parent if self.uses_sqlite and database else Path("var")

    @model_validator(mode="after")
    def _validate_secret_keys(self) -> Self:
        if DEFAULT_KEY in self.old_secret_keys:
            reject("secret_keys_old", "the default is known to everybody, so no letter was signed with it.")
        if self.has_relay and self.secret_key.get_secret_value() in {"", DEFAULT_KEY}:
            reason = (
                "missing or still the default, but DIGEST_SMTP_HOST names a relay: links in letters could be forged."
            )
            reject("secret_key", reason)
        return self


def load_settings(**overrides: Any) -> Settings:
    """Read the settings. Raises SettingError with a sentence for each bad value."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingError("\n".join(format_error(dict(details)) for details in error.errors())) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f".env cannot be read as text: {error}") from error


def parse_database_url(url: str) -> str:
    """Validate a database URL that does not come from the settings. Raises SettingError."""
    try:
        return validate_database_url(url)
    except ValueError as error:
        raise SettingError(f"{error}; for example {EXAMPLES['database_url']}") from error


def unknown_variables(environ: Mapping[str, str], dotenv: Path) -> list[str]:
    """Describe each DIGEST_* variable that is no setting, with the nearest one that is.

    Values are never shown: the password is as likely to be misspelled as the rest.
    """
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields}
    variables = dict.fromkeys(dotenv_values(dotenv), str(dotenv)) | dict.fromkeys(environ, "the environment")
    sentences = []
    for name, place in sorted(variables.items()):
        if name.upper().startswith(ENV_PREFIX) and name.upper() not in known:
            near = get_close_matches(name.upper(), known, n=1, cutoff=0.8)
            sentences.append(f"{name} in {place} is no setting." + (f" Did you mean {near[0]}?" if near else ""))
    return sentences


def format_error(error: dict[str, Any]) -> str:
    """Format one pydantic error: name, reason, value unless it is secret, and an example."""
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return message
    name = str(error["loc"][0]).lower().removeprefix(ENV_PREFIX.lower())
    # Masked is what may be a password: all between `//` and `@`, and after `password=`.
    masked = re.sub(r"(?i)(password=)[^&\s]*", r"\1***", re.sub(r"//.*@", "//***@", str(error["input"])))
    value = "" if name in SECRET_SETTINGS else f" (it is {masked!r})"
    return f"{ENV_PREFIX}{name.upper()}: {message}{value}.{format_example(name)}"


def format_example(name: str) -> str:
    """Format an example of a setting."""
    return f" Example: {ENV_PREFIX}{name.upper()}={EXAMPLES[name]}"
