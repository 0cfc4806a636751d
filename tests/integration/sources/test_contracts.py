"""Our sources fulfill the contract, on recordings of our own writing."""

import html
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from email.utils import format_datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from digest.identifiers import Identifier, LinkRelation, StatedLink
from digest.sources import ArxivSource, HuggingFaceSource, SourceAnswer
from digest.sources.testing import RecordedAnswer, SourceContract

PUBLISHED = StatedLink(LinkRelation.PUBLISHED, Identifier("doi", "10.1000/abc"))
TUESDAY = date(2026, 1, 6)


class TestHuggingFace(SourceContract):
    source_class = HuggingFaceSource
    now, day = datetime(2026, 1, 7, 12, tzinfo=UTC), TUESDAY
    names_total = False
    expected = (
        {
            "arxiv_id": "2601.00001",
            "title": "Sparse Attention, Measured",
            "authors": ("Ada Byron", "Kurt Gödel"),
            "abstract": "We measure 1.8\N{MULTIPLICATION SIGN} on x² terms.",
            "upvotes": 12,
            "code_url": "https://github.com/example/sparse",
            "kind": "listed",
            "rank": 1,
        },
        {"arxiv_id": "2601.00002", "title": "A Second Paper", "authors": ("Emmy Noether",), "rank": 2},
        {"arxiv_id": "2601.00003", "title": "A Third Paper", "rank": 3},
    )
    pages = (
        [
            {
                "paper": {
                    "id": "2601.00001",
                    "title": "Sparse\nAttention, Measured",
                    "summary": "We measure 1.8$\\times$ on $x^2$ terms.",
                    "authors": [{"name": "Ada Byron"}, {"name": "X", "hidden": True}, {"name": 'Kurt G{\\"o}del'}],
                    "upvotes": 12,
                    "githubRepo": "https://github.com/example/sparse",
                    "publishedAt": "2026-01-02T00:00:00.000Z",
                },
                "numComments": 2,
            },
            {
                "paper": {
                    "id": "2601.00002",
                    "title": "A Second Paper",
                    "authors": [{"name": "Emmy Noether"}],
                    "upvotes": 3,
                }
            },
        ],
        [{"paper": {"id": "2601.00003", "title": "A <i>Third</i> Paper", "upvotes": 1}}],
    )

    def answer(self, path: str) -> RecordedAnswer:
        query = parse_qs(urlsplit(path).query)
        if not path.startswith("/api/"):
            shown = html.escape(json.dumps({"dateString": "2026-01-05", "dailyPapers": []}))
            return RecordedAnswer(f'<div data-target="DailyPapers" data-props="{shown}"></div>'.encode())
        page = int(query["p"][0])
        link = {"Link": f'</api/daily_papers?date={self.day}&limit=100&p=1>; rel="next"'} if not page else {}
        return RecordedAnswer(json.dumps(self.pages[page]).encode(), headers={"ETag": f'"{page}"'} | link)

    def split_page(self, path: str, body: bytes) -> Sequence[Any]:
        entries: list[Any] = json.loads(body) if path.startswith("/api/") else []
        return entries

    def join_page(self, path: str, body: bytes, entries: Sequence[Any], total: int | None) -> bytes:
        return json.dumps(entries).encode()

    def make_entry(self, title: str, authors: Sequence[str]) -> Any:
        return {"paper": {"id": "2601.00009", "title": title, "authors": [{"name": name} for name in authors]}}


class XmlContract(SourceContract):
    """Contract of a source whose answers are XML with entries of one tag."""

    tag = "item"
    names_total = False

    def split_page(self, path: str, body: bytes) -> Sequence[str]:
        return re.findall(rf"<{self.tag}\b.*?</{self.tag}>", body.decode(), re.DOTALL)

    def join_page(self, path: str, body: bytes, entries: Sequence[str], total: int | None) -> bytes:
        text = body.decode()
        first, last = text.index(f"<{self.tag}"), text.rindex(f"</{self.tag}>") + len(self.tag) + 3
        text = text[:first] + "".join(entries) + text[last:]
        if total is not None:
            text = re.sub(r"(totalResults[^>]*>)\d+", rf"\g<1>{total}", text)
        return text.encode()


