"""Feeds in the store: when each is due, and which of their entries were seen.

Nothing here commits: what a reading tells is stored in the transaction that stores its papers.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Protocol

from sqlalchemy import ColumnElement, and_, delete, update
from sqlmodel import Session, col, select

from digest.config import source_title
from digest.database import insert
from digest.database.models import Feed, SeenEntry
from digest.papers.queries import chunks, sources_by_paper

DUE_TOLERANCE = timedelta(minutes=10)  # readings begin some minutes around their time
SEEN_LIFETIME = timedelta(days=120)  # after this, an entry that comes again is new to the feed, never to subscribers
REFRESH_AGE = timedelta(days=1)  # of `last_seen_at`: it need not be exact


class NamedWindow(Protocol):
    """Window as its source names it."""

    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def title(self) -> str: ...


@dataclass(frozen=True, slots=True)
class WindowEntry:
    """Entry of a window.

    - `names`: those by which it is known: its id in the feed, and identifiers with their versions
    - `works`: identifiers without version: they tell a revision of a known paper
    - `content`: what it says
    """

    names: frozenset[str]
    works: frozenset[str] = frozenset()
    content: str = ""

    @property
    def content_hash(self) -> str:
        """Hash that tells whether it says the same as before."""
        return _hash(self.content)


def sync_feeds(session: Session, source: str, windows: Iterable[NamedWindow], now: datetime) -> dict[str, Feed]:
    """Return a row for each feed of the settings, by name; others are marked as removed."""
    rows = {row.name: row for row in session.exec(select(Feed).where(Feed.source == source))}
    named = {window.name: window for window in windows}
    for name, row in rows.items():
        if name not in named and row.removed_at is None:
            row.removed_at = now
    for name, window in named.items():
        feed = rows.setdefault(name, Feed(source=source, name=name, url=window.url))
        feed.removed_at = None
        if feed.url != window.url:  # the entries that were seen are still known
            feed.url, feed.next_at, feed.moved_to = window.url, None, None
        feed.title = window.title or feed.title
        session.add(feed)
    session.flush()
    return {name: rows[name] for name in named}


def load_source_titles(session: Session, names: Iterable[str]) -> dict[str, str]:
    """Return what people call the sources of listings: the title of a feed, else that of an installed source."""
    wanted = set(names)
    rows = select(Feed.name, Feed.title).where(col(Feed.name).in_(wanted))
    titles = dict(session.exec(rows).all()) if wanted else {}
    return {name: titles.get(name) or source_title(name) for name in wanted}


def load_titled_sources(session: Session, paper_ids: Collection[int]) -> dict[int, dict[str, str]]:
    """Return the names of the sources that list each paper, and what people call them."""
    sources = sources_by_paper(session, paper_ids)
    titles = load_source_titles(session, (name for names in sources.values() for name in names))
    return {paper_id: {name: titles[name] for name in names} for paper_id, names in sources.items()}


def is_due(feed: Feed, now: datetime) -> bool:
    """Return whether it is time to read a feed."""
    return feed.next_at is None or now >= feed.next_at - DUE_TOLERANCE


def known_entries(session: Session, feed: Feed, entries: Sequence[WindowEntry]) -> dict[str, str]:
    """Return which names of these entries were seen in the feed, and the hash of what the entry said then."""
    hashes = {_hash(name): name for entry in entries for name in entry.names | entry.works}
    known: dict[str, str] = {}
    for keys in chunks(hashes):
        rows = select(SeenEntry.key, SeenEntry.content_hash).where(_is_of(feed), col(SeenEntry.key).in_(keys))
        known |= {hashes[key]: content_hash for key, content_hash in session.exec(rows)}
    return known


def store_entries(
    session: Session, feed: Feed, entries: Sequence[WindowEntry], known: Mapping[str, str], now: datetime
) -> None:
    """Store the names of entries as seen, and forget those that have not been for long."""
    is_of_feed = _is_of(feed)
    rows: dict[str, dict[str, object]] = {}
    unchanged: list[str] = []
    for entry in entries:
        for name in entry.names | entry.works:
            key, content_hash = _hash(name), entry.content_hash
            if known.get(name) == content_hash:
                unchanged.append(key)
            else:
                row = {"source": feed.source, "feed": feed.name, "key": key}
                rows[key] = row | {"content_hash": content_hash, "last_seen_at": now}
    if rows:
        statement = insert(session, SeenEntry)
        update_row = {"content_hash": statement.excluded.content_hash, "last_seen_at": now}
        keys = ["source", "feed", "key"]
        session.execute(statement.on_conflict_do_update(index_elements=keys, set_=update_row), list(rows.values()))
    for keys in chunks(unchanged):
        seen = update(SeenEntry).where(is_of_feed, col(SeenEntry.last_seen_at) < now - REFRESH_AGE)
        session.execute(seen.where(col(SeenEntry.key).in_(keys)).values(last_seen_at=now))
    session.execute(delete(SeenEntry).where(is_of_feed, col(SeenEntry.last_seen_at) < now - SEEN_LIFETIME))


def _is_of(feed: Feed) -> ColumnElement[bool]:
    return and_(col(SeenEntry.source) == feed.source, col(SeenEntry.feed) == feed.name)


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
