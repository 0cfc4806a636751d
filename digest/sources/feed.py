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

from digest.errors import Malformed
from digest.sources.base import Listed, arxiv_id
from digest.sources.text import names, readable

EASTERN = ZoneInfo("America/New_York")
_ATOM = "{http://www.w3.org/2005/Atom}"
_ARXIV = "{http://arxiv.org/schemas/atom}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_SEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"
_PREFIX = re.compile(r"\s*arXiv:(\S+)\s+Announce Type:\s*(\S+)\s*(?:Abstract:\s*)?", re.IGNORECASE)
_CATEGORY = re.compile(r"[a-z-]+(\.[A-Za-z-]+)?")
_FIRST = {"new": 0, "cross": 1, "replace": 2}


def read_feed(body: bytes, where: str) -> tuple[date | None, tuple[Listed, ...], int]:
    """The day a feed is of (US Eastern, None when it does not say), its entries, and how many could not be read.

    A paper that the batch names twice is kept once, as new rather than cross, as cross rather than replaced.
    """
    root = parse(body, where)
    read: Callable[[etree._Element, date, int], Listed | None]
    if root.tag == "rss" and (channel := root.find("channel")) is not None:
        day, entries, read = _rss_day(channel), channel.findall("item"), _rss_item
    elif root.tag == f"{_ATOM}feed":
        day, entries, read = _atom_day(root), root.findall(f"{_ATOM}entry"), _atom_item
    else:
        raise Malformed(f"{where} is no feed: its outermost element is {str(root.tag)[-30:]!r}")
    found: dict[str, Listed] = {}
    skipped = 0
    for rank, entry in enumerate(entries, 1):
        listed = read(entry, day or date.min, rank)
        if listed is None:
            skipped += 1
        elif listed.key not in found or _FIRST[listed.kind] < _FIRST[found[listed.key].kind]:
            found[listed.key] = listed
    if entries and not found:
        raise Malformed(f"none of the {len(entries)} entries of {where} can be read")
    return day, tuple(found.values()), skipped


def read_query(body: bytes, where: str, *, day: date, categories: tuple[str, ...] = ()) -> tuple[list[Listed], int]:
    """The entries of a query API answer, and how many the query has in all. Error entries raise Malformed.

    With `categories`, entries are listings of `day`: new where their first category is one of these, else cross.
    Without, they are texts only (kind replace).
    """
    root = parse(body, where)
    if root.tag != f"{_ATOM}feed":
        raise Malformed(f"{where} is no Atom feed: its outermost element is {str(root.tag)[-30:]!r}")
    found: list[Listed] = []
    for entry in root.findall(f"{_ATOM}entry"):
        if _of(entry, f"{_ATOM}title").strip() == "Error":
            raise Malformed(f"{where} says: {readable(_of(entry, f'{_ATOM}summary'))[:200] or 'Error'}")
        listed = _query_item(entry, day, len(found) + 1, categories)
        if listed:
            found.append(listed)
    total = _of(root, f"{_SEARCH}totalResults").strip()
    return found, int(total) if total.isdecimal() and len(total) < 9 else len(found)  # noqa: PLR2004


