"""Types of values that settings have, and what is accepted for each."""

import re
from collections.abc import Mapping
from email.utils import parseaddr
from ipaddress import IPv6Address
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote, urlsplit

import idna
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from digest.config import messages
from digest.formatting import MIN_CONTRAST, WHITE, contrast_ratio

SECONDS_PER_UNIT = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
MIN_RATE = 1 / SECONDS_PER_UNIT["day"]  # messages a second
MAX_RATE = 10_000  # messages a second
MAX_HOST_GAP = 3600  # seconds between two requests
MAX_SITE_NAME, MAX_INTRO = 80, 300  # characters
MAX_FOOTER_LINKS, MAX_LINK_LABEL = 5, 40  # links; characters
MAX_LOCAL_PART = 24  # characters: with "+" and a token of 39 they fill the 64 of RFC 5321, 4.5.3.1.1
MAX_LABEL, MAX_NAME = 63, 253  # characters (RFC 1035, 2.3.4)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"  # with the underscores of private networks
NAME_PATTERN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?", re.IGNORECASE)
ACCENT_PATTERN = re.compile(r"#?[0-9a-fA-F]{6}")
ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LOCAL_PART_PATTERN = re.compile(rf"{ATEXT}(?:\.{ATEXT})*")  # RFC 5321, 4.1.2: Dot-string
BOUNCE_PATTERN = re.compile(rf"(?a)[\w.+=~-]{{1,{MAX_LOCAL_PART}}}")
TOPIC_PATTERN = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")
P256_KEY_PATTERN = re.compile(r"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE[A-Za-z0-9+/]{86}==")  # base64 of DER (RFC 5480)
PATH_CHARACTERS = "/%:@!$&'()*+,;=~"  # RFC 3986, 3.3: what a path may hold beside letters and digits
RATE_PATTERN = re.compile(r"(?P<count>\d+(?:\.\d*)?|\.\d+)\s*(?:/|per|an?)\s*(?P<unit>second|minute|hour|day)s?")


class FooterLink(NamedTuple):
    """Link of the operator's own in the footer of the pages."""

    label: str
    url: str


def split_list(value: Any) -> Any:
    """Split a list as it is written in an environment variable: by commas or spaces."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def validate_one_line(value: str) -> str:
    """Accept what fits into a header, an SMTP command or a file name."""
    if not value.isprintable():
        raise ValueError(messages.ONE_LINE)
    return value.strip()


def encode_domain(name: str) -> str:
    """Return a domain as the DNS, SMTP and headers have it: letters of other scripts as A-labels (RFC 5890).

    Raises ValueError for what is no name in the DNS.
    """
    try:
        encoded = name if name.isascii() else idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(messages.HOSTNAME) from error
    is_too_long = len(encoded) > MAX_NAME or max(map(len, encoded.split("."))) > MAX_LABEL
    if is_too_long or not NAME_PATTERN.fullmatch(encoded):
        raise ValueError(messages.HOSTNAME)
    return encoded


def validate_hostname(value: str) -> str:
    """Accept a DNS name or an empty string."""
    if "_" in value or value.endswith("."):
        raise ValueError(messages.HOSTNAME)
    return value and encode_domain(value)


def encode_host(value: str) -> str:
    """Return a host as it is connected to: an IPv6 address as it is, a name in the DNS by `encode_domain`."""
    if ":" in value:
        IPv6Address(value)
        return value
    return encode_domain(value)


def encode_address(address: str) -> str:
    """Return a mail address as relays without SMTPUTF8 take it. Raises ValueError for one that they would not."""
    local, separator, domain = address.rpartition("@")
    if not separator or not local.isascii():
        raise ValueError(messages.ASCII_LOCAL_PART if separator else messages.EMAIL_ADDRESS)
    if len(local) > MAX_LABEL + 1 or not LOCAL_PART_PATTERN.fullmatch(local):
        raise ValueError(messages.EMAIL_ADDRESS)
    try:
        return f"{local}@{encode_domain(domain)}"
    except ValueError as error:
        raise ValueError(messages.EMAIL_ADDRESS) from error


def validate_mail_from(value: str) -> str:
    """Accept `address` or `Name <address>`; return it with the domain in ASCII."""
    # The name must not be taken for an address: "Me, Myself <me@example.org>" needs quotes (RFC 5322, 3.4).
    address = parseaddr(value)[1]
    if "@" not in address or address not in value:
        raise ValueError(messages.MAIL_FROM)
    head, _, tail = value.rpartition(address)
    return f"{head}{encode_address(address)}{tail}"


def parse_rate(value: Any) -> Any:
    """Parse a number of messages a second, or one like `200/hour`; return messages a second."""
    if not isinstance(value, str) or not (match := RATE_PATTERN.fullmatch(value.strip().lower())):
        return value
    return float(match["count"]) / SECONDS_PER_UNIT[match["unit"]]


def validate_rate(value: float) -> float:
    """Accept 0, and what a run can keep."""
    if 0 < value < MIN_RATE:
        raise ValueError(messages.RATE)
    return value


def parse_host_gaps(value: Any) -> Any:
    """Parse `api.example.org=2,example.com=0.5`: seconds between two requests to a host."""
    if not isinstance(value, str):
        return value
    gaps = [part.partition("=") for part in split_list(value)]
    try:
        seconds_by_host = {encode_domain(host).lower(): float(seconds) for host, _, seconds in gaps}
    except ValueError as error:
        raise ValueError(messages.HOST_GAPS) from error
    if not all(0 <= seconds <= MAX_HOST_GAP for seconds in seconds_by_host.values()):
        raise ValueError(messages.HOST_GAPS)
    return seconds_by_host


def validate_http_url(value: str) -> str:
    """Accept scheme, host, port and path; return them in ASCII, without a slash at the end."""
    try:
        parts = urlsplit(value)
        _ = parts.port  # read here, because a bad port raises only when it is read
    except ValueError as error:
        raise ValueError(messages.URL) from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or any(c.isspace() for c in value):
        raise ValueError(messages.URL)
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError(messages.URL_PARTS)
    if "${" in value:
        raise ValueError(messages.URL_VARIABLE)
    try:
        host = encode_host(parts.hostname)
    except ValueError as error:
        raise ValueError(messages.HOSTNAME) from error
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{quote(parts.path, safe=PATH_CHARACTERS)}".rstrip("/")


def validate_site_name(value: str) -> str:
    """Accept what fits beside a logo and into a subject."""
    if len(value) > MAX_SITE_NAME:
        raise ValueError(messages.too_long(len(value), MAX_SITE_NAME))
    return value


def validate_intro(value: str) -> str:
    """Accept a short text; line breaks count as spaces."""
    text = " ".join(value.split())
    if len(text) > MAX_INTRO:
        raise ValueError(messages.too_long(len(text), MAX_INTRO))
    return validate_one_line(text)


def validate_accent(value: str) -> str:
    """Accept a color that is readable on white and below white text; return it as #rrggbb in lower case."""
    if not value:
        return value
    if not ACCENT_PATTERN.fullmatch(value.strip()):
        raise ValueError(messages.ACCENT)
    color = "#" + value.strip().lower().removeprefix("#")
    if (ratio := contrast_ratio(color, WHITE)) < MIN_CONTRAST:
        raise ValueError(messages.pale_accent(ratio, MIN_CONTRAST))
    return color


