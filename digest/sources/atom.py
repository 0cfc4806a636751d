"""Parsers of arXiv's XML: the daily feed as RSS or Atom, and the answers of the query API.

An answer is parsed whole or not at all. A truncated feed raises MalformedAnswerError however many entries came before
the cut: the day is fetched again by the next run, and part of a batch never passes for all of it.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

from lxml import etree  # type: ignore[import-untyped]  # no stubs are published with it

from digest.errors import MalformedAnswerError
from digest.identifiers import parse_arxiv_id
from digest.sources.base import ListedPaper
from digest.sources.text import clean_text, parse_authors

EASTERN = ZoneInfo("America/New_York")
_ATOM = "{http://www.w3.org/2005/Atom}"
_ARXIV = "{http://arxiv.org/schemas/atom}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_OPENSEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"
_ANNOUNCEMENT = re.compile(r"\s*arXiv:(\S+)\s+Announce Type:\s*(\S+)\s*(?:Abstract:\s*)?", re.IGNORECASE)
_CATEGORY = re.compile(r"[a-z-]+(\.[A-Za-z-]+)?")
_KIND_ORDER = {"new": 0, "cross": 1, "replace": 2}


def parse_feed(body: bytes, location: str) -> tuple[date | None, tuple[ListedPaper, ...], int]:
    """Return the day of a feed (US Eastern, None when it does not say), its papers, and how many entries were skipped.

    A paper that stands in a batch twice is taken once: as new rather than cross, as cross rather than replaced.
    """
    root = parse_xml(body, location)
    parse_entry: Callable[[etree._Element, date, int], ListedPaper | None]
    if root.tag == "rss" and (channel := root.find("channel")) is not None:
        day, entries, parse_entry = parse_rss_day(channel), channel.findall("item"), parse_rss_item
    elif root.tag == f"{_ATOM}feed":
        day, entries, parse_entry = parse_atom_day(root), root.findall(f"{_ATOM}entry"), parse_atom_entry
    else:
        raise MalformedAnswerError(f"{location} is no feed: its outermost element is {str(root.tag)[-30:]!r}")
    papers: dict[str, ListedPaper] = {}
    skipped = 0
    for rank, entry in enumerate(entries, 1):
        paper = parse_entry(entry, day or date.min, rank)
        if paper is None:
            skipped += 1
        elif paper.key not in papers or _KIND_ORDER[paper.kind] < _KIND_ORDER[papers[paper.key].kind]:
            papers[paper.key] = paper
    if entries and not papers:
        raise MalformedAnswerError(f"none of the {len(entries)} entries of {location} can be read")
    return day, tuple(papers.values()), skipped


def parse_query_response(
    body: bytes, location: str, *, day: date, categories: Sequence[str] = ()
) -> tuple[list[ListedPaper], int]:
    """Return the papers of a query API answer, and how many the query has in all.

    With `categories`, papers are listings of `day`: new where their first category is one of these, else cross.
    Without, they are texts only (kind replace). Raises MalformedAnswerError, also for arXiv's error entries.
    """
    root = parse_xml(body, location)
    if root.tag != f"{_ATOM}feed":
        raise MalformedAnswerError(f"{location} is no Atom feed: its outermost element is {str(root.tag)[-30:]!r}")
    papers: list[ListedPaper] = []
    for entry in root.findall(f"{_ATOM}entry"):
        if child_text(entry, f"{_ATOM}title").strip() == "Error":
            reason = clean_text(child_text(entry, f"{_ATOM}summary"))[:200] or "Error"
            raise MalformedAnswerError(f"{location} says: {reason}")
        paper = parse_query_entry(entry, day, len(papers) + 1, categories)
        if paper:
            papers.append(paper)
    total = child_text(root, f"{_OPENSEARCH}totalResults").strip()
    return papers, int(total) if total.isdecimal() and len(total) < 9 else len(papers)  # noqa: PLR2004


def parse_xml(body: bytes, location: str) -> etree._Element:
    """Return the root of an XML document, parsed without entities, DTD or network."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False)
    beginning = " ".join(body[:200].decode("utf-8", "replace").split())[:50]
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        described = f"it begins {beginning!r}" if beginning else "it is empty"
        raise MalformedAnswerError(f"{location} is no whole XML document ({described}): {error}") from error
    if root.getroottree().docinfo.doctype:
        raise MalformedAnswerError(f"{location} is no feed: it begins {beginning!r}")
    return root


def parse_rss_item(item: etree._Element, day: date, rank: int) -> ListedPaper | None:
    """Return the paper of an RSS item, None when it has no arXiv id or title."""
    return _build_paper(
        day,
        rank,
        versioned_id=parse_arxiv_id(child_text(item, "guid")) or parse_arxiv_id(child_text(item, "link")),
        title=child_text(item, "title"),
        description=child_text(item, "description"),
        announce_type=child_text(item, f"{_ARXIV}announce_type"),
        categories=[category.text or "" for category in item.findall("category")],
        authors=", ".join(creator.text or "" for creator in item.findall(f"{_DC}creator")),
        doi=child_text(item, f"{_ARXIV}DOI"),
    )


