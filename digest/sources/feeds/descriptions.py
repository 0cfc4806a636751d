"""Descriptions of entries: the abstract, and what else journals write there.

A description is often no abstract but "Publication date: …", "Source: …", "Author(s): …", "DOI: …", and names. Its
blocks are looked at one by one; those that are about the publication are taken out.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from digest.sources.feeds.entries import FeedEntry
from digest.sources.text import NAME_LENGTH, clean_text, parse_authors

MAX_MARKUP = 60_000  # characters of a description that are looked at
MAX_BLOCKS = 400
_BLOCK = re.compile(
    r"<(?:/?(?:p|div|li|ul|ol|h[1-6]|tr|table|blockquote|section|cite|figure)|br|hr)(?=[\s/>])[^<>]{0,2000}>",
    re.IGNORECASE,
)
_EMPTY_END = re.compile(r"</(?:img|br|hr|input|source)\s*>", re.IGNORECASE)  # of XHTML, which HTML does not have
_AUTHORS = re.compile(r"(?:authors?|author\(s\)|by)\s*:\s*(?P<authors>.+)", re.IGNORECASE | re.DOTALL)
_JOURNAL = re.compile(r"source\s*:\s*(?P<journal>.{2,150}?)(?:,\s*(?:volume|part|issue|in press)\b.*)?", re.IGNORECASE)
_DOI = re.compile(r"\bdoi\s*:?\s*(?P<doi>(?:https?://(?:dx\.)?doi\.org/)?10\.\d{4,9}/\S+)", re.IGNORECASE)
# Blocks that are about the publication: dates, volumes, sources, links. Their whole text is matched.
_ABOUT = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        r"(?:publication date|source|available online|published|accepted|received|section|keywords?)\s*:.{0,300}",
        r"doi\s*:?\s*(?:https?://(?:dx\.)?doi\.org/)?10\.\d{4,9}/\S+.{0,80}",
        r"https?://\S+",
        r"[^.]{2,120}, published online:? .{0,120}",  # Nature
        r"[^.]{0,120}\bvol(?:\.|ume) \d+.{0,120}",
        r".{2,150}, (?:ahead of print|pp\. [\w-]+|article \w+).{0,60}",
        r"[\w ()/-]{3,40} [—–-] \d{1,2} \w+ \d{4}",  # noqa: RUF001  - RSC: the kind of article, and the day
        r"(?:graphical )?abstract|toc graphic|comments|read more|continue reading.{0,200}",
        r"the post .{1,300} (?:first )?appeared first on .{1,100}",
        r"\d{4}, \w+ article.{0,60}",
    )
)
_PERSON = re.compile(
    r"[^\W\d_a-z][\w.'\u2019-]*"
    r"(?: (?:[^\W\d_a-z][\w.'\u2019-]*|van|von|der|den|de|da|di|del|dos|la|le|el|al|bin|ter)){1,5}"
)


@dataclass(frozen=True, slots=True)
class Description:
    """What the description of an entry says: the abstract, and what stands nowhere else in some feeds."""

    abstract: str = ""
    authors: tuple[str, ...] = ()
    doi: str = ""
    journal: str = ""


def read_description(entry: FeedEntry, title: str, journals: Sequence[str]) -> Description:
    """Return what the texts of an entry say; of several, the abstract is the longest one."""
    found = [_read_text(_EMPTY_END.sub("", text[:MAX_MARKUP]), title, journals) for text in entry.texts]
    return Description(
        max((described.abstract for described in found), key=len, default=""),
        next((described.authors for described in found if described.authors), ()),
        next((described.doi for described in found if described.doi), ""),
        next((described.journal for described in found if described.journal), ""),
    )


def _read_text(text: str, title: str, journals: Sequence[str]) -> Description:
    doi, authors, journal, blocks = "", "", "", list[str]()
    is_about = False
    ignored = {title.casefold(), *(name.casefold() for name in journals)} - {""}
    for block in filter(
        None, (clean_text(part) for part in _BLOCK.split(_EMPTY_END.sub("", text))[:MAX_BLOCKS] if part.strip())
    ):
        if not doi and (match := _DOI.search(block)):
            doi = match["doi"]
        if not journal and (match := _JOURNAL.fullmatch(block)):
            journal = match["journal"]
        if not authors and (match := _AUTHORS.fullmatch(block)):
            authors, is_about = match["authors"], True
        elif any(pattern.fullmatch(block) for pattern in _ABOUT):
            is_about = True
        elif block.casefold().strip(" .") not in ignored:
            blocks.append(block)
        else:
            is_about = True
    if is_about and blocks and not authors and _is_name_list(blocks[0]):
        authors = blocks.pop(0).removesuffix(", et al.")
    # What has no such blocks is read as a whole, so that headings within it stay.
    return Description(
        clean_text(" ".join(blocks) if is_about else _EMPTY_END.sub("", text)), parse_authors(authors), doi, journal
    )


def _is_name_list(block: str) -> bool:
    """Return whether a block is names of people alone: "A. Byron; K. Gödel", "A. Byron, K. Gödel, et al."."""
    separator = ";" if ";" in block else ","
    parts = [part.strip() for part in block.removesuffix(", et al.").split(separator)]
    people = sum(bool(len(part) < NAME_LENGTH and _PERSON.fullmatch(part)) for part in parts)
    return people == len(parts) or (separator == ";" and people * 4 >= len(parts) * 3)
