"""Figures on recorded feeds: see the README files of shared/data/sources."""

import gzip
import html
import io
import json
import lzma
import re
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from digest.errors import MalformedAnswerError
from digest.identifiers import normalize_identifier
from digest.sources.feeds.dialects import parse_feed
from digest.sources.feeds.entries import FeedEntry
from digest.sources.feeds.listings import FeedReading, read_papers

SHARED = Path(__file__).parents[3] / "../shared/data/sources"
NOW = datetime(2026, 8, 22, tzinfo=UTC)
# JSON that is cut, and JSON that is no feed, are refused as they should be.
REFUSED = {"nnw_allthis-partial.json.gz", "nnw_ScriptingNews.json.gz"}
WRONG_LINES = {  # values of the table that are wrong
    "fj_RSSWithComments.xml.gz": {"first_doi"},  # counts one DOI and names none
    "nf_illegally-nested.xml.gz": {"last_date"},
    "nf_invalid-characters-gzipped.xml.gz": {"first_id", "last_id", "first_link", "dated", "distinct_ids"},
}
needs_feeds = pytest.mark.skipif(not (SHARED / "feeds").exists(), reason="no recorded feeds beside the checkout")


def plain(text: str | None) -> str:
    return " ".join(html.unescape(re.sub(r"</?[a-zA-Z][^<>]*>", "", text or "")).split())


def instant(text: str | None) -> datetime | None:
    parsed = datetime.fromisoformat(text) if text else None
    return parsed and (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)


def doi_of(entry: FeedEntry) -> str | None:
    found = (normalize_identifier(name) for name in (entry.guid, *entry.names, entry.link))
    return next((identifier.value for identifier in found if identifier and identifier.scheme == "doi"), None)


def differences(expected: dict[str, Any], body: bytes) -> set[str]:
    feed = parse_feed(body, expected["file"])
    first, last = feed.entries[0], feed.entries[-1]
    dois = [doi for entry in feed.entries if (doi := doi_of(entry))]
    read = {
        "feed_title": plain(feed.title),
        "entries": len(feed.entries),
        "first_title": plain(first.title),
        "last_title": plain(last.title),
        "first_date": first.dated_at,
        "last_date": last.dated_at,
        "first_id": first.guid or None,
        "last_id": last.guid or None,
        "first_link": first.link,
        "dated": sum(entry.dated_at is not None for entry in feed.entries),
        "distinct_ids": len({entry.guid or entry.link for entry in feed.entries}),
        "untitled": sum(not entry.title for entry in feed.entries),
        "dois": len(dois),
        "first_doi": dois[0] if dois else None,
    }
    right = {name: expected[name] for name in read if name in expected}
    right |= {name: plain(right[name]) for name in ("feed_title", "first_title", "last_title")}
    right |= {name: instant(right[name]) for name in ("first_date", "last_date")}
    if doi := right.get("first_doi"):
        found = normalize_identifier(doi, "doi")
        right["first_doi"] = found and found.value
    return {name for name in right if read[name] != (right[name] or "" if name == "first_link" else right[name])}


@needs_feeds
def test_the_checked_feeds_are_read_right() -> None:
    lines = [json.loads(line) for line in (SHARED / "feeds/expected.jsonl").read_text().splitlines()]
    right, journals = 0, 0
    for line in lines:
        body = gzip.decompress((SHARED / "feeds" / line["file"]).read_bytes())
        if line["file"] in REFUSED:
            with pytest.raises(MalformedAnswerError):
                parse_feed(body, line["file"])
            continue
        assert differences(line, body) == WRONG_LINES.get(line["file"], set()), line["file"]
        right += line["file"] != "fj_RSSWithComments.xml.gz"
        journals += line["kind"].startswith("journal")
    assert (len(lines), right, journals) == (116, 113, 36)


@pytest.mark.skipif(not (SHARED / "feeds_torture").exists(), reason="no samples of feedparser beside the checkout")
def test_no_sample_of_feedparser_hangs_or_raises_anything_else() -> None:
    read = refused = 0
    with tarfile.open(SHARED / "feeds_torture/feedparser_tests.tar.xz") as archive:
        for member in archive.getmembers():
            if not member.isfile():
                continue
            stream = archive.extractfile(member) or io.BytesIO()
            try:
                feed = parse_feed(stream.read(), member.name)
            except MalformedAnswerError:
                refused += 1
            else:
                read_papers(feed, "sample", "https://example.org/feed", NOW)
                read += 1
    assert read + refused == 1504
    assert refused <= 45  # cut, without any element, of an encoding that nobody uses, or with entities of their own


def read_series(name: str) -> Iterator[tuple[datetime, FeedReading]]:
    """Yield all recorded versions of a feed."""
    with lzma.open(SHARED / "feed_series" / f"{name}.jsonl.xz") as lines:
        for line in lines:
            version = json.loads(line)
            at = datetime.fromisoformat(version["at"])
            yield at, read_papers(parse_feed(version["body"].encode(), name), name, "https://example.org/", at)


def ids_and_papers(readings: Iterator[tuple[datetime, FeedReading]], *, each_day: bool) -> tuple[set[str], set[str]]:
    days: dict[object, FeedReading] = {}
    for at, reading in readings:
        days.setdefault(at.date() if each_day else at, reading)
    papers = [paper for reading in days.values() for paper in reading.entries.papers]
    ids = {name.value for paper in papers for name in paper.identifiers if name.scheme.startswith("feed:")}
    return ids, {paper.key for paper in papers}


def expected_ids(name: str) -> set[str]:
    with lzma.open(SHARED / "feed_series" / f"{name}.expected.json.xz") as stream:
        return {entry["id"] for entry in json.load(stream)}


@needs_feeds
def test_ids_that_are_written_anew_are_the_same_papers() -> None:
    ids, papers = ids_and_papers(read_series("chem_sci"), each_day=False)
    assert (ids, len(ids), len(papers)) == (expected_ids("chem_sci"), 276, 94)


@needs_feeds
def test_versions_of_preprints_are_entries_of_their_own() -> None:
    ids, papers = ids_and_papers(read_series("chemrxiv"), each_day=True)
    assert (ids, len(ids), len(papers)) == (expected_ids("chemrxiv"), 1382, 1275)


@pytest.mark.long
@needs_feeds
def test_reading_the_long_series_daily_finds_every_id() -> None:
    found = 0
    for name in ("chemrxiv", "jacs", "acs_catalysis", "nature_translated"):
        ids, _ = ids_and_papers(read_series(name), each_day=True)
        assert ids == expected_ids(name)
        found += len(ids)
    assert found == 2826
