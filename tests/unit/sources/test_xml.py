"""XML from outside: faults are repaired, one broken entry costs itself only, and the work is linear and bounded."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import MalformedAnswerError
from digest.sources.arxiv.atom import ParsedAnswer, parse_feed
from digest.sources.arxiv.query import parse_query_response
from digest.sources.entries import MAX_ENTRIES
from digest.sources.huggingface.source import list_entries
from digest.sources.text import cleaning, names
from digest.sources.xml import MAX_TAGS, parse_xml
from tests.support.hosts import rss_feed, rss_item
from tests.support.work import count_steps, cpu_limit

DAY = date(2026, 1, 6)


def item(number: int, title: str, more: str = "") -> str:
    return f"<item><title>{title}</title><guid>oai:arXiv.org:2601.{number:05}v1</guid>{more}</item>"


def feed(*items: str) -> str:
    channel = f"<channel><pubDate>{DAY:%a, %d %b %Y} 00:00:00 -0500</pubDate>{''.join(items)}</channel>"
    return f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0">{channel}</rss>'


def titles(parsed: ParsedAnswer) -> list[str]:
    return [paper.title for paper in parsed.entries.papers]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Search & rescue", "Search & rescue"),
        ("AT&T; and Q&A", "AT&T; and Q&A"),
        ("Caf&eacute;s&nbsp;&mdash; open", "Cafés — open"),
        ("Odd &nosuchname; entity", "Odd &nosuchname; entity"),
        ("One\x0ctwo\x00 three\x1b", "Onetwo three"),
        ("Four&#12; five&#0;", "Four five"),
        ("Small p < 0.05", "Small p < 0.05"),
        ("Sound &amp; whole &lt;b&gt;", "Sound & whole <b>"),
        ("&#x47;&#246;del", "Gödel"),
    ],
)
def test_a_fault_in_one_title_costs_no_paper(written: str, read: str) -> None:
    parsed = parse_feed(feed(item(1, "First"), item(2, written), item(3, "Last")).encode(), "here")
    assert titles(parsed) == ["First", read, "Last"]
    assert parsed.entries.unreadable == 0


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (feed(item(1, "Caf\xe9")).encode("latin-1"), "Café"),  # says UTF-8, and is not
        (feed(item(1, "“Quoted”")).encode("cp1252"), "“Quoted”"),
        (feed(item(1, "Gödel & Escher")).encode("utf-8-sig"), "Gödel & Escher"),
        (feed(item(1, "Gödel & Bach")).replace("UTF-8", "UTF-16").encode("utf-16"), "Gödel & Bach"),
        (feed(item(1, "Łódź & Kraków")).replace("UTF-8", "ISO-8859-2").encode("iso-8859-2"), "Łódź & Kraków"),
        (feed(item(1, "Привет & пока")).replace("UTF-8", "windows-1251").encode("cp1251"), "Привет & пока"),
        (feed(item(1, "Plain & simple")).replace("UTF-8", "x-unknown").encode(), "Plain & simple"),
        (f"  \n{feed(item(1, 'Blanks before it'))}".encode(), "Blanks before it"),
        (f"{feed(item(1, 'A tail'))}<script>late()</script>".encode(), "A tail"),
        (
            feed(item(1, "Public"))
            .replace(
                "<rss", '<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://x/y.dtd"><rss', 1
            )
            .encode(),
            "Public",
        ),
    ],
)
def test_a_document_is_read_whatever_its_encoding_and_surroundings(body: bytes, read: str) -> None:
    assert titles(parse_feed(body, "here")) == [read]


@pytest.mark.parametrize(
    "broken",
    [
        "<item><title>No end <b</title><guid>2601.00002</guid></item>",
        "<item><title>Not closed<guid>2601.00002</guid></item>",
        "<item><title>Never closed</title>",
        '<item><title at="1" at="2">Twice the same</title></item>',
        "<item></title></item>",
        "<item><title>No number</title></item>",
        "<item><x:y>Unknown prefix</x:y></item>",
    ],
)
def test_a_broken_entry_costs_itself_only(broken: str) -> None:
    for items in (
        (item(1, "First"), broken, item(3, "Last")),
        (broken, item(1, "First"), item(3, "Last")),
        (item(1, "First"), item(3, "Last"), broken),
    ):
        parsed = parse_feed(feed(*items).encode(), "here")
        assert titles(parsed) == ["First", "Last"]
        assert parsed.entries.unreadable == 1


def test_a_feed_that_was_repaired_says_so() -> None:
    assert not parse_feed(feed(item(1, "Fine")).encode(), "here").is_repaired
    assert parse_feed(feed(item(1, "A & B")).encode(), "here").is_repaired


def test_a_repaired_feed_that_was_cut_is_malformed() -> None:
    body = feed(item(1, "A & B"), item(2, "Second")).encode()
    for end in range(1, len(body) - 5):
        with pytest.raises(MalformedAnswerError):
            parse_feed(body[:end], "here")


@contextmanager
def unreached_host() -> Iterator[str]:
    """Yield the address of a host on loopback, and see that nobody connected to it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(BlockingIOError):
            server.accept()


