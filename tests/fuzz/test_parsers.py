"""Any text from outside is read or refused with an error of its kind, and what we write is read back as it was."""

import asyncio
import contextlib
import json
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.bounces.parser import parse_bounce
from digest.errors import DigestError
from digest.mail import SmtpReply, encode_part
from digest.mail.smtp_protocol import SmtpStream
from digest.mail.transfer_encoding import decode_quoted_printable
from digest.matching import normalize_author, parse, parse_canonical
from digest.sources.arxiv.atom import parse_feed
from digest.sources.arxiv.query import parse_query_response
from digest.sources.europepmc import parse_page as parse_europepmc_page
from digest.sources.huggingface.entries import parse_page
from digest.sources.pubmed import parse_records
from digest.sources.text import TEXT_LENGTH, clean_text, latex_to_text, parse_authors
from digest.subscribers.lists.csv_table import COLUMNS, read_csv
from digest.subscribers.lists.formats import SkipReason
from digest.subscribers.marks.references import MAX_REFERENCES, decode_upload, parse_references
from digest.tokens import TokenPurpose, TokenSigner
from tests.support.tokens import sign_mark_of

NOW = datetime(2026, 7, 29, 18, tzinfo=UTC)
ANY_TEXT = st.text(max_size=200)
# What a row of a list may have beside our columns.
ROW_COLUMNS = {"left", "wanted", "deleted_at", "delivery", "role", "agreed_at", "attributes"}


def text_of(*pieces: str) -> st.SearchStrategy[str]:
    """Return texts made of pieces that a parser knows, and of anything."""
    return st.lists(st.sampled_from(pieces) | st.text(max_size=8), max_size=25).map("".join)


LATEX = text_of("\\", "{", "}", "$", "^", "_", "~", "\\frac", "\\bar", "\\'", "\\u00e9", "<i>", "</i>", "&amp;", "-\n")
KEYWORD = text_of('"', "(", ")", "AND ", "OR ", "NOT ", "-", "*", "author:", "cat:", "~3", ",", " ", "upvotes>", "|")
NAME = text_of(",", ".", " ", "-", "'", "`", "_", "Jr", "III", "JP", "Le ", "van ", "É")
XML = text_of(
    *("<rss>", "<channel>", "<item>", "</item>", "<title>", "</title>", "<feed>", "&eacute;", "&", "<![CDATA[", "]]>"),
    *("<pubDate>", "</pubDate>", "Tue, 28 Jul ", "2026", "9" * 12, " 00:00:00", " -0400", "<guid>", "2601.00001"),
)
MARKUP = text_of(
    *(
        "<p>",
        "</p>",
        "<sub>",
        "</sub>",
        "<sup>",
        "<b>",
        "</b>",
        "<jats:title>",
        "</jats:title>",
        "Methods",
        "<br/>",
        "<!--",
    ),
    *(
        "<math>",
        "</math>",
        "<msup>",
        "</msup>",
        "<mi>",
        "</mi>",
        "<mfrac>",
        "<mtext a='",
        '<img src="',
        "-->",
        "&lt;",
        "<",
    ),
)
RECORDS = text_of(
    *("<PubmedArticle>", "</PubmedArticle>", "<MedlineCitation>", "</MedlineCitation>", "<PMID>1</PMID>", "<Article>"),
    *(
        "</Article>",
        "<ArticleTitle>",
        "</ArticleTitle>",
        "[",
        "].",
        "<Abstract><AbstractText Label='",
        "'>",
        "<!DOCTYPE x",
    ),
    *("</AbstractText></Abstract>", "<Author>", "</Author>", "<Suffix>", "<PubDate><Year>", "</Year></PubDate>", "]>"),
)
PAGE = text_of("<main>", "<div data-props='", "'>", "{", "}", "[", "]", '"dailyPapers":', "&quot;", "null", "</div>")
MAIL = text_of(
    "\r\n", "\n", "Content-Type: multipart/report; boundary=b\n", "--b\n", "Status: 5.1.1\n", "Subject: ", ": "
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(max_size=8), values, max_size=4),
    max_leaves=12,
)
EUROPEPMC = st.fixed_dictionaries(
    {"id": JSON, "source": st.sampled_from(["MED", "PPR", "PMC", "X"]) | JSON, "title": ANY_TEXT | JSON},
    optional=dict.fromkeys(
        ("authorList", "authorString", "journalInfo", "pubTypeList", "commentCorrectionList", "abstractText", "doi"),
        JSON,
    ),
)
REFERENCES = text_of(
    *(
        "@article{",
        "@string{",
        "@comment(",
        "key,",
        "title",
        "=",
        "{",
        "}",
        '"',
        "#",
        ",",
        "\n@",
        "doi",
        "eprint",
        "\\",
    ),
    *("TY  - JOUR\n", "TI  - ", "ER  - \n", "UR  - ", "UK  - ", "AB - ", "\n", "10.1000/1", "arXiv:2607.00001", ";"),
    *(
        '[{"',
        '":',
        '"}]',
        '{"items":[',
        "null",
        "A title of a paper",
        "https://",
        "<b>",
        "&lt;",
        "1. ",
        "[2]",
        "\ufeff",
    ),
)
CSL_ITEM = st.dictionaries(
    st.sampled_from(["title", "abstract", "DOI", "PMID", "URL", "author", "issued", "number", "note"]), JSON, max_size=6
)
CSV = text_of(
    *(",", ";", "\t", "\n", "\r", '"', "email", "keywords", "a@example.org", "sep=", "sep=;\n", "status", "\0"),
    *(
        "uuid,attributes,",
        "LEID,EUID,",
        "TAGS,",
        "labels,",
        "nomail,",
        "UNSUB_TIME,",
        "{",
        "[",
        "}",
        "]",
        "unsubscribed",
    ),
    *("a at example.org", "(", ")", "<", ">", "Members of x:\n", "subscribed_to_emails,", "true", "false"),
)


