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

from digest import papers
from digest.documents import documents
from digest.matching import Document, Matcher, Phrase, Query
from digest.matching.leaves import Leaf
from digest.matching.matcher import Bits, Found, joined
from digest.models import Listing, Paper, SourceFetch
from digest.recent.places import Lines, Places, bits_of

KEPT = 4000  # answers to parts of queries, until the next refresh


@dataclass(frozen=True, slots=True)
class Asked:
    """The papers that an edition would choose, how many more match, and how many each query finds.

    `matched`: of each of these papers, by their positions, the queries that it matches.
    """

    papers: tuple[int, ...]
    left_out: int
    counts: tuple[int, ...]
    considered: int
    matched: tuple[tuple[int, ...], ...] = ()


def stamp_of(session: Session) -> tuple[int, int]:
    """Another one whenever a source was read: what was made of its papers may be kept till then."""
    read = select(func.max(col(SourceFetch.id))).scalar_subquery()
    listed, looked = session.execute(select(func.max(col(Listing.id)), read)).one()
    return listed or 0, looked or 0


class Recent:
    """One of these a running app; any number of threads may ask. `days`: how many list days there are, at most as many
    as were asked for; `day`: the latest one; `kept`: what others made of these papers, until something changes.
    """

    def __init__(self, days: int) -> None:
        self.days = 0
        self.day: date | None = None
        self.kept: dict[Hashable, Any] = {}
        self._days = days
        self._lock = Lock()
        self._stamp: tuple[int, int] | None = None
        self._clear()

    def _clear(self) -> None:
        self._lines = Lines()
        self._documents: list[Document] = []
        self._bare: list[Document] = []
        self._place: dict[int, int] = {}
        self._found: dict[str, Found] = {}
        self._places = Places(self._lines)
        self._live = self._entered = self._upvotes = np.empty(0, dtype=np.int64)

    def refresh(self, session: Session) -> None:
        """Bring it up to date with the store, if a source was read since."""
        stamp = stamp_of(session)
        with self._lock:
            if stamp != self._stamp:
                listed = select(col(Listing.list_day)).distinct().order_by(col(Listing.list_day).desc())
                found = session.exec(listed.limit(self._days)).all()
                self.days, self.day, self.kept = len(found), found[0] if found else None, {}
                self._take_in(session, papers.recent(session, self._days))
                self._stamp = stamp

    def _take_in(self, session: Session, found: Sequence[Paper]) -> None:
        if len(self._documents) > 2 * len(found):
            self._clear()  # most of what is kept is not recent any more
        for paper, document in zip(found, documents(session, found), strict=True):
            number = int(paper.id or 0)
            place = self._place.get(number)
            bare = replace(document, title="", abstract="")
            if place is not None and _same_text(self._documents[place], document):
                self._documents[place], self._bare[place] = document, bare
                continue
            self._place[number] = len(self._documents)
            self._documents.append(document)
            self._bare.append(bare)
            self._lines.add(document)
        if self._places.papers < len(self._documents):
            self._places = Places(self._lines)
        self._found = {}
        places = np.array([self._place[int(paper.id or 0)] for paper in found], dtype=np.int64)
        self._live = np.zeros(len(self._documents), dtype=bool)
        self._live[places] = True
        self._entered, self._upvotes = np.zeros((2, len(self._documents)), dtype=np.int64)
        self._entered[places] = [paper.first_listing_id for paper in found]
        self._upvotes[places] = [-1 if paper.upvotes is None else paper.upvotes for paper in found]

    @property
    def stamp(self) -> tuple[int, int] | None:
        """That of the papers that are ready; its first part is the number of the last listing."""
        return self._stamp

    @property
    def busy(self) -> bool:
        """The papers are being read for the first time, which takes a while: whoever asks now waits for it."""
        return self._stamp is None and self._lock.locked()

    def ask(self, queries: Sequence[Query], cap: int) -> Asked:
        """Choose as an edition would for a reader with these queries (none but exclusions: the trending papers)."""
        with self._lock:
            everything = (1 << len(self._documents)) - 1
            found = self._found_by({leaf.canonical: leaf for query in queries for leaf in query.leaves})
            bits = [joined(query.root, found, everything) for query in queries]
            matched = [self._flags(each.matched) & self._live for each in bits]
            titled = [self._flags(each.title_only & each.worded) for each in bits]
            wanted = self._live.copy()
            asked, in_title = np.zeros((2, len(wanted)), dtype=np.int64)
            for query, one, title in zip(queries, matched, titled, strict=True):
                if query.exclude:
                    wanted &= ~one
                else:
                    asked += one
                    in_title |= one & title
            wanted &= asked > 0 if any(not query.exclude for query in queries) else self._upvotes >= 0
            chosen = np.flatnonzero(wanted)
            votes = np.maximum(self._upvotes[chosen], 0)
            best = chosen[np.lexsort((self._entered[chosen], votes, in_title[chosen], asked[chosen]))[::-1]]
            return Asked(
                papers=tuple(self._documents[place].id for place in best[:cap].tolist()),
                left_out=max(len(best) - cap, 0) if asked.any() else 0,
                counts=tuple(int(one.sum()) for one in matched),
                considered=int(self._live.sum()),
                matched=tuple(
                    tuple(number for number, one in enumerate(matched) if one[place] and not queries[number].exclude)
                    for place in best[:cap].tolist()
                ),
            )

    def _flags(self, bits: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        count = len(self._documents)
        packed = np.frombuffer(bits.to_bytes((count + 7) // 8, "little"), dtype=np.uint8)
        return np.unpackbits(packed, count=count, bitorder="little").astype(bool)

    def among(self, leaf: Leaf, ids: Sequence[int]) -> int | None:
        """Which of these papers a part of a query finds, bit n for the n-th. None when one of them is not here, or when
        somebody else asks just now: what it is for can be told without.
        """
        if not self._lock.acquire(blocking=False):
            return None
        try:
            places = [self._place.get(each, -1) for each in ids]
            if -1 in places:
                return None
            return bits_of(self._flags(self._found_by({leaf.canonical: leaf})[leaf.canonical].matched)[places])
        finally:
            self._lock.release()

    def _found_by(self, leaves: Mapping[str, Leaf]) -> dict[str, Found]:
        """What each leaf finds. What the listings say is asked in one go, however many leaves there are."""
        missing = {name: leaf for name, leaf in leaves.items() if name not in self._found}
        if len(self._found) + len(missing) > KEPT:
            self._found, missing = {}, dict(leaves)
        listed = [leaf for leaf in missing.values() if not isinstance(leaf, Phrase) or leaf.field == "org"]
        for leaf, bits in zip(listed, self._listings(listed), strict=True):
            self._found[leaf.canonical] = Found(bits.matched, bits.matched, 0)
        for name, leaf in missing.items():
            if isinstance(leaf, Phrase) and leaf.field != "org":
                in_title, in_abstract = self._places.found(leaf)
                title = 0 if leaf.field == "abstract" else in_title
                self._found[name] = Found(title | (0 if leaf.field == "title" else in_abstract), title, title)
        return {name: self._found[name] for name in leaves}

    def _listings(self, leaves: Sequence[Leaf]) -> list[Bits]:
        return Matcher([Query("", leaf) for leaf in leaves]).hits(self._bare) if leaves else []


def _same_text(one: Document, other: Document) -> bool:
    return (one.title, one.abstract) == (other.title, other.abstract)
