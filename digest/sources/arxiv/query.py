"""Parser of the answers of arXiv's query API."""

from collections.abc import Sequence
from datetime import date

from lxml import etree  # type: ignore[import-untyped]  # no stubs are published with it

from digest.errors import MalformedAnswerError
from digest.identifiers import parse_arxiv_id
from digest.sources import messages
from digest.sources.arxiv.atom import (
    ARXIV,
    ATOM,
    ParsedAnswer,
    arxiv_categories,
    child_text,
    count_children,
    find_doi,
)
from digest.sources.base import ListedPaper
from digest.sources.entries import parse_entries
from digest.sources.paging import parse_total
from digest.sources.text import NAME_LENGTH, TITLE_LENGTH, clean_text, parse_authors
from digest.sources.xml import parse_xml

_OPENSEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"


def parse_query_response(body: bytes, location: str, *, day: date, categories: Sequence[str] = ()) -> ParsedAnswer:
    """Parse an answer of the query API.

    With `categories`, papers are listings of `day`: new where their first category is one of these, else cross.
    Without, they are texts only (kind replace). Raises MalformedAnswerError, also for arXiv's error entries.
    """
    document = parse_xml(body, location)
    root, tag = document.root, f"{ATOM}entry"
    if root.tag != f"{ATOM}feed":
        raise MalformedAnswerError(messages.not_a_feed(location, str(root.tag)))
    first = root.find(tag)
    if first is not None and child_text(first, f"{ATOM}title").strip() == "Error":
        reason = clean_text(child_text(first, f"{ATOM}summary"), NAME_LENGTH) or "Error"
        raise MalformedAnswerError(messages.host_error(location, reason))
    entries = parse_entries(
        root.iterchildren(tag),
        lambda entry, rank: parse_query_entry(entry, day, rank, categories),
        count_children(root, tag),
        unreadable=document.broken_entries,
    )
    total = parse_total(child_text(root, f"{_OPENSEARCH}totalResults"))
    return ParsedAnswer(entries, total=total, is_repaired=document.is_repaired)


def parse_query_entry(
    entry: etree._Element, day: date, rank: int, wanted_categories: Sequence[str]
) -> ListedPaper | None:
    """Return the paper of an entry of the query API, None when it has no arXiv id or title."""
    versioned_id = parse_arxiv_id(child_text(entry, f"{ATOM}id"))
    title = clean_text(child_text(entry, f"{ATOM}title"), TITLE_LENGTH)
    if versioned_id is None or not title:
        return None
    arxiv_id, version = versioned_id
    categories = arxiv_categories(category.get("term", "") for category in entry.findall(f"{ATOM}category"))
    primary_category = entry.find(f"{ARXIV}primary_category")
    first_category = next(iter(categories), "") if primary_category is None else primary_category.get("term", "")
    kind = "replace"
    if wanted_categories:
        kind = "new" if first_category in wanted_categories else "cross"
    try:
        published_on = date.fromisoformat(child_text(entry, f"{ATOM}published").strip()[:10])
    except ValueError:
        published_on = None
    return ListedPaper(
        source="arxiv",
        list_day=day,
        rank=rank,
        kind=kind,
        title=title,
        abstract=clean_text(child_text(entry, f"{ATOM}summary")),
        authors=parse_authors(child_text(author, f"{ATOM}name") for author in entry.findall(f"{ATOM}author")),
        categories=categories,
        arxiv_id=arxiv_id,
        version=version,
        doi=find_doi(child_text(entry, f"{ARXIV}doi")),
        source_id=arxiv_id,
        url=f"https://arxiv.org/abs/{arxiv_id}",
        pdf_url=f"https://arxiv.org/pdf/{arxiv_id}",
        published_on=published_on,
    )