@given(KEYWORD)
def test_a_keyword_is_read_back_as_it_was_read(text: str) -> None:
    with contextlib.suppress(DigestError):
        query = parse(text)
        assert parse_canonical(query.canonical).canonical == query.canonical


@given(NAME)
def test_a_name_is_normalized_to_words(name: str) -> None:
    normalized = normalize_author(name)
    assert normalized == " ".join(normalized.split())
    assert len(normalized) <= 4 * len(name) + 8


@given(LATEX)
def test_text_comes_out_on_one_line(text: str) -> None:
    cleaned = clean_text(text)
    assert cleaned == " ".join(cleaned.split())
    assert len(cleaned) <= TEXT_LENGTH
    assert len(latex_to_text(text)) <= 20 * len(text) + 20
    assert all(name.strip() for name in parse_authors(text))


@given(XML)
def test_a_feed_is_read_or_refused(text: str) -> None:
    for body in (text.encode("utf-8", "replace"), f"<rss><channel>{text}</channel></rss>".encode("utf-8", "replace")):
        with contextlib.suppress(DigestError):
            parse_feed(body, "feed")
        with contextlib.suppress(DigestError):
            parse_query_response(body, "query", day=date(2026, 7, 28))


@given(PAGE)
def test_a_page_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(DigestError):
        parse_page(text, "page")


@given(st.binary(max_size=300) | MAIL.map(lambda text: text.encode("utf-8", "replace")))
def test_a_bounce_is_read_or_refused(raw: bytes) -> None:
    with contextlib.suppress(DigestError):
        parse_bounce(raw)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200) | CSV.map(lambda text: text.encode("utf-8", "replace")))
def test_a_list_of_subscribers_is_read_or_refused(raw: bytes) -> None:
    with TemporaryDirectory() as folder, contextlib.suppress(DigestError):
        file = Path(folder) / "list.csv"
        file.write_bytes(raw)
        for number, row in read_csv(file).rows():
            assert number > 0
            assert not row.get("left") or SkipReason(row["left"])
            assert row.keys() <= {*COLUMNS, *ROW_COLUMNS, ""}  # none, where only a column without a name has a cell


@given(REFERENCES | st.lists(CSL_ITEM | JSON, max_size=4).map(json.dumps) | ANY_TEXT)
def test_any_text_names_papers_or_is_refused(text: str) -> None:
    with contextlib.suppress(DigestError):
        parsed = parse_references(text)
        assert parsed.references or parsed.invalid
        assert len(parsed.references) + len(parsed.invalid) <= MAX_REFERENCES
        for reference in parsed.references:
            assert reference.identifiers or reference.title
            for value in (reference.title, reference.abstract):
                assert value == " ".join(value.split())
                assert not set("\x00\x02\x1b\u202e") & set(value)
        assert all(entry.message for entry in parsed.invalid)


