"""Settings of whoever runs the service: who may look at it, what stands before it, and when it is said to be late."""

from enum import StrEnum
from ipaddress import ip_network

from pydantic import BaseModel, Field, SecretStr, field_validator

from digest.settings.kinds import StringList, split_list

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