def parse(body: bytes, where: str) -> etree._Element:
    """The root of an XML document, read without entities, DTD or network. Raises Malformed."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False)
    begins = " ".join(body[:200].decode("utf-8", "replace").split())[:50]
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        what = f"it begins {begins!r}" if begins else "it is empty"
        raise Malformed(f"{where} is no whole XML document ({what}): {error}") from error
    if root.getroottree().docinfo.doctype:
        raise Malformed(f"{where} is no feed: it begins {begins!r}")
    return root


def _rss_item(item: etree._Element, day: date, rank: int) -> Listed | None:
    described = _of(item, "description")
    return _item(
        day,
        rank,
        number=arxiv_id(_of(item, "guid")) or arxiv_id(_of(item, "link")),
        title=_of(item, "title"),
        described=described,
        kind=_of(item, f"{_ARXIV}announce_type"),
        categories=[category.text or "" for category in item.findall("category")],
        authors=", ".join(creator.text or "" for creator in item.findall(f"{_DC}creator")),
        doi=_of(item, f"{_ARXIV}DOI"),
    )


def _atom_item(entry: etree._Element, day: date, rank: int) -> Listed | None:
    return _item(
        day,
        rank,
        number=arxiv_id(_of(entry, f"{_ATOM}id")),
        title=_of(entry, f"{_ATOM}title"),
        described=_of(entry, f"{_ATOM}summary"),
        kind=_of(entry, f"{_ARXIV}announce_type"),
        categories=[category.get("term", "") for category in entry.findall(f"{_ATOM}category")],
        authors=", ".join(creator.text or "" for creator in entry.findall(f"{_DC}creator")),
        doi=_of(entry, f"{_ARXIV}DOI"),
    )


def _item(
    day: date,
    rank: int,
    *,
    number: tuple[str, int] | None,
    title: str,
    described: str,
    kind: str,
    categories: list[str],
    authors: str,
    doi: str,
) -> Listed | None:
    prefix = _PREFIX.match(described)
    number = number or (arxiv_id(prefix[1]) if prefix else None)
    heading = readable(title)
    if number is None or not heading:
        return None
    return Listed(
        source="arxiv",
        list_day=day,
        rank=rank,
        kind=_kind(kind.strip() or (prefix[2] if prefix else "new")),
        title=heading,
        abstract=readable(described[prefix.end() :] if prefix else described),
        authors=names(authors),
        categories=_categories(categories),
        arxiv_id=number[0],
        version=number[1],
        doi=doi.strip() or None,
        source_id=number[0],
        url=f"https://arxiv.org/abs/{number[0]}",
        pdf_url=f"https://arxiv.org/pdf/{number[0]}",
    )


def _query_item(entry: etree._Element, day: date, rank: int, wanted: tuple[str, ...]) -> Listed | None:
    number = arxiv_id(_of(entry, f"{_ATOM}id"))
    title = readable(_of(entry, f"{_ATOM}title"))
    if number is None or not title:
        return None
    terms = _categories([category.get("term", "") for category in entry.findall(f"{_ATOM}category")])
    primary = entry.find(f"{_ARXIV}primary_category")
    main = primary.get("term", "") if primary is not None else (terms[0] if terms else "")
    return Listed(
        source="arxiv",
        list_day=day,
        rank=rank,
        kind="replace" if not wanted else "new" if main in wanted else "cross",
        title=title,
        abstract=readable(_of(entry, f"{_ATOM}summary")),
        authors=names(_of(author, f"{_ATOM}name") for author in entry.findall(f"{_ATOM}author")),
        categories=terms,
        arxiv_id=number[0],
        version=number[1],
        doi=_of(entry, f"{_ARXIV}doi").strip() or None,
        source_id=number[0],
        url=f"https://arxiv.org/abs/{number[0]}",
        pdf_url=f"https://arxiv.org/pdf/{number[0]}",
        published_on=_written_day(_of(entry, f"{_ATOM}published")),
    )


def _kind(written: str) -> str:
    if written.startswith("replace"):
        return "replace"
    return "cross" if written == "cross" else "new"


def _categories(terms: list[str]) -> tuple[str, ...]:
    # Beside arXiv's own terms the query API gives those of other schemes, such as "68T07" or "I.2.7".
    return tuple(dict.fromkeys(term for term in terms if _CATEGORY.fullmatch(term)))


def _of(element: etree._Element, tag: str) -> str:
    child = element.find(tag)
    return "".join(child.itertext()) if child is not None else ""


def _rss_day(channel: etree._Element) -> date | None:
    for tag in ("pubDate", "lastBuildDate"):
        try:
            said = parsedate_to_datetime(_of(channel, tag).strip())
        except ValueError:
            continue
        return _list_day(said)
    return None


def _atom_day(feed: etree._Element) -> date | None:
    try:
        said = datetime.fromisoformat(_of(feed, f"{_ATOM}updated").strip())
    except ValueError:
        return None
    return _list_day(said)


def _list_day(said: datetime) -> date:
    # pubDate is midnight in arXiv's own zone, whatever offset it is written with; instants in UTC are brought there.
    return said.date() if said.utcoffset() else said.replace(tzinfo=UTC).astimezone(EASTERN).date()


def _written_day(written: str) -> date | None:
    try:
        return date.fromisoformat(written.strip()[:10])
    except ValueError:
        return None
