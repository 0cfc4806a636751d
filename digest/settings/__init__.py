"""All settings, from DIGEST_* in the environment and `.env`. `.env.example` documents each one.

mail.py       relay, sender, signature, what comes back
reading.py    sources, and what new subscribers are offered
operating.py  who may look at the service, and how it speaks
kinds.py      how addresses, lists and names are written
said.py       what is said about a setting that cannot be used
"""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from digest.errors import SettingError
from digest.settings.kinds import TlsMode, validate_http_url
from digest.settings.mail import MailSettings
from digest.settings.operating import LogFormat, OperatorSettings
from digest.settings.reading import KNOWN_SOURCES, SourceSettings, SubscriberSettings
from digest.settings.said import ENV_PREFIX, EXAMPLES, format_error, format_example

__all__ = [
    "DEFAULT_KEY",
    "EXAMPLES",
    "KNOWN_SOURCES",
    "ENV_PREFIX",
    "LogFormat",
    "Settings",
    "TlsMode",
    "load_settings",
    "unknown_variables",
]

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
