"""Papers of recorded answers, read independently of our sources: what identity is measured on (design SOURCES 1 and 5).

Only what tells papers apart is read: identifiers, statements of sources, title, authors, day, kind.
"""

import gzip
import json
import lzma
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import feedparser  # type: ignore[import-untyped]
from lxml import etree  # type: ignore[import-untyped]

from digest.identifiers import Identifier, LinkRelation, PaperKind, StatedLink, normalize_identifier
from digest.sources import ListedPaper
from digest.sources.text import clean_text, parse_authors

SHARED_DATA = Path(__file__).parents[3] / "shared/data"
SOURCES = SHARED_DATA / "sources"
LIST_DAY = date(2026, 7, 28)
NOTICES = {"RetractionOf": LinkRelation.RETRACTS, "ErratumFor": LinkRelation.CORRECTS}
NOTICES |= {"ExpressionOfConcernFor": LinkRelation.CONCERNS, "CommentOn": LinkRelation.COMMENTS}
PUBMED_SCHEMES = {"doi": "doi", "pmc": "pmcid", "pii": "pii"}
PUBMED_KINDS = {
    "Retraction of Publication": PaperKind.RETRACTION,
    "Published Erratum": PaperKind.CORRECTION,
    "Expression of Concern": PaperKind.CONCERN,
    "Editorial": PaperKind.EDITORIAL,
    "News": PaperKind.EDITORIAL,
}


def entry(
    source: str, names: Sequence[Identifier | None], title: str, authors: Sequence[str], day: date | None, **more: Any
) -> ListedPaper:
    """Return a listing; an entry without any identifier is known by its title at its source."""
    identifiers = tuple(dict.fromkeys(name for name in names if name))
    usual: dict[str, Any] = {
        "source": source, "list_day": LIST_DAY, "rank": 1, "title": clean_text(title, 2000), "authors": tuple(authors),
        "identifiers": identifiers or (Identifier("url", f"{source}/{title[:200]}"),), "url": "https://example.org",
        "published_on": day,
    }  # fmt: skip
    return ListedPaper(**(usual | more))


def read_all() -> Iterator[ListedPaper]:
    """Yield the listings of all recordings, one source after the other."""
    yield from chain(
        arxiv_papers(), hugging_face_papers(), pubmed_papers(), europepmc_papers(), biorxiv_papers(),
        crossref_papers(), acl_papers(), openreview_papers(), semantic_scholar_papers(), feed_papers(),
    )  # fmt: skip


def arxiv_papers() -> Iterator[ListedPaper]:
    for line in gzip.decompress((SHARED_DATA / "corpus/arxiv_papers.jsonl.gz").read_bytes()).splitlines():
        row = json.loads(line)
        yield entry("arxiv", [Identifier("arxiv", row["id"])], row["title"], row["authors"], to_day(row["published"]))


def hugging_face_papers() -> Iterator[ListedPaper]:
    for path in sorted((SHARED_DATA / "huggingface/api").glob("*.json.gz")):
        for item in load_json(path):
            paper = item["paper"]
            name = normalize_identifier(paper["id"], "arxiv")
            authors = [author["name"] for author in paper.get("authors") or ()]
            yield entry("huggingface", [name], paper["title"], authors, to_day(paper["publishedAt"]))


def pubmed_papers() -> Iterator[ListedPaper]:
    for path in sorted((SOURCES / "pubmed").glob("*_2021-*.xml.gz")):
        tree = etree.fromstring(re.sub(rb"<!DOCTYPE[^>]*>", b"", gzip.decompress(path.read_bytes()), count=1))
        for record in tree.iter("PubmedArticle"):
            ids = [normalize_identifier(record.findtext(".//PMID") or "", "pmid")]
            ids += [
                normalize_identifier(number.text or "", PUBMED_SCHEMES[str(number.get("IdType"))])
                for number in record.findall("PubmedData/ArticleIdList/ArticleId")
                if number.get("IdType") in PUBMED_SCHEMES
            ]
            authors = [
                author.findtext("CollectiveName")
                or " ".join(filter(None, (author.findtext("ForeName"), author.findtext("LastName"))))
                for author in record.findall(".//AuthorList/Author")
            ]
            types = {kind.text for kind in record.findall(".//PublicationType")}
            kind = next((found for name, found in PUBMED_KINDS.items() if name in types), PaperKind.PAPER)
            links = []
            for comment in record.findall(".//CommentsCorrections"):
                other = normalize_identifier(comment.findtext("PMID") or "", "pmid")
                if other and (relation := NOTICES.get(str(comment.get("RefType")))):
                    links.append(StatedLink(relation, other))
                elif other and comment.get("RefType") == "UpdateOf":
                    links.append(StatedLink(LinkRelation.PUBLISHED, other, is_reversed=True))
            title = "".join(record.find(".//ArticleTitle").itertext())
            dates = [record.find(path) for path in (".//ArticleDate", ".//PubMedPubDate[@PubStatus='entrez']")]
            day = next((d for found in dates if found is not None and (d := _date_of(found))), None)
            yield entry("pubmed", ids, title, authors, day, paper_kind=kind, links=tuple(links))


