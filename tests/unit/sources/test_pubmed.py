"""Records of PubMed and Europe PMC, of our own writing and, where they are at hand, recorded ones."""

import gzip
import json
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from lxml import etree  # type: ignore[import-untyped]

from digest.errors import MalformedAnswerError
from digest.sources import ListedPaper
from digest.sources.europepmc import parse_page
from digest.sources.pubmed import parse_records, strip_title
from digest.sources.pubmed.records import _parse_date

DATA = Path(__file__).parents[2] / "data/sources"
SHARED = Path(__file__).parents[3] / "../shared/data/sources"
DAY = date(2026, 1, 5)


def by_id(papers: tuple[ListedPaper, ...]) -> dict[str, ListedPaper]:
    return {paper.source_id: paper for paper in papers}


def links(paper: ListedPaper) -> set[str]:
    return {f"{link.relation}{' of' if link.is_reversed else ''} {link.identifier}" for link in paper.links}


def recorded(name: str) -> bytes:
    path = SHARED / name
    if not path.exists():
        pytest.skip("no recorded data beside the repository")
    return gzip.decompress(path.read_bytes())


def test_records_of_pubmed_are_read_as_expected() -> None:
    entries = parse_records((DATA / "pubmed.xml").read_bytes(), "here", DAY)
    assert (entries.received, entries.unreadable) == (7, 1)
    papers = by_id(entries.papers)
    article = papers["91000001"]
    assert article.title == "Uptake of CO₂ by Parus eggs & nests"
    assert article.abstract == (
        "Background: Eggs breathe; p < 0.05. Materials and methods: We counted 10⁶ of them. And so on."
    )
    assert article.authors == ("Ada L Byron, III", "K. Itô", "Nest Box Study Group")
    assert list(map(str, article.identifiers)) == [
        "pmid:91000001", "pmcid:PMC9900001", "doi:10.5555/birds.2026.1", "pii:S0140673626000015"
    ]  # fmt: skip
    assert (article.journal, article.subjects) == ("The journal of small birds", ("Birds", "nest boxes"))
    assert (article.published_on, article.url) == (date(2026, 1, 4), "https://pubmed.ncbi.nlm.nih.gov/91000001/")
    assert (article.paper_kind, links(article)) == ("", {"published of pmid:90000007"})
    preprint = papers["90000007"]
    assert (preprint.doi, preprint.version) == ("10.1101/2025.10.01.000007", 2)
    assert links(preprint) == {"published pmid:91000001"}
    assert (preprint.links[0].venue, preprint.links[0].stated_on) == ("J Small Birds", date(2026, 1, 1))
    translated = papers["91000002"]
    assert (translated.title, translated.abstract) == ("Birds of the north: what to do?", "Des oiseaux.")
    assert (translated.published_on, translated.paper_kind) == (date(2025, 11, 1), "editorial")
    assert links(translated) == set()  # a later edition is no published version
    chapter = papers["91000005"]
    assert (chapter.title, chapter.journal) == ("How eggs hatch", "A Book of Birds")
    assert (chapter.authors, chapter.abstract, chapter.published_on) == (("Sam Ray",), "They break.", date(2026, 1, 1))


def test_a_retraction_names_its_paper_and_the_paper_its_retraction() -> None:
    papers = by_id(parse_records((DATA / "pubmed.xml").read_bytes(), "here", DAY).papers)
    notice, paper = papers["91000003"], papers["70000001"]
    assert (notice.paper_kind, links(notice)) == ("retraction", {"retracts pmid:70000001"})
    assert (paper.paper_kind, links(paper)) == (
        "retraction", {"retracts of pmid:91000003", "corrects of pmid:70000002"}
    )  # fmt: skip
    (retracted,) = (link for link in paper.links if link.relation == "retracts")
    assert (retracted.venue, retracted.stated_on) == ("Bird notes", date(2026, 1, 1))
    assert (notice.published_on, paper.published_on) == (DAY, date(2019, 4, 1))


