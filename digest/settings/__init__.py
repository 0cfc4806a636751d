"""All settings, from DIGEST_* in the environment and `.env`. `.env.example` documents each one."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from email.utils import parseaddr
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import SplitResult, urlsplit
from zoneinfo import available_timezones

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from digest.errors import SettingError
from digest.settings.said import EXAMPLES, PREFIX, example, sentence

__all__ = ["DEFAULT_KEY", "EXAMPLES", "KNOWN_SOURCES", "PREFIX", "Settings", "Tls", "load", "unknown"]

KNOWN_SOURCES = ("huggingface", "arxiv")
DEFAULT_KEY = "change-me"

ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>.]+(\.[^@\s<>.]+)*")
HOST = re.compile(r"[\w.-]+|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")  # a name, IPv4 or IPv6
DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", re.IGNORECASE)
LOCAL_PART = 24  # characters: with "+" and a token of 39 they fill the 64 of RFC 5321, 4.5.3.1.1
BOUNCES = re.compile(rf"[\w.+=~-]{{1,{LOCAL_PART}}}@(?:[a-z0-9-]+\.)*[a-z0-9-]+", re.ASCII | re.IGNORECASE)
SLOWEST = 0.1  # letters a second: slower ones would not outlast the seconds between two looks at the queue
CATEGORY = re.compile(r"[a-z-]+(\.[A-Za-z-]+)?")


class Tls(StrEnum):
    """How the way to the relay is made private: STARTTLS (port 587), TLS from the start (465), or not at all."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


