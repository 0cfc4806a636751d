from pathlib import Path

import pytest

from digest.sources.feeds.addresses import FeedAddress, make_names, parse_opml, read_feed_list

OPML = """<?xml version="1.0"?><opml version="2.0"><body><outline text="Chemistry">
<outline text="J. Am. Chem. Soc." type="rss" xmlUrl="https://a.example.org/jacs"/>
<outline text="J. Am. Chem. Soc." xmlUrl="https://a.example.org/other"/>
<outline text="again" xmlUrl="https://a.example.org/jacs"/><outline text="no" xmlUrl="ftp://a"/>
<outline title="arXiv" xmlUrl="https://a.example.org/x"/></outline></body></opml>"""


def test_lines_name_feeds() -> None:
    assert read_feed_list("\n# a comment\njacs = https://a.example.org/x?y=z \n Lab=http://127.0.0.1:8000/feed\n") == (
        FeedAddress("jacs", "https://a.example.org/x?y=z"),
        FeedAddress("lab", "http://127.0.0.1:8000/feed"),
    )
    assert read_feed_list("") == ()


def test_opml_names_feeds_by_their_titles() -> None:
    feeds = parse_opml(OPML.encode(), "feeds.opml")
    assert [feed.name for feed in feeds] == ["j-am-chem-soc", "j-am-chem-soc-2", "arxiv-2"]
    assert feeds[0].title == "J. Am. Chem. Soc."


def test_a_file_holds_lines_or_opml(tmp_path: Path) -> None:
    file = tmp_path / "feeds"
    file.write_text(OPML)
    assert len(read_feed_list(f"@{file}")) == 3
    file.write_bytes(b"\xef\xbb\xbfjacs = https://a.example.org/x")
    assert read_feed_list(f"@{file}") == (FeedAddress("jacs", "https://a.example.org/x"),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"\xff\xfe\x00", "neither OPML nor text in UTF-8"),
        (b"<opml><body/></opml>", "names no feed"),
        (b"<opml><body>", "not a complete XML document"),
        (b"a b", "line 1 is not `name = address`: 'a b'"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "feeds"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_feed_list(f"@{file}")


def test_all_faulty_lines_are_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"line 2: .*; line 3: .*; line 4: .*") as error:
        read_feed_list(
            "ok = https://a.example.org/\nx = https://a.example.org\nok = https://b.example.org\nu = https://u@h/"
        )
    assert "already belongs to another feed" in str(error.value)


@pytest.mark.parametrize(
    ("title", "name"),
    [("Nature", "nature"), ("3D Print", "feed-3d-print"), ("Ж", "feed"), ("x", "x-feed"), ("a" * 60, "a" * 31)],
)
def test_names_are_made_of_titles(title: str, name: str) -> None:
    assert next(make_names(title)) == name
