"""One paper, many listings: what the sources list becomes rows.

`remember` is the only way in. Listings are written under one lock, so their numbers grow in the order in which they
become visible; a paper's `entered` is the number of its first listing, and "new" is a comparison of these numbers.
Nothing here commits: the caller's transaction holds papers, listings and the reading together.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from sqlalchemy import update
from sqlmodel import Session, col, select

from digest.database import LISTING_LOCK, acquire_lock
from digest.database.models import Listing, Paper
from digest.papers.queries import chunks

SAME_BATCH_WINDOW = timedelta(days=7)  # arXiv may serve an old batch under a new date, but not for longer than this


_OPTIONAL_FIELDS = (
    "organization",
    "code_url",
    "project_url",
    "thumbnail_url",
    "discussion_url",
    "ai_summary",
    "doi",
    "pdf_url",
)


_COUNT_FIELDS = ("upvotes", "comments", "code_stars")


class ListingEntry(Protocol):
    """What a source gives; digest.sources.base has the real one. `compare_text` compares two texts: 1, 0 or -1."""

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
    def title(self) -> str: ...
    @property
    def abstract(self) -> str: ...
    @property
    def authors(self) -> tuple[str, ...]: ...
    @property
    def categories(self) -> tuple[str, ...]: ...
    @property
    def ai_keywords(self) -> tuple[str, ...]: ...
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
    """How many papers a batch listed (replacements are no listings), and how many of them were new."""

    listed_count: int
    new_count: int


def store_listings(session: Session, entries: Sequence[ListingEntry], now: datetime) -> StoreReport:
    """Take a batch in: one paper each, whatever lists it; a listing for each source and day; the better text kept."""
    acquire_lock(session, LISTING_LOCK)
    known = _load_existing(session, entries)
    held: list[tuple[ListingEntry, Paper]] = []
    fresh: list[Paper] = []
    versions: dict[int, int] = {}
    for each in entries:
        paper = known.get(each.key) or (known.get(f"doi:{each.doi.lower()}") if each.doi else None)
        if paper is None and each.kind == "replace":
            continue
        if paper is None:
            paper = _new_paper(each, now)
            fresh.append(paper)
        else:
            versions.setdefault(id(paper), paper.version)
            _update_paper(paper, each, now)
        known[each.key] = paper
        if paper.doi:
            known.setdefault(f"doi:{paper.doi}", paper)
        if each.kind != "replace":
            held.append((each, paper))
    session.add_all(fresh)
    session.flush()
    _store_entries(session, held, versions, now)
    return StoreReport(listed_count=len({id(paper) for _, paper in held}), new_count=len(fresh))


def _load_existing(session: Session, entries: Sequence[ListingEntry]) -> dict[str, Paper]:
    found: dict[str, Paper] = {}
    for keys in chunks({each.key for each in entries}):
        found |= {paper.key: paper for paper in session.exec(select(Paper).where(col(Paper.key).in_(keys)))}
    for dois in chunks({each.doi.lower() for each in entries if each.doi}):
        for paper in session.exec(select(Paper).where(col(Paper.doi).in_(dois))):
            found.setdefault(f"doi:{paper.doi}", paper)
    return found


def _new_paper(entry: ListingEntry, now: datetime) -> Paper:
    paper = Paper(
        key=entry.key,
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
    _update_optional_fields(paper, entry)
    return paper


def _update_paper(paper: Paper, entry: ListingEntry, now: datetime) -> None:
    changes: dict[str, object] = {}
    if _has_better_text(paper, entry):
        changes = {"title": entry.title, "abstract": entry.abstract, "text_source": entry.source}
        if entry.authors:
            changes["authors"] = list(entry.authors)
    elif entry.authors and not paper.authors:
        changes["authors"] = list(entry.authors)
    if entry.categories and (entry.source == "arxiv" or not paper.categories):
        changes["categories"] = list(entry.categories)
    if entry.arxiv_id and not paper.arxiv_id:  # known by its DOI until now
        changes |= {"arxiv_id": entry.arxiv_id, "key": entry.key, "url": entry.url}
    if entry.published_on and (entry.source == "arxiv" or not paper.published_on):
        changes["published_on"] = entry.published_on
    changes["version"] = max(paper.version, entry.version)
    if _assign(paper, changes):
        paper.changed_at = now
        paper.is_indexed = False
    _update_optional_fields(paper, entry)


def _has_better_text(paper: Paper, entry: ListingEntry) -> bool:
    """Sound text before damaged, arXiv's before others', higher versions before lower, later before earlier."""
    sounder = entry.compare_text(paper.title, paper.abstract)
    if sounder:
        return sounder > 0
    ours, theirs = paper.text_source == "arxiv", entry.source == "arxiv"
    return (theirs, entry.version if theirs else 0) >= (ours, paper.version if ours else 0)


def _update_optional_fields(paper: Paper, entry: ListingEntry) -> None:
    """What is only ever as fresh as the last reading; a source that does not say leaves it as it was."""
    latest = {name: getattr(entry, name, None) for name in (*_OPTIONAL_FIELDS, *_COUNT_FIELDS)}
    if isinstance(doi := latest["doi"], str):
        latest["doi"] = doi.lower()
    if entry.ai_keywords:
        latest["ai_keywords"] = list(entry.ai_keywords)
    _assign(paper, {name: value for name, value in latest.items() if value is not None})


def _assign(paper: Paper, values: dict[str, object]) -> bool:
    changed = {name: value for name, value in values.items() if getattr(paper, name) != value}
    for name, value in changed.items():
        setattr(paper, name, value)
    return bool(changed)


def _store_entries(
    session: Session, entries: Sequence[tuple[ListingEntry, Paper]], versions: dict[int, int], now: datetime
) -> None:
    before = _load_nearby_listings(session, entries)
    fresh: dict[tuple[str, date, int], Listing] = {}
    first: dict[int, tuple[Paper, Listing]] = {}
    for each, paper in entries:
        number = int(paper.id or 0)
        place = (each.source, each.list_day, number)
        listing = fresh.get(place) or _find_repeated_listing(
            before.get((each.source, number), ()), each, versions.get(id(paper), 0)
        )
        if listing is None:
            listing = fresh[place] = Listing(
                paper_id=number,
                source=each.source,
                list_day=each.list_day,
                rank=each.rank,
                kind=each.kind,
                first_seen_at=now,
                last_seen_at=now,
            )
            first.setdefault(number, (paper, listing))
        listing.last_seen_at = max(listing.last_seen_at, now)
        if listing.list_day == each.list_day:
            listing.rank = each.rank
            listing.upvotes = each.upvotes if each.upvotes is not None else listing.upvotes
            listing.comments = each.comments if each.comments is not None else listing.comments
    session.add_all(fresh.values())
    session.flush()
    for paper, listing in first.values():
        if not paper.first_listing_id:
            paper.first_listing_id = int(listing.id or 0)
    session.flush()


def _load_nearby_listings(
    session: Session, entries: Sequence[tuple[ListingEntry, Paper]]
) -> dict[tuple[str, int], list[Listing]]:
    found: dict[tuple[str, int], list[Listing]] = {}
    if not entries:
        return found
    days = [each.list_day for each, _ in entries]
    near = (
        col(Listing.list_day) >= min(days) - SAME_BATCH_WINDOW,
        col(Listing.list_day) <= max(days) + SAME_BATCH_WINDOW,
    )
    for ids in chunks({int(paper.id or 0) for _, paper in entries}):
        for listing in session.exec(
            select(Listing).where(*near, col(Listing.paper_id).in_(ids)).order_by(col(Listing.id))
        ):
            found.setdefault((listing.source, listing.paper_id), []).append(listing)
    return found


def _find_repeated_listing(listings: Sequence[Listing], entry: ListingEntry, version: int) -> Listing | None:
    """The listing that this one repeats: of the same day, or of a batch that arXiv serves again under another date."""
    for listing in listings:
        if listing.list_day == entry.list_day:
            return listing
    if entry.source == "arxiv" and version >= entry.version:
        for listing in listings:
            if abs(listing.list_day - entry.list_day) <= SAME_BATCH_WINDOW:
                return listing
    return None


def store_texts(
    session: Session, entries: Sequence[ListingEntry], requested_ids: Collection[str], now: datetime
) -> int:
    """Take in texts that were asked for by arXiv id; returns how many papers got theirs. They are not asked for again,
    nor are ids that arXiv does not know; only an answer without any text counts as none.
    """
    if not entries:
        return 0
    store_listings(session, entries, now)
    filled = {each.arxiv_id for each in entries}
    for ids in chunks(set(requested_ids)):
        session.execute(update(Paper).where(col(Paper.arxiv_id).in_(ids)).values(text_fetched_at=now))
    return len(filled & set(requested_ids))
