"""Feeds of every dialect as entries: RSS 0.90 to 2.0, RDF, Atom, CDF and JSON Feed, with Dublin Core and PRISM.

feedparser reads XML, well-formed or not. What it lacks is added here: bodies that are gzip although nothing says so,
JSON Feed, and every `dc:identifier` of an entry (it keeps the last one). An entry that says nothing is none.
"""

import calendar
import io
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import feedparser  # type: ignore[import-untyped]  # no stubs are published with it
from lxml import etree  # type: ignore[import-untyped]

from digest.errors import MalformedAnswerError, NoFeedError
from digest.sources.entries import MAX_ENTRIES
from digest.sources.feeds import messages
from digest.sources.feeds.entries import FeedEntry, ParsedFeed
from digest.sources.feeds.json_feed import parse_json_feed
from digest.sources.http import GZIP_MAGIC, MAX_BODY_BYTES, GzipDecoder
from digest.sources.text import AUTHORS_LENGTH
from digest.sources.xml import parse_xml

MAX_WORD_LENGTH = 500
ENTRY_TAGS = ("item", "entry")
DIALECTS = {
    "rss090": "RSS 0.90", "rss091n": "RSS 0.91", "rss091u": "RSS 0.91", "rss092": "RSS 0.92", "rss093": "RSS 0.93",
    "rss094": "RSS 0.94", "rss10": "RSS 1.0 (RDF)", "rss20": "RSS 2.0", "rss": "RSS", "cdf": "CDF",
    "atom01": "Atom 0.1", "atom02": "Atom 0.2", "atom03": "Atom 0.3", "atom10": "Atom 1.0", "atom": "Atom",
}  # fmt: skip
_PERIOD_HOURS = {"hourly": 1, "daily": 24, "weekly": 7 * 24, "monthly": 30 * 24, "yearly": 365 * 24}
_MAX_MINUTES = 10_000_000
_PAGE = re.compile(rb"\s*(?:<!--.{0,1000}?-->\s*){0,3}<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)
_FEED_LINK = re.compile(
    rb"<link\b(?=[^<>]{0,500}?(?:application/(?:rss\+xml|atom\+xml|feed\+json)))[^<>]{0,500}?href\s*=\s*[\"']([^\"'<>\s]{1,500})",
    re.IGNORECASE,
)
_ISSN = re.compile(r"\d{4}-\d{3}[\dXx]")
_DC_IDENTIFIER = "{http://purl.org/dc/elements/1.1/}identifier"
# Elements whose text is not looked at word by word.
_LONG_TEXTS = frozenset(
    {"title", "description", "summary", "content", "encoded", "body", "div", "fullitem", "subtitle", "tagline", "info"}
)


def parse_feed(body: bytes, location: str) -> ParsedFeed:
    """Parse a feed. Raises MalformedAnswerError for what is no feed, or only the beginning of one."""
    if body.startswith(GZIP_MAGIC):
        body = _unpack(body, location)
    beginning = body.removeprefix(b"\xef\xbb\xbf").lstrip()[:4000]
    if not beginning:
        raise MalformedAnswerError(messages.empty(location))
    if beginning[:1] in {b"{", b"["}:
        return parse_json_feed(body, location)
    if _PAGE.match(beginning):
        raise NoFeedError(_describe_page(body, location))
    return _parse_xml(body, location)


def _parse_xml(body: bytes, location: str) -> ParsedFeed:
    document = parse_xml(body, location, ENTRY_TAGS)
    items = [element for element in document.root.iter("{*}item", "{*}entry") if element is not document.root]
    for item in items[MAX_ENTRIES:]:
        item.getparent().remove(item)
    _bound_texts(document.root)
    # A stream, as feedparser takes bytes for a file name. Markup is cleaned where entries become papers.
    stream = io.BytesIO(etree.tostring(document.root, encoding="utf-8", xml_declaration=True))
    parsed = feedparser.parse(stream, sanitize_html=False, resolve_relative_uris=False)
    if not parsed.get("version") and not parsed.entries:
        text = " ".join(body[:300].decode("utf-8", "replace").split())[:60]
        raise NoFeedError(messages.not_a_feed_text(location, text))
    feed = parsed.feed
    detail = _value(feed, "author_detail")
    is_atom = str(parsed.get("version")).startswith("atom")
    feed_author = _text(detail, "name") if is_atom and isinstance(detail, Mapping) else ""
    names = [_find_identifiers(item) for item in items[:MAX_ENTRIES]]
    if len(names) != len(parsed.entries):  # elements of that name which are no entries
        names = [()] * len(parsed.entries)
    entries = [_parse_entry(entry, own, feed_author) for entry, own in zip(parsed.entries, names, strict=True)]
    issns = (issn for key in ("prism_issn", "prism_eissn") for issn in _ISSN.findall(_text(feed, key)))
    return ParsedFeed(
        dialect=DIALECTS.get(parsed.get("version", ""), messages.UNKNOWN_DIALECT),
        title=_text(feed, "title"),
        link=_text(feed, "link"),
        entries=tuple(entry for entry in entries if not entry.is_empty),
        journal=_text(feed, "prism_publicationname"),
        issns=tuple(dict.fromkeys(issn.upper() for issn in issns)),
        previous_url=next((href for rel, href in _links(feed) if rel == "prev-archive"), ""),
        refresh_interval=_refresh_interval(feed),
        unreadable=document.broken_entries,
        left_out=max(0, len(items) - MAX_ENTRIES),
        is_damaged=document.is_repaired,
    )


def _bound_texts(root: etree._Element) -> None:
    """Cut what feedparser would need long for: its time grows with the square of the length of a word of an author."""
    for element in root.iter(etree.Element):
        text = element.text or ""
        if len(text) > MAX_WORD_LENGTH and element.tag.rpartition("}")[2].lower() not in _LONG_TEXTS:
            words = text[:AUTHORS_LENGTH].split()
            element.text = " ".join(word for word in words if len(word) <= MAX_WORD_LENGTH)


def _find_identifiers(item: etree._Element) -> tuple[str, ...]:
    """Return the text of each `dc:identifier` of an entry."""
    return tuple((name.text or "").strip() for name in item.iterchildren(_DC_IDENTIFIER))


def _parse_entry(entry: Mapping[str, Any], identifiers: Sequence[str], feed_author: str) -> FeedEntry:
    texts = [_text(entry, "summary"), *(_text(content, "value") for content in _dicts(entry, "content"))]
    links = [href for rel, href in _links(entry) if rel in {"alternate", "related", "via", "canonical"}]
    names = (_text(entry, "prism_doi"), *identifiers, _text(entry, "dc_identifier"), _text(entry, "prism_url"), *links)
    authors = [name for author in _dicts(entry, "authors") if (name := _text(author, "name"))]
    subjects = [term for tag in _dicts(entry, "tags") if (term := _text(tag, "label") or _text(tag, "term"))]
    return FeedEntry(
        guid=_text(entry, "id"),
        link=_text(entry, "link"),
        title=_text(entry, "title"),
        texts=tuple(dict.fromkeys(text for text in texts if text)),
        authors=tuple(authors) or ((feed_author,) if feed_author else ()),
        names=tuple(dict.fromkeys(name for name in names if name)),
        subjects=tuple(subjects),
        journal=_text(entry, "prism_publicationname"),
        section=_text(entry, "prism_section"),
        dated_at=_parse_date(_value(entry, "published_parsed")) or _parse_date(_value(entry, "updated_parsed")),
    )


def _refresh_interval(feed: Mapping[str, Any]) -> timedelta | None:
    """Return the longer of what `ttl` (minutes) and `sy:updatePeriod` say."""
    ttl, frequency = _text(feed, "ttl"), _text(feed, "sy_updatefrequency") or "1"
    hours = _PERIOD_HOURS.get(_text(feed, "sy_updateperiod").lower(), 0)
    minutes = int(ttl) if ttl.isdecimal() and len(ttl) < 8 else 0  # noqa: PLR2004
    if hours and frequency.isdecimal() and 0 < len(frequency) < 6 and int(frequency):  # noqa: PLR2004
        minutes = max(minutes, hours * 60 // int(frequency))
    return timedelta(minutes=min(minutes, _MAX_MINUTES)) if minutes else None


def _describe_page(body: bytes, location: str) -> str:
    found = [href.decode("ascii", "replace") for href in _FEED_LINK.findall(body[:200_000])]
    return messages.web_page(location, found[0] if found else "")


def _unpack(body: bytes, location: str) -> bytes:
    decoder = GzipDecoder()
    try:
        unpacked = decoder.unpack(body, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise MalformedAnswerError(messages.gzip_invalid(location)) from error
    if len(unpacked) > MAX_BODY_BYTES or not decoder.is_complete:
        raise MalformedAnswerError(messages.gzip_incomplete(location))
    return unpacked


def _parse_date(value: Any) -> datetime | None:
    """Return an instant that feedparser has parsed, which is in UTC."""
    try:
        return datetime.fromtimestamp(calendar.timegm(value), UTC) if value else None
    except (ValueError, OverflowError, OSError, TypeError):
        return None


def _links(element: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for link in _dicts(element, "links"):
        yield _text(link, "rel"), _text(link, "href")


def _dicts(element: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    values = _value(element, key)
    return [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []


def _text(element: Mapping[str, Any], key: str) -> str:
    value = _value(element, key)
    return value.strip() if isinstance(value, str) else ""


def _value(element: Mapping[str, Any], key: str) -> Any:
    """Return what an element has under this very name: feedparser's own look-up answers with other elements, too."""
    return dict.get(element, key) if isinstance(element, dict) else None
