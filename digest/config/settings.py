"""Settings by topic, with their defaults and limits."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from email.utils import parseaddr
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NoReturn, Self

from dotenv import dotenv_values
from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from sqlalchemy.engine import make_url

from digest.config import messages
from digest.config.examples import ENV_PREFIX, EXAMPLES
from digest.config.source_settings import source_entry_points
from digest.config.values import (
    BOUNCE_PATTERN,
    MAX_LOCAL_PART,
    P256_KEY_PATTERN,
    TOPIC_PATTERN,
    Accent,
    DatabaseUrl,
    FooterLinks,
    HostGaps,
    Hostname,
    HttpUrl,
    Intro,
    MailFrom,
    OneLine,
    OptionalHttpUrl,
    Rate,
    SiteName,
    StringList,
    encode_address,
    encode_host,
)
from digest.schedule import timezone_names

DEFAULT_KEY = "change-me"
DEFAULT_SOURCES = ("huggingface", "arxiv")
DEFAULT_RETENTION_DAYS = 90  # of what is deleted by age
UNCONFIRMED_RETENTION = timedelta(days=30)  # of an address that its owner has not confirmed
MIN_PAPER_DAYS = 90  # `digest collect` reads up to 60 days again
MIN_TOKEN_LENGTH = 16  # characters: the 95 printable ones of ASCII make about 105 bits of them


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


def reject(name: str, sentence: str) -> NoReturn:
    """Raise ValueError for a setting that does not fit to others."""
    raise ValueError(messages.invalid_combination(f"{ENV_PREFIX}{name.upper()}", sentence, EXAMPLES[name]))


class MailSettings(BaseModel):
    """Relay, sender, DKIM signature, and the mailbox for bounces."""

    smtp_host: OneLine = ""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_username: OneLine = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_tls: TlsMode = TlsMode.STARTTLS
    smtp_rate: Rate = 0
    smtp_domain_rate: Rate = 0
    smtp_connections: int = Field(default=4, ge=1, le=100)
    smtp_reuse: int = Field(default=100, ge=1, le=100_000)
    smtp_timeout: float = Field(default=60, ge=0.1, le=600)
    mail_from: MailFrom = "Paper Digest <digest@localhost>"
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

    @field_validator("bounce_address")
    @classmethod
    def _validate_bounce_address(cls, value: str) -> str:
        value = value.strip()
        if value and not BOUNCE_PATTERN.fullmatch(value.rpartition("@")[0]):
            raise ValueError(messages.bounce_address(MAX_LOCAL_PART))
        return value and encode_address(value)

    @field_validator("smtp_host", "imap_host")
    @classmethod
    def _validate_host(cls, value: str, info: ValidationInfo) -> str:
        try:
            return value and encode_host(value)
        except ValueError as error:
            port = f"{ENV_PREFIX}{info.field_name}".upper().replace("HOST", "PORT")
            raise ValueError(messages.host(port)) from error

    @model_validator(mode="after")
    def _validate_combinations(self) -> Self:
        if bool(self.dkim_key) != bool(self.dkim_selector):
            reject("dkim_selector" if self.dkim_key else "dkim_key", messages.DKIM_PAIR)
        if self.smtp_password.get_secret_value() and not self.smtp_username:
            reject("smtp_username", messages.SMTP_USERNAME_MISSING)
        for name, sentence, tls, host, user in (
            ("smtp_tls", messages.SMTP_CLEARTEXT, self.smtp_tls, self.smtp_host, self.smtp_username),
            ("imap_tls", messages.IMAP_CLEARTEXT, self.imap_tls, self.imap_host, self.imap_username),
        ):
            if user and tls is TlsMode.NONE and host not in {"", "127.0.0.1", "::1", "localhost"}:
                reject(name, sentence)
        for name in ("bounce_address", "imap_username") if self.has_mailbox else ():
            if not getattr(self, name):
                reject(name, messages.IMAP_SETTING_MISSING)
        return self


class WebhookSettings(BaseModel):
    """Secrets of the providers whose webhooks report bounces and complaints; a webhook is off without its secret."""

    bounces_ses_topic: OneLine = ""
    bounces_sendgrid_key: OneLine = ""
    bounces_mailgun_key: SecretStr = SecretStr("")
    bounces_postmark_secret: SecretStr = SecretStr("")

    @property
    def webhook_secrets(self) -> Mapping[str, str]:
        """Secret of each provider that has one; topic and public key serve as such."""
        secrets = {
            "amazon-ses": self.bounces_ses_topic,
            "sendgrid": self.bounces_sendgrid_key,
            "mailgun": self.bounces_mailgun_key.get_secret_value(),
            "postmark": self.bounces_postmark_secret.get_secret_value(),
        }
        return {provider: secret for provider, secret in secrets.items() if secret}

    @field_validator("bounces_ses_topic")
    @classmethod
    def _validate_topic(cls, value: str) -> str:
        if value and not TOPIC_PATTERN.fullmatch(value):
            raise ValueError(messages.SNS_TOPIC)
        return value

    @field_validator("bounces_sendgrid_key")
    @classmethod
    def _validate_public_key(cls, value: str) -> str:
        if value and not P256_KEY_PATTERN.fullmatch(value):
            raise ValueError(messages.SENDGRID_KEY)
        return value

    @field_validator("bounces_postmark_secret")
    @classmethod
    def _validate_secret(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < MIN_TOKEN_LENGTH:
            raise ValueError(messages.secret_too_short(MIN_TOKEN_LENGTH))
        return value


class CollectSettings(BaseModel):
    """Sources, and how they are asked. Each has settings of its own: see `source_settings`."""

    sources: StringList = DEFAULT_SOURCES
    host_gaps: HostGaps = Field(default_factory=dict)
    contact: OneLine = ""
    thumbnails: bool = True

    @field_validator("sources")
    @classmethod
    def _validate_sources(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = source_entry_points()
        if unknown := [name for name in value if name not in known]:
            raise ValueError(messages.unknown_source(unknown[0], ", ".join(sorted(known))))
        if not value:
            raise ValueError(messages.NO_SOURCES)
        return tuple(dict.fromkeys(value))


class SiteSettings(BaseModel):
    """What makes the pages and e-mails the operator's own."""

    site_name: SiteName = ""
    intro: Intro = ""
    footer_links: FooterLinks = ()
    documentation_url: OptionalHttpUrl = ""
    accent: Accent = ""
    logo: OneLine = ""
    templates: OneLine = ""