ARTICLES = (
    "<PubmedArticleSet><PubmedArticle><Title>Caf&eacute; &amp; bar &nosuch;</Title></PubmedArticle></PubmedArticleSet>"
)


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2025//EN" "{address}/pubmed.dtd">',
        "<!DOCTYPE PubmedArticleSet SYSTEM '{address}/a>b.dtd' >",
        '<!-- a comment -->\n<?pi some?><!doctype PubmedArticleSet PUBLIC "x" "{address}/y">',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_a_document_type_elsewhere_is_legal_and_never_loaded(doctype: str, encoding: str) -> None:
    with unreached_host() as address:
        text = f'<?xml version="1.0"?>\n{doctype.format(address=address)}\n{ARTICLES}'
        title = parse_xml(text.encode(encoding), "here").root.findtext(".//Title")
    assert title == "Café & bar &nosuch;"


@pytest.mark.parametrize(
    "subset",
    [
        '<!ENTITY a "aaaa">',
        '<!ENTITY x SYSTEM "file:///etc/passwd">',
        '<!ENTITY x SYSTEM "{address}/secret">',
        '<!ENTITY % all SYSTEM "{address}/all.dtd"> %all;',
        '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY x "&b;&b;&b;&b;&b;&b;&b;&b;">',
        "<!ELEMENT item ANY>",
        '<!ATTLIST item a CDATA "default">',
        "",
    ],
)
@pytest.mark.parametrize("public", ["", ' PUBLIC "-//W3C//DTD" "{address}/x.dtd"', ' SYSTEM "{address}/x]y.dtd"'])
def test_declarations_of_its_own_are_refused_and_reach_nothing(subset: str, public: str) -> None:
    with unreached_host() as address:
        doctype = f"<!DOCTYPE rss{public} [{subset}]>".format(address=address)
        for start in ("", '<?xml version="1.0"?>', "<!-- [ -->"):
            for encoding in ("utf-8", "utf-16"):
                body = f"{start}{doctype}{feed(item(1, '&x;')).partition('?>')[2]}".encode(encoding)
                with pytest.raises(MalformedAnswerError, match="declares"):
                    parse_xml(body, "here")


def test_an_inclusion_is_only_text() -> None:
    include = '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'
    root = parse_xml(f"<a>{include}</a>".encode(), "here").root
    assert "".join(root.itertext()) == ""


def test_a_document_type_that_never_ends_is_malformed() -> None:
    for middle in ("<!DOCTYPE a " * 20_000, "<!DOCTYPE a " + '"' * 200_001, "<!--" * 50_000, "<?a" * 50_000):
        with cpu_limit(), pytest.raises(MalformedAnswerError):
            parse_xml(f"{middle}<a/>".encode(), "here")


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_bytes_raise_anything_but_a_malformed_answer(noise: bytes) -> None:
    middle = feed(item(1, "First")).encode().replace(b"First", noise)
    for body in (noise, middle):
        for parse in (parse_feed, partial(parse_query_response, day=DAY)):
            try:
                parsed = parse(body, "here")
            except MalformedAnswerError:
                continue
            assert all(paper.title and min(paper.title) >= " " for paper in parsed.entries.papers)


