from datetime import UTC, date, datetime
from pathlib import Path

from digest.identifiers import PaperKind
from digest.sources import ListedPaper, window_names
from digest.sources.feeds.dialects import parse_feed
from digest.sources.feeds.listings import FeedReading, read_papers

FEEDS = Path(__file__).parents[2] / "data/sources/feeds"
NOW = datetime(2026, 1, 6, 23, tzinfo=UTC)


def read(name: str) -> FeedReading:
    body = (FEEDS / name).read_bytes()
    return read_papers(parse_feed(body, name), "tides", "https://preprints.example.org/feed.atom", NOW)


def names(paper: ListedPaper) -> list[str]:
    return list(window_names(paper.identifiers))


def rss(items: str) -> tuple[ListedPaper, ...]:
    body = f'<rss version="2.0"><channel><title>T</title><link>https://a.example.org/</link>{items}</channel></rss>'
    return read_papers(parse_feed(body.encode(), "x"), "tides", "https://a.example.org/rss", NOW).entries.papers


def test_a_journal_gives_identifiers_kinds_and_no_boilerplate() -> None:
    first, editorial, retraction = read("journal.rdf").entries.papers
    assert first.title == "Spring tides in narrow H₂O channels"
    assert first.abstract == "Water in narrow channels rises twice a day."
    assert (first.journal, first.subjects) == ("Annals of Tides", ("Oceanography",))
    assert names(first) == [
        "doi:10.5555/tides.120",
        "feed:tides:https://journal.example.org/cgi/content/short/9/120?rss=1",
    ]
    assert (first.source, first.list_day, first.published_on) == ("tides", date(2026, 1, 6), date(2026, 1, 4))
    assert (editorial.paper_kind, editorial.doi) == (PaperKind.EDITORIAL, "10.5555/tides.121")
    assert (retraction.abstract, retraction.doi) == ("", "10.5555/tides.122")


def test_authors_and_journal_come_out_of_descriptions() -> None:
    first, second, third = read("publisher.xml").entries.papers
    assert (first.title, first.abstract, first.journal) == ("Dikes that give way", "", "Shore Engineering")
    assert first.authors == ("Mina Okafor", "Jean-Pierre Núñez")
    assert names(first)[0] == "pii:S0960894X26900014"
    assert (second.title, second.abstract) == ("Salt in concrete", "")
    assert second.authors == ("Moriah H Lund", "Stan van der Berg", "Richard B. Cole")
    assert names(second) == ["doi:10.5555/se26b", "feed:tides:urn:graphical-abstract:se26b"]
    assert third.authors == ("M. Kaur", "A. Shukla")
    assert names(third)[0] == "doi:10.5555/se26c"


def test_missing_and_cut_abstracts_are_counted() -> None:
    reading = read("publisher.xml")
    assert (reading.without_abstract, reading.with_cut_abstract) == (2, 1)


def test_versions_of_one_preprint_are_two_entries_with_one_identifier() -> None:
    second, first, untitled = read("preprints.atom").entries.papers
    assert (second.title, second.abstract, second.journal) == ("Ebb & flow", "What goes up comes down.", None)
    assert names(second)[0] == "doi:10.26434/chemrxiv.15005577 v2"
    assert names(first)[0] == "doi:10.26434/chemrxiv.15005577 v1"
    assert second.key == first.key
    assert second.url == "https://preprints.example.org/doi/full/10.26434/chemrxiv.15005577/v2?af=R"
    assert untitled.title == ("A note without a title, which says in some more words than a headline has that the sea…")


def test_the_version_of_a_preprint_may_stand_in_its_address_alone() -> None:
    (paper,) = rss(
        "<item><title>A</title><link>https://biorxiv.org/cgi/content/short/746628v3?rss=1</link>"
        '<dc:identifier xmlns:dc="http://purl.org/dc/elements/1.1/">doi:10.1101/746628</dc:identifier></item>'
    )
    assert names(paper)[0] == "doi:10.1101/746628 v3"
    assert paper.version == 3


def test_a_lab_that_links_to_its_paper_lists_that_paper() -> None:
    waves, paper = read("lab.json").entries.papers
    assert names(waves) == ["url:https://lab.example.org/waves", "feed:tides:waves"]
    assert (paper.arxiv_id, paper.version, paper.url) == ("2601.70007", 2, "https://arxiv.org/abs/2601.70007v2")


def test_an_address_that_several_entries_share_names_none_of_them() -> None:
    one, two, three = rss(
        "<item><title>A</title><link>https://a.example.org/day#1</link></item>"
        "<item><title>B</title><link>https://a.example.org/day#2</link></item>"
        "<item><title>C</title><link>https://a.example.org/</link></item>"
    )
    assert not {name for paper in (one, two, three) for name in names(paper) if name.startswith("url:")}
    assert len({names(paper)[0] for paper in (one, two, three)}) == 3


def test_the_shorter_of_two_identifiers_is_the_one() -> None:
    (paper,) = rss(
        "<item><title>A</title><guid>https://pubs.example.org/doi/10.5555/abc-supplement</guid>"
        "<link>https://doi.org/10.5555/abc</link></item>"
    )
    assert paper.doi == "10.5555/abc"


def test_an_entry_without_address_of_its_own_is_known_by_what_it_says() -> None:
    body = "<item><title>A</title><description>b</description></item>"
    (first,), (again,) = rss(body), rss(body)
    assert names(first) == names(again)
    assert first.url == "https://a.example.org/"


def test_long_fields_are_bounded() -> None:
    many = "".join(f"<author>Name {number} Example</author>" for number in range(3_000))
    (paper,) = rss(f"<item><title>{'t' * 50_000}</title><guid>{'g' * 5_000}</guid>{many}</item>")
    assert len(paper.title) <= 1_000
    assert len(paper.authors) == 3_000
    assert all(len(name) < 1_100 for name in names(paper))