def parse_footer_links(value: Any) -> Any:
    """Parse `Label=https://...,Label=https://...`; a comma in an address is written %2C."""
    if not isinstance(value, str):
        return value
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if len(parts) > MAX_FOOTER_LINKS:
        raise ValueError(messages.too_many_links(len(parts), MAX_FOOTER_LINKS))
    links = []
    for number, part in enumerate(parts, 1):
        label, _, url = (side.strip() for side in part.partition("="))
        if not label or not url:
            raise ValueError(messages.footer_link_without_parts(number))
        if len(label) > MAX_LINK_LABEL or not label.isprintable():
            raise ValueError(messages.footer_link_label(label, MAX_LINK_LABEL))
        if not is_web_address(url):
            raise ValueError(messages.footer_link_address(label))
        links.append(FooterLink(label, url))
    return tuple(links)


def is_web_address(url: str) -> bool:
    """Return whether this is the whole URL of a page: http or https, with a host and without credentials."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    is_plain = url.isprintable() and not any(c.isspace() for c in url)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None and is_plain


def validate_database_url(url: str) -> str:
    """Accept the URL of an SQLite file or a PostgreSQL database."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # the latter for a port that is no number
        raise ValueError(messages.DATABASE_URL) from error
    if parsed.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise ValueError(messages.unsupported_database(parsed.drivername))
    if not parsed.database or parsed.database.startswith((":memory:", "file:")):
        raise ValueError(messages.DATABASE_NAME)
    if parsed.drivername == "sqlite" and parsed.query:
        raise ValueError(messages.SQLITE_OPTIONS)
    return url


StringList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)]
OneLine = Annotated[str, AfterValidator(validate_one_line)]
SiteName = Annotated[str, AfterValidator(validate_one_line), AfterValidator(validate_site_name)]
Intro = Annotated[str, AfterValidator(validate_intro)]
Accent = Annotated[str, AfterValidator(validate_accent)]
FooterLinks = Annotated[tuple[FooterLink, ...], NoDecode, BeforeValidator(parse_footer_links)]
Hostname = Annotated[str, AfterValidator(validate_hostname)]
MailFrom = Annotated[str, AfterValidator(validate_one_line), AfterValidator(validate_mail_from)]
Rate = Annotated[float, BeforeValidator(parse_rate), Field(ge=0, le=MAX_RATE), AfterValidator(validate_rate)]
HttpUrl = Annotated[str, AfterValidator(validate_http_url)]
OptionalHttpUrl = Annotated[str, AfterValidator(lambda value: value and validate_http_url(value))]
HostGaps = Annotated[Mapping[str, float], NoDecode, BeforeValidator(parse_host_gaps)]
DatabaseUrl = Annotated[str, AfterValidator(validate_database_url)]
