"""Entries of feeds as papers: their identifiers out of every field in which publishers put them."""

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from hashlib import sha256
from urllib.parse import urljoin

from digest.identifiers import Identifier, PaperKind, normalize_identifier
from digest.sources.base import ListedPaper, window_names
from digest.sources.entries import ParsedEntries, parse_entries
from digest.sources.feeds.descriptions import read_description
from digest.sources.feeds.entries import FeedEntry, ParsedFeed
from digest.sources.text import TERM_LENGTH, TITLE_LENGTH, clean_terms, clean_text, clean_url, parse_authors

HEADLINE_LENGTH = 90  # of the text that stands for a missing title
MIN_YEAR, MAX_YEAR = 1800, 2200
_MARK = re.compile(r"\s*\[(?:ASAP|Graphical abstract added)\]\s*", re.IGNORECASE)
_VOLUME_PREFIX = re.compile(r"(?P<journal>[^:]{2,100}), Vol\. \d+, Pages? [\w-]{1,30}: (?=\S)")  # MDPI
_CUT_END = re.compile(r"(?:\[?…\]?|\[?\(?\.\.\.\)?\]?)$")
_VERSION = re.compile(r"v(\d{1,3})(?=\D|$)")
_SECTIONS = {
    PaperKind.EDITORIAL: "editorial editorials news in-brief in-depth obituary obituaries news-views world-view",
    PaperKind.CORRECTION: "correction corrections erratum errata corrigendum corrigenda",
    PaperKind.RETRACTION: "retraction retractions retraction-notice",
}
_KINDS = {section: kind for kind, sections in _SECTIONS.items() for section in sections.split()}


@dataclass(frozen=True, slots=True)
class FeedReading:
    """Feed and its entries as papers."""

    feed: ParsedFeed
    entries: ParsedEntries

    @property
    def without_abstract(self) -> int:
        """Number of papers of which the feed gives no abstract."""
        return sum(not paper.abstract for paper in self.entries.papers)

    @property
    def with_cut_abstract(self) -> int:
        """Number of papers whose abstract ends in an ellipsis: the rest is missing."""
        return sum(bool(_CUT_END.search(paper.abstract)) for paper in self.entries.papers)


def read_papers(feed: ParsedFeed, name: str, url: str, now: datetime) -> FeedReading:
    """Read the entries of the feed `name`, which was found at `url`, as papers that it lists now."""
    home = urljoin(url, feed.link)
    entries = [replace(entry, link=_resolve(home, _page_of(entry))) for entry in feed.entries]
    addresses = Counter(address for entry in entries if (address := normalize_identifier(entry.link, "url")))
    shared = {address for address, count in addresses.items() if count > 1}
    parser = _EntryParser(feed, name, home, now.astimezone(UTC).date(), shared | {normalize_identifier(home, "url")})
    total = len(entries) + feed.left_out
    return FeedReading(feed, parse_entries(entries, parser.parse, total, unreadable=feed.unreadable, key=entry_key))


def entry_key(paper: ListedPaper) -> str:
    """Return what tells entries of a window apart: all names, with their versions. Two may be one paper."""
    return " ".join(sorted(window_names(paper.identifiers)))


@dataclass(frozen=True, slots=True)
class _EntryParser:
    """Parser of the entries of one feed. `shared`: addresses of several entries, which name none of them."""

    feed: ParsedFeed
    name: str
    home: str
    day: date
    shared: Collection[Identifier | None]

    def parse(self, entry: FeedEntry, rank: int) -> ListedPaper | None:
        """Parse an entry as a paper; None where it has neither title nor text, or no address."""
        feed_title, journal = (
            clean_text(text, TERM_LENGTH) for text in (self.feed.title, entry.journal or self.feed.journal)
        )
        title = _clean_title(entry.title, journal)
        described = read_description(entry, title, (journal, feed_title))
        title = title or _headline(described.abstract)
        journal = journal or clean_text(described.journal, TERM_LENGTH)
        identifiers = find_identifiers(entry, self.name, described.doi, self.shared)
        doi = next((identifier.value for identifier in identifiers if identifier.scheme == "doi"), "")
        pages = (entry.link, f"https://doi.org/{doi}" if doi else "", self.home)
        url = next((url for page in pages if (url := clean_url(page))), None)
        if not title or url is None:
            return None
        authors = parse_authors(entry.authors if len(entry.authors) > 1 else "".join(entry.authors))
        sections = (entry.section, *(entry.subjects[:2] if journal else ()))
        is_preprint = any(identifier.is_preprint for identifier in identifiers)
        return ListedPaper(
            source=self.name,
            list_day=self.day,
            rank=rank,
            paper_kind=next((_KINDS[word] for section in sections if (word := _section_word(section)) in _KINDS), ""),
            identifiers=identifiers,
            title=title,
            abstract=described.abstract,
            authors=authors or described.authors,
            subjects=tuple(
                subject
                for subject in clean_terms(entry.subjects)
                if subject.casefold() not in {journal.casefold(), feed_title.casefold()}
            ),
            journal=None if is_preprint or not journal else journal,
            version=max((identifier.version for identifier in identifiers), default=0) or 1,
            source_id=entry.guid,
            url=url,
            published_on=_day_of(entry.dated_at),
        )


