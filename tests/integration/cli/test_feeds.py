"""`digest sources try`, and feeds in the settings of commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Command
from tests.support.hosts import StubHost, StubResponse, serve_host

FEEDS = Path(__file__).parents[2] / "data/sources/feeds"


@pytest.fixture
def host() -> Iterator[StubHost]:
    def route(path: str, _: dict[str, str]) -> StubResponse:
        file = FEEDS / path.strip("/")
        if path == "/page":
            return 200, '<!doctype html><link rel="alternate" type="application/rss+xml" href="/feed.xml">', {}
        return (200, file.read_text(), {}) if file.is_file() else (404, "", {})

    with serve_host(route) as running:
        yield running


def test_a_feed_is_tried_before_it_is_added(tmp_path: Path, host: StubHost) -> None:
    digest = Command(tmp_path, {"DIGEST_SOURCES": "huggingface"})
    shown = digest.run("sources", "try", f"{host.url}/journal.rdf").stdout
    for text in ("RSS 1.0 (RDF)", "2026-01-04 to 2026-01-05 (3 entries)", "1234-5678, 8765-432X", "Spring tides in"):
        assert text in shown
    assert shown.splitlines()[-1] == f"annals-of-tides = {host.url}/journal.rdf"
    assert not (tmp_path / "var/digest.db").exists()
    found = digest.json("sources", "try", f"{host.url}/publisher.xml")
    assert (found["entries"], found["without_abstract"], found["with_cut_abstract"]) == (3, 2, 1)
    assert (found["identifiers"], found["is_damaged"]) == ({"doi": 2, "pii": 1}, True)
    assert found["samples"][0]["identifiers"] == ["pii:S0960894X26900014"]


def test_what_is_missing_is_printed_with_the_way_to_get_it(tmp_path: Path, host: StubHost) -> None:
    run = Command(tmp_path).run("sources", "try", f"{host.url}/publisher.xml")
    printed = run.stdout + run.stderr
    assert "Of 3 entries, abstracts are missing in 2 and cut in 1." in printed
    assert "With crossref in DIGEST_SOURCES" in printed
    assert "add this line to DIGEST_FEEDS" in printed


@pytest.mark.parametrize(
    ("path", "words"),
    [("/page", "is a web page, not a feed; it links to the feed /feed.xml"), ("/none", "the feed is gone")],
)
def test_what_is_no_feed_ends_with_a_sentence(tmp_path: Path, host: StubHost, path: str, words: str) -> None:
    assert words in Command(tmp_path).run("sources", "try", host.url + path, status=1).stderr
    assert "address of a feed" in Command(tmp_path).run("sources", "try", "no address", status=2).stderr


def test_the_feeds_of_a_file_are_read(tmp_path: Path, host: StubHost) -> None:
    (tmp_path / "feeds.txt").write_text(f"# ours\ntides = {host.url}/journal.rdf\n\nlab = {host.url}/lab.json\n")
    digest = Command(tmp_path, {"DIGEST_SOURCES": "feeds", "DIGEST_FEEDS": "@feeds.txt"})
    digest.run("migrate")
    report = digest.json("collect")
    assert report["feeds"]["new"] == 5
    overview = digest.json("sources")
    assert {"tides", "lab"} <= {row["source"] for row in overview["sources"]}


def test_each_faulty_line_is_named(tmp_path: Path) -> None:
    lines = "tides https://a.example.org\nT! = https://a.example.org\narxiv = https://a.example.org\nok = ftp://a"
    run = Command(tmp_path, {"DIGEST_SOURCES": "feeds", "DIGEST_FEEDS": lines}).run("doctor", status=None)
    printed = run.stdout + run.stderr
    for text in (
        "line 1 is not `name = address`",
        "line 2: 'T!' is not a name",
        "line 3: 'arxiv' is the name",
        "line 4: 'ftp",
    ):
        assert text in printed
    assert "DIGEST_FEEDS" in printed