def test_two_records_with_one_doi_are_two() -> None:
    body = (DATA / "pubmed.xml").read_bytes()
    body = body.replace(
        b"<ArticleIdList/>", b'<ArticleIdList><ArticleId IdType="doi">10.5555/both</ArticleId></ArticleIdList>'
    )
    entries = parse_records(body, "here", DAY)
    assert (entries.received, len(entries.papers)) == (7, 6)


def test_one_broken_record_costs_itself_only() -> None:
    body = (DATA / "pubmed.xml").read_bytes().replace(b"[Not Available].", b"Broken <i>")
    entries = parse_records(body, "here", DAY)
    assert (entries.received, entries.unreadable) == (7, 1)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b'{"error":"API rate limit exceeded"}', "rate limit"),
        (b"<!DOCTYPE html><html><head><title>Down</title></head><body>for maintenance</body></html>", "but html"),
        (b"<eFetchResult><ERROR>Unable to obtain query #1</ERROR></eFetchResult>", "Unable to obtain"),
        (b"<PubmedArticleSet><PubmedArticle><MedlineCitation>", "not a complete XML"),
        (b'<!DOCTYPE PubmedArticleSet [<!ENTITY a "b">]><PubmedArticleSet/>', "declares"),
    ],
)  # fmt: skip
def test_what_is_no_list_of_records_is_named(body: bytes, words: str) -> None:
    with pytest.raises(MalformedAnswerError, match=words):
        parse_records(body, "here", DAY)


@pytest.mark.parametrize(
    ("written", "stripped"),
    [
        ("[Frailty: more than that?]", "Frailty: more than that?"),
        ("[Past and future].", "Past and future"),
        ("[11C]Methionine and [18F].", "[11C]Methionine and [18F]"),
        ("And so on...", "And so on..."),
        ("[Not Available].", ""),
        ("[]", ""),
        ("", ""),
    ],
)
def test_titles_lose_brackets_and_full_stop(written: str, stripped: str) -> None:
    assert strip_title(written) == stripped


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<Year>2026</Year><Month>Mar</Month><Day>31</Day>", date(2026, 3, 31)),
        ("<Year>2026</Year><Month>02</Month><Day>31</Day>", date(2026, 2, 1)),
        ("<Year>2026</Year><Season>Fall</Season>", date(2026, 10, 1)),
        ("<MedlineDate>2020 Dec-2021 Jan</MedlineDate>", date(2020, 12, 1)),
        ("<MedlineDate>2021 Jun 4-11</MedlineDate>", date(2021, 6, 4)),
        ("<MedlineDate>Spring 1998</MedlineDate>", date(1998, 1, 1)),
        ("<MedlineDate>in press</MedlineDate>", None),
        ("<Year>99999</Year>", None),
        ("", None),
    ],
)
def test_dates_of_any_precision_are_read(written: str, read: date | None) -> None:
    assert _parse_date(etree.fromstring(f"<PubDate>{written}</PubDate>")) == read


