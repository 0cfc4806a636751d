"""The feeds that the settings name: lines `name = address`, or a file of such lines or OPML."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

from digest.config import SOURCE_NAME_PATTERN, source_entry_points
from digest.errors import MalformedAnswerError
from digest.sources.feeds import messages
from digest.sources.text import TERM_LENGTH, clean_text, clean_url
from digest.sources.xml import parse_xml

MAX_FEEDS = 2_000
MAX_FILE_BYTES = 5 * 2**20
MAX_NAME_LENGTH = 31
_LINE = re.compile(r"(?P<name>[^=\s]+)\s*=\s*(?P<url>\S+)")


@dataclass(frozen=True, slots=True)
class FeedAddress:
    """Feed of the settings: its name, which is the source of its papers, its address, perhaps a title."""

    name: str
    url: str
    title: str = ""


def read_feed_list(value: Any) -> Any:
    """Return the feeds that a value of DIGEST_FEEDS names. Raises ValueError with a sentence for each faulty line."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text.startswith("@"):
        return parse_lines(text)
    path = Path(text.removeprefix("@").strip())
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ValueError(messages.file_not_readable(str(path), error.strerror or type(error).__name__)) from error
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(messages.file_too_large(str(path), MAX_FILE_BYTES // 2**20))
    if content.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
        return parse_opml(content, str(path))
    try:
        return parse_lines(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(messages.file_not_utf8(str(path))) from error


FeedList = Annotated[tuple[FeedAddress, ...], NoDecode, BeforeValidator(read_feed_list)]


def parse_lines(text: str) -> tuple[FeedAddress, ...]:
    """Parse lines `name = address`; empty ones and those that begin with # are left out."""
    feeds: dict[str, FeedAddress] = {}
    faults: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            faults.append(messages.invalid_line(number, line.strip()[:80]))
            continue
        name, url = match["name"].lower(), clean_url(match["url"])
        if not SOURCE_NAME_PATTERN.fullmatch(name):
            faults.append(messages.invalid_name(number, match["name"][:80]))
        elif name in source_entry_points():
            faults.append(messages.reserved_name(number, name))
        elif name in feeds:
            faults.append(messages.repeated_name(number, name))
        elif url is None or "@" in url.split("/")[2]:
            faults.append(messages.invalid_address(number, match["url"][:200]))
        else:
            feeds[name] = FeedAddress(name, url)
    if len(feeds) > MAX_FEEDS:
        faults.append(messages.too_many_feeds(MAX_FEEDS))
    if faults:
        raise ValueError("; ".join(faults))
    return tuple(feeds.values())


def parse_opml(content: bytes, location: str) -> tuple[FeedAddress, ...]:
    """Parse the list of feeds that another program has exported: the names are made of their titles."""
    try:
        root = parse_xml(content, location, ("outline",)).root
    except MalformedAnswerError as error:
        raise ValueError(str(error)) from error
    feeds: dict[str, FeedAddress] = {}
    for outline in root.iter("outline"):
        attributes = {name.lower(): value for name, value in outline.attrib.items()}
        url = clean_url(attributes.get("xmlurl"))
        if url is None or "@" in url.split("/")[2] or any(feed.url == url for feed in feeds.values()):
            continue
        title = clean_text(attributes.get("title") or attributes.get("text") or url, TERM_LENGTH)
        name = next(name for name in make_names(title) if name not in feeds and name not in source_entry_points())
        feeds[name] = FeedAddress(name, url, title)
        if len(feeds) > MAX_FEEDS:
            raise ValueError(messages.too_many_feeds(MAX_FEEDS))
    if not feeds:
        raise ValueError(messages.no_feeds(location))
    return tuple(feeds.values())


def make_names(title: str) -> Iterator[str]:
    """Yield names that a title may have in the settings, the nearest first: "J. Am. Chem. Soc." is j-am-chem-soc."""
    stem = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "feed"
    stem = stem if stem[0].isalpha() else f"feed-{stem}"
    stem = stem[:MAX_NAME_LENGTH].strip("-")
    yield stem if len(stem) > 1 else f"{stem}-feed"
    for number in range(2, MAX_FEEDS + 3):
        yield f"{stem[: MAX_NAME_LENGTH - 5]}-{number}"
