"""Works of Crossref as papers: everything but the DOI may be missing."""

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from digest.identifiers import Identifier, LinkRelation, StatedLink
from digest.sources import ListedPaper
from digest.sources.crossref import parse_work

SHARED = Path(__file__).parents[3] / "../shared/data/sources/crossref"
DAY = date(2026, 7, 28)
WORK: dict[str, Any] = {
    "DOI": "10.5555/ARTICLE.1",
    "type": "journal-article",
    "title": ["Folding of H<sub>2</sub>O in <i>mice</i>"],
    "container-title": ["Journal of Mice &amp; Men"],
    "abstract": "<jats:title>Abstract</jats:title><jats:sec><jats:title>Aim</jats:title><jats:p>It folds.</jats:p>"
    "</jats:sec>",
    "author": [{"given": "Ada", "family": "Byron", "suffix": "Jr"}, {"name": "The Folders"}, {"family": "Tao"}, {}],
    "issued": {"date-parts": [[2026, 8]]},
    "published-online": {"date-parts": [[2026, 7, 27]]},
    "created": {"date-parts": [[2026, 7, 28]]},
    "alternative-id": ["S0140673620301835", "article.1"],
    "subject": ["Zoology"],
    "group-title": "Mice",
    "URL": "http://dx.doi.org/10.5555/article.1",
}
OTHER = Identifier("doi", "10.5555/other")


def read(**more: Any) -> ListedPaper | None:
    return parse_work(WORK | more, 3, day=DAY)


def test_a_work_is_read() -> None:
    paper = read()
    assert paper is not None
    assert (paper.title, paper.journal, paper.kind) == ("Folding of H₂O in mice", "Journal of Mice & Men", "new")
    assert paper.abstract == "Aim: It folds."
    assert paper.authors == ("Ada Byron, Jr.", "The Folders", "Tao")
    assert paper.identifiers == (Identifier("doi", "10.5555/article.1"), Identifier("pii", "S0140673620301835"))
    assert (paper.published_on, paper.subjects) == (date(2026, 7, 27), ("Zoology", "Mice"))
    assert (paper.url, paper.paper_kind, paper.links) == ("https://doi.org/10.5555/article.1", "", ())


@pytest.mark.parametrize("missing", sorted(WORK.keys() - {"DOI", "title"}))
def test_a_work_is_read_without_any_of_its_fields(missing: str) -> None:
    for value in (None, [], [[None]], {"date-parts": [[None]]}, 7):
        paper = read(**{missing: value})
        assert paper is not None
        assert paper.title


@pytest.mark.parametrize(
    ("work", "kind"),
    [
        ({"type": "component"}, "matter"),
        ({"type": "journal-issue", "title": []}, "matter"),
        ({"title": []}, None),
        ({"DOI": "nothing"}, None),
        ({"update-to": [{"DOI": "10.5555/other", "type": "retraction"}]}, "retraction"),
        ({"update-to": [{"DOI": "10.5555/other", "type": "expression_of_concern"}]}, "concern"),
        ({"update-to": [{"DOI": "10.5555/other", "type": "erratum"}]}, "correction"),
        ({"update-to": [{"DOI": "10.5555/other", "type": "new_edition"}]}, ""),
        ({"updated-by": [{"DOI": "10.5555/other", "type": "retraction"}]}, ""),
    ],
)
def test_a_work_has_the_kind_that_crossref_states(work: dict[str, Any], kind: str | None) -> None:
    paper = read(**work)
    assert (paper.paper_kind if paper else None) == kind


def test_what_crossref_says_of_other_works_becomes_links() -> None:
    paper = read(
        **{
            "update-to": [
                {"DOI": "10.5555/Other", "type": "withdrawal", "updated": {"date-parts": [[2026, 7, 20]]}},
                {"DOI": None, "type": "correction"},
            ],
            "updated-by": [{"DOI": "10.5555/notice", "type": "correction"}],
            "relation": {
                "is-preprint-of": [{"id-type": "doi", "id": "10.5555/published"}],
                "has-preprint": [{"id-type": "arxiv", "id": "2607.00001v2"}, {"id-type": "uri", "id": "x"}],
                "cites": [],
            },
        }
    )
    assert paper is not None
    assert paper.links == (
        StatedLink(LinkRelation.RETRACTS, OTHER, stated_on=date(2026, 7, 20)),
        StatedLink(LinkRelation.CORRECTS, Identifier("doi", "10.5555/notice"), is_reversed=True),
        StatedLink(LinkRelation.PUBLISHED, Identifier("doi", "10.5555/published")),
        StatedLink(LinkRelation.PUBLISHED, Identifier("arxiv", "2607.00001"), is_reversed=True),
    )


def test_versions_of_a_preprint_are_one_paper() -> None:
    first, second = (read(DOI=f"10.26434/chemrxiv.15002{version}") for version in ("", "/v2"))
    assert first is not None
    assert second is not None
    assert first.identifiers[0] == second.identifiers[0]
    assert (first.kind, second.kind, second.version) == ("new", "replace", 2)


def test_recorded_works_are_read() -> None:
    paths = sorted(SHARED.glob("*.json.gz"))
    if not paths:
        pytest.skip("no recorded data beside the repository")
    works = [work for path in paths for work in recorded_works(gzip.decompress(path.read_bytes()))]
    papers = [(work, parse_work(work, 1, day=DAY)) for work in works]
    read_papers = [(work, paper) for work, paper in papers if paper is not None]
    assert len(works) == 653
    # Works without title that are no issues, and answers with a selection that lacks the type.
    assert all(not work.get("title") for work, paper in papers if paper is None)
    assert len(read_papers) >= 640
    notices = [paper for _, paper in read_papers if paper.paper_kind == "correction"]
    assert len(notices) == 17
    assert all(link.relation == "corrects" for paper in notices for link in paper.links if not link.is_reversed)
    published = [link for _, paper in read_papers for link in paper.links if link.relation == "published"]
    assert len({(link.identifier, link.is_reversed) for link in published}) == 7
    texts = [paper.abstract for work, paper in read_papers if work.get("abstract")]
    assert len(texts) == 115
    assert sum(not text for text in texts) == 1, "one is a heading without text"
    assert not [text for text in texts if "<jats" in text or "&lt;" in text or text.startswith("Abstract")]


def recorded_works(body: bytes) -> list[dict[str, Any]]:
    try:
        answer = json.loads(body)
    except ValueError:
        return []
    message = answer.get("message") if isinstance(answer, dict) else None
    if not isinstance(message, dict):
        return []
    items = message.get("items", [message])
    return [item for item in items if isinstance(item, dict) and "DOI" in item]
