"""What several settings share: how lists, addresses and names are written. Each check raises ValueError in words.

What is said about a setting that cannot be used.

Settings of the way out (relay, sender, signature) and of what comes back.

Settings of whoever runs the service: who may look at it, what stands before it, and when it is said to be late.

Settings of what is read, and of what new subscribers are offered.

All settings, from DIGEST_* in the environment and `.env`. `.env.example` documents each one.

mail.py       relay, sender, signature, what comes back
reading.py    sources, and what new subscribers are offered
operating.py  who may look at the service, and how it speaks
kinds.py      how addresses, lists and names are written
said.py       what is said about a setting that cannot be used
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from email.utils import parseaddr
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import SplitResult, urlsplit
from zoneinfo import available_timezones

from dotenv import dotenv_values
from pydantic import BaseModel, Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from digest.errors import SettingError

HOSTNAME_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", re.IGNORECASE)


class TlsMode(StrEnum):
    """How the way to the relay is made private: STARTTLS (port 587), TLS from the start (465), or not at all."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


def split_list(value: Any) -> Any:
    """A list as people write it in an environment variable: commas or spaces between."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


StringList = Annotated[tuple[str, ...], NoDecode]


def validate_one_line(value: str) -> str:
    """Fit for a header, a command of SMTP or the name of a file."""
    if not value.isprintable():
        raise ValueError("must stand on one line, without control characters")
    return value.strip()


def validate_hostname(value: str) -> str:
    """A name in the DNS, or nothing."""
    if value and not HOSTNAME_PATTERN.fullmatch(value):
        raise ValueError("not a name in the DNS: letters, digits and hyphens, with dots between")
    return value


def validate_http_url(value: str) -> str:
    """Scheme, host, port and path of a host, without a slash at the end."""
    parts = _split_url(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or any(c.isspace() for c in value):
        raise ValueError("not an address that begins with http:// or https://")
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError("only scheme, host, port and path belong here")
    return value.rstrip("/")


def _split_url(value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        _ = parts.port  # looked at here, because a bad one raises only when it is asked for
    except ValueError as error:
        raise ValueError(f"not an address: {str(error)[:1].lower()}{str(error)[1:]}") from error
    return parts


ENV_PREFIX = "DIGEST_"


EXAMPLES = {
    "database_url": "sqlite:///var/digest.db",
    "base_url": "https://digest.example.org",
    "secret_key": "$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')",
    "secret_keys_old": "the key before, and the one before that",
    "smtp_host": "smtp.example.org",
    "smtp_port": "587",
    "smtp_username": "digest",
    "smtp_password": "the password that the relay gave you",
    "smtp_tls": "starttls",
    "smtp_rate": "10",
    "smtp_domain_rate": "2",
    "smtp_connections": "4",
    "smtp_reuse": "100",
    "smtp_timeout": "60",
    "mail_from": "Paper Digest <digest@example.org>",
    "bounce_address": "bounces@digest.example.org",
    "imap_host": "imap.example.org",
    "imap_port": "993",
    "imap_username": "bounces@digest.example.org",
    "imap_password": "the password of that mailbox",
    "imap_folder": "INBOX",
    "imap_tls": "tls",
    "dkim_key": "/etc/digest/dkim.pem",
    "dkim_selector": "digest",
    "dkim_domain": "example.org",
    "postal_address": "1 Example Street, 12345 Exampletown",
    "sources": "huggingface,arxiv",
    "arxiv_categories": "cs.CL,cs.LG",
    "huggingface_url": "https://huggingface.co",
    "arxiv_feed_url": "https://rss.arxiv.org",
    "arxiv_api_url": "https://export.arxiv.org",
    "contact": "you@example.org",
    "default_timezone": "Europe/Berlin",
    "send_hour": "8",
    "most_keywords": "100",
    "longest_keyword": "2000",
    "most_terms": "64",
    "deepest_nesting": "16",
    "web_copy_days": "90",
    "thumbnails": "yes",
    "operator_token": "a-long-word-of-your-own-making",
    "metrics_token": "another-long-word-of-your-own",
    "overdue_minutes": "60",
    "log_format": "json",
    "trusted_proxies": "127.0.0.1,10.0.0.0/8",
}


SECRETS = {"secret_key", "secret_keys_old", "smtp_password", "imap_password", "operator_token", "metrics_token"}


def format_error(error: dict[str, Any]) -> str:
    """What is wrong with one setting, without what may be secret, and how it would be right."""
    said = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return said
    name = str(error["loc"][0]).lower().removeprefix(ENV_PREFIX.lower())
    given = "" if name in SECRETS else f" (it is {mask_passwords(str(error['input']))!r})"
    return f"{ENV_PREFIX}{name.upper()}: {said}{given}.{format_example(name)}"


def mask_passwords(value: str) -> str:
    """`value` without what may be a password: all between `//` and `@`, and after `password=`."""
    return re.sub(r"(?i)(password=)[^&\s]*", r"\1***", re.sub(r"//.*@", "//***@", value))


def format_example(name: str) -> str:
    """How a setting is written."""
    return f" Example: {ENV_PREFIX}{name.upper()}={EXAMPLES[name]}"


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


MIN_TOKEN_LENGTH = 16  # characters of a token: the 95 that can be typed make 105 bits of them


class LogFormat(StrEnum):
    """How a line of the log is written; `auto` is for people in a terminal and for programs elsewhere."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


