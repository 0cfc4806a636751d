"""Records of PubMed: articles and chapters of books, from NLM's XML to papers.

Dates come in several precisions, titles of other languages in brackets, abstracts in parts, authors as groups; all of
that is optional. What a record says about others are links: https://www.nlm.nih.gov/bsd/mms/medlineelements.html#ccs.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date
from itertools import islice

from lxml import etree  # type: ignore[import-untyped]  # no stubs are published with it

from digest.errors import MalformedAnswerError
from digest.identifiers import Identifier, LinkRelation, PaperKind, StatedLink, normalize_identifier
from digest.sources import messages
from digest.sources.base import ListedPaper
from digest.sources.entries import ParsedEntries, parse_entries
from digest.sources.text import (
    MAX_AUTHORS,
    NAME_LENGTH,
    TITLE_LENGTH,
    bound_names,
    clean_sections,
    clean_terms,
    clean_text,
    format_name,
)
from digest.sources.xml import inner_markup, parse_xml

RECORD_TAGS = ("PubmedArticle", "PubmedBookArticle")
PUBLIC_URL = "https://pubmed.ncbi.nlm.nih.gov"
MAX_LINKS = 50
_KINDS = {
    "retraction of publication": PaperKind.RETRACTION, "retraction notice": PaperKind.RETRACTION,
    "retracted publication": PaperKind.RETRACTION, "published erratum": PaperKind.CORRECTION,
    "expression of concern": PaperKind.CONCERN, "editorial": PaperKind.EDITORIAL, "news": PaperKind.EDITORIAL,
    "newspaper article": PaperKind.EDITORIAL, "interview": PaperKind.EDITORIAL, "obituary": PaperKind.EDITORIAL,
    "introductory journal article": PaperKind.EDITORIAL,
}  # fmt: skip
# What a notice is to its paper, by the reference: "RetractionOf" stands on the notice, "RetractionIn" on the paper.
NOTICE_RELATIONS = {
    "retraction": LinkRelation.RETRACTS, "partialretraction": LinkRelation.CORRECTS, "erratum": LinkRelation.CORRECTS,
    "expressionofconcern": LinkRelation.CONCERNS, "comment": LinkRelation.COMMENTS,
}  # fmt: skip
_REFERENCE = re.compile(r"(?P<what>[A-Z][A-Za-z]+?)(?P<where>Of|On|For|In)")
# Journals under which preprints stand; PubMed also calls a later edition of a review an update.
_PREPRINT_SERVERS = re.compile(
    r"(?:bioRxiv|medRxiv|arXiv|ChemRxiv|Res(?:earch)? Sq(?:uare)?|SSRN|Preprints|PsyArXiv)\b", re.IGNORECASE
)
_NO_TITLE = re.compile(r"(?:not available|in process citation|no title available)\W*", re.IGNORECASE)
_MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}  # noqa: SIM905
_SEASONS = {"winter": 1, "spring": 4, "summer": 7, "autumn": 10, "fall": 10}
_CITATION = re.compile(
    r"(?P<journal>[^;]{2,200}?)\.\s+(?P<year>(?:18|19|20)\d\d)(?:\s+(?P<month>[A-Za-z]{3}))?(?:\s+(?P<day>\d{1,2})\b)?"
)
_MEDLINE_DATE = re.compile(r"(?P<year>(?:18|19|20)\d\d)(?:\s+(?P<month>[A-Za-z]{3,}))?(?:\s+(?P<day>\d{1,2})\b)?")


def parse_records(body: bytes, location: str, day: date, start: int = 0) -> ParsedEntries:
    """Parse an answer of efetch, whose first record stands at `start`. Raises MalformedAnswerError."""
    document = parse_xml(body, location, RECORD_TAGS)
    root = document.root
    if root.tag != "PubmedArticleSet":
        fault = " ".join(clean_text("".join(root.itertext()), NAME_LENGTH).split())
        raise MalformedAnswerError(messages.no_records(location, str(root.tag), fault))
    records = [record for record in root if record.tag in RECORD_TAGS]
    return parse_entries(
        records,
        lambda record, rank: parse_record(record, day, start + rank),
        len(records),
        unreadable=document.broken_entries,
    )


def parse_record(record: etree._Element, day: date, rank: int) -> ListedPaper | None:
    """Parse one record; None for one without id or title."""
    citation = record.find("BookDocument" if record.tag == "PubmedBookArticle" else "MedlineCitation")
    if citation is None or not (pmid := normalize_identifier(citation.findtext("PMID") or "", "pmid")):
        return None
    article = citation.find("Article")
    work = citation if article is None else article
    types = [one.text or "" for one in work.iterfind(".//PublicationType")]
    book, journal = citation.find("Book"), work.findtext("Journal/Title")
    title = clean_title(work.find("ArticleTitle")) or clean_title(work.find("VernacularTitle"))
    if book is not None:
        book_title = clean_title(book.find("BookTitle"))
        title, journal = (title, book_title) if title else (book_title, None)
    if not title:
        return None
    identifiers = (pmid, *_identifiers(record, work))
    is_preprint = "Preprint" in types
    return ListedPaper(
        source="pubmed",
        list_day=day,
        rank=rank,
        paper_kind=kind_of_types(types),
        identifiers=tuple(dict.fromkeys(identifiers)),
        links=tuple(islice(_links(citation, pmid, is_preprint=is_preprint), MAX_LINKS)),
        title=title,
        abstract=_abstract(citation, work),
        authors=_authors(work),
        subjects=clean_terms(
            inner_markup(one) for path in ("MeshHeadingList/MeshHeading/DescriptorName", "KeywordList/Keyword")
            for one in citation.iterfind(path)
        ),
        journal=clean_text(journal or "", NAME_LENGTH) or None,
        version=max(name.version for name in identifiers) or int(citation.find("PMID").get("Version") or 1),
        source_id=pmid.value,
        url=f"{PUBLIC_URL}/{pmid.value}/",
        published_on=_publication_date(record, work, book),
    )  # fmt: skip


def kind_of_types(types: Iterable[str]) -> str:
    """Return what kind of paper the publication types say, empty where they leave it to the title."""
    named = {name.strip().casefold() for name in types}
    return next((kind for name, kind in _KINDS.items() if name in named), "")


def clean_title(element: etree._Element | None) -> str:
    """Return a title as people read it, empty where there is none."""
    return strip_title(clean_text(inner_markup(element), TITLE_LENGTH))


def strip_title(title: str) -> str:
    """Return a title without the brackets of a translated one and without the full stop behind it."""
    end = len(title.rstrip(" ."))
    if title.startswith("[") and title.find("]") == end - 1:
        title = title[1 : end - 1]
    if title.endswith(".") and not title.endswith(".."):
        title = title[:-1].rstrip()
    return "" if _NO_TITLE.fullmatch(title) else title


def _identifiers(record: etree._Element, work: etree._Element) -> Iterator[Identifier]:
    schemes = {"doi": "doi", "pmc": "pmcid", "pii": "pii"}
    for one in (*record.iterfind("*/ArticleIdList/ArticleId"), *work.iterfind("ELocationID")):
        scheme = schemes.get(one.get("IdType") or one.get("EIdType") or "")
        is_valid = one.get("ValidYN") != "N"
        if scheme and is_valid and (identifier := normalize_identifier(one.text or "", scheme)):
            yield identifier


def _links(citation: etree._Element, own: Identifier, *, is_preprint: bool) -> Iterator[StatedLink]:
    """Yield what the record says about others: notices, comments, and the preprint that was published as it."""
    for one in citation.iterfind("CommentsCorrectionsList/CommentsCorrections"):
        match = _REFERENCE.fullmatch(one.get("RefType") or "")
        other = normalize_identifier(one.findtext("PMID") or "", "pmid")
        if not match or not other or other == own:
            continue
        what, is_reversed, source = match["what"].casefold(), match["where"] == "In", one.findtext("RefSource") or ""
        venue, stated_on = parse_citation(source) if is_reversed else ("", None)
        if relation := NOTICE_RELATIONS.get(what):
            yield StatedLink(relation, other, is_reversed, venue, stated_on)
        elif what == "update" and is_reversed and is_preprint:
            yield StatedLink(LinkRelation.PUBLISHED, other, venue=venue, stated_on=stated_on)
        elif what == "update" and not is_reversed and _PREPRINT_SERVERS.match(source):
            yield StatedLink(LinkRelation.PUBLISHED, other, is_reversed=True)


def parse_citation(text: str) -> tuple[str, date | None]:
    """Return journal and date of a citation: "Bird notes. 2026 Jan 5;9:92"."""
    match = _CITATION.match(text)
    if not match:
        return "", None
    return clean_text(match["journal"], NAME_LENGTH), _make_date(*match.group("year", "month", "day"))


def _abstract(citation: etree._Element, work: etree._Element) -> str:
    """Return the abstract with its sections; one in another language or for laymen where there is no other."""
    for abstract in (work.find("Abstract"), *citation.iterfind("OtherAbstract")):
        if abstract is not None:
            parts = ((part.get("Label") or "", inner_markup(part)) for part in abstract.iterfind("AbstractText"))
            if text := clean_sections(parts):
                return text
    return ""


def _authors(work: etree._Element) -> tuple[str, ...]:
    names = []
    for author in islice(work.iterfind("AuthorList/Author"), MAX_AUTHORS):
        if group := clean_text(inner_markup(author.find("CollectiveName")), NAME_LENGTH).rstrip(" .;,"):
            names.append(group)
        elif author.get("ValidYN") != "N":
            given = author.findtext("ForeName") or author.findtext("Initials") or ""
            names.append(format_name(given, author.findtext("LastName") or "", author.findtext("Suffix") or ""))
    return bound_names(names)


def _publication_date(record: etree._Element, work: etree._Element, book: etree._Element | None) -> date | None:
    """Return when it was published: online, else in its issue, else the day of entry within the year that is given."""
    issue = work.find("Journal/JournalIssue/PubDate") if book is None else book.find("PubDate")
    online, entered = work.find("ArticleDate"), record.find("*/History/PubMedPubDate[@PubStatus='entrez']")
    if found := _parse_date(online):
        return found
    printed, entry = _parse_date(issue), _parse_date(entered)
    is_year_only = issue is not None and printed is not None and len(issue) == 1 and issue[0].tag == "Year"
    return entry if is_year_only and entry and printed and entry.year == printed.year else printed or entry


def _parse_date(element: etree._Element | None) -> date | None:
    if element is None:
        return None
    year, month, day = (element.findtext(name) for name in ("Year", "Month", "Day"))
    if text := element.findtext("MedlineDate"):
        match = _MEDLINE_DATE.search(text)
        year, month, day = match.group("year", "month", "day") if match else (None, None, None)
    return _make_date(year, month or element.findtext("Season"), day)


def _make_date(year: str | None, month: str | None, day: str | None) -> date | None:
    """Return a date of any precision: its first day. A month is a number, a name or a season."""
    name = (month or "").casefold()
    number = int(name) if name.isdecimal() else _MONTHS.get(name[:3], 0) or _SEASONS.get(name, 1)
    for possible_day in (day, 1):
        with suppress(ValueError, OverflowError, TypeError):
            return date(int(year or ""), number, int(possible_day or 1))
    return None
