"""Parser of arXiv's daily feed, as RSS or Atom.

A truncated answer raises MalformedAnswerError however many entries came before the cut: the day is fetched again by the
next run, and part of a batch never passes for all of it.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import parsedate_to_datetime

from lxml import etree  # type: ignore[import-untyped]  # no stubs are published with it

from digest.errors import MalformedAnswerError
from digest.identifiers import parse_arxiv_id
from digest.sources import messages
from digest.sources.arxiv.calendar import to_list_day
from digest.sources.base import ListedPaper
from digest.sources.entries import ParsedEntries, parse_entries
from digest.sources.text import TERM_LENGTH, TITLE_LENGTH, clean_terms, clean_text, parse_authors
from digest.sources.xml import parse_xml

ATOM = "{http://www.w3.org/2005/Atom}"
ARXIV = "{http://arxiv.org/schemas/atom}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_ANNOUNCEMENT = re.compile(r"\s*arXiv:(\S+)\s+Announce Type:\s*(\S+)\s*(?:Abstract:\s*)?", re.IGNORECASE)
_OLD_ENDING = re.compile(r"\(arXiv:(\S{1,40})\s+\[[\w.-]{1,30}\](\s+UPDATED)?[^()]{0,40}\)\s*\Z")
_LINK_TAG, _PARAGRAPH_TAG = re.compile(r"</?a\b[^<>]{0,500}>"), re.compile(r"</?p>")
_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>]{1,200}")
CATEGORY_PATTERN = re.compile(r"[a-z-]+(\.[A-Za-z-]+)?")
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
    elif root.tag == f"{ATOM}feed":
        parent, tag, day, parse_entry = root, f"{ATOM}entry", parse_atom_day(root), parse_atom_entry
    else:
        raise MalformedAnswerError(messages.not_a_feed(location, str(root.tag)))
    entries = parse_entries(
        parent.iterchildren(tag),
        lambda entry, rank: parse_entry(entry, day or date.min, rank),
        count_children(parent, tag),
        unreadable=document.broken_entries,
    )
    if entries.unreadable and not entries.papers:
        raise MalformedAnswerError(messages.no_entry_readable(location, entries.unreadable))
    return ParsedAnswer(entries, day, is_repaired=document.is_repaired)


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
        announce_type=child_text(item, f"{ARXIV}announce_type"),
        categories=[category.text or "" for category in item.findall("category")],
        authors=", ".join("".join(creator.itertext()) for creator in item.iterchildren(f"{_DC}creator")),
        doi=child_text(item, f"{ARXIV}DOI"),
    )


def parse_atom_entry(entry: etree._Element, day: date, rank: int) -> ListedPaper | None:
    """Return the paper of an entry of the Atom feed, None when it has no arXiv id or title."""
    return _build_paper(
        day,
        rank,
        versioned_id=parse_arxiv_id(child_text(entry, f"{ATOM}id")),
        title=child_text(entry, f"{ATOM}title"),
        description=child_text(entry, f"{ATOM}summary"),
        announce_type=child_text(entry, f"{ARXIV}announce_type"),
        categories=[category.get("term", "") for category in entry.findall(f"{ATOM}category")],
        authors=", ".join("".join(creator.itertext()) for creator in entry.iterchildren(f"{_DC}creator")),
        doi=child_text(entry, f"{ARXIV}DOI"),
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
        return to_list_day(datetime.fromisoformat(child_text(feed, f"{ATOM}updated").strip()))
    except (ValueError, OverflowError):
        return None