class OperatorSettings(BaseModel):
    """What an operator may set."""

    operator_token: SecretStr = SecretStr("")
    metrics_token: SecretStr = SecretStr("")
    overdue_minutes: int = Field(default=60, ge=5, le=1440)
    log_format: LogFormat = LogFormat.AUTO
    trusted_proxies: StringList = ("127.0.0.1", "::1")

    _split_trusted_proxies = field_validator("trusted_proxies", mode="before")(split_list)

    @field_validator("operator_token", "metrics_token")
    @classmethod
    def _validate_token(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value()
        if token and len(token) < MIN_TOKEN_LENGTH:
            raise ValueError(f"has {len(token)} characters, needed are {MIN_TOKEN_LENGTH} or more: it could be guessed")
        if not token.isascii() or any(not each.isprintable() or each.isspace() for each in token):
            raise ValueError("may hold only letters, digits and signs of ASCII, without spaces")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _validate_trusted_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            try:
                found = ip_network(each)
            except ValueError as error:
                raise ValueError(f"{each!r} is no address or network of a proxy") from error
            if found.prefixlen == 0:
                raise ValueError(f"{each} is everybody: each client could say that it is another one")
        return value


KNOWN_SOURCES = ("huggingface", "arxiv")


CATEGORY_PATTERN = re.compile(r"[a-z-]+(\.[A-Za-z-]+)?")


class SourceSettings(BaseModel):
    """The sources, and where they are."""

    sources: StringList = KNOWN_SOURCES
    arxiv_categories: StringList = ("cs.AI", "cs.CL", "cs.CV", "cs.LG")
    huggingface_url: str = "https://huggingface.co"
    arxiv_feed_url: str = "https://rss.arxiv.org"
    arxiv_api_url: str = "https://export.arxiv.org"
    contact: str = ""
    thumbnails: bool = False

    _split_lists = field_validator("sources", "arxiv_categories", mode="before")(split_list)
    _validate_urls = field_validator("huggingface_url", "arxiv_feed_url", "arxiv_api_url")(validate_http_url)
    _validate_contact = field_validator("contact")(validate_one_line)

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
        for name in value:
            if not CATEGORY_PATTERN.fullmatch(name):
                raise ValueError(f"{name!r} is not an arXiv category")
        return tuple(dict.fromkeys(value))


class SubscriberSettings(BaseModel):
    """What a reader may have, and begins with."""

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


DEFAULT_KEY = "change-me"


class Settings(OperatorSettings, SubscriberSettings, SourceSettings, MailSettings, BaseSettings):
    """See `.env.example` for what each one does."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    database_url: str = Field(default="sqlite:///var/digest.db", repr=False)  # may hold a password
    base_url: str = "http://127.0.0.1:8000"
    secret_key: SecretStr = SecretStr("")
    secret_keys_old: SecretStr = SecretStr("")

    @field_validator("secret_keys_old")
    @classmethod
    def _validate_old_keys(cls, value: SecretStr) -> SecretStr:
        if DEFAULT_KEY in value.get_secret_value().replace(",", " ").split():
            raise ValueError("the default is known to everybody, so no letter was signed with it")
        return value

    _validate_base_url = field_validator("base_url")(validate_http_url)

    @property
    def old_secret_keys(self) -> tuple[str, ...]:
        """Keys that signed before; their links go on to work."""
        return tuple(self.secret_keys_old.get_secret_value().replace(",", " ").split())

    @property
    def uses_sqlite(self) -> bool:
        """SQLite in one process, rather than PostgreSQL."""
        return self.database_url.startswith("sqlite")

    @property
    def data_directory(self) -> Path:
        """Where files of our own go: beside the embedded database, else `var`."""
        database = make_url(self.database_url).database
        return Path(database).parent if self.uses_sqlite and database else Path("var")

    @field_validator("database_url")
    @classmethod
    def _validate_database_url(cls, value: str) -> str:
        return validate_database_url(value)

    @model_validator(mode="after")
    def _require_secret_key(self) -> Self:
        if self.has_relay and self.secret_key.get_secret_value() in {"", DEFAULT_KEY}:
            said = "DIGEST_SECRET_KEY: missing or still the default, but DIGEST_SMTP_HOST names a relay: "
            raise ValueError(f"{said}links in letters could be forged.{format_example('secret_key')}")
        return self


def validate_database_url(url: str) -> str:
    """The address of a database that can be a store. Raises ValueError."""
    try:
        found = make_url(url)
    except (ArgumentError, ValueError) as error:  # the latter for a port that is no number
        raise ValueError("not a database address") from error
    if found.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise ValueError(f"{found.drivername!r} is not supported; use sqlite or postgresql+psycopg")
    if not found.database or found.database.startswith((":memory:", "file:")):
        raise ValueError("names no database: a file by its path, or at the end the name on the server")
    return url


def parse_database_url(url: str) -> str:
    """The address of a database that was given beside the settings. Raises SettingError."""
    try:
        return validate_database_url(url)
    except ValueError as error:
        raise SettingError(f"{error}; for example {EXAMPLES['database_url']}") from error


def load_settings(**overrides: Any) -> Settings:
    """The settings of this start. Raises SettingError with a sentence per fault."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingError("\n".join(format_error(dict(fault)) for fault in error.errors())) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f".env cannot be read as text: {error}") from error


def unknown_variables(environ: Mapping[str, str], dotenv: Path) -> list[str]:
    """A sentence for each DIGEST_* that is no setting, with the nearest one that is: a typo is silent otherwise.

    Values are never shown: the password is as likely to be misspelled as the rest.
    """
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields}
    given = dict.fromkeys(dotenv_values(dotenv), str(dotenv)) | dict.fromkeys(environ, "the environment")
    sentences = []
    for name, place in sorted(given.items()):
        if name.upper().startswith(ENV_PREFIX) and name.upper() not in known:
            near = get_close_matches(name.upper(), known, n=1, cutoff=0.8)
            sentences.append(f"{name} in {place} is no setting." + (f" Did you mean {near[0]}?" if near else ""))
    return sentences
