"""Contract of the source of a third party, whose package lies in `tests/packages/lab`, and answers for it."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from digest.sources.testing import RecordedAnswer, SourceContract
from tests.packages.lab.digest_lab import LabSource

PACKAGE = Path(__file__).parents[1] / "packages/lab"

LAB_PAPERS = [
    {
        "doi": "10.5555/Lab.1",
        "title": "On <i>Laboratory</i> Robots",
        "abstract": "A robot &amp; its arm.",
        "authors": ["Ada Byron", "Kurt Gödel"],
    },
    {"doi": "10.5555/lab.2", "title": "Robots That Clean", "authors": ["Emmy Noether"]},
    {"doi": "10.5555/lab.3", "title": "Proteins at Rest"},
]


def answer_lab(path: str, papers: Sequence[Any] = LAB_PAPERS) -> RecordedAnswer:
    """Return the page of the laboratory that a path asks for."""
    start = int(parse_qs(urlsplit(path).query)["start"][0])
    return RecordedAnswer(json.dumps({"total": len(papers), "papers": papers[start : start + 2]}).encode())


class LabContract(SourceContract):
    source_class = LabSource
    now, day = datetime(2026, 1, 7, 12, tzinfo=UTC), date(2026, 1, 6)
    expected = (
        {"title": "On Laboratory Robots", "abstract": "A robot & its arm.", "authors": ("Ada Byron", "Kurt Gödel")},
        {"title": "Robots That Clean", "rank": 2},
        {"title": "Proteins at Rest", "key": "doi:10.5555/lab.3", "rank": 3},
    )

    def answer(self, path: str) -> RecordedAnswer:
        return answer_lab(path)

    def split_page(self, path: str, body: bytes) -> Sequence[Any]:
        papers: Sequence[Any] = json.loads(body)["papers"]
        return papers

    def join_page(self, path: str, body: bytes, entries: Sequence[Any], total: int | None) -> bytes:
        page = json.loads(body)
        return json.dumps(page | {"papers": entries, "total": page["total"] if total is None else total}).encode()

    def total_of(self, path: str, body: bytes) -> int | None:
        total: int = json.loads(body)["total"]
        return total

    def make_entry(self, title: str, authors: Sequence[str]) -> Any:
        return {"doi": "10.5555/lab.9", "title": title, "authors": authors}