class SubscriberSettings(BaseModel):
    """Limits of a subscription, and what new ones begin with."""

    default_timezone: str = "UTC"
    send_hour: int = Field(default=8, ge=0, le=23)
    most_keywords: int = Field(default=100, ge=1, le=1000)
    longest_keyword: int = Field(default=2000, ge=50, le=10_000)
    most_terms: int = Field(default=64, ge=1, le=1000)
    deepest_nesting: int = Field(default=16, ge=1, le=50)
    web_copy_days: int = Field(default=90, ge=1, le=3650)
    keep_papers_days: int = Field(default=0, ge=0, le=36_500)

    @field_validator("keep_papers_days")
    @classmethod
    def _validate_keep_papers_days(cls, value: int) -> int:
        if 0 < value < MIN_PAPER_DAYS:
            raise ValueError(messages.retention_too_short(MIN_PAPER_DAYS))
        return value

    @field_validator("default_timezone")
    @classmethod
    def _validate_timezone(cls, value: str) -> str:
        if value not in timezone_names():
            raise ValueError(messages.unknown_timezone(value))
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
            raise ValueError(messages.secret_too_short(MIN_TOKEN_LENGTH))
        if not token.isascii() or any(not c.isprintable() or c.isspace() for c in token):
            raise ValueError(messages.TOKEN_CHARACTERS)
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _validate_trusted_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            try:
                network = ip_network(address)
            except ValueError as error:
                raise ValueError(messages.invalid_proxy(address)) from error
            if network.prefixlen == 0:
                raise ValueError(messages.proxy_too_wide(address))
        return value


class DotenvSource(DotEnvSettingsSource):
    """Values of a `.env` file as they are written: `$` and `${name}` stand in passwords, and are no variables."""

    def _read_env_file(self, file_path: Path) -> Mapping[str, str | None]:
        values = dotenv_values(file_path, encoding="utf-8", interpolate=False)
        variables = {name.lower(): value for name, value in values.items() if value}
        return {name: value for name, value in variables.items() if name.startswith(ENV_PREFIX.lower())}


class EnvironmentSource(EnvSettingsSource):
    """Variables of the environment, those of sources included, which only the sources know."""

    def __call__(self) -> dict[str, Any]:
        """Return the values by the names of fields, and all others of our prefix."""
        prefix = ENV_PREFIX.lower()
        values = {name.removeprefix(prefix): value for name, value in self.env_vars.items() if name.startswith(prefix)}
        others = {name: value for name, value in values.items() if value and name not in self.settings_cls.model_fields}
        return others | super().__call__()


class Settings(
    OperatorSettings, SubscriberSettings, SiteSettings, CollectSettings, WebhookSettings, MailSettings, BaseSettings
):
    """Settings of all topics; see `.env.example` for what each one does."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        extra="allow",
        frozen=True,
        hide_input_in_errors=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003  - pydantic's signature
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Keep the variables of sources, and replace the source that would take `${name}` in a password for one."""
        file = getattr(dotenv_settings, "env_file", None)
        return init_settings, EnvironmentSource(settings_cls), DotenvSource(settings_cls, env_file=file)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Leave out the variables of sources: whether one is secret, only its source knows."""
        return ((name, value) for name, value in super().__repr_args__() if name in type(self).model_fields)

    @property
    def source_values(self) -> Mapping[str, Any]:
        """Values that no field here has, by the name of the variable in lower case without its prefix."""
        return self.model_extra or {}

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
            reject("secret_keys_old", messages.OLD_DEFAULT_KEY)
        if self.has_relay and self.secret_key.get_secret_value() in {"", DEFAULT_KEY}:
            reject("secret_key", messages.KEY_MISSING)
        return self
