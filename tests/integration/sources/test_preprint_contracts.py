"""bioRxiv, medRxiv and Crossref fulfill the contract of sources, on recordings of our own writing."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from digest.identifiers import Identifier, LinkRelation, StatedLink
from digest.sources.biorxiv import BiorxivSource
from digest.sources.crossref import CrossrefSource
from digest.sources.testing import RecordedAnswer, SourceContract

ARTICLE = Identifier("doi", "10.5555/article")
TUESDAY = date(2026, 1, 6)


class JsonContract(SourceContract):
    """Contract of a source that answers JSON; a subclass says where entries and total stand."""

    now, day = datetime(2026, 1, 7, 12, tzinfo=UTC), TUESDAY

    def envelope(self, answer: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """Return what holds the total, and the name of the total."""
        raise NotImplementedError

    def entries_of(self, answer: dict[str, Any]) -> list[Any]:
        raise NotImplementedError

    def split_page(self, path: str, body: bytes) -> Sequence[Any]:
        return self.entries_of(json.loads(body))

    def join_page(self, path: str, body: bytes, entries: Sequence[Any], total: int | None) -> bytes:
        answer = json.loads(body)
        self.entries_of(answer)[:] = entries
        holder, name = self.envelope(answer)
        if total is not None and name in holder:
            holder[name] = type(holder[name])(total)
        return json.dumps(answer).encode()

    def total_of(self, path: str, body: bytes) -> int | None:
        holder, name = self.envelope(json.loads(body))
        return int(holder[name]) if name in holder else None


class TestBiorxiv(JsonContract):
    source_class = BiorxivSource
    settings: ClassVar[Mapping[str, str]] = {"url": "{host}", "servers": "biorxiv"}
    page_size = 2
    expected = (
        {
            "doi": "10.64898/2026.01.05.000001",
            "title": "Folding of H₂O",
            "abstract": "Background: It folds at 37°C.",
            "authors": ("A. Byron", "K. Gödel"),
            "subjects": ("cell biology",),
            "kind": "new",
        },
        {"doi": "10.64898/2026.01.05.000002", "links": (StatedLink(LinkRelation.PUBLISHED, ARTICLE),)},
        {"doi": "10.1101/2025.12.01.000003", "kind": "replace", "version": 2, "paper_kind": "retraction"},
        {"doi": "10.1101/2025.12.01.000004", "kind": "replace", "abstract": ""},
    )

    @staticmethod
    def record(doi: str, title: str, authors: str = "Byron, A.; Gödel, K.", **more: Any) -> dict[str, Any]:
        usual = {
            "doi": doi,
            "title": title,
            "authors": authors,
            "version": "1",
            "published": "NA",
            "date": "2026-01-06",
        }
        return usual | {"abstract": "NA", "category": "cell biology"} | more

    def answer(self, path: str) -> RecordedAnswer:
        _, endpoint, _, _, _, cursor = path.split("/")
        listed: list[dict[str, Any]] = [
            self.record(
                "10.64898/2026.01.05.000001",
                "Folding of H<sub>2</sub>O",
                abstract="BackgroundIt folds at 37{degrees}C.",
            ),
            self.record("10.64898/2026.01.05.000002", "A second one", published="10.5555/article"),
            self.record("10.1101/2025.12.01.000003", "WITHDRAWN: A third one", version=2, type="withdrawn"),
        ]
        if endpoint == "pubs":
            names = {"preprint_doi": "10.1101/2025.12.01.000004", "published_doi": "10.5555/other"}
            listed = [names | {"preprint_title": "A fourth one"}]
        part = listed[int(cursor) : int(cursor) + self.page_size]
        message = (
            {"status": "ok", "count": len(part), "total": str(len(listed))} if part else {"status": "no posts found"}
        )
        return RecordedAnswer(json.dumps({"messages": [message], "collection": part}).encode())

    def envelope(self, answer: dict[str, Any]) -> tuple[dict[str, Any], str]:
        return answer["messages"][0], "total"

    def entries_of(self, answer: dict[str, Any]) -> list[Any]:
        entries: list[Any] = answer["collection"]
        return entries

    def make_entry(self, title: str, authors: Sequence[str]) -> Any:
        return self.record("10.64898/2026.01.05.000009", title, "; ".join(authors))


class TestCrossref(JsonContract):
    source_class = CrossrefSource
    settings: ClassVar[Mapping[str, str]] = {"url": "{host}", "issn": "0028-0836"}
    expected = (
        {
            "doi": "10.5555/article",
            "title": "Folding of H₂O",
            "abstract": "Aim: It folds.",
            "authors": ("Ada Byron", "The Folders"),
            "journal": "Nature",
            "published_on": date(2026, 1, 5),
        },
        {"doi": "10.5555/notice", "links": (StatedLink(LinkRelation.CORRECTS, ARTICLE),), "paper_kind": "correction"},
        {"doi": "10.5555/concern", "kind": "replace", "paper_kind": "concern"},
    )

    def answer(self, path: str) -> RecordedAnswer:
        query = parse_qs(urlsplit(path).query)
        listed = [
            {
                "DOI": "10.5555/ARTICLE",
                "type": "journal-article",
                "title": ["Folding of H<sub>2</sub>O"],
                "abstract": "<jats:title>Aim</jats:title><jats:p>It folds.</jats:p>",
                "author": [{"given": "Ada", "family": "Byron"}, {"name": "The Folders"}],
                "container-title": ["Nature"],
                "published-online": {"date-parts": [[2026, 1, 5]]},
            },
            self.work("10.5555/notice", "A correction", [{"DOI": "10.5555/article", "type": "erratum"}]),
        ]
        if query["filter"][0].startswith("update-type:"):
            about = [{"DOI": "10.5555/article", "type": "expression_of_concern"}]
            listed = [self.work("10.5555/concern", "Expression of concern", about)]
        message = {"total-results": len(listed), "items": listed, "next-cursor": "DnF1"}
        return RecordedAnswer(json.dumps({"status": "ok", "message": message}).encode())

    @staticmethod
    def work(doi: str, title: str, about: Sequence[Any] = (), authors: Sequence[str] = ()) -> dict[str, Any]:
        names = [{"given": "Ada", "family": name} for name in authors]
        return {"DOI": doi, "type": "journal-article", "title": [title], "update-to": list(about), "author": names}

    def envelope(self, answer: dict[str, Any]) -> tuple[dict[str, Any], str]:
        return answer["message"], "total-results"

    def entries_of(self, answer: dict[str, Any]) -> list[Any]:
        entries: list[Any] = answer["message"]["items"]
        return entries

    def make_entry(self, title: str, authors: Sequence[str]) -> Any:
        return self.work("10.5555/hostile", title, authors=authors)

    def break_entry(self, entry: Any) -> Any:
        return {"title": ["No DOI"]}
