"""arXiv's XML: the daily feed in its RSS and Atom flavours, and the answers of the query API.

An answer is read whole or not at all. A feed that breaks off is Malformed even when many entries came before the cut:
the day is read again in the next run, and until then no one can mistake a part of a batch for all of it.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

from lxml import etree  # type: ignore[import-untyped]  # no stubs are published with it

from digest.errors import MalformedAnswerError
from digest.sources.base import ListedPaper, parse_arxiv_id
from digest.sources.text import clean_text, parse_authors

EASTERN = ZoneInfo("America/New_York")


_ATOM = "{http://www.w3.org/2005/Atom}"


_ARXIV = "{http://arxiv.org/schemas/atom}"


_DC = "{http://purl.org/dc/elements/1.1/}"


_OPENSEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"


_PREFIX = re.compile(r"\s*arXiv:(\S+)\s+Announce Type:\s*(\S+)\s*(?:Abstract:\s*)?", re.IGNORECASE)


_CATEGORY = re.compile(r"[a-z-]+(\.[A-Za-z-]+)?")


_KIND_ORDER = {"new": 0, "cross": 1, "replace": 2}


def parse_feed(body: bytes, location: str) -> tuple[date | None, tuple[ListedPaper, ...], int]:
    """The day a feed is of (US Eastern, None when it does not say), its entries, and how many could not be read.

    A paper that the batch names twice is kept once, as new rather than cross, as cross rather than replaced.
    """
    root = parse_xml(body, location)
    read: Callable[[etree._Element, date, int], ListedPaper | None]
    if root.tag == "rss" and (channel := root.find("channel")) is not None:
        day, entries, read = _parse_rss_day(channel), channel.findall("item"), _parse_rss_item
    elif root.tag == f"{_ATOM}feed":
        day, entries, read = _parse_atom_day(root), root.findall(f"{_ATOM}entry"), _parse_atom_entry
    else:
        raise MalformedAnswerError(f"{location} is no feed: its outermost element is {str(root.tag)[-30:]!r}")
    found: dict[str, ListedPaper] = {}
    skipped = 0
    for rank, entry in enumerate(entries, 1):
        listed = read(entry, day or date.min, rank)
        if listed is None:
            skipped += 1
        elif listed.key not in found or _KIND_ORDER[listed.kind] < _KIND_ORDER[found[listed.key].kind]:
            found[listed.key] = listed
    if entries and not found:
        raise MalformedAnswerError(f"none of the {len(entries)} entries of {location} can be read")
    return day, tuple(found.values()), skipped


def parse_query_answer(
    body: bytes, location: str, *, day: date, categories: tuple[str, ...] = ()
) -> tuple[list[ListedPaper], int]:
    """The entries of a query API answer, and how many the query has in all. Error entries raise Malformed.

    With `categories`, entries are listings of `day`: new where their first category is one of these, else cross.
    Without, they are texts only (kind replace).
    """
    root = parse_xml(body, location)
    if root.tag != f"{_ATOM}feed":
        raise MalformedAnswerError(f"{location} is no Atom feed: its outermost element is {str(root.tag)[-30:]!r}")
    found: list[ListedPaper] = []
    for entry in root.findall(f"{_ATOM}entry"):
        if _child_text(entry, f"{_ATOM}title").strip() == "Error":
            raise MalformedAnswerError(
                f"{location} says: {clean_text(_child_text(entry, f'{_ATOM}summary'))[:200] or 'Error'}"
            )
        listed = _parse_query_entry(entry, day, len(found) + 1, categories)
        if listed:
            found.append(listed)
    total = _child_text(root, f"{_OPENSEARCH}totalResults").strip()
    return found, int(total) if total.isdecimal() and len(total) < 9 else len(found)  # noqa: PLR2004


def parse_xml(body: bytes, location: str) -> etree._Element:
    """The root of an XML document, read without entities, DTD or network. Raises Malformed."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False)
    begins = " ".join(body[:200].decode("utf-8", "replace").split())[:50]
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        what = f"it begins {begins!r}" if begins else "it is empty"
        raise MalformedAnswerError(f"{location} is no whole XML document ({what}): {error}") from error
    if root.getroottree().docinfo.doctype:
        raise MalformedAnswerError(f"{location} is no feed: it begins {begins!r}")
    return root


def _parse_rss_item(item: etree._Element, day: date, rank: int) -> ListedPaper | None:
    described = _child_text(item, "description")
    return _build_paper(
        day,
        rank,
        versioned_id=parse_arxiv_id(_child_text(item, "guid")) or parse_arxiv_id(_child_text(item, "link")),
        title=_child_text(item, "title"),
        description=described,
        kind=_child_text(item, f"{_ARXIV}announce_type"),
        categories=[category.text or "" for category in item.findall("category")],
        authors=", ".join(creator.text or "" for creator in item.findall(f"{_DC}creator")),
        doi=_child_text(item, f"{_ARXIV}DOI"),
    )