def test_records_of_europe_pmc_are_read_as_expected() -> None:
    page = parse_page(json.loads((DATA / "europepmc.json").read_text()), "here", DAY)
    assert (page.length, page.total, page.next_cursor) == (6, 6, "AoIIQP==")
    assert (page.entries.received, page.entries.unreadable) == (6, 2)
    papers = by_id(page.entries.papers)
    article, preprint = papers["91000001"], papers["PPR900007"]
    assert article.title == "Uptake of CO₂ by Parus eggs & nests"
    assert article.abstract == "Background: Eggs breathe; p < 0.05. Methods: We counted 10⁶ of them."
    assert article.authors == ("Ada L Byron", "K. Itô", "Nest Box Study Group")
    assert list(map(str, article.identifiers)) == ["pmid:91000001", "doi:10.5555/birds.2026.1", "pmcid:PMC9900001"]
    assert (article.journal, article.subjects) == ("The journal of small birds", ("Birds", "nest boxes"))
    assert (article.published_on, links(article)) == (date(2026, 1, 4), {"published of europepmc:PPR900007"})
    assert preprint.authors == ("A. L. Byron", "K. Ito")
    assert (preprint.journal, preprint.published_on) == (None, date(2025, 1, 1))
    assert list(map(str, preprint.identifiers)) == ["europepmc:PPR900007", "doi:10.1101/2025.10.01.000007"]
    assert links(preprint) == {"published pmid:91000001"}
    assert (preprint.links[0].venue, preprint.links[0].stated_on) == ("J Small Birds", date(2026, 2, 1))
    translated = papers["PMC9900008"]
    assert (translated.title, translated.journal) == ("Birds of the north", "Revue des oiseaux")
    assert (translated.paper_kind, translated.key) == ("editorial", "pmcid:PMC9900008")
    assert links(papers["91000003"]) == {"retracts pmid:70000001"}


@pytest.mark.parametrize("answer", [None, [], {}, {"errCode": 404, "errMsg": "no"}, {"hitCount": "many"}, "<html>"])
def test_an_answer_without_a_count_is_malformed(answer: object) -> None:
    with pytest.raises(MalformedAnswerError, match="does not say"):
        parse_page(answer, "here", DAY)


def test_two_recorded_days_of_pubmed_are_read_whole() -> None:
    kinds: Counter[str] = Counter()
    papers: list[ListedPaper] = []
    for day in (date(2021, 6, 4), date(2021, 6, 5)):
        entries = parse_records(recorded(f"pubmed/day_{day}.xml.gz"), "here", day)
        assert entries.unreadable == 0
        papers += entries.papers
    assert len({paper.source_id for paper in papers}) == 2057
    kinds.update(paper.paper_kind for paper in papers)
    assert kinds == {"": 1920, "editorial": 91, "correction": 42, "retraction": 4}
    assert sum(bool(paper.doi) for paper in papers) == 1986
    assert sum(bool(paper.abstract) for paper in papers) == 1701
    assert all(paper.published_on and paper.title and "</" not in paper.title + paper.abstract for paper in papers)
    retracted = {link.identifier.value for paper in papers for link in paper.links if link.relation == "retracts"}
    assert "18808659" in retracted
    groups = [name for paper in papers for name in paper.authors if "group" in name.casefold()]
    assert "ALLIANCE study group" in groups


def test_the_recorded_update_has_retracted_papers_and_its_deletions_are_no_records() -> None:
    body = recorded("pubmed/revised_in_update_2021-06-07.xml.gz")
    entries = parse_records(body, "here", DAY)
    assert body.count(b"<DeleteCitation>") == 1
    assert (entries.received, entries.unreadable) == (160, 0)  # one of them in two versions
    retracted = [paper for paper in entries.papers if paper.paper_kind == "retraction"]
    assert len(retracted) == 2
    assert all("retracts of" in " ".join(links(paper)) for paper in retracted)


def test_recorded_pages_of_europe_pmc_are_read() -> None:
    pages = sorted(SHARED.glob("europepmc/*.json.gz"))
    if not pages:
        pytest.skip("no recorded data beside the repository")
    papers: dict[str, ListedPaper] = {}
    for path in pages:
        if "idlist" not in path.name:
            page = parse_page(json.loads(gzip.decompress(path.read_bytes())), path.name, DAY)
            assert page.entries.unreadable == 0, path.name
            papers |= by_id(page.entries.papers)
    assert len(papers) > 600
    assert links(papers["PPR179288"]) == {"published pmid:32678530"}
    (link,) = papers["PPR179288"].links
    assert (link.venue, link.stated_on) == ("The New England journal of medicine", date(2021, 2, 1))
    assert papers["32678530"].authors[0] == "RECOVERY Collaborative Group"
    assert not [paper.title for paper in papers.values() if paper.title.endswith(".") or "</" in paper.title]