@pytest.mark.parametrize("kind", ["new", "New", "NEW", "spotlight", "new-cross", ""])
def test_an_unknown_kind_is_new(kind: str) -> None:
    (paper,) = parse_feed(rss_feed(rss_item(1, kind)).encode(), "here").entries.papers
    assert paper.kind == "new"


@pytest.mark.parametrize("kind", ["replace", "Replace", "REPLACE-CROSS", "replaced", "cross", "Cross", "cross-list"])
def test_the_kind_is_read_in_any_case(kind: str) -> None:
    (paper,) = parse_feed(rss_feed(rss_item(1, kind)).encode(), "here").entries.papers
    assert paper.kind == ("replace" if kind.lower().startswith("replace") else "cross")


def test_items_in_the_form_of_2023_are_read() -> None:
    def old(number: int, state: str = "") -> str:
        creators = "&lt;a href='http://arxiv.org/find/x'&gt;Ada Byron&lt;/a&gt;, &lt;a href='y'&gt;Kurt Ito&lt;/a&gt;"
        return (
            f"<item><title>Old ways. (arXiv:2301.0000{number}v2 [cs.CV]{state})</title>"
            f"<link>http://arxiv.org/abs/2301.0000{number}</link>"
            "<description>&lt;p&gt;Told here.&lt;/p&gt;</description>"
            f"<dc:creator xmlns:dc='http://purl.org/dc/elements/1.1/'>{creators}</dc:creator></item>"
        )

    first, second = parse_feed(feed(old(1), old(2, " UPDATED")).encode(), "here").entries.papers
    assert (first.title, first.authors, first.abstract) == ("Old ways", ("Ada Byron", "Kurt Ito"), "Told here.")
    assert (first.arxiv_id, first.version, first.kind, second.kind) == ("2301.00001", 2, "new", "replace")


def test_every_field_of_a_paper_is_bounded() -> None:
    long = "word " * 500_000
    authors = ", ".join(f"Ada Byron{n}" for n in range(20_000))
    more = f"<description>{long}</description><dc:creator xmlns:dc='http://purl.org/dc/elements/1.1/'>{authors}</dc:creator>"
    more += "".join(f"<category>cs.C{chr(65 + n % 26)}{chr(65 + n // 26)}</category>" for n in range(500))
    (paper,) = parse_feed(feed(item(1, long, more)).encode(), "here").entries.papers
    assert len(paper.title) <= cleaning.TITLE_LENGTH
    assert len(paper.abstract) <= cleaning.TEXT_LENGTH
    assert len(paper.authors) <= names.MAX_AUTHORS
    assert sum(map(len, paper.authors)) <= names.AUTHORS_LENGTH
    assert len(paper.categories) <= cleaning.MAX_TERMS
    entry = {
        "paper": {
            "id": "2601.00001",
            "title": long,
            "summary": long,
            "authors": [{"name": f"{n} {long[:5000]}"} for n in range(20_000)],
            "ai_summary": long,
            "ai_keywords": ["x" * 1000 + str(n) for n in range(1000)],
            "organization": {"name": long},
        }
    }
    (paper,) = list_entries(json.loads(json.dumps([entry])), DAY).papers.values()
    assert max(len(paper.title), len(str(paper.organization))) <= cleaning.TITLE_LENGTH
    assert max(len(paper.abstract), len(str(paper.ai_summary))) <= cleaning.TEXT_LENGTH
    assert sum(map(len, paper.authors)) <= names.AUTHORS_LENGTH
    assert len(paper.ai_keywords) <= cleaning.MAX_TERMS
    assert max(map(len, paper.ai_keywords)) <= cleaning.TERM_LENGTH


def test_three_thousand_authors_are_all_read() -> None:
    authors = ", ".join(f"Ada Byron{n}" for n in range(3000))
    more = f"<dc:creator xmlns:dc='http://purl.org/dc/elements/1.1/'>{authors}</dc:creator>"
    (paper,) = parse_feed(feed(item(1, "Many", more)).encode(), "here").entries.papers
    assert paper.authors[2999] == "Ada Byron2999"


