"""JSON Feed, versions 1 and 1.1 (jsonfeed.org)."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from digest.errors import MalformedAnswerError
from digest.sources.entries import MAX_ENTRIES
from digest.sources.feeds import messages
from digest.sources.feeds.entries import FeedEntry, ParsedFeed

_VERSION = re.compile(r"https?://jsonfeed\.org/version/(\d[\d.]*)")


def parse_json_feed(body: bytes, location: str) -> ParsedFeed:
    """Parse a JSON Feed. Raises MalformedAnswerError for JSON that is none, or no JSON."""
    try:
        feed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedAnswerError(messages.json_invalid(location, error)) from error
    version = _VERSION.match(_text(feed.get("version"))) if isinstance(feed, dict) else None
    if version is None or not isinstance(feed.get("items"), list):
        raise MalformedAnswerError(messages.not_a_json_feed(location))
    items = [item for item in feed["items"][:MAX_ENTRIES] if isinstance(item, dict)]
    authors = tuple(_author_names(feed))
    entries = [_parse_item(item, authors) for item in items]
    return ParsedFeed(
        dialect=f"JSON Feed {version[1].rstrip('.')}",
        title=_text(feed.get("title")),
        link=_text(feed.get("home_page_url")),
        entries=tuple(entry for entry in entries if not entry.is_empty),
        unreadable=min(len(feed["items"]), MAX_ENTRIES) - len(items),
        left_out=max(0, len(feed["items"]) - MAX_ENTRIES),
    )


def _parse_item(item: Mapping[str, Any], feed_authors: tuple[str, ...]) -> FeedEntry:
    texts = (_text(item.get("summary")), _text(item.get("content_html")) or _text(item.get("content_text")))
    return FeedEntry(
        guid=_text(item.get("id")),
        link=_text(item.get("url")) or _text(item.get("external_url")),
        title=_text(item.get("title")),
        texts=tuple(text for text in texts if text),
        authors=tuple(_author_names(item)) or feed_authors,
        names=tuple(filter(None, (_text(item.get("external_url")), _text(item.get("doi"))))),
        subjects=tuple(_text(tag) for tag in _list(item.get("tags"))),
        dated_at=_parse_date(item.get("date_published")) or _parse_date(item.get("date_modified")),
    )


def _author_names(item: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of `authors` (1.1), or of `author` (1)."""
    for author in _list(item.get("authors")) or [item.get("author")]:
        if isinstance(author, dict) and (name := _text(author.get("name"))):
            yield name


def _parse_date(value: object) -> datetime | None:
    """Read a date of RFC 3339; one without a time zone is UTC."""
    try:
        instant = datetime.fromisoformat(_text(value))
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _text(value: object) -> str:
    """Return text as text, a number as its digits, nothing for anything else."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