def _parse_atom_entry(entry: etree._Element, day: date, rank: int) -> ListedPaper | None:
    return _build_paper(
        day,
        rank,
        versioned_id=parse_arxiv_id(_child_text(entry, f"{_ATOM}id")),
        title=_child_text(entry, f"{_ATOM}title"),
        description=_child_text(entry, f"{_ATOM}summary"),
        kind=_child_text(entry, f"{_ARXIV}announce_type"),
        categories=[category.get("term", "") for category in entry.findall(f"{_ATOM}category")],
        authors=", ".join(creator.text or "" for creator in entry.findall(f"{_DC}creator")),
        doi=_child_text(entry, f"{_ARXIV}DOI"),
    )


def _build_paper(
    day: date,
    rank: int,
    *,
    versioned_id: tuple[str, int] | None,
    title: str,
    description: str,
    kind: str,
    categories: list[str],
    authors: str,
    doi: str,
) -> ListedPaper | None:
    prefix = _PREFIX.match(description)
    versioned_id = versioned_id or (parse_arxiv_id(prefix[1]) if prefix else None)
    heading = clean_text(title)
    if versioned_id is None or not heading:
        return None
    return ListedPaper(
        source="arxiv",
        list_day=day,
        rank=rank,
        kind=_announcement_kind(kind.strip() or (prefix[2] if prefix else "new")),
        title=heading,
        abstract=clean_text(description[prefix.end() :] if prefix else description),
        authors=parse_authors(authors),
        categories=_arxiv_categories(categories),
        arxiv_id=versioned_id[0],
        version=versioned_id[1],
        doi=doi.strip() or None,
        source_id=versioned_id[0],
        url=f"https://arxiv.org/abs/{versioned_id[0]}",
        pdf_url=f"https://arxiv.org/pdf/{versioned_id[0]}",
    )


def _parse_query_entry(entry: etree._Element, day: date, rank: int, categories: tuple[str, ...]) -> ListedPaper | None:
    number = parse_arxiv_id(_child_text(entry, f"{_ATOM}id"))
    title = clean_text(_child_text(entry, f"{_ATOM}title"))
    if number is None or not title:
        return None
    terms = _arxiv_categories([category.get("term", "") for category in entry.findall(f"{_ATOM}category")])
    primary = entry.find(f"{_ARXIV}primary_category")
    main = primary.get("term", "") if primary is not None else (terms[0] if terms else "")
    return ListedPaper(
        source="arxiv",
        list_day=day,
        rank=rank,
        kind="replace" if not categories else "new" if main in categories else "cross",
        title=title,
        abstract=clean_text(_child_text(entry, f"{_ATOM}summary")),
        authors=parse_authors(_child_text(author, f"{_ATOM}name") for author in entry.findall(f"{_ATOM}author")),
        categories=terms,
        arxiv_id=number[0],
        version=number[1],
        doi=_child_text(entry, f"{_ARXIV}doi").strip() or None,
        source_id=number[0],
        url=f"https://arxiv.org/abs/{number[0]}",
        pdf_url=f"https://arxiv.org/pdf/{number[0]}",
        published_on=_parse_date(_child_text(entry, f"{_ATOM}published")),
    )


def _announcement_kind(announce_type: str) -> str:
    if announce_type.startswith("replace"):
        return "replace"
    return "cross" if announce_type == "cross" else "new"


def _arxiv_categories(terms: list[str]) -> tuple[str, ...]:
    # Beside arXiv's own terms the query API gives those of other schemes, such as "68T07" or "I.2.7".
    return tuple(dict.fromkeys(term for term in terms if _CATEGORY.fullmatch(term)))


def _child_text(element: etree._Element, tag: str) -> str:
    child = element.find(tag)
    return "".join(child.itertext()) if child is not None else ""


def _parse_rss_day(channel: etree._Element) -> date | None:
    for tag in ("pubDate", "lastBuildDate"):
        try:
            said = parsedate_to_datetime(_child_text(channel, tag).strip())
        except ValueError:
            continue
        return _to_list_day(said)
    return None


def _parse_atom_day(feed: etree._Element) -> date | None:
    try:
        said = datetime.fromisoformat(_child_text(feed, f"{_ATOM}updated").strip())
    except ValueError:
        return None
    return _to_list_day(said)


def _to_list_day(published: datetime) -> date:
    # pubDate is midnight in arXiv's own zone, whatever offset it is written with; instants in UTC are brought there.
    return published.date() if published.utcoffset() else published.replace(tzinfo=UTC).astimezone(EASTERN).date()


def _parse_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        return None