def find_identifiers(
    entry: FeedEntry, name: str, described_doi: str, shared: Collection[Identifier | None]
) -> tuple[Identifier, ...]:
    """Return the names of an entry: the paper's own, one of each scheme, then its id within the feed.

    Its address is a name only where there is no better one, and no other entry has the same.
    """
    places = (*entry.names, entry.guid, entry.link, described_doi)
    found: dict[str, Identifier] = {}
    for place in places:
        identifier = normalize_identifier(place) if place else None
        if identifier is None or identifier.scheme == "url" or identifier.value == name:
            continue
        other = found.setdefault(identifier.scheme, identifier)
        # The address of a page may add to a DOI, and lack nothing: the shorter one is the DOI.
        if other.value == identifier.value or other.value.startswith(identifier.value):
            found[identifier.scheme] = replace(identifier, version=max(identifier.version, other.version))
    if (doi := found.get("doi")) and not doi.version and doi.is_preprint:
        # bioRxiv's feeds give a DOI without version, and an address with it: …/746628v1?rss=1
        number = doi.value.rpartition("/")[2]
        ends = (place.rpartition(number)[2] for place in (entry.guid, entry.link) if number in place)
        version = next((int(match[1]) for end in ends if (match := _VERSION.match(end))), 0)
        found["doi"] = replace(doi, version=version)
    names = list(found.values())
    address = normalize_identifier(entry.link, "url")
    address = None if address in shared else address
    if not names and address:
        names.append(address)
    guid = entry.guid or (address.value if address else "")
    if not guid:
        text = "\n".join((entry.title, *entry.texts, str(entry.dated_at)))
        guid = f"sha256:{sha256(text.encode('utf-8', 'replace')).hexdigest()[:32]}"
    local = normalize_identifier(" ".join(guid.split())[:1000], f"feed:{name}")
    return (*names, local) if local else tuple(names)


def _clean_title(title: str, journal: str) -> str:
    """Return a title without what publishers write before it, their marks and "Fluids, Vol. 9, Pages 120: "."""
    cleaned = _MARK.sub(" ", clean_text(title, TITLE_LENGTH)).strip()
    prefix = _VOLUME_PREFIX.match(cleaned)
    if prefix and (not journal or prefix["journal"].casefold() == journal.casefold()):
        cleaned = cleaned[prefix.end() :]
    return cleaned


def _headline(text: str) -> str:
    """Return the beginning of a text in place of a title."""
    return text if len(text) <= HEADLINE_LENGTH else f"{text[:HEADLINE_LENGTH].rpartition(' ')[0]}…"


def _section_word(section: str) -> str:
    return "-".join(re.sub(r"[^a-z ]", " ", section.lower()).split())


def _page_of(entry: FeedEntry) -> str:
    """Return the address of the page of an entry: many feeds give it as the id alone."""
    return entry.link or (entry.guid if entry.guid.startswith(("http://", "https://")) else "")


def _resolve(home: str, link: str) -> str:
    """Return a link as an address; some feeds have relative ones."""
    try:
        return urljoin(home, link) if link else ""
    except ValueError:
        return ""


def _day_of(instant: datetime | None) -> date | None:
    return instant.date() if instant and MIN_YEAR < instant.year < MAX_YEAR else None
