"""Records of bioRxiv and medRxiv as papers, and their texts without remains of the typesetter."""

import gzip
import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from digest.identifiers import Identifier, LinkRelation, StatedLink
from digest.sources.biorxiv import clean_typesetting, parse_publication, parse_record
from digest.sources.text import clean_text

SHARED = Path(__file__).parents[3] / "../shared/data/sources/biorxiv"
DAY = date(2026, 7, 15)
RECORD: dict[str, Any] = {
    "title": "Folding of a protein in the <i>mouse</i>",
    "authors": "Byron, A. L.; Tao, L.; The Folding Consortium",
    "doi": "10.64898/2026.07.13.738145",
    "date": "2026-07-15",
    "version": "1",
    "type": "new results",
    "category": "cell biology",
    "abstract": "BackgroundIt folds by {beta} at 37{degrees}C.\n\nMethodsWe looked [&le;] twice.",
    "published": "NA",
    "server": "bioRxiv",
}
FIGURE = """It moves.

O_FIG O_LINKSMALLFIG WIDTH=200 HEIGHT=70 SRC="a.gif" ALT="Figure 1">
View larger version (18K):
org.highwire.dtl.DTLVardef@5e41c0org.highwire.dtl.DTLVardef@2ed9c8_HPS_FORMAT_FIGEXP  M_FIG C_FIG"""


def test_a_record_is_read() -> None:
    paper = parse_record(RECORD, "biorxiv", DAY, 3)
    assert paper is not None
    assert (paper.title, paper.kind, paper.rank) == ("Folding of a protein in the mouse", "new", 3)
    assert paper.abstract == "Background: It folds by β at 37°C. Methods: We looked ≤ twice."
    assert paper.authors == ("A. L. Byron", "L. Tao", "The Folding Consortium")
    assert paper.identifiers == (Identifier("doi", "10.64898/2026.07.13.738145"),)
    assert (paper.subjects, paper.published_on, paper.links) == (("cell biology",), DAY, ())
    assert paper.url == "https://www.biorxiv.org/content/10.64898/2026.07.13.738145v1"


def test_a_higher_version_is_news_of_a_known_paper_with_what_the_server_says_of_it() -> None:
    changed = {"version": 2, "type": "withdrawn", "published": "10.5555/ARTICLE", "authors": None, "abstract": "NA"}
    paper = parse_record(RECORD | changed, "medrxiv", DAY, 1)
    assert paper is not None
    assert (paper.kind, paper.version, paper.paper_kind) == ("replace", 2, "retraction")
    assert (paper.authors, paper.abstract) == ((), "")
    assert paper.links == (StatedLink(LinkRelation.PUBLISHED, Identifier("doi", "10.5555/article")),)
    assert parse_record(RECORD | {"doi": "none"}, "biorxiv", DAY, 1) is None
    assert parse_record(RECORD | {"title": None}, "biorxiv", DAY, 1) is None


def test_a_publication_names_the_article_and_its_journal_without_a_text() -> None:
    record = {
        "preprint_doi": RECORD["doi"],
        "published_doi": "10.5555/article",
        "published_journal": "Cell",
        "published_date": "2026-08-03",
        "preprint_title": RECORD["title"],
        "preprint_abstract": "Cut at some ...",
    }
    paper = parse_publication(record, "biorxiv", DAY, 1)
    assert paper is not None
    article = Identifier("doi", "10.5555/article")
    assert paper.links == (StatedLink(LinkRelation.PUBLISHED, article, venue="Cell", stated_on=date(2026, 8, 3)),)
    assert (paper.kind, paper.abstract) == ("replace", "")
    assert parse_publication(record | {"published_doi": "NA"}, "biorxiv", DAY, 1) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Key PointsO_LIOne is so.\nC_LIO_LITwo is so.\nC_LI", "Key Points: One is so. Two is so."),
        ("AO_SCPLOWBSTRACTC_SCPLOWO_ST_ABSAimC_ST_ABSThe end.", "Aim: The end."),
        ("A tool named PO_SCPLOWEAFOWLC_SCPLOW.", "A tool named PEAFOWL."),
        (FIGURE, "It moves."),
        ("Significance StatementThe cell.\nMethods & FindingsIt was.", "Significance Statement: The cell. "),
        ("SummaryThe cell divides.", "The cell divides."),
        ("Methods of counting. ResultsWith no line break.", "Methods of counting. ResultsWith no line break."),
        ("PubMed was searched. {unknown} stays, {kappa} and {Delta} and {lambda}.", None),
    ],
)
def test_remains_of_the_typesetter_go_and_headings_are_separated(text: str, expected: str | None) -> None:
    cleaned = clean_text(clean_typesetting(text))
    if expected is None:
        assert cleaned.startswith("PubMed was searched.")
        assert cleaned.endswith("κ and Δ and λ.")
    else:
        assert cleaned.startswith(expected)
        assert not re.search(r"[OCM]_[A-Z]+|highwire", cleaned)


def test_recorded_records_are_read_whole() -> None:
    paths = sorted(SHARED.glob("details_*rxiv_*.json.gz"))
    if not paths:
        pytest.skip("no recorded data beside the repository")
    records = [record for path in paths for record in json.loads(gzip.decompress(path.read_bytes()))["collection"]]
    papers = [parse_record(record, "biorxiv", DAY, 1) for record in records]
    read = [paper for paper in papers if paper is not None]
    assert len(read) == len(records) == 137
    assert sum(paper.paper_kind == "retraction" for paper in read) == 2
    assert sum(bool(paper.links) for paper in read) == sum(record["published"] != "NA" for record in records)
    texts = [paper.abstract for paper in read]
    assert not [text for text in texts if re.search(r"[OCM]_[A-Z]{2,}|highwire|\{\w+\}|\[[≤≥]\]", text)]
    joined = r"\b(?:Background|Methods?|Results?|Conclusions?|Objectives?|Findings|Statement)[A-Z][a-z]"
    assert not [text for text in texts if re.search(joined, text)]
    assert (
        sum(text.startswith(("Background: ", "Objective: ", "Objectives: ", "Introduction: ")) for text in texts) >= 15
    )
    assert not [name for paper in read for name in paper.authors if re.search(r"^\w+, |;", name)]
