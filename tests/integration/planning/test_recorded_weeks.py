"""Recorded weeks of July: what arrives and what leaves by other forms of words and by seats (tests/data/matching)."""

import gzip
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from digest.matching import Matcher, PaperDocument, parse
from digest.papers import Candidate, choose_papers, ranked_upvotes
from tests.support.recorded_papers import SHARED_DATA

FOLDER = Path(__file__).parents[2] / "data/matching"
FIRST_DAY, LAST_DAY = "2026-07-06", "2026-07-31"
CAP = 10  # papers of a weekly digest
MAX_DIFFERENT = 3  # judged changes that a later change of the rules may undo before all are judged again
pytestmark = pytest.mark.skipif(not (SHARED_DATA / "huggingface").is_dir(), reason="the recordings are not here")


class ListedText(NamedTuple):
    """Paper of a week. `upvotes` is None for arXiv."""

    name: str
    week: int
    title: str
    abstract: str
    upvotes: int | None


def read_listings() -> Iterator[ListedText]:
    """Yield the papers of the weeks: of Hugging Face by list day, then the others of arXiv."""
    for path in sorted((SHARED_DATA / "huggingface/api").glob("2026-07-*.json.gz")):
        for item in json.loads(gzip.decompress(path.read_bytes())):
            paper = item["paper"]
            yield text_of(paper["id"], path.name[:10], paper["title"], paper.get("summary"), paper.get("upvotes"))
    with gzip.open(SHARED_DATA / "corpus/arxiv_papers.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            if "2026-07-" not in line:
                continue
            paper = json.loads(line)
            days = [day for day in paper["listed"] or () if FIRST_DAY <= day <= LAST_DAY]
            if days:
                yield text_of(paper["id"], days[0], paper["title"], paper["abstract"], None)


def text_of(name: str, day: str, title: str, abstract: str | None, upvotes: int | None) -> ListedText:
    week = date.fromisoformat(day).isocalendar().week
    return ListedText(f"arxiv:{name}", week, " ".join(title.split()), " ".join((abstract or "").split()), upvotes)


def choose_digest(papers: list[ListedText], keywords: list[str]) -> set[str]:
    """Return the papers that the digest of a week carries for these keywords."""
    documents = [PaperDocument(number, paper.title, paper.abstract) for number, paper in enumerate(papers)]
    queries = list({query.canonical: query for query in map(parse, keywords)}.values())
    found: dict[int, Candidate] = {}
    for number, hits in enumerate(Matcher(queries).match(documents)):
        for hit in hits:
            previous = found.get(hit.document, Candidate(hit.document, hit.document))
            found[hit.document] = Candidate(
                hit.document,
                hit.document,
                ranked_upvotes(papers[hit.document].upvotes),
                previous.query_count + 1,
                previous.in_title or hit.in_title,
                previous.is_about or hit.is_about,
                (*previous.queries, number),
            )
    return {papers[number].name for number in choose_papers(list(found.values()), cap=CAP).paper_ids}


def read_changes() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / "july_changes.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def judged() -> list[tuple[dict[str, Any], bool]]:
    """Each judged change, and whether the digest carries its paper today."""
    interests, changes = json.loads((FOLDER / "july_interests.json").read_text()), read_changes()
    by_name = {paper.name: paper for paper in reversed([*read_listings()])}
    assert len(by_name) == 893
    found = []
    for week, interest in sorted({(row["week"], row["interest"]) for row in changes}):
        papers = [paper for paper in reversed([*by_name.values()]) if paper.week == week]
        chosen = choose_digest(papers, interests[interest])
        rows = (row for row in changes if (row["week"], row["interest"]) == (week, interest))
        found += [(row, row["paper"] in chosen) for row in rows]
    return found


def test_the_judged_papers_still_arrive_and_leave(judged: list[tuple[dict[str, Any], bool]]) -> None:
    assert len(judged) >= 60
    different = [
        f"{row['paper']} {row['change']}: {row['title']}"
        for row, is_carried in judged
        if is_carried != (row["change"] == "arrives")
    ]
    assert len(different) <= MAX_DIFFERENT, different


def test_what_arrives_is_more_relevant_than_what_leaves(judged: list[tuple[dict[str, Any], bool]]) -> None:
    assert all(row["reason"] for row, _ in judged)
    carried, left_out = ([row for row, is_carried in judged if is_carried is wanted] for wanted in (True, False))
    relevant, lost = (sum(row["is_relevant"] for row in rows) for rows in (carried, left_out))
    assert relevant / len(carried) > max(0.8, lost / len(left_out))
    assert len(carried) - relevant <= len(left_out) - lost
    by_seat = [row["is_relevant"] for row in carried if row["by"] == "B" and row["change"] == "arrives"]
    assert len(by_seat) >= 10
    assert sum(by_seat) >= 0.95 * len(by_seat)