def europepmc_papers() -> Iterator[ListedPaper]:
    for path in sorted((SOURCES / "europepmc").glob("*.json.gz")):
        for row in load_json(path).get("resultList", {}).get("result", ()):
            if "title" not in row:
                continue
            names = [normalize_identifier(row[field], field) for field in ("pmid", "pmcid", "doi") if row.get(field)]
            full = [author.get("fullName", "") for author in row.get("authorList", {}).get("author", ())]
            links = [
                StatedLink(LinkRelation.PUBLISHED, other)
                for comment in row.get("commentCorrectionList", {}).get("commentCorrection", ())
                if comment.get("type") == "Preprint of"
                and (other := normalize_identifier(str(comment.get("id", "")), "pmid"))
            ]
            authors = parse_authors(row.get("authorString", "") or full)
            day = to_day(row.get("firstPublicationDate") or row.get("pubYear"))
            yield entry("europepmc", names, row["title"], authors, day, links=tuple(links))


def biorxiv_papers() -> Iterator[ListedPaper]:
    for path in sorted((SOURCES / "biorxiv").glob("*_20*.json.gz")):
        if "derived" in path.name:
            continue
        for record in load_json(path)["collection"]:
            row = {name.removeprefix("preprint_"): value for name, value in record.items()}
            article = normalize_identifier(row.get("published") or row.get("published_doi") or "", "doi")
            links = (StatedLink(LinkRelation.PUBLISHED, article),) if article else ()
            names = [normalize_identifier(row["doi"], "doi")]
            yield entry("biorxiv", names, row["title"], parse_authors(row["authors"]), to_day(row["date"]), links=links)


def crossref_papers() -> Iterator[ListedPaper]:
    for path in sorted((SOURCES / "crossref").glob("*.json.gz")):
        answer = load_json(path)
        message = answer.get("message") if isinstance(answer, dict) else None
        rows = message.get("items", [message]) if isinstance(message, dict) else ()
        for row in rows:
            if not isinstance(row, dict) or not row.get("DOI") or not row.get("title"):
                continue
            names = [normalize_identifier(row["DOI"], "doi")]
            names += [normalize_identifier(value, "pii") for value in row.get("alternative-id", ())]
            authors = [
                " ".join(filter(None, (author.get("given"), author.get("family")))) or author.get("name", "")
                for author in row.get("author", ())
            ]
            relation = row.get("relation") or {}
            stated = [(relation.get("is-preprint-of", ()), False), (relation.get("has-preprint", ()), True)]
            links = [
                StatedLink(LinkRelation.PUBLISHED, other, is_reversed=is_reversed)
                for found, is_reversed in stated
                for item in found
                if (other := normalize_identifier(item["id"], "doi"))
            ]
            parts = (row.get("issued") or {}).get("date-parts", [[None]])[0]
            day = date(parts[0], *[*parts[1:], 1, 1][:2]) if parts and parts[0] else None
            titles = row["title"] if isinstance(row["title"], list) else [row["title"]]
            yield entry("crossref", names, titles[0], authors, day, links=tuple(links))


def acl_papers() -> Iterator[ListedPaper]:
    for path in sorted((SOURCES / "acl").glob("*.xml.gz")):
        tree = etree.fromstring(gzip.decompress(path.read_bytes()))
        for volume in tree.iter("volume"):
            year = int(volume.findtext("meta/year") or 0)
            for paper in volume.iter("paper"):
                number = f"{tree.get('id')}-{volume.get('id')}.{paper.get('id')}"
                names = [normalize_identifier(number, "acl"), normalize_identifier(paper.findtext("doi") or "", "doi")]
                authors = [
                    " ".join(filter(None, (author.findtext("first"), author.findtext("last"))))
                    for author in paper.findall("author")
                ]
                title = "".join(paper.find("title").itertext())
                yield entry("acl", names, title, authors, date(year, 5, 1))


