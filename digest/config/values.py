"""Types of values that settings have, and what is accepted for each."""

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

MIN_RATE = 0.1  # messages a second: a slower sender would not outlast the seconds between two polls of the queue
MAX_LOCAL_PART = 24  # characters: with "+" and a token of 39 they fill the 64 of RFC 5321, 4.5.3.1.1
HOSTNAME_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", re.IGNORECASE)
HOST_PATTERN = re.compile(r"[\w.-]+|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")  # a name, IPv4 or IPv6
EMAIL_PATTERN = re.compile(r"[^@\s<>]+@[^@\s<>.]+(\.[^@\s<>.]+)*")
BOUNCE_PATTERN = re.compile(rf"(?ai)[\w.+=~-]{{1,{MAX_LOCAL_PART}}}@(?:[a-z0-9-]+\.)*[a-z0-9-]+")
CATEGORY_PATTERN = re.compile(r"[a-z-]+(\.[A-Za-z-]+)?")


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


StringList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)]
OneLine = Annotated[str, AfterValidator(validate_one_line)]
Hostname = Annotated[str, AfterValidator(validate_hostname)]
HttpUrl = Annotated[str, AfterValidator(validate_http_url)]
DatabaseUrl = Annotated[str, AfterValidator(validate_database_url)]
