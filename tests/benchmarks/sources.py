"""How many entries of an answer are read in a second, against feedparser on a feed of the same papers.

Both read title, abstract, authors, identifiers and date. Ours also cleans markup, and normalizes names and identifiers.
"""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from html import escape
from pathlib import Path

import feedparser  # type: ignore[import-untyped]  # no stubs are published with it

from digest.sources import ListedPaper
from digest.sources.biorxiv import parse_record
from digest.sources.crossref import parse_work
from digest.sources.entries import parse_entries
from digest.sources.europepmc import parse_page
from digest.sources.feeds.dialects import parse_feed
from digest.sources.feeds.listings import read_papers
from digest.sources.pubmed import parse_records
from tests.benchmarks.harness import Result, measure_in_turn

SAMPLES = Path(__file__).parents[1] / "data/sources"
DAY = date(2026, 1, 5)
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
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


def preprint_entries_read() -> Result:
    """Measure records of bioRxiv and works of Crossref, 400 of each, with headings and tokens to clean."""
    titles = ("Folding of a <i>protein</i>", "A second paper", "A third one on H<sub>2</sub>O", "Mice and &amp; men")
    text = "It folds at 37{degrees}C, as {beta} shows. We looked at it closely and found nothing else. " * 8
    records = [
        {
            "doi": f"10.64898/2026.01.05.{number:06}",
            "title": titles[number % 4],
            "authors": "Byron, A. L.; Tao, L.; The Folding Consortium",
            "abstract": f"Background{text}\n\nMethodsO_LI{text}C_LI",
            "date": str(DAY),
            "version": "1",
            "category": "cell biology",
        }
        for number in range(4 * COPIES)
    ]
    works = [
        {
            "DOI": f"10.5555/{number}",
            "type": "journal-article",
            "title": [titles[number % 4]],
            "author": [{"given": "Ada", "family": "Byron"}, {"given": "Lin", "family": "Tao"}],
            "abstract": f"<jats:sec><jats:title>Aim</jats:title><jats:p>{text}{text}</jats:p></jats:sec>",
            "container-title": ["Nature"],
            "published-online": {"date-parts": [[2026, 1, 5]]},
        }
        for number in range(4 * COPIES)
    ]
    body = json.dumps([records, works])

    def parse() -> Sequence[ListedPaper]:
        listed, registered = json.loads(body)
        preprints = parse_entries(listed, lambda one, rank: parse_record(one, "biorxiv", DAY, rank), len(listed))
        articles = parse_entries(registered, partial(parse_work, day=DAY), len(registered))
        return (*preprints.papers, *articles.papers)

    return measure_entries(parse)


def feed_entries_read() -> Result:
    """Measure any feed, 400 entries of RSS 1.0 with Dublin Core: feedparser is within ours, which cannot be faster."""
    answer = json.loads((SAMPLES / "europepmc.json").read_text())
    records = [record for record in answer["resultList"]["result"] if record and record.get("title")]
    papers = parse_page(answer | {"resultList": {"result": records}}, "bench", DAY).entries.papers
    body = as_feed([replace(paper, url=f"{paper.url}/{n}") for n in range(COPIES) for paper in papers])

    def parse() -> Sequence[ListedPaper]:
        return read_papers(parse_feed(body, "bench"), "bench", "https://example.org/feed", NOW).entries.papers

    count = len(parse())
    ours, baseline = measure_in_turn(parse, lambda: feedparser.parse(io.BytesIO(body)).entries, repeats=5)
    return Result(measured=count / ours, baseline=count / baseline, unit="entries/s", goal=0.5)


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
