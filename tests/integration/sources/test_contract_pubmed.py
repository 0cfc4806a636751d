"""PubMed and Europe PMC fulfill the contract, on recordings of our own writing."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from digest.sources.europepmc import EuropePmcSource
from digest.sources.pubmed import PubMedSource
from digest.sources.testing import RecordedAnswer, SourceContract

SAMPLES = Path(__file__).parents[2] / "data/sources"
RECORD = re.compile(r"<(PubmedArticle|PubmedBookArticle)>.*?</\1>", re.DOTALL)


class TestPubMed(SourceContract):
    source_class = PubMedSource
    settings: ClassVar[Mapping[str, str]] = {"url": "{host}", "query": "birds"}
    now, day = datetime(2026, 1, 7, 12, tzinfo=UTC), date(2026, 1, 5)
    expected = (
        {
            "title": "Uptake of CO₂ by Parus eggs & nests",
            "doi": "10.5555/birds.2026.1",
            "journal": "The journal of small birds",
        },
        {"title": "Birds of the north: what to do?", "paper_kind": "editorial", "published_on": date(2025, 11, 1)},
        {"title": 'Retraction notice to: "Eggs of stone"', "paper_kind": "retraction"},
        {"title": "Retracted: Eggs of stone", "paper_kind": "retraction"},
        {"title": "Uptake of CO2 by tit eggs and nests", "version": 2},
        {"title": "How eggs hatch", "authors": ("Sam Ray",), "journal": "A Book of Birds"},
    )

    def answer(self, path: str) -> RecordedAnswer:
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        if "efetch" in path:
            body = (SAMPLES / "pubmed.xml").read_text()
            untitled = next(match[0] for match in RECORD.finditer(body) if "[Not Available]" in match[0])
            return RecordedAnswer(body.replace(untitled, "").encode())
        count = 0 if query["datetype"] == "mdat" else 6
        result = {"count": str(count), "webenv": "MCID_1", "querykey": "1", "idlist": [str(n) for n in range(count)]}
        return RecordedAnswer(json.dumps({"esearchresult": result}).encode())

    def split_page(self, path: str, body: bytes) -> Sequence[str]:
        return [match[0] for match in RECORD.finditer(body.decode())] if "efetch" in path else []

    def total_of(self, path: str, body: bytes) -> int | None:
        return int(json.loads(body)["esearchresult"]["count"]) if "datetype=edat" in path else None

    def join_page(self, path: str, body: bytes, entries: Sequence[str], total: int | None) -> bytes:
        if "efetch" in path:
            return f"<PubmedArticleSet>{''.join(entries)}</PubmedArticleSet>".encode()
        answer = json.loads(body)
        answer["esearchresult"]["count"] = str(total)
        return json.dumps(answer).encode()

    def make_entry(self, title: str, authors: Sequence[str]) -> str:
        people = "".join(f"<Author><LastName>{escape(name)}</LastName></Author>" for name in authors)
        return (
            f"<PubmedArticle><MedlineCitation><PMID>91000099</PMID><Article><ArticleTitle>{escape(title)}</ArticleTitle>"
            f"<AuthorList>{people}</AuthorList></Article></MedlineCitation></PubmedArticle>"
        )

    def break_entry(self, entry: str) -> str:
        return "<PubmedArticle><MedlineCitation><PMID>none</PMID></MedlineCitation></PubmedArticle>"


class TestEuropePmc(SourceContract):
    source_class = EuropePmcSource
    now, day = datetime(2026, 1, 7, 12, tzinfo=UTC), date(2026, 1, 5)
    expected = (
        {"title": "Uptake of CO₂ by Parus eggs & nests", "subjects": ("Birds", "nest boxes"), "rank": 1},
        {"title": "Uptake of CO2 by tit eggs and nests", "authors": ("A. L. Byron", "K. Ito"), "journal": None},
        {"title": "Birds of the north", "paper_kind": "editorial", "journal": "Revue des oiseaux"},
        {"title": "Retraction notice to: Eggs of stone", "paper_kind": "retraction"},
    )

    def answer(self, path: str) -> RecordedAnswer:
        cursor = parse_qs(urlsplit(path).query)["cursorMark"][0]
        answer = json.loads((SAMPLES / "europepmc.json").read_text())
        records = answer["resultList"]["result"][:4]
        pages = {"*": (records[:3], "B"), "B": (records[3:], "B")}
        answer["resultList"]["result"], answer["nextCursorMark"] = pages[cursor]
        return RecordedAnswer(json.dumps(answer | {"hitCount": 4}).encode())

    def split_page(self, path: str, body: bytes) -> Sequence[Any]:
        entries: list[Any] = json.loads(body)["resultList"]["result"]
        return entries

    def total_of(self, path: str, body: bytes) -> int | None:
        return int(json.loads(body)["hitCount"])

    def join_page(self, path: str, body: bytes, entries: Sequence[Any], total: int | None) -> bytes:
        answer = json.loads(body)
        answer["resultList"]["result"] = list(entries)
        return json.dumps(answer | ({} if total is None else {"hitCount": total})).encode()

    def make_entry(self, title: str, authors: Sequence[str]) -> Any:
        people = [{"lastName": name} for name in authors]
        return {"id": "91000099", "source": "MED", "title": title, "authorList": {"author": people}}