@given(st.binary(max_size=200) | REFERENCES.map(lambda text: text.encode("utf-16", "replace")))
def test_any_file_is_text_or_refused(content: bytes) -> None:
    with contextlib.suppress(DigestError):
        assert "\0" not in decode_upload(content)


@given(st.text("abcdef0123456789-_", min_size=1, max_size=30), st.sampled_from(TokenPurpose), ANY_TEXT)
def test_a_token_is_worth_something_for_its_purpose_only(subject: str, purpose: TokenPurpose, forged: str) -> None:
    signer = TokenSigner(["k" * 32])
    if purpose == TokenPurpose.MARK:  # its tokens have a form of their own
        token = sign_mark_of(signer, "9f86d081", 7, "more", NOW)
        assert signer.unsign(purpose, token, NOW) == "9f86d081.7.more"
    else:
        token = signer.sign(purpose, subject, NOW)
        assert signer.unsign(purpose, token, NOW) == subject
    for other in (*(set(TokenPurpose) - {purpose}), purpose):
        with contextlib.suppress(DigestError):
            assert signer.unsign(other, forged if other == purpose else token, NOW) is None


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), max_size=6))
def test_encoded_parts_are_read_back(texts: list[str]) -> None:
    encoded = [encode_part(text) for text in texts]
    read = "".join(decode_quoted_printable(part) for part in encoded)
    assert read == "".join(text.replace("\r\n", "\n").replace("\r", "\n") for text in texts)


class ClosedTransport(asyncio.Transport):
    """Transport that notes whether it was closed."""

    is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def abort(self) -> None:
        self.is_closed = True

    close = abort


REPLY = st.sampled_from(
    [
        b"250 ok\r\n",
        b"550-5.1.1 no\n550 user\r\n",
        b"250",
        b"354",
        b"421",
        b"55",
        b" ok",
        b"-more",
        b"\r\n",
        b"\n",
        b" ",
        b"\xff",
    ]
)


@given(st.lists(REPLY | st.binary(max_size=6), max_size=20).map(b"".join), st.integers(1, 30))
def test_replies_are_read_alike_however_they_are_cut(data: bytes, size: int) -> None:
    async def read(pieces: list[bytes]) -> tuple[list[SmtpReply], bool]:
        transport = ClosedTransport()
        stream = SmtpStream(transport)
        stream.write(b"", 3)
        for piece in pieces:
            stream.data_received(piece)
        is_closed = bool(stream.closed_reason)
        stream.closed_reason = stream.closed_reason or "the end"
        return await stream.read_replies(3, 1), is_closed

    cut = [data[start : start + size] for start in range(0, len(data), size)]
    assert asyncio.run(read([data])) == asyncio.run(read(cut))


@given(
    st.recursive(st.none() | st.integers() | ANY_TEXT, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner))
)
def test_any_json_on_a_page_is_read_or_refused(value: object) -> None:
    with contextlib.suppress(DigestError):
        parse_page(f'<div data-target="DailyPapers" data-props="{json.dumps(value)}">', "page")


@given(MARKUP)
def test_any_markup_becomes_one_line(text: str) -> None:
    cleaned = clean_text(text)
    assert cleaned == " ".join(cleaned.split())
    assert not set("\x00\x02\x1b\u202e") & set(cleaned)


@given(RECORDS | XML)
def test_any_records_of_pubmed_are_read_or_refused(text: str) -> None:
    for body in (text, f"<PubmedArticleSet>{text}</PubmedArticleSet>"):
        with contextlib.suppress(DigestError):
            entries = parse_records(body.encode(), "here", NOW.date())
            assert all(paper.title and paper.identifiers for paper in entries.papers)


@given(st.lists(EUROPEPMC | JSON, max_size=5), JSON)
def test_any_records_of_europe_pmc_are_read_or_refused(records: list[object], total: object) -> None:
    for held in ({"result": records}, records):
        with contextlib.suppress(DigestError):
            page = parse_europepmc_page({"hitCount": total, "resultList": held}, "here", NOW.date())
            assert all(paper.title and paper.identifiers for paper in page.entries.papers)
