"""Parsers of arXiv's XML: the daily feed as RSS or Atom, and the answers of the query API.

A truncated answer raises MalformedAnswerError however many entries came before the cut: the day is fetched again by the
next run, and part of a batch never passes for all of it.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

from lxml import etree  # type: ignore[import-untyped]  # no stubs are published with it

from digest.errors import MalformedAnswerError
from digest.identifiers import parse_arxiv_id
from digest.sources.base import ListedPaper
from digest.sources.entries import ParsedEntries, parse_entries
from digest.sources.names import parse_authors
from digest.sources.text import NAME_LENGTH, TERM_LENGTH, TITLE_LENGTH, clean_terms, clean_text
from digest.sources.xml import parse_xml

EASTERN = ZoneInfo("America/New_York")
_ATOM = "{http://www.w3.org/2005/Atom}"
_ARXIV = "{http://arxiv.org/schemas/atom}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_OPENSEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"
_ANNOUNCEMENT = re.compile(r"\s*arXiv:(\S+)\s+Announce Type:\s*(\S+)\s*(?:Abstract:\s*)?", re.IGNORECASE)
_OLD_ENDING = re.compile(r"\(arXiv:(\S{1,40})\s+\[[\w.-]{1,30}\](\s+UPDATED)?[^()]{0,40}\)\s*\Z")
_LINK_TAG, _PARAGRAPH_TAG = re.compile(r"</?a\b[^<>]{0,500}>"), re.compile(r"</?p>")
_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>]{1,200}")
CATEGORY_PATTERN = re.compile(r"[a-z-]+(\.[A-Za-z-]+)?")
MAX_DIGITS = 9  # of a total
RAW_FIELD_LENGTH = 50_000  # characters of a field that are looked at


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """Entries of a feed or a query, and what it says of them.

    - `day`: list day of a feed (US Eastern), None when it does not say
    - `total`: number of papers that a query has in all, None when it does not say
    - `is_repaired`: the document had faults that were mended
    """

    entries: ParsedEntries
    day: date | None = None
    total: int | None = None
    is_repaired: bool = False


def parse_feed(body: bytes, location: str) -> ParsedAnswer:
    """Parse a feed. Raises MalformedAnswerError, also when none of its entries can be read."""
    document = parse_xml(body, location)
    root = document.root
    parse_entry: Callable[[etree._Element, date, int], ListedPaper | None]
    if root.tag == "rss" and (channel := root.find("channel")) is not None:
        parent, tag, day, parse_entry = channel, "item", parse_rss_day(channel), parse_rss_item
    elif root.tag == f"{_ATOM}feed":
        parent, tag, day, parse_entry = root, f"{_ATOM}entry", parse_atom_day(root), parse_atom_entry
    else:
        raise MalformedAnswerError(f"{location} is no feed: its outermost element is {str(root.tag)[-30:]!r}")
    entries = parse_entries(
        parent.iterchildren(tag),
        lambda entry, rank: parse_entry(entry, day or date.min, rank),
        count_children(parent, tag),
        unreadable=document.broken_entries,
    )
    if entries.unreadable and not entries.papers:
        raise MalformedAnswerError(f"none of the {entries.unreadable} entries of {location} can be read")
    return ParsedAnswer(entries, day, is_repaired=document.is_repaired)


def parse_query_response(body: bytes, location: str, *, day: date, categories: Sequence[str] = ()) -> ParsedAnswer:
    """Parse an answer of the query API.

    With `categories`, papers are listings of `day`: new where their first category is one of these, else cross.
    Without, they are texts only (kind replace). Raises MalformedAnswerError, also for arXiv's error entries.
    """
    document = parse_xml(body, location)
    root, tag = document.root, f"{_ATOM}entry"
    if root.tag != f"{_ATOM}feed":
        raise MalformedAnswerError(f"{location} is no Atom feed: its outermost element is {str(root.tag)[-30:]!r}")
    first = root.find(tag)
    if first is not None and child_text(first, f"{_ATOM}title").strip() == "Error":
        reason = clean_text(child_text(first, f"{_ATOM}summary"), NAME_LENGTH) or "Error"
        raise MalformedAnswerError(f"{location} says: {reason}")
    entries = parse_entries(
        root.iterchildren(tag),
        lambda entry, rank: parse_query_entry(entry, day, rank, categories),
        count_children(root, tag),
        unreadable=document.broken_entries,
    )
    total = child_text(root, f"{_OPENSEARCH}totalResults").strip()
    is_number = total.isascii() and total.isdecimal() and len(total) < MAX_DIGITS
    return ParsedAnswer(entries, total=int(total) if is_number else None, is_repaired=document.is_repaired)


def count_children(parent: etree._Element, tag: str) -> int:
    """Count the children of that tag without making an object of each."""
    namespace, _, name = tag.rpartition("}")
    return int(parent.xpath("count(*[local-name() = $name and namespace-uri() = $uri])", name=name, uri=namespace[1:]))


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
        authors=", ".join("".join(creator.itertext()) for creator in item.iterchildren(f"{_DC}creator")),
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
        authors=", ".join("".join(creator.itertext()) for creator in entry.iterchildren(f"{_DC}creator")),
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
    if old_ending := _OLD_ENDING.match(title, max(0, title.rfind("(arXiv:"))):
        # Until 2023 a title ended with id, category and state, authors were links and the abstract was a paragraph.
        versioned_id = parse_arxiv_id(old_ending[1]) or versioned_id
        announce_type = announce_type or ("replace" if old_ending[2] else "")
        title = title[: old_ending.start()].rstrip(" .\n")
        authors, description = _LINK_TAG.sub("", authors), _PARAGRAPH_TAG.sub("", description)
    title = clean_text(title, TITLE_LENGTH)
    if versioned_id is None or not title:
        return None
    arxiv_id, version = versioned_id
    announce_type = (announce_type.strip() or (announcement[2] if announcement else "new")).lower()
    # A type that nobody has seen yet is read as new: a paper too many does less harm than one too few.
    kind = next((kind for kind in ("replace", "cross") if announce_type.startswith(kind)), "new")
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
        doi=find_doi(doi),
        source_id=arxiv_id,
        url=f"https://arxiv.org/abs/{arxiv_id}",
        pdf_url=f"https://arxiv.org/pdf/{arxiv_id}",
    )


def parse_query_entry(
    entry: etree._Element, day: date, rank: int, wanted_categories: Sequence[str]
) -> ListedPaper | None:
    """Return the paper of an entry of the query API, None when it has no arXiv id or title."""
    versioned_id = parse_arxiv_id(child_text(entry, f"{_ATOM}id"))
    title = clean_text(child_text(entry, f"{_ATOM}title"), TITLE_LENGTH)
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
        doi=find_doi(child_text(entry, f"{_ARXIV}doi")),
        source_id=arxiv_id,
        url=f"https://arxiv.org/abs/{arxiv_id}",
        pdf_url=f"https://arxiv.org/pdf/{arxiv_id}",
        published_on=published_on,
    )


def arxiv_categories(terms: Iterable[str]) -> tuple[str, ...]:
    """Return arXiv's own categories among `terms`, once each.

    The query API also gives terms of other schemes, such as "68T07" or "I.2.7".
    """
    return clean_terms(term for term in terms if len(term) <= TERM_LENGTH and CATEGORY_PATTERN.fullmatch(term))


def find_doi(text: str) -> str | None:
    """Return the first DOI in a field that may hold several, or none at all."""
    match = _DOI.search(text)
    return match[0] if match else None


def child_text(element: etree._Element, tag: str) -> str:
    """Return the text within the first child of that tag, up to a bound; empty when there is none."""
    child = element.find(tag)
    return "".join(child.itertext())[:RAW_FIELD_LENGTH] if child is not None else ""


def parse_rss_day(channel: etree._Element) -> date | None:
    """Return the list day of an RSS feed, None when it has no date."""
    for tag in ("pubDate", "lastBuildDate"):
        try:
            return to_list_day(parsedate_to_datetime(child_text(channel, tag).strip()))
        except (ValueError, OverflowError):
            continue
    return None


def parse_atom_day(feed: etree._Element) -> date | None:
    """Return the list day of an Atom feed, None when it has no date."""
    try:
        return to_list_day(datetime.fromisoformat(child_text(feed, f"{_ATOM}updated").strip()))
    except (ValueError, OverflowError):
        return None


def to_list_day(published_at: datetime) -> date:
    """Return the day in US Eastern of a feed's date.

    pubDate is midnight in arXiv's own zone, whatever offset it is written with; only times in UTC are converted.
    """
    if published_at.utcoffset():
        return published_at.date()
    return published_at.replace(tzinfo=UTC).astimezone(EASTERN).date()
