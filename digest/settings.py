"""All settings, from DIGEST_* in the environment and `.env`. `.env.example` documents each one."""

from email.utils import parseaddr
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from digest.errors import SettingError

KNOWN_SOURCES = ("huggingface", "arxiv")
DEFAULT_KEY = "change-me"
EXAMPLES = {
    "database_url": "sqlite:///var/digest.db",
    "base_url": "https://digest.example.org",
    "secret_key": "$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')",
    "smtp_host": "smtp.example.org",
    "smtp_port": "587",
    "smtp_tls": "starttls",
    "mail_from": "Paper Digest <digest@example.org>",
    "sources": "huggingface,arxiv",
    "arxiv_categories": "cs.CL,cs.LG",
    "huggingface_url": "https://huggingface.co",
    "arxiv_feed_url": "https://rss.arxiv.org",
    "arxiv_api_url": "https://export.arxiv.org",
    "contact": "you@example.org",
    "default_timezone": "Europe/Berlin",
    "send_hour": "8",
}


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
        env_prefix="DIGEST_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: str = "sqlite:///var/digest.db"
    base_url: str = "http://127.0.0.1:8000"
    secret_key: SecretStr = SecretStr("")
    smtp_host: str = ""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_username: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_tls: Tls = Tls.STARTTLS
    mail_from: str = "Paper Digest <digest@localhost>"
    postal_address: str = ""
    sources: Words = KNOWN_SOURCES
    arxiv_categories: Words = ("cs.AI", "cs.CL", "cs.CV", "cs.LG")
    huggingface_url: str = "https://huggingface.co"
    arxiv_feed_url: str = "https://rss.arxiv.org"
    arxiv_api_url: str = "https://export.arxiv.org"
    contact: str = ""
    default_timezone: str = "UTC"
    send_hour: int = Field(default=8, ge=0, le=23)

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
    def home(self) -> Path:
        """Where files of our own go: beside the embedded database, else `var`."""
        database = make_url(self.database_url).database
        return Path(database).parent if self.embedded and database else Path("var")

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        try:
            url = make_url(value)
        except ArgumentError as error:
            raise ValueError("not a database address") from error
        if url.drivername not in {"sqlite", "postgresql+psycopg"}:
            raise ValueError(f"{url.drivername!r} is not supported; use sqlite or postgresql+psycopg")
        if url.drivername == "sqlite" and url.database in {None, "", ":memory:"}:
            raise ValueError("a database in memory would forget who got what; name a file")
        return value

    @field_validator("base_url", "huggingface_url", "arxiv_feed_url", "arxiv_api_url")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("not an address that begins with http:// or https://")
        if parts.query or parts.fragment:
            raise ValueError("only scheme, host, port and path belong here")
        return value.rstrip("/")

    @field_validator("mail_from")
    @classmethod
    def _mail_from(cls, value: str) -> str:
        _, address = parseaddr(value)
        local, _, domain = address.rpartition("@")
        if not local or not domain or any(c in value for c in "\r\n"):
            raise ValueError("not a mail address")
        return value

    @field_validator("postal_address", "contact", "smtp_host", "smtp_username")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if any(ord(c) < ord(" ") for c in value):
            raise ValueError("must stand on one line")
        return value.strip()

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
            if not name.replace(".", "").replace("-", "").isalnum():
                raise ValueError(f"{name!r} is not an arXiv category")
        return tuple(dict.fromkeys(value))

    @field_validator("default_timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"no time zone is called {value!r}")
        return ZoneInfo(value).key

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.relay and self.secret_key.get_secret_value() in {"", DEFAULT_KEY}:
            raise ValueError(
                "DIGEST_SECRET_KEY is missing or still the default, but DIGEST_SMTP_HOST names a relay: "
                "links in letters could be forged. Set it, for example "
                f"DIGEST_SECRET_KEY={EXAMPLES['secret_key']}"
            )
        if self.smtp_username and self.smtp_tls is Tls.NONE and self.smtp_host not in {"127.0.0.1", "::1", "localhost"}:
            raise ValueError(
                "DIGEST_SMTP_USERNAME with DIGEST_SMTP_TLS=none would send the password in the clear. "
                "Set it, for example DIGEST_SMTP_TLS=starttls"
            )
        return self


def load(**overrides: Any) -> Settings:
    """The settings of this start. Raises SettingError with a sentence per fault."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingError("\n".join(_sentence(dict(fault)) for fault in error.errors())) from error


def _sentence(fault: dict[str, Any]) -> str:
    said = str(fault["msg"]).removeprefix("Value error, ")
    if not fault["loc"]:
        return said
    name = str(fault["loc"][0]).removeprefix("DIGEST_").lower()
    value = "" if name in {"secret_key", "smtp_password"} else f" (it is {fault['input']!r})"
    example = EXAMPLES.get(name)
    return f"DIGEST_{name.upper()}: {said}{value}." + (f" Example: DIGEST_{name.upper()}={example}" if example else "")
