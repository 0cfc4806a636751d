"""Storing what sources list: one row a paper, one row a listing.

`store_listings` is the only way in. Listings are written under one lock, so their ids grow in the order in which they
become visible; `Paper.first_listing_id` is the id of a paper's first listing, and "new" is a comparison of these ids.
Nothing here commits: papers, listings and the record of the fetch share the caller's transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol

from sqlalchemy import update
from sqlmodel import Session, col, select

from digest.database import LISTING_LOCK, InvalidRow, acquire_lock, select_readable
from digest.database.models import Listing, Paper, PaperEvent
from digest.identifiers import Identifier, PaperKind, StatedLink, kind_of_title, title_key
from digest.papers.events import FIRST_DAY, PaperState, find_changes, is_withdrawn, store_events
from digest.papers.identity import OPTIONAL_FIELDS, Resolver
from digest.papers.queries import chunks
from digest.papers.search import INDEXED_COLUMNS

SAME_BATCH_WINDOW = timedelta(days=7)  # arXiv may serve an old batch under a new date, but not for longer than this
# News of known papers, and papers of before the first reading of a feed: new for nobody until something lists them.
UNLISTED_KINDS = ("replace", "backlog")
STALE_KINDS = ("new", "listed")  # a paper may rightly be cross-listed or replaced again
# Of the other fields that are optional a paper has the latest value.
_FIELDS_WITH_RULES = {"authors", "categories", "subjects", "journal", "published_on"}
_LATEST_FIELDS = tuple(name for name in ("doi", *OPTIONAL_FIELDS) if name not in _FIELDS_WITH_RULES)
MAX_SUBJECTS = 100  # of all sources together


class ListingEntry(Protocol):
    """Entry in the list of a source, as `digest.sources` parses it.

    `compare_text` compares its text with another one: 1 if it is less damaged, -1 if more, else 0.
    """

    @property
    def source(self) -> str: ...
    @property
    def list_day(self) -> date: ...
    @property
    def rank(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def identifiers(self) -> tuple[Identifier, ...]: ...
    @property
    def links(self) -> tuple[StatedLink, ...]: ...
    @property
    def paper_kind(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def abstract(self) -> str: ...
    @property
    def authors(self) -> tuple[str, ...]: ...
    @property
    def categories(self) -> tuple[str, ...]: ...
    @property
    def subjects(self) -> tuple[str, ...]: ...
    @property
    def journal(self) -> str | None: ...
    @property
    def arxiv_id(self) -> str | None: ...
    @property
    def version(self) -> int: ...
    @property
    def doi(self) -> str | None: ...
    @property
    def url(self) -> str: ...
    @property
    def upvotes(self) -> int | None: ...
    @property
    def comments(self) -> int | None: ...
    @property
    def published_on(self) -> date | None: ...
    def compare_text(self, title: str, abstract: str) -> int: ...


@dataclass(frozen=True, slots=True)
class StoreReport:
    """Number of papers in a batch (replacements are no listings), how many of them are new, and which entries.

    Keys of entries: `listed`; `new`, papers that no source had; `fresh`, papers that this source had never listed;
    `stale`, listed as new although this source did so under an earlier day of the last week. `unreadable` are stored
    rows of these papers, and of their listings, that cannot be read even with what the batch says of them.
    `matter_count`: covers, boards, tables of contents; they are not stored.
    """

    listed_count: int = 0
    new_count: int = 0
    matter_count: int = 0
    listed: frozenset[str] = field(default=frozenset(), compare=False)
    new: frozenset[str] = field(default=frozenset(), compare=False)
    fresh: frozenset[str] = field(default=frozenset(), compare=False)
    stale: frozenset[str] = field(default=frozenset(), compare=False)
    unreadable: tuple[InvalidRow, ...] = ()


def store_listings(session: Session, entries: Sequence[ListingEntry], now: datetime) -> StoreReport:
    """Store a batch: one row a paper with the best text, and one listing for each paper, source and day."""
    acquire_lock(session, LISTING_LOCK)
    kinds = {id(entry): _kind_of(entry) for entry in entries}
    accepted = [entry for entry in entries if kinds[id(entry)] != PaperKind.MATTER]
    matter_count = len(entries) - len(accepted)
    resolver = Resolver(session, accepted)
    listed, new_papers, versions, events = _update_papers(resolver, accepted, kinds, now)
    session.add_all(new_papers)
    session.flush()
    resolver.store(now)
    store_events(session, events)
    unreadable: list[InvalidRow] = []
    select_readable({id(paper): paper for paper in (*resolver.loaded, *new_papers)}.values(), unreadable)
    if not listed:
        return StoreReport(new_count=len(new_papers), matter_count=matter_count, unreadable=tuple(unreadable))
    former = _load_former_listings(session, listed)
    stale = [entry.key for entry, paper in listed if _is_listed_earlier(former, entry, paper, versions)]
    fresh = [entry.key for entry, paper in listed if (entry.source, paper.id) not in former]
    _store_entries(session, resolver, listed, former, versions, now)
    select_readable((row for rows in former.values() for row in rows), unreadable)
    new_ids = {id(paper) for paper in new_papers}
    return StoreReport(
        listed_count=len({id(paper) for _, paper in listed}),
        new_count=len(new_papers),
        matter_count=matter_count,
        listed=frozenset(entry.key for entry, _ in listed),
        new=frozenset(entry.key for entry, paper in listed if id(paper) in new_ids),
        fresh=frozenset(fresh),
        stale=frozenset(stale),
        unreadable=tuple(unreadable),
    )


def store_texts(
    session: Session,
    entries: Sequence[ListingEntry],
    requested_ids: Collection[str],
    now: datetime,
    scheme: str = "arxiv",
) -> int:
    """Store texts that were requested by arXiv id or DOI, and return how many of the requested papers got one.

    All requested papers count as fetched, also those that the host does not know. Not so when arXiv gives no text at
    all, as an empty answer may be a fault there.
    """
    if not entries and scheme == "arxiv":
        return 0
    store_listings(session, entries, now)
    column = col(Paper.arxiv_id) if scheme == "arxiv" else col(Paper.doi)
    for ids in chunks(set(requested_ids)):
        session.execute(update(Paper).where(column.in_(ids)).values(text_fetched_at=now))
    received = {name.value for entry in entries if entry.abstract for name in entry.identifiers}
    return len(received & set(requested_ids))


def _update_papers(
    resolver: Resolver, entries: Sequence[ListingEntry], kinds: Mapping[int, PaperKind], now: datetime
) -> tuple[list[tuple[ListingEntry, Paper]], list[Paper], dict[int, int], list[PaperEvent]]:
    """Give each entry its row, and the row what the entry says.

    Return the entries that are listings with their rows, the new rows, versions before, and what happened to papers.
    """
    listed: list[tuple[ListingEntry, Paper]] = []
    new_papers: list[Paper] = []
    versions: dict[int, int] = {}  # before this batch, by identity of the object
    events: list[PaperEvent] = []
    for entry in entries:
        stored = resolver.find(entry)
        if stored is None and entry.kind == "replace" and not resolver.is_notice_of_known(entry):
            continue
        is_new = stored is None
        if stored is None:
            stored = _new_paper(entry, resolver.new_key(entry), kinds[id(entry)], now)
            new_papers.append(stored)
        else:
            versions.setdefault(id(stored), stored.version)
            state = PaperState.of(stored)
            _update_paper(stored, entry, kinds[id(entry)], now)
            if stored.id:  # not of this very batch
                events += find_changes(state, stored, now)
        resolver.add(entry, stored, is_new=is_new)
        if entry.kind not in UNLISTED_KINDS:
            listed.append((entry, stored))
    return listed, new_papers, versions, events


def _kind_of(entry: ListingEntry) -> PaperKind:
    """Return what an entry is, by its source or its text. What arXiv lists is a paper, whatever its title."""
    if entry.paper_kind:
        return PaperKind(entry.paper_kind)
    if is_withdrawn(entry.title, entry.abstract):
        return PaperKind.RETRACTION
    return PaperKind.PAPER if entry.arxiv_id else kind_of_title(entry.title)


def _new_paper(entry: ListingEntry, key: str, kind: PaperKind, now: datetime) -> Paper:
    paper = Paper(
        key=key,
        kind=kind,
        title_key=title_key(entry.title),
        arxiv_id=entry.arxiv_id,
        version=entry.version,
        title=entry.title,
        abstract=entry.abstract,
        authors=list(entry.authors),
        categories=list(entry.categories),
        published_on=entry.published_on,
        url=entry.url,
        text_source=entry.source,
        first_seen_at=now,
        changed_at=now,
    )
    _update_optional_fields(paper, entry, now)
    return paper


def _update_paper(paper: Paper, entry: ListingEntry, kind: PaperKind, now: datetime) -> None:
    changes: dict[str, object] = {}
    if _has_better_text(paper, entry):
        changes = {"title": entry.title, "abstract": entry.abstract, "text_source": entry.source}
        if entry.title != paper.title:
            changes["title_key"] = title_key(entry.title)
        if entry.authors:
            changes["authors"] = list(entry.authors)
    elif entry.authors and not paper.authors:
        changes["authors"] = list(entry.authors)
    if entry.categories and (entry.source == "arxiv" or not paper.categories):
        changes["categories"] = list(entry.categories)
    if entry.arxiv_id and not paper.arxiv_id:  # known by another name until now
        changes |= {"arxiv_id": entry.arxiv_id, "url": entry.url}
    if kind == PaperKind.RETRACTION or entry.paper_kind:  # withdrawn since, or its source knows better than its title
        changes["kind"] = kind
    if entry.published_on and (entry.source == "arxiv" or not paper.published_on):
        changes["published_on"] = entry.published_on
    changes["version"] = max(paper.version, entry.version)
    if _assign(paper, changes):
        paper.changed_at = now
    _update_optional_fields(paper, entry, now)


def _has_better_text(paper: Paper, entry: ListingEntry) -> bool:
    """Prefer sound text to damaged, arXiv's to others', higher versions to lower, later texts to earlier."""
    if {type(paper.title), type(paper.abstract)} != {str}:  # a spoilt row: SQLite stores what it is given
        return True
    comparison = entry.compare_text(paper.title, paper.abstract)
    if comparison:
        return comparison > 0
    # Of two texts of one source that lists versions, the higher one, in whatever order they are read.
    is_versioned = entry.kind != "listed" and entry.source == paper.text_source
    stored_rank = (paper.text_source == "arxiv", paper.version if is_versioned else 0)
    entry_rank = (entry.source == "arxiv", entry.version if is_versioned else 0)
    return entry_rank >= stored_rank


def _update_optional_fields(paper: Paper, entry: ListingEntry, now: datetime) -> None:
    """Take the subjects, a first name of the journal, and the latest value of each other field, where given.

    Sources spell journals differently, and have different subjects.
    """
    latest = {name: getattr(entry, name, None) for name in _LATEST_FIELDS}
    latest = {name: list(value) if isinstance(value, tuple) else value for name, value in latest.items()}
    if entry.upvotes is not None and (paper.first_upvotes is None or now - paper.first_seen_at < FIRST_DAY):
        latest["first_upvotes"] = entry.upvotes
    if isinstance(doi := latest["doi"], str):
        latest["doi"] = doi.lower()
    changes = {name: value for name, value in latest.items() if value not in (None, [])}
    changes["journal"] = paper.journal or entry.journal or None
    changes["subjects"] = list(dict.fromkeys((*paper.subjects, *entry.subjects)))[:MAX_SUBJECTS]
    _assign(paper, changes)


def _assign(paper: Paper, values: dict[str, object]) -> bool:
    """Set attributes, and return whether any of them changed. What the full-text index has of them is out of date."""
    changes = {name: value for name, value in values.items() if getattr(paper, name) != value}
    for name, value in changes.items():
        setattr(paper, name, value)
    if INDEXED_COLUMNS & changes.keys():
        paper.is_indexed = False
    return bool(changes)


def _load_former_listings(
    session: Session, entries: Sequence[tuple[ListingEntry, Paper]]
) -> dict[tuple[str, int], list[Listing]]:
    """Load the listings of these papers by source and paper."""
    former: dict[tuple[str, int], list[Listing]] = {}
    for ids in chunks({int(paper.id or 0) for _, paper in entries}):
        rows = select(Listing).where(col(Listing.paper_id).in_(ids)).order_by(col(Listing.id))
        for row in session.exec(rows):
            former.setdefault((row.source, row.paper_id), []).append(row)
    return former


def _is_listed_earlier(
    former: Mapping[tuple[str, int], Sequence[Listing]], entry: ListingEntry, paper: Paper, versions: Mapping[int, int]
) -> bool:
    """Return whether an entry is listed as new although its source did so under an earlier day of the last week."""
    if entry.kind not in STALE_KINDS or versions.get(id(paper), 0) < entry.version:
        return False
    listings = former.get((entry.source, int(paper.id or 0)), ())
    return any(timedelta(0) < entry.list_day - listing.list_day <= SAME_BATCH_WINDOW for listing in listings)


def _store_entries(
    session: Session,
    resolver: Resolver,
    entries: Sequence[tuple[ListingEntry, Paper]],
    former: Mapping[tuple[str, int], Sequence[Listing]],
    versions: Mapping[int, int],
    now: datetime,
) -> None:
    """Store a listing for each entry that does not repeat one, and set the first listing of new papers."""
    new_listings: dict[tuple[str, date, int], Listing] = {}
    first_listings: dict[int, tuple[Paper, Listing]] = {}
    for entry, paper in entries:
        paper_id = int(paper.id or 0)
        key = (entry.source, entry.list_day, paper_id)
        listing = new_listings.get(key) or _find_repeated_listing(
            former.get((entry.source, paper_id), ()), entry, versions.get(id(paper), 0)
        )
        if listing is None:
            listing = new_listings[key] = Listing(
                paper_id=paper_id,
                source=entry.source,
                list_day=entry.list_day,
                rank=entry.rank,
                kind=entry.kind,
                first_seen_at=now,
                last_seen_at=now,
            )
            first_listings.setdefault(paper_id, (paper, listing))
            if not former.get((entry.source, paper_id)):
                resolver.standing(paper).is_indexed = False  # a source more
        listing.last_seen_at = max(listing.last_seen_at, now)
        if listing.list_day == entry.list_day:
            listing.rank = entry.rank
            listing.upvotes = entry.upvotes if entry.upvotes is not None else listing.upvotes
            listing.comments = entry.comments if entry.comments is not None else listing.comments
    session.add_all(new_listings.values())
    session.flush()
    for paper, listing in first_listings.values():
        standing = resolver.standing(paper)  # one that is merged into it never enters itself
        if not standing.first_listing_id:
            standing.first_listing_id = int(listing.id or 0)
    session.flush()


def _find_repeated_listing(listings: Sequence[Listing], entry: ListingEntry, version: int) -> Listing | None:
    """Find the listing of the same day, or of a batch that arXiv serves again under another date."""
    for listing in listings:
        if listing.list_day == entry.list_day:
            return listing
    if entry.source == "arxiv" and version >= entry.version:
        for listing in listings:
            if abs(listing.list_day - entry.list_day) <= SAME_BATCH_WINDOW:
                return listing
    return None