def parse_atom_entry(entry: etree._Element, day: date, rank: int) -> ListedPaper | None:
    """Return the paper of an entry of the Atom feed, None when it has no arXiv id or title."""
    return _build_paper(
        day,
        rank,
        versioned_id=parse_arxiv_id(child_text(entry, f"{_ATOM}id")),
        title=child_text(entry, f"{_ATOM}title"),
        description=child_text(entry, f"{_ATOM}summary"),
        announce_type=child_text(entry, f"{_ARXIV}announce_type"),
        categories=[category.get("term", "") for category in entry.findall(f"{_ATOM}category")],
        authors=", ".join(creator.text or "" for creator in entry.findall(f"{_DC}creator")),
        doi=child_text(entry, f"{_ARXIV}DOI"),
    )


def _build_paper(
    day: date,
    rank: int,
    *,
    versioned_id: tuple[str, int] | None,
    title: str,
    description: str,
    announce_type: str,
    categories: list[str],
    authors: str,
    doi: str,
) -> ListedPaper | None:
    announcement = _ANNOUNCEMENT.match(description)
    versioned_id = versioned_id or (parse_arxiv_id(announcement[1]) if announcement else None)
    title = clean_text(title)
    if versioned_id is None or not title:
        return None
    arxiv_id, version = versioned_id
    announce_type = announce_type.strip() or (announcement[2] if announcement else "new")
    kind = "replace" if announce_type.startswith("replace") else "cross" if announce_type == "cross" else "new"
    return ListedPaper(
        source="arxiv",
        list_day=day,
        rank=rank,
        kind=kind,
        title=title,
        abstract=clean_text(description[announcement.end() :] if announcement else description),
        authors=parse_authors(authors),
        categories=arxiv_categories(categories),
        arxiv_id=arxiv_id,
        version=version,
        doi=doi.strip() or None,
        source_id=arxiv_id,
        url=f"https://arxiv.org/abs/{arxiv_id}",
        pdf_url=f"https://arxiv.org/pdf/{arxiv_id}",
    )


def parse_query_entry(
    entry: etree._Element, day: date, rank: int, wanted_categories: Sequence[str]
) -> ListedPaper | None:
    """Return the paper of an entry of the query API, None when it has no arXiv id or title."""
    versioned_id = parse_arxiv_id(child_text(entry, f"{_ATOM}id"))
    title = clean_text(child_text(entry, f"{_ATOM}title"))
    if versioned_id is None or not title:
        return None
    arxiv_id, version = versioned_id
    categories = arxiv_categories(category.get("term", "") for category in entry.findall(f"{_ATOM}category"))
    primary_category = entry.find(f"{_ARXIV}primary_category")
    first_category = next(iter(categories), "") if primary_category is None else primary_category.get("term", "")
    kind = "replace"
    if wanted_categories:
        kind = "new" if first_category in wanted_categories else "cross"
    try:
        published_on = date.fromisoformat(child_text(entry, f"{_ATOM}published").strip()[:10])
    except ValueError:
        published_on = None
    return ListedPaper(
        source="arxiv",
        list_day=day,
        rank=rank,
        kind=kind,
        title=title,
        abstract=clean_text(child_text(entry, f"{_ATOM}summary")),
        authors=parse_authors(child_text(author, f"{_ATOM}name") for author in entry.findall(f"{_ATOM}author")),
        categories=categories,
        arxiv_id=arxiv_id,
        version=version,
        doi=child_text(entry, f"{_ARXIV}doi").strip() or None,
        source_id=arxiv_id,
        url=f"https://arxiv.org/abs/{arxiv_id}",
        pdf_url=f"https://arxiv.org/pdf/{arxiv_id}",
        published_on=published_on,
    )


def arxiv_categories(terms: Iterable[str]) -> tuple[str, ...]:
    """Return arXiv's own categories among `terms`, once each.

    The query API also gives terms of other schemes, such as "68T07" or "I.2.7".
    """
    return tuple(dict.fromkeys(term for term in terms if _CATEGORY.fullmatch(term)))


def child_text(element: etree._Element, tag: str) -> str:
    """Return all text within the first child of that tag, empty when there is none."""
    child = element.find(tag)
    return "".join(child.itertext()) if child is not None else ""


def parse_rss_day(channel: etree._Element) -> date | None:
    """Return the list day of an RSS feed, None when it has no date."""
    for tag in ("pubDate", "lastBuildDate"):
        try:
            return to_list_day(parsedate_to_datetime(child_text(channel, tag).strip()))
        except ValueError:
            continue
    return None


def parse_atom_day(feed: etree._Element) -> date | None:
    """Return the list day of an Atom feed, None when it has no date."""
    try:
        return to_list_day(datetime.fromisoformat(child_text(feed, f"{_ATOM}updated").strip()))
    except ValueError:
        return None


def to_list_day(published_at: datetime) -> date:
    """Return the day in US Eastern of a feed's date.

    pubDate is midnight in arXiv's own zone, whatever offset it is written with; only times in UTC are converted.
    """
    if published_at.utcoffset():
        return published_at.date()
    return published_at.replace(tzinfo=UTC).astimezone(EASTERN).date()