def words(value: Any) -> Any:
    """A list as people write it in an environment variable: commas or spaces between."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """See `.env.example` for what each one does."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    database_url: str = Field(default="sqlite:///var/digest.db", repr=False)  # may hold a password
    base_url: str = "http://127.0.0.1:8000"
    secret_key: SecretStr = SecretStr("")
    smtp_host: str = ""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_username: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_tls: Tls = Tls.STARTTLS
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
    imap_tls: Tls = Tls.TLS
    dkim_key: str = ""
    dkim_selector: str = ""
    dkim_domain: str = ""
    postal_address: str = ""
    sources: Words = KNOWN_SOURCES
    arxiv_categories: Words = ("cs.AI", "cs.CL", "cs.CV", "cs.LG")
    huggingface_url: str = "https://huggingface.co"
    arxiv_feed_url: str = "https://rss.arxiv.org"
    arxiv_api_url: str = "https://export.arxiv.org"
    contact: str = ""
    default_timezone: str = "UTC"
    send_hour: int = Field(default=8, ge=0, le=23)
    most_keywords: int = Field(default=100, ge=1, le=1000)
    longest_keyword: int = Field(default=2000, ge=50, le=10_000)
    most_terms: int = Field(default=64, ge=1, le=1000)
    deepest_nesting: int = Field(default=16, ge=1, le=50)
    web_copy_days: int = Field(default=90, ge=1, le=3650)

    _split = field_validator("sources", "arxiv_categories", mode="before")(words)

    @property
    def embedded(self) -> bool:
        """SQLite in one process, rather than PostgreSQL."""
        return self.database_url.startswith("sqlite")

    @property
    def relay(self) -> bool:
        """A relay is set: letters leave this machine."""
        return bool(self.smtp_host)

    @property
    def mailbox(self) -> bool:
        """A mailbox is set that bounces are read from."""
        return bool(self.imap_host)

    @property
    def signing_domain(self) -> str:
        """The domain that answers for our signature: DIGEST_DKIM_DOMAIN, else the sender's."""
        return (self.dkim_domain or parseaddr(self.mail_from)[1].rpartition("@")[2]).lower()

    @property
    def home(self) -> Path:
        """Where files of our own go: beside the embedded database, else `var`."""
        database = make_url(self.database_url).database
        return Path(database).parent if self.embedded and database else Path("var")

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        try:
            url = make_url(value)
        except (ArgumentError, ValueError) as error:  # the latter for a port that is no number
            raise ValueError("not a database address") from error
        if url.drivername not in {"sqlite", "postgresql+psycopg"}:
            raise ValueError(f"{url.drivername!r} is not supported; use sqlite or postgresql+psycopg")
        if not url.database or url.database.startswith((":memory:", "file:")):
            raise ValueError("names no database: a file by its path, or at the end the name on the server")
        return value

    @field_validator("base_url", "huggingface_url", "arxiv_feed_url", "arxiv_api_url")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = _split_address(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or any(c.isspace() for c in value):
            raise ValueError("not an address that begins with http:// or https://")
        if parts.query or parts.fragment or parts.username is not None:
            raise ValueError("only scheme, host, port and path belong here")
        return value.rstrip("/")

    @field_validator(
        "mail_from",
        "postal_address",
        "contact",
        "smtp_host",
        "smtp_username",
        "dkim_key",
        "imap_host",
        "imap_username",
        "imap_folder",
    )
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("must stand on one line, without control characters")
        return value.strip()

    @field_validator("mail_from")
    @classmethod
    def _mail_from(cls, value: str) -> str:
        # The name must not be taken for an address: "Me, Myself <me@example.org>" needs quotes (RFC 5322, 3.4).
        if not ADDRESS.fullmatch(parseaddr(value)[1]):
            raise ValueError("not a mail address, or a name that needs quotes")
        return value

    @field_validator("bounce_address")
    @classmethod
    def _bounce_address(cls, value: str) -> str:
        value = value.strip()
        if value and not BOUNCES.fullmatch(value):
            raise ValueError(f"not a plain mail address with at most {LOCAL_PART} characters before the @")
        return value

    @field_validator("smtp_rate", "smtp_domain_rate")
    @classmethod
    def _rate(cls, value: float) -> float:
        if 0 < value < SLOWEST:
            raise ValueError(f"slower than a letter every {1 / SLOWEST:.0f} seconds; 0 is no limit")
        return value

    @field_validator("smtp_host", "imap_host")
    @classmethod
    def _host(cls, value: str, about: ValidationInfo) -> str:
        if value and not HOST.fullmatch(value):
            port = f"{PREFIX}{about.field_name}".upper().replace("HOST", "PORT")
            raise ValueError(f"not the name or number of a host alone; the port goes into {port}")
        return value

    @field_validator("dkim_selector", "dkim_domain")
    @classmethod
    def _in_the_dns(cls, value: str) -> str:
        if value and not DOMAIN.fullmatch(value):
            raise ValueError("not a name in the DNS: letters, digits and hyphens, with dots between")
        return value

    @field_validator("sources")
    @classmethod
    def _sources(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in value if name not in KNOWN_SOURCES]:
            raise ValueError(f"no source is called {unknown[0]!r}; known: {', '.join(KNOWN_SOURCES)}")
        if not value:
            raise ValueError("without a source there is nothing to mail")
        return tuple(dict.fromkeys(value))

    @field_validator("arxiv_categories")
    @classmethod
    def _categories(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not CATEGORY.fullmatch(name):
                raise ValueError(f"{name!r} is not an arXiv category")
        return tuple(dict.fromkeys(value))

    @field_validator("default_timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"no time zone is called {value!r}")
        return value

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.relay and self.secret_key.get_secret_value() in {"", DEFAULT_KEY}:
            said = "DIGEST_SECRET_KEY: missing or still the default, but DIGEST_SMTP_HOST names a relay: "
            raise ValueError(f"{said}links in letters could be forged.{example('secret_key')}")
        if bool(self.dkim_key) != bool(self.dkim_selector):
            name = "dkim_selector" if self.dkim_key else "dkim_key"
            said = f"DIGEST_{name.upper()}: missing; a signature needs the key and the selector both."
            raise ValueError(said + example(name))
        if self.smtp_password.get_secret_value() and not self.smtp_username:
            said = "DIGEST_SMTP_USERNAME: missing, but DIGEST_SMTP_PASSWORD is set."
            raise ValueError(said + example("smtp_username"))
        for way, tls, host, user in (
            ("SMTP", self.smtp_tls, self.smtp_host, self.smtp_username),
            ("IMAP", self.imap_tls, self.imap_host, self.imap_username),
        ):
            if user and tls is Tls.NONE and host not in {"", "127.0.0.1", "::1", "localhost"}:
                said = f"DIGEST_{way}_TLS: none would send the password of DIGEST_{way}_USERNAME in the clear."
                raise ValueError(said + example(f"{way.lower()}_tls"))
        for name in ("bounce_address", "imap_username") if self.mailbox else ():
            if not getattr(self, name):
                said = f"DIGEST_{name.upper()}: missing, but DIGEST_IMAP_HOST names a mailbox for what comes back."
                raise ValueError(said + example(name))
        return self


def load(**overrides: Any) -> Settings:
    """The settings of this start. Raises SettingError with a sentence per fault."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingError("\n".join(sentence(dict(fault)) for fault in error.errors())) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f".env cannot be read as text: {error}") from error


def unknown(environ: Mapping[str, str], dotenv: Path) -> list[str]:
    """A sentence for each DIGEST_* that is no setting, with the nearest one that is: a typo is silent otherwise.

    Values are never shown: the password is as likely to be misspelled as the rest.
    """
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    given = dict.fromkeys(dotenv_values(dotenv), str(dotenv)) | dict.fromkeys(environ, "the environment")
    sentences = []
    for name, place in sorted(given.items()):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = get_close_matches(name.upper(), known, n=1, cutoff=0.8)
            sentences.append(f"{name} in {place} is no setting." + (f" Did you mean {near[0]}?" if near else ""))
    return sentences


def _split_address(value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        _ = parts.port  # looked at here, because a bad one raises only when it is asked for
    except ValueError as error:
        raise ValueError(f"not an address: {str(error)[:1].lower()}{str(error)[1:]}") from error
    return parts
