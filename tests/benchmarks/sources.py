"""How many entries of an answer are read in a second, against feedparser on a feed of the same papers.

Both read title, abstract, authors, identifiers and date. Ours also cleans markup, and normalizes names and identifiers.
"""

import json
from collections.abc import Callable, Sequence
from datetime import date
from html import escape
from pathlib import Path

import feedparser  # type: ignore[import-untyped]  # no stubs are published with it

from digest.sources import ListedPaper
from digest.sources.europepmc import parse_page
from digest.sources.pubmed_xml import parse_records
from tests.benchmarks.harness import Result, measure_in_turn

SAMPLES = Path(__file__).parents[1] / "data/sources"
DAY = date(2026, 1, 5)
COPIES = 100


def pubmed_entries_read() -> Result:
    """Measure records of PubMed: 800 of them."""
    text = (SAMPLES / "pubmed.xml").read_text()
    head, _, rest = text.partition("<PubmedArticleSet>")
    records, _, tail = rest.partition("<DeleteCitation>")
    copies = "".join(records.replace('<PMID Version="1">9', f'<PMID Version="1">{n}9') for n in range(1, COPIES + 1))
    body = f"{head}<PubmedArticleSet>{copies}<DeleteCitation>{tail}".encode()
    return measure_entries(lambda: parse_records(body, "bench", DAY).papers)


def europepmc_entries_read() -> Result:
    """Measure records of Europe PMC: 400 of them."""
    answer = json.loads((SAMPLES / "europepmc.json").read_text())
    records = [record for record in answer["resultList"]["result"] if record and record.get("title")]
    answer["resultList"]["result"] = [
        record | {"id": f"{n}{record['id']}".replace(f"{n}P", f"P{n}")}
        for n in range(1, COPIES + 1)
        for record in records
    ]
    body = json.dumps(answer)
    return measure_entries(lambda: parse_page(json.loads(body), "bench", DAY).entries.papers)


def measure_entries(parse: Callable[[], Sequence[ListedPaper]]) -> Result:
    """Measure a parser against feedparser, which reads the same papers from a feed of RSS 1.0 with Dublin Core."""
    papers = parse()
    feed = as_feed(papers)
    ours, baseline = measure_in_turn(parse, lambda: feedparser.parse(feed).entries, repeats=5)
    assert len(feedparser.parse(feed).entries) == len(papers)
    return Result(measured=len(papers) / ours, baseline=len(papers) / baseline, unit="entries/s", goal=1)


def as_feed(papers: Sequence[ListedPaper]) -> bytes:
    """Return papers as journals list them in their feeds."""
    items = "".join(
        f"<item rdf:about='{escape(paper.url)}'><title>{escape(paper.title)}</title><link>{escape(paper.url)}</link>"
        f"<description>{escape(f'<p>{paper.abstract}</p>')}</description><dc:date>{paper.published_on}</dc:date>"
        f"<dc:identifier>doi:{escape(paper.doi or '')}</dc:identifier>"
        f"{''.join(f'<dc:creator>{escape(name)}</dc:creator>' for name in paper.authors)}</item>"
        for paper in papers
    )
    spaces = (
        "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns='http://purl.org/rss/1.0/' "
        "xmlns:dc='http://purl.org/dc/elements/1.1/'"
    )
    return f"<?xml version='1.0'?><rdf:RDF {spaces}><channel><title>Bench</title></channel>{items}</rdf:RDF>".encode()