class TestArxivFeed(XmlContract):
    source_class = ArxivSource
    settings: ClassVar[Mapping[str, str]] = {"categories": "cs.CL,cs.LG", "feed_url": "{host}", "api_url": "{host}"}
    now, day = datetime(2026, 1, 6, 17, tzinfo=UTC), TUESDAY
    expected = (
        {
            "arxiv_id": "2601.01234",
            "version": 1,
            "title": "On R-Valued Attention & More",
            "abstract": "We prove it for x < 2.",
            "authors": ("Ada Byron", "Kurt Gödel"),
            "categories": ("cs.CL", "cs.LG"),
            "kind": "new",
            "url": "https://arxiv.org/abs/2601.01234",
        },
        {"arxiv_id": "math/0309136", "kind": "cross", "links": (PUBLISHED,), "title": "An Old One"},
        {"arxiv_id": "2512.00001", "kind": "replace", "version": 2},
    )

    @staticmethod
    def item(arxiv_id: str, kind: str, title: str, abstract: str, authors: str, more: str = "") -> str:
        return (
            f"<item><title>{title}</title><link>https://arxiv.org/abs/{arxiv_id}</link>"
            f"<description>arXiv:{arxiv_id} Announce Type: {kind} \nAbstract: {abstract}</description>"
            f'<guid isPermaLink="false">oai:arXiv.org:{arxiv_id}</guid><category>cs.CL</category>'
            f"<arxiv:announce_type>{kind}</arxiv:announce_type><dc:creator>{authors}</dc:creator>{more}</item>"
        )

    def answer(self, path: str) -> RecordedAnswer:
        items = (
            self.item(
                "2601.01234v1",
                "new",
                r"On $\mathbb{R}$-Valued Attention &amp; More",
                "We prove it\nfor $x &lt; 2$.",
                r"Ada Byron, Kurt G\"odel",
                "<category>cs.LG</category>",
            ),
            self.item(
                "math/0309136v1", "cross", "An Old One", "A.", "E. Noether", "<arxiv:DOI>10.1000/ABC</arxiv:DOI>"
            ),
            self.item("2512.00001v2", "replace", "A Revised One", "B.", "C. D."),
        )
        moment = format_datetime(datetime(2026, 1, 6, 5, tzinfo=UTC))
        body = (
            '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:arxiv="http://arxiv.org/schemas/atom" '
            f'xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><pubDate>{moment}</pubDate>{"".join(items)}'
            "</channel></rss>"
        )
        return RecordedAnswer(body.encode(), headers={"ETag": '"feed"'})

    def make_entry(self, title: str, authors: Sequence[str]) -> str:
        return self.item("2601.09999v1", "new", escape(title), "A.", escape(", ".join(authors)))

    def break_entry(self, entry: str) -> str:
        return "<item><title>No id</title></item>"


class TestArxivQuery(XmlContract):
    source_class = ArxivSource
    settings: ClassVar[Mapping[str, str]] = TestArxivFeed.settings
    now, day = datetime(2026, 1, 9, 17, tzinfo=UTC), TUESDAY
    tag = "entry"
    names_total = True
    expected = (
        {
            "arxiv_id": "2601.00001",
            "title": "First",
            "kind": "new",
            "authors": ("Ada Byron", "Kurt Gödel"),
            "published_on": date(2026, 1, 5),
        },
        {"arxiv_id": "2601.00002", "title": "Second", "kind": "cross"},
        {"arxiv_id": "2601.00003", "title": "Third", "links": (PUBLISHED,)},
    )

    @staticmethod
    def entry(number: int, title: str, authors: Sequence[str], category: str = "cs.CL", more: str = "") -> str:
        names = "".join(f"<author><name>{escape(name)}</name></author>" for name in authors)
        return (
            f"<entry><id>http://arxiv.org/abs/2601.{number:05}v1</id><title>{escape(title)}</title>"
            f"<published>2026-01-05T12:00:00Z</published><summary>A.</summary>{names}{more}"
            f'<arxiv:primary_category term="{category}"/><category term="{category}"/><category term="68T07"/></entry>'
        )

    async def fetch(self, source: Any) -> SourceAnswer:
        answer: SourceAnswer = await source.backfill(self.day, self.now)
        return answer

    def answer(self, path: str) -> RecordedAnswer:
        entries = (
            self.entry(1, "First", ("Ada Byron", r"Kurt G\"odel")),
            self.entry(2, "Second", ("E. Noether",), "math.CO"),
            self.entry(3, "Third", (), more="<arxiv:doi>10.1000/ABC</arxiv:doi>"),
        )
        body = (
            '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom" '
            'xmlns:o="http://a9.com/-/spec/opensearch/1.1/"><o:totalResults>3</o:totalResults>'
            f"{''.join(entries)}</feed>"
        )
        return RecordedAnswer(body.encode())

    def total_of(self, path: str, body: bytes) -> int | None:
        return 3

    def make_entry(self, title: str, authors: Sequence[str]) -> str:
        return self.entry(9, title, authors)

    def break_entry(self, entry: str) -> str:
        return "<entry><title>No id</title></entry>"