def test_entries_beyond_the_bound_are_left_out_and_counted() -> None:
    entries = parse_feed(feed(item(1, "First"), "<item/>" * MAX_ENTRIES).encode(), "here")
    assert entries.entries.left_out == 1


def test_more_tags_than_the_bound_are_refused() -> None:
    with pytest.raises(MalformedAnswerError, match="more than 1,000,000 tags"):
        parse_xml(b"<rss>" + b"<item/>" * MAX_TAGS + b"</rss>", "here")


SHAPES: dict[str, Callable[[int], str]] = {
    "items": lambda n: feed(*(item(k, f"Title {k}") for k in range(n))),
    "faulty items": lambda n: feed(*(item(k, f"A & B &eacute; {k}") for k in range(n))),
    "broken items below a long first tag": lambda n: (
        f"<rss {'a ' * 2400}><channel>{'<item><a></item>' * n}</channel></rss>"
    ),
    "attributes": lambda n: "<rss {}><channel/></rss>".format(" ".join(f'a{k}=""' for k in range(n))),
    "namespaces": lambda n: "<rss {}><channel/></rss>".format(" ".join(f'xmlns:a{k}="u"' for k in range(n))),
    "broken items": lambda n: feed(*(f"<item><title>Broken {k}</item>" for k in range(n))),
    "items that never end": lambda n: feed("<item><title>" * n),
    "ends only": lambda n: feed("</item>" * n),
    "declarations that never end": lambda n: "<?xml " * n,
    "start tags that never end": lambda n: "<rss " * n + "</rss>",
    "sections that never end": lambda n: feed(f"<item><title>{'<![CDATA[' * n}</title></item>"),
    "ampersands": lambda n: feed(item(1, "&" * n)),
    "old endings": lambda n: feed(item(1, "(arXiv:" * n)),
    "announcements": lambda n: feed(item(1, "T", f"<description>{'arXiv:1 Announce ' * n}</description>")),
    "blanks": lambda n: feed(item(1, "T", f"<description>{' ' * n}arXiv:{' ' * n}</description>")),
    "commas": lambda n: feed(
        item(1, "T", f"<dc:creator xmlns:dc='http://purl.org/dc/elements/1.1/'>{',(' * n}</dc:creator>")
    ),
    "suffixes": lambda n: feed(
        item(1, "T", f"<dc:creator xmlns:dc='http://purl.org/dc/elements/1.1/'>A{', Jr' * n}</dc:creator>")
    ),
}


def test_an_entry_is_tried_alone_with_the_namespaces_of_its_feed_only() -> None:
    """The first tag is parsed again with each entry of a broken feed: it must not be as long as the host likes."""
    dc = "xmlns:dc='http://purl.org/dc/elements/1.1/'"
    first = f'<rss version="2.0" {dc} {"a" * 4000}="&">'
    entries = item(1, "Sound", "<dc:creator>Ada Byron</dc:creator>"), "<item><title>Broken</item>"
    (paper,) = parse_feed(feed(*entries).replace('<rss version="2.0">', first).encode(), "here").entries.papers
    assert (paper.title, paper.authors) == ("Sound", ("Ada Byron",))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_work_grows_with_the_input_only(shape: str) -> None:
    def parse(body: bytes) -> None:
        with pytest.raises(MalformedAnswerError) if shape in UNREADABLE else cpu_limit():
            parse_feed(body, "here")

    half, whole = (count_steps(partial(parse, SHAPES[shape](n).encode())) for n in (300, 600))
    assert whole <= 2.3 * half + 500


@pytest.mark.parametrize("shape", SHAPES)
def test_a_large_document_of_any_shape_is_parsed_or_refused_within_bounds(shape: str) -> None:
    """What C functions do is not counted as steps."""
    with cpu_limit(), suppress(MalformedAnswerError):
        parse_feed(SHAPES[shape](5_000 if "item" in shape else 100_000).encode(), "here")


UNREADABLE = {
    "broken items below a long first tag",
    "broken items",
    "items that never end",
    "declarations that never end",
    "start tags that never end",
    "sections that never end",
}
