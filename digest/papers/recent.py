"""The papers of the last list days, kept ready between requests: a preview asks them in milliseconds.

    refresh(session)     takes in what was listed since; does nothing while no source has been read again
    ask(queries, cap)    what an edition would choose from them; the same meaning as digest.matching, see places.py

Pure data, made from the store: losing it costs the time to read the papers once more.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from threading import Lock
from typing import Any

import numpy as np
from sqlalchemy import func
from sqlmodel import Session, col, select

from digest.database.models import Listing, Paper, SourceFetch
from digest.matching import Matcher, PaperDocument, Phrase, Query, QueryBits, Term, TermBits, combine
from digest.papers.documents import build_documents
from digest.papers.positional_index import PositionalIndex, TokenColumns, pack_bits
from digest.papers.queries import recent_papers
from digest.papers.ranking import packed_ranking_key, popularity_order

TERM_CACHE_SIZE = 4000  # answers to parts of queries, until the next refresh


@dataclass(frozen=True, slots=True)
class Selection:
    """The papers that an edition would choose, how many more match, and how many each query finds.

    `matched`: of each of these papers, by their positions, the queries that it matches.
    """

    papers: tuple[int, ...]
    omitted_count: int
    match_counts: tuple[int, ...]
    considered_count: int
    matched_queries: tuple[tuple[int, ...], ...] = ()


def store_fingerprint(session: Session) -> tuple[int, int]:
    """Another one whenever a source was read: what was made of its papers may be kept till then."""
    read = select(func.max(col(SourceFetch.id))).scalar_subquery()
    listed, looked = session.execute(select(func.max(col(Listing.id)), read)).one()
    return listed or 0, looked or 0


class RecentPapersIndex:
    """One of these a running app; any number of threads may ask. `days`: how many list days there are, at most as many
    as were asked for; `day`: the latest one; `kept`: what others made of these papers, until something changes.
    """

    def __init__(self, days: int) -> None:
        self.days = 0
        self.day: date | None = None
        self.cache: dict[Hashable, Any] = {}
        self._days = days
        self._lock = Lock()
        self._fingerprint: tuple[int, int] | None = None
        self._clear()

    def _clear(self) -> None:
        self._columns = TokenColumns()
        self._documents: list[PaperDocument] = []
        self._metadata_documents: list[PaperDocument] = []
        self._positions: dict[int, int] = {}
        self._term_matches: dict[str, TermBits] = {}
        self._index = PositionalIndex(self._columns)
        self._is_listed = self._popularity = self._upvotes = np.empty(0, dtype=np.int64)

    def refresh(self, session: Session) -> None:
        """Bring it up to date with the store, if a source was read since."""
        stamp = store_fingerprint(session)
        with self._lock:
            if stamp != self._fingerprint:
                listed = select(col(Listing.list_day)).distinct().order_by(col(Listing.list_day).desc())
                found = session.exec(listed.limit(self._days)).all()
                self.days, self.day, self.cache = len(found), found[0] if found else None, {}
                self._load(session, recent_papers(session, self._days))
                self._fingerprint = stamp

    def _load(self, session: Session, recent: Sequence[Paper]) -> None:
        if len(self._documents) > 2 * len(recent):
            self._clear()  # most of what is kept is not recent any more
        for paper, document in zip(recent, build_documents(session, recent), strict=True):
            number = int(paper.id or 0)
            place = self._positions.get(number)
            bare = replace(document, title="", abstract="")
            if place is not None and _has_same_text(self._documents[place], document):
                self._documents[place], self._metadata_documents[place] = document, bare
                continue
            self._positions[number] = len(self._documents)
            self._documents.append(document)
            self._metadata_documents.append(bare)
            self._columns.add(document)
        if self._index.paper_count < len(self._documents):
            self._index = PositionalIndex(self._columns)
        self._term_matches = {}
        places = np.array([self._positions[int(paper.id or 0)] for paper in recent], dtype=np.int64)
        self._is_listed = np.zeros(len(self._documents), dtype=bool)
        self._is_listed[places] = True
        first_listing_ids, self._upvotes, self._popularity = np.zeros((3, len(self._documents)), dtype=np.int64)
        first_listing_ids[places] = [paper.first_listing_id for paper in recent]
        self._upvotes[places] = [-1 if paper.upvotes is None else paper.upvotes for paper in recent]
        order = popularity_order(np.maximum(self._upvotes, 0), first_listing_ids)
        self._popularity[order] = np.arange(len(order))

    @property
    def fingerprint(self) -> tuple[int, int] | None:
        """That of the papers that are ready; its first part is the number of the last listing."""
        return self._fingerprint

    @property
    def is_loading(self) -> bool:
        """The papers are being read for the first time, which takes a while: whoever asks now waits for it."""
        return self._fingerprint is None and self._lock.locked()

    def select(self, queries: Sequence[Query], limit: int) -> Selection:
        """Choose as an edition would for a reader with these queries (none but exclusions: the trending papers)."""
        with self._lock:
            everything = (1 << len(self._documents)) - 1
            found = self._match_terms({leaf.canonical: leaf for query in queries for leaf in query.terms})
            bits = [combine(query.root, found, everything) for query in queries]
            matched = [self._flags(each.matched) & self._is_listed for each in bits]
            titled = [self._flags(each.without_abstract & each.with_title_word) for each in bits]
            wanted = self._is_listed.copy()
            asked, in_title = np.zeros((2, len(wanted)), dtype=np.int64)
            for query, one, title in zip(queries, matched, titled, strict=True):
                if query.exclude:
                    wanted &= ~one
                else:
                    asked += one
                    in_title |= one & title
            wanted &= asked > 0 if any(not query.exclude for query in queries) else self._upvotes >= 0
            chosen = np.flatnonzero(wanted)
            keys = packed_ranking_key(asked[chosen], in_title[chosen], self._popularity[chosen])
            best = chosen[np.argsort(keys)[::-1]]
            return Selection(
                papers=tuple(self._documents[place].id for place in best[:limit].tolist()),
                omitted_count=max(len(best) - limit, 0) if asked.any() else 0,
                match_counts=tuple(int(one.sum()) for one in matched),
                considered_count=int(self._is_listed.sum()),
                matched_queries=tuple(
                    tuple(number for number, one in enumerate(matched) if one[place] and not queries[number].exclude)
                    for place in best[:limit].tolist()
                ),
            )

    def _flags(self, bits: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        count = len(self._documents)
        packed = np.frombuffer(bits.to_bytes((count + 7) // 8, "little"), dtype=np.uint8)
        return np.unpackbits(packed, count=count, bitorder="little").astype(bool)

    def match_bits(self, term: Term, ids: Sequence[int]) -> int | None:
        """Which of these papers a part of a query finds, bit n for the n-th. None when one of them is not here, or when
        somebody else asks just now: what it is for can be told without.
        """
        if not self._lock.acquire(blocking=False):
            return None
        try:
            places = [self._positions.get(each, -1) for each in ids]
            if -1 in places:
                return None
            return pack_bits(self._flags(self._match_terms({term.canonical: term})[term.canonical].matched)[places])
        finally:
            self._lock.release()

    def _match_terms(self, terms: Mapping[str, Term]) -> dict[str, TermBits]:
        """What each leaf finds. What the listings say is asked in one go, however many leaves there are."""
        missing = {name: leaf for name, leaf in terms.items() if name not in self._term_matches}
        if len(self._term_matches) + len(missing) > TERM_CACHE_SIZE:
            self._term_matches, missing = {}, dict(terms)
        listed = [leaf for leaf in missing.values() if not isinstance(leaf, Phrase) or leaf.field == "org"]
        for leaf, bits in zip(listed, self._match_metadata(listed), strict=True):
            self._term_matches[leaf.canonical] = TermBits(bits.matched, bits.matched, 0)
        for name, leaf in missing.items():
            if isinstance(leaf, Phrase) and leaf.field != "org":
                in_title, in_abstract = self._index.find(leaf)
                title = 0 if leaf.field == "abstract" else in_title
                self._term_matches[name] = TermBits(title | (0 if leaf.field == "title" else in_abstract), title, title)
        return {name: self._term_matches[name] for name in terms}

    def _match_metadata(self, terms: Sequence[Term]) -> list[QueryBits]:
        return Matcher([Query("", leaf) for leaf in terms]).match_bits(self._metadata_documents) if terms else []


def _has_same_text(one: PaperDocument, other: PaperDocument) -> bool:
    return (one.title, one.abstract) == (other.title, other.abstract)
