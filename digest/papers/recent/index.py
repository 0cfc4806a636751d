"""Index of the papers of the last list days, in memory, so that a preview takes milliseconds.

It is derived from the store: losing it costs the time to read the papers once more.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from threading import Lock
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sqlmodel import Session

from digest.matching import (
    KindBits,
    LikeTerm,
    Matcher,
    PaperDocument,
    Phrase,
    Query,
    Term,
    TermBits,
    combine_query,
    match_like,
)
from digest.papers.documents import load_documents
from digest.papers.queries import chunks, popularity_columns, recent_list_days, recent_paper_ids, store_fingerprint
from digest.papers.ranking import USUAL_UPVOTES, packed_ranking_key, popularity_order, seat_ranks
from digest.papers.recent.phrase_table import PhraseTable
from digest.papers.recent.positional_index import PositionalIndex
from digest.papers.recent.word_columns import Column, WordColumns

TERM_CACHE_SIZE = 300  # terms whose matches are cached until the next refresh, 10 KB each with 20,000 papers
LOCK_TIMEOUT = 0.05  # seconds, for who can do without the index: a search takes a few milliseconds, loading seconds


@dataclass(frozen=True, slots=True)
class Selection:
    """Papers that an edition would choose.

    - `papers`: their ids, best first
    - `omitted_count`: how many more match
    - `match_counts`: matching papers by query
    - `considered_count`: all papers that were considered
    - `matched_queries`: positions of the queries that match, for each of `papers`
    - `first_day_count`, `first_day_match_counts`: the same counts for the list day of the first paper
    """

    papers: tuple[int, ...]
    omitted_count: int
    match_counts: tuple[int, ...]
    considered_count: int
    matched_queries: tuple[tuple[int, ...], ...] = ()
    first_day_count: int = 0
    first_day_match_counts: tuple[int, ...] = ()


class RecentPapersIndex:
    """Papers of the last list days, for any number of threads. One instance belongs to one application.

    `days` is the number of list days in it, at most `max_days`, and `day` the latest one. `cache` is for
    what callers derive from these papers; a refresh that finds a change clears it. `phrase_table` has the phrases of
    these papers, once somebody has loaded it; the latest papers may be missing there.
    """

    def __init__(self, days: int) -> None:
        self.days = 0
        self.day: date | None = None
        self.cache: dict[Hashable, Any] = {}
        self.max_days = days
        self._lock = Lock()
        self._fingerprint: tuple[int, int] | None = None
        self._clear()

    @classmethod
    def from_documents(cls, documents: Sequence[PaperDocument]) -> Self:
        """Return an index of papers that are in no store, without days."""
        index = cls(0)
        index._fingerprint = (0, 0)
        index._add(documents)
        index._kinds = KindBits.of_documents(index._documents)
        index._is_listed = np.ones(len(index._documents), dtype=bool)
        return index

    def _clear(self) -> None:
        self.phrase_table: PhraseTable | None = None  # its papers are those of these positions
        self._documents: list[PaperDocument] = []  # without their texts, which are in the index
        self._text_hashes: list[int] = []
        self._positions: dict[int, int] = {}  # in these lists, by paper id
        self._term_matches: dict[str, TermBits] = {}
        self._kinds = KindBits(0, 0)
        self._index = PositionalIndex()
        self._is_listed = self._upvotes = self._popularity = self._list_days = np.empty(0, dtype=np.int64)

    def refresh(self, session: Session) -> None:
        """Load what has changed in the store, if a source was fetched since the last refresh."""
        fingerprint = store_fingerprint(session)
        with self._lock:
            if fingerprint != self._fingerprint:
                days = recent_list_days(session, self.max_days)
                self.days, self.day, self.cache = len(days), days[0] if days else None, {}
                self._load(session)
                self._fingerprint = fingerprint

    def _load(self, session: Session) -> None:
        paper_ids = recent_paper_ids(session, self.max_days)
        if len(self._documents) > 2 * len(paper_ids):
            self._clear()  # most documents are no longer recent
        for chunk in chunks(paper_ids):  # all rows at once would take more memory than the index
            self._add(load_documents(session, chunk))
        self._term_matches = {}
        self._kinds = KindBits.of_documents(self._documents)
        count = len(self._documents)
        self._is_listed = np.zeros(count, dtype=bool)
        first_listing_ids, self._upvotes, self._popularity, self._list_days = np.zeros((4, count), dtype=np.int64)
        for paper_id, first_listing_id, upvotes, list_day in popularity_columns(session, paper_ids):
            if (position := self._positions.get(paper_id)) is not None:
                self._is_listed[position] = True
                self._list_days[position] = list_day.toordinal() if list_day else 0
                first_listing_ids[position], self._upvotes[position] = (
                    first_listing_id,
                    -1 if upvotes is None else upvotes,
                )
        order = popularity_order(np.where(self._upvotes < 0, USUAL_UPVOTES, self._upvotes), first_listing_ids)
        self._popularity[order] = np.arange(len(order))

    def _add(self, documents: Sequence[PaperDocument]) -> None:
        """Take in papers as they are now; one whose text has changed gets another position."""
        new_documents = []
        for document in documents:
            metadata, text_hash = replace(document, title="", abstract=""), hash((document.title, document.abstract))
            position = self._positions.get(document.id)
            if position is not None and self._text_hashes[position] == text_hash:
                self._documents[position] = metadata
                continue
            self._positions[document.id] = len(self._documents)
            self._documents.append(metadata)
            self._text_hashes.append(text_hash)
            new_documents.append(document)
        if new_documents:
            self._index.add(new_documents)

    @property
    def fingerprint(self) -> tuple[int, int] | None:
        """`store_fingerprint` of the loaded papers, None before the first refresh."""
        return self._fingerprint

    @property
    def paper_count(self) -> int:
        """Number of papers that are considered."""
        return int(self._is_listed.sum())

    @property
    def position_count(self) -> int:
        """Number of papers in memory, also of those that are no longer considered."""
        return len(self._documents)

    @property
    def is_loading(self) -> bool:
        """True while the first refresh is running."""
        return self._fingerprint is None and self._lock.locked()

    @property
    def is_loaded(self) -> bool:
        """False before the end of the first refresh, for which callers would have to wait."""
        return self._fingerprint is not None

    def select(
        self, queries: Sequence[Query], limit: int, *, newest_first: bool = False, about_only: bool = False
    ) -> Selection:
        """Choose papers as an edition would for a subscriber with these queries (only exclusions: trending papers).

        `newest_first`: as the editions of the last days would, the newest day first. `about_only`: for who wants no
        papers that only mention a keyword in passing.
        """
        with self._lock:
            matches, wanted, keys = self._rank(queries, about_only=about_only)
            order = np.lexsort((keys, self._list_days[wanted])) if newest_first else np.argsort(keys)
            ranked = wanted[order[::-1]]
            first_day = np.zeros(len(self._documents), dtype=bool)
            first_day[ranked] = self._list_days[ranked] == self._list_days[ranked[:1]]
            # The edition is that of the first day; what earlier days had comes behind it.
            edition = ranked[first_day[ranked]] if newest_first else ranked
            own_matches = [matched[edition] for matched in matches]
            best = [(int(matched.sum()), int(matched.argmax())) for matched in own_matches if matched.any()]
            seated = seat_ranks(best, len(edition), limit)
            chosen = [*edition[seated].tolist(), *ranked[len(edition) :].tolist()][:limit]
            return Selection(
                papers=tuple(self._documents[position].id for position in chosen),
                omitted_count=max(len(ranked) - limit, 0) if any(not query.exclude for query in queries) else 0,
                match_counts=tuple(int(matched.sum()) for matched in matches),
                considered_count=int(self._is_listed.sum()),
                matched_queries=tuple(
                    tuple(
                        number
                        for number, matched in enumerate(matches)
                        if matched[position] and not queries[number].exclude
                    )
                    for position in chosen
                ),
                first_day_count=int(first_day.sum()),
                first_day_match_counts=tuple(int((matched & first_day).sum()) for matched in matches),
            )

    def _rank(self, queries: Sequence[Query], *, about_only: bool) -> tuple[list[Column], Column, Column]:
        """Return the papers that each query matches, the positions of those for an edition, and their ranking keys."""
        terms = self._match_terms({term.canonical: term for query in queries for term in query.terms})
        bits = [combine_query(query, terms, self._kinds) for query in queries]
        matches = [self._unpack(query_bits.matched) & self._is_listed for query_bits in bits]
        title_matches = [self._unpack(query_bits.without_abstract & query_bits.with_title_word) for query_bits in bits]
        prominent = [self._unpack(query_bits.is_about) for query_bits in bits]
        is_wanted = self._is_listed.copy()
        query_counts, in_title, is_about = np.zeros((3, len(is_wanted)), dtype=np.int64)
        for query, matched, title_matched, about in zip(queries, matches, title_matches, prominent, strict=True):
            if query.exclude:
                is_wanted &= ~matched
            else:
                query_counts += matched
                in_title |= matched & title_matched
                is_about |= matched & about
        has_keywords = any(not query.exclude for query in queries)
        is_wanted &= query_counts > 0 if has_keywords else self._upvotes >= 0
        if has_keywords and about_only:
            is_wanted &= is_about > 0
        wanted = np.flatnonzero(is_wanted)
        parts = (is_about, query_counts, in_title, self._popularity)
        return matches, wanted, packed_ranking_key(*(part[wanted] for part in parts))

    def find_matches(self, queries: Sequence[Query]) -> list[Column] | None:
        """Return the positions of the papers that each query matches, in ascending order.

        None while the index is loaded: callers can do without.
        """
        if not self._lock.acquire(timeout=LOCK_TIMEOUT):
            return None
        try:
            terms = self._match_terms({term.canonical: term for query in queries for term in query.terms})
            bits = [combine_query(query, terms, self._kinds).matched for query in queries]
            return [np.flatnonzero(self._unpack(matched) & self._is_listed) for matched in bits]
        finally:
            self._lock.release()

    def count_words(self, keys: Iterable[str]) -> dict[str, int]:
        """Return how often words occur, by their keys, without those that do not."""
        with self._lock:
            return self._index.count_words(keys)

    def paper_ids(self) -> list[int]:
        """Return the ids of the papers by position."""
        with self._lock:
            return [document.id for document in self._documents]

    def word_columns(self) -> tuple[WordColumns, list[int]]:
        """Return all words as they are now, and the ids of the papers by position."""
        with self._lock:
            return self._index.columns(), [document.id for document in self._documents]

    def keep_phrases(self, table: PhraseTable, paper_ids: Sequence[int]) -> None:
        """Keep the phrases of papers, unless their positions have changed meanwhile."""
        with self._lock:
            if [document.id for document in self._documents[: len(paper_ids)]] == list(paper_ids):
                self.phrase_table = table

    def _match_terms(self, terms: Mapping[str, Term]) -> dict[str, TermBits]:
        """Match terms, or take their matches from the cache. All terms about metadata are matched in one pass."""
        missing = {name: term for name, term in terms.items() if name not in self._term_matches}
        if len(self._term_matches) + len(missing) > TERM_CACHE_SIZE:
            self._term_matches, missing = {}, dict(terms)
        metadata_terms: list[Term] = []
        for name, term in missing.items():
            if isinstance(term, LikeTerm):
                of_words = self._match_terms({phrase.canonical: phrase for phrase in term.phrases})
                self._term_matches[name] = match_like(term, of_words)
                continue
            if not (isinstance(term, Phrase) and term.is_in_text):
                metadata_terms.append(term)
                continue
            in_title, in_abstract, prominent = self._index.find(term)
            title = 0 if term.field == "abstract" else in_title
            abstract = 0 if term.field == "title" else in_abstract
            self._term_matches[name] = TermBits(title | abstract, title, title, title | (abstract & prominent))
        if metadata_terms:
            matcher = Matcher([Query("", term) for term in metadata_terms])
            for term, bits in zip(metadata_terms, matcher.match_bits(self._documents), strict=True):
                self._term_matches[term.canonical] = TermBits.of_metadata(bits.matched)
        return {name: self._term_matches[name] for name in terms}

    def _unpack(self, bits: int) -> npt.NDArray[np.bool_]:
        count = len(self._documents)
        packed = np.frombuffer(bits.to_bytes((count + 7) // 8, "little"), dtype=np.uint8)
        return np.unpackbits(packed, count=count, bitorder="little").astype(bool)
