import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digest.errors import MalformedAnswerError
from digest.sources.feeds.dialects import parse_feed

FEEDS = Path(__file__).parents[2] / "data/sources/feeds"
RSS = b'<rss version="2.0"><channel><title>T</title>%s</channel></rss>'


def test_an_rdf_feed_is_read_with_dublin_core_and_prism() -> None:
    feed = parse_feed((FEEDS / "journal.rdf").read_bytes(), "journal")
    assert (feed.dialect, feed.title, feed.journal) == (
        "RSS 1.0 (RDF)",
        "Annals of Tides: latest articles",
        "Annals of Tides",
    )
    assert feed.issns == ("1234-5678", "8765-432X")
    assert feed.refresh_interval == timedelta(hours=12)
    first = feed.entries[0]
    assert first.names[:2] == ("info:doi/10.5555/Tides.120", "hwp:resource-id:tides;9/120")
    assert first.authors == ("Ada Okafor", "José Alvarado")
    assert first.dated_at == datetime(2026, 1, 4, 7, 30, tzinfo=UTC)


def test_a_feed_that_is_not_well_formed_is_read_and_an_empty_entry_is_none() -> None:
    feed = parse_feed((FEEDS / "publisher.xml").read_bytes(), "publisher")
    assert feed.is_damaged
    assert [entry.title for entry in feed.entries][2:] == ["Sand & gravel from space"]
    assert feed.refresh_interval == timedelta(hours=12)


def test_an_atom_feed_names_the_document_before_it() -> None:
    feed = parse_feed((FEEDS / "preprints.atom").read_bytes(), "preprints")
    assert (feed.dialect, feed.previous_url) == ("Atom 1.0", "https://preprints.example.org/2025.atom")
    assert [entry.authors for entry in feed.entries] == [("Kurt Gödel",), ("The archive",), ("The archive",)]


def test_a_json_feed_is_read() -> None:
    feed = parse_feed((FEEDS / "lab.json").read_bytes(), "lab")
    assert (feed.dialect, feed.unreadable, len(feed.entries)) == ("JSON Feed 1.1", 1, 2)
    assert [entry.guid for entry in feed.entries] == ["waves", "7"]
    assert [entry.authors for entry in feed.entries] == [("Ada Okafor",), ("Tidal Lab",)]
    assert feed.entries[1].dated_at == datetime(2026, 1, 5, tzinfo=UTC)


def test_a_gzip_body_that_nothing_announces_is_read() -> None:
    body = gzip.compress((FEEDS / "preprints.atom").read_bytes())
    assert len(parse_feed(body, "x").entries) == 3
    for broken in (body[:-20], body[:30] + b"\0" * 30):
        with pytest.raises(MalformedAnswerError, match="gzip file"):
            parse_feed(broken, "x")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "is empty"),
        (b" \n<!DOCTYPE html><html><body>Moved</body></html>", "is a web page, not a feed"),
        (
            b'<html><link rel="alternate" type="application/rss+xml" href="/feed.xml"></html>',
            "a web page, not a feed; it links to the feed /feed.xml",
        ),
        (b'{"items": []}', "is JSON, but not a JSON Feed"),
        (b'["a"]', "is JSON, but not a JSON Feed"),
        (b'{"version": "https://jsonfeed.org/version/1", "items": [', "begins like JSON but cannot be parsed"),
        (b"<opml><body/></opml>", "is not a feed: it begins '<opml>"),
        (b"Not found", "not a complete XML document"),
        ((FEEDS / "journal.rdf").read_bytes()[:2500], "not a complete XML document"),
        (b'<!DOCTYPE rss [<!ENTITY a "b">]>' + RSS % b"<item><title>&a;</title></item>", "declarations|entities"),
    ],
)
def test_what_is_no_feed_is_refused_with_a_reason(body: bytes, message: str) -> None:
    with pytest.raises(MalformedAnswerError, match=message):
        parse_feed(body, "host/feed")


@pytest.mark.parametrize(
    "items",
    [
        b"<item><author>%s@</author><title>t</title></item>" % (b"a." * 100_000),
        b"<item>%s%s</item>" % (b"<a>" * 20_000, b"</a>" * 20_000),
        b"<item><title>%s</title></item>" % (b"<![CDATA[x" * 50_000),
        b"<item><title>%s</title></item>" % (b"a < b & c" * 50_000),
        b"<item><title>t</title></item>" * 12_000,
    ],
    ids=["word without end", "deep", "CDATA without end", "bare signs", "many"],
)
def test_what_a_parser_would_need_long_for_is_bounded(items: bytes) -> None:
    feed = parse_feed(RSS % items, "x")
    assert len(feed.entries) <= 10_000
    assert feed.left_out in {0, 2_000}


def test_the_name_of_a_file_is_no_feed() -> None:
    with pytest.raises(MalformedAnswerError):
        parse_feed(str(FEEDS / "journal.rdf").encode(), "x")
