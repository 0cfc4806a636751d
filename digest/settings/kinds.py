"""What several settings share: how lists, addresses and names are written. Each check raises ValueError in words."""

import re
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic_settings import NoDecode

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