def openreview_papers() -> Iterator[ListedPaper]:
    for path in sorted((SOURCES / "openreview").glob("*.json.gz")):
        answer = load_json(path)
        for note in answer.get("notes", [answer]):
            if note.get("id") != note.get("forum"):
                continue
            content = {name: value_of(value) for name, value in note["content"].items()}
            authors = [
                author if isinstance(author, str) else author["fullname"] for author in content.get("authors", ())
            ]
            created = note.get("pdate") or note.get("odate") or note.get("cdate") or note.get("tcdate")
            day = datetime.fromtimestamp(created / 1000, UTC).date() if created else None
            yield entry("openreview", [Identifier("openreview", note["id"])], content["title"], authors, day)


def semantic_scholar_papers() -> Iterator[ListedPaper]:
    schemes = {"ArXiv": "arxiv", "DOI": "doi", "PubMed": "pmid", "PubMedCentral": "pmcid", "ACL": "acl"}
    for path in sorted((SOURCES / "semanticscholar").glob("*.json.gz")):
        for row in nested_objects(load_json(path)):
            if not isinstance(row.get("externalIds"), dict) or not row.get("title"):
                continue
            ids = {name: str(value) for name, value in row["externalIds"].items() if value}
            names = [normalize_identifier(ids[name], scheme) for name, scheme in schemes.items() if name in ids]
            authors = [author["name"] for author in row.get("authors") or ()]
            day = to_day(row.get("publicationDate") or str(row.get("year") or ""))
            yield entry("s2", [*names, Identifier("s2", row["paperId"])], row["title"], authors, day)


def feed_papers() -> Iterator[ListedPaper]:
    """Yield entries of journals' feeds, and of five feeds as they were on successive days."""
    expected = [json.loads(line) for line in (SOURCES / "feeds/expected.jsonl").read_text().splitlines()]
    for row in expected:
        if row["kind"].startswith("journal"):
            yield from parse_feed(
                row["file"].partition(".")[0], gzip.decompress((SOURCES / "feeds" / row["file"]).read_bytes())
            )
    for path in sorted((SOURCES / "feed_series").glob("*.expected.json.xz")):
        name = path.name.partition(".")[0]
        for row in json.loads(lzma.decompress(path.read_bytes())):
            doi = normalize_identifier(row["paper"])
            title = row["title"].removeprefix("[ASAP] ")
            yield entry(name, [doi or Identifier(f"feed:{name}", row["id"])], title, (), to_day(row["first_at"]))


def parse_feed(name: str, body: bytes) -> Iterator[ListedPaper]:
    for item in feedparser.parse(body[body.find(b"<") :]).entries:
        texts = [item.get("prism_doi"), item.get("dc_identifier"), item.get("id"), item.get("link")]
        found = [normalize_identifier(text) for text in texts if text]
        dois = [identifier for identifier in found if identifier and identifier.scheme in {"doi", "pii", "arxiv"}]
        shortest = min((doi for doi in dois if doi.scheme == "doi"), key=lambda doi: len(doi.value), default=None)
        names: list[Identifier | None] = [shortest, *(other for other in dois if other.scheme != "doi")]
        if not any(names):
            names = [Identifier(f"feed:{name}", item.get("id") or item.get("link") or item.get("title", ""))]
        authors = parse_authors([author["name"] for author in item.get("authors", ()) if author.get("name")])
        when = item.get("published_parsed") or item.get("updated_parsed")
        title = item.get("title", "").removeprefix("[ASAP] ")
        yield entry(name, names, title, authors, date(*when[:3]) if when else None)


def load_json(path: Path) -> Any:
    """Return what an answer holds; None for one that is no JSON, as errors of gateways are."""
    try:
        return json.loads(gzip.decompress(path.read_bytes()))
    except ValueError:
        return None


def nested_objects(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nested_objects(part)


def value_of(value: Any) -> Any:
    return value.get("value") if isinstance(value, dict) else value


def to_day(text: Any) -> date | None:
    """Return the day of a text that begins with one; of a year alone, its first."""
    found = re.match(r"(\d{4})(?:-(\d\d)-(\d\d))?", str(text or ""))
    return date(int(found[1]), int(found[2] or 1), int(found[3] or 1)) if found else None


def _date_of(element: Any) -> date | None:
    parts = [int(element.findtext(name) or 1) for name in ("Year", "Month", "Day")]
    return date(*parts)
