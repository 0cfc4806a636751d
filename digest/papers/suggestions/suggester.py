"""Suggestions for keywords from the recent papers, cached until these change."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from sqlmodel import Session, col, select

from digest.database.models import Paper
from digest.errors import QueryError
from digest.matching import Query, common_phrases, narrow_query, parse, split_words, vocabulary
from digest.papers.documents import load_documents
from digest.papers.queries import chunks, recent_paper_ids
from digest.papers.recent import Column, PhraseTable, RecentPapersIndex, build_phrase_table
from digest.papers.suggestions.corrections import MIN_REAL_PAPERS, Correction, KeywordCorrector
from digest.papers.suggestions.related import (
    MAX_CLOSE,
    MAX_RELATED,
    RankedPhrase,
    choose_phrases,
    narrowing_phrases,
    phrases_with,
    rank_phrases,
)

MAX_CACHED = 2000  # answers about single keywords
MAX_SEARCHED, MAX_CORRECTED = 12, 3  # keywords of one request whose answers are not cached yet
SAMPLE_PAPERS = 100  # whose frequent phrases are examples while no phrases are loaded
MIN_GROWTH = 0.02  # of the papers that must be new before phrases are searched again
MIN_LISTINGS, MAX_LISTED_PHRASES = 3, 500  # papers that name a phrase before it is known
_LISTED_PHRASE = re.compile(r"(?=.{3,40}$)[^\W_]+(?:[ -][^\W_]+)+")
MAX_FEW_PAPERS = 20  # that tell little of what else is near
_RARE_WORD_SHARE = 0.02  # of all papers, for a word that makes two phrases neighbors


@dataclass(frozen=True, slots=True)
class PhraseSuggestions:
    """Phrases to add to some keywords: whose papers are probably meant, too (`close`), and others beside them."""

    close: tuple[str, ...] = ()
    related: tuple[str, ...] = ()


class KeywordSuggester:
    """Suggestions from one index of recent papers, for any number of threads. Without loaded phrases there are few."""

    def __init__(self, recent: RecentPapersIndex) -> None:
        self._recent = recent
        self._loading = Lock()
        self._version: object = None
        self._ranked: dict[str, tuple[RankedPhrase, ...]] = {}
        self._corrections: dict[str, tuple[Correction, ...]] = {}

    @property
    def is_outdated(self) -> bool:
        """Whether phrases are not loaded, or do not know many of the papers."""
        table = self._recent.phrase_table
        return table is None or table.paper_count < (1 - MIN_GROWTH) * self._recent.position_count

    def load_phrases(self, session: Session) -> None:
        """Search the recent papers for phrases if these are outdated. Takes seconds for 20,000 papers."""
        if not (self.is_outdated and self._loading.acquire(blocking=False)):
            return
        try:
            titles, listed = dict[int, str](), Counter[str]()
            positions = {paper_id: position for position, paper_id in enumerate(self._recent.paper_ids())}
            for chunk in chunks(positions):
                rows = session.exec(select(Paper.id, Paper.title, Paper.ai_keywords).where(col(Paper.id).in_(chunk)))
                for paper_id, title, keywords in rows:
                    titles[positions[int(paper_id or 0)]] = title
                    listed.update({text for text in keywords if _LISTED_PHRASE.fullmatch(text)})
            frequent = [text for text, count in listed.most_common(MAX_LISTED_PHRASES) if count >= MIN_LISTINGS]
            self.load_phrases_of(titles, frequent)
        finally:
            self._loading.release()

    def load_phrases_of(self, titles: Mapping[int, str], known: Iterable[str] = ()) -> None:
        """Search the recent papers for phrases, given their titles by position. `known`: beside the vocabulary."""
        columns, paper_ids = self._recent.word_columns()
        known = [*known, *(query.text for query in vocabulary())]
        self._recent.keep_phrases(build_phrase_table(columns, titles, known), paper_ids)

    def examples(self, session: Session) -> tuple[str, ...]:
        """Return frequent phrases of the recent papers, or of a sample of them, for who has no keyword yet."""
        table = self._recent.phrase_table
        if table is None or table.paper_count < SAMPLE_PAPERS:  # which may be those of before the first listing
            ids = recent_paper_ids(session, self._recent.max_days)
            return common_phrases(load_documents(session, ids[:: -(-len(ids) // SAMPLE_PAPERS) or 1]))
        keys = {" ".join(split_words(query.text).keys) for query in vocabulary()}
        counts = zip(table.paper_counts.tolist(), table.keys, table.labels, strict=True)
        ranked = sorted((-count, key, label) for count, key, label in counts if key in keys)
        return tuple(label for count, _, label in ranked if -3 * count <= table.paper_count)[:MAX_RELATED]

    def suggest(self, queries: Sequence[Query]) -> PhraseSuggestions:
        """Suggest phrases to add to keywords: none whose papers they find or exclude already."""
        self._forget_old()
        table = self._recent.phrase_table
        matches = self._recent.find_matches(queries) if table and queries else None
        if table is None or matches is None:
            return PhraseSuggestions()
        ranked, searched = list[tuple[RankedPhrase, ...]](), 0
        for query, papers in zip(queries, matches, strict=True):
            if query.exclude or searched == MAX_SEARCHED:
                continue
            if query.canonical not in self._ranked:
                searched += 1
                found = rank_phrases(table, papers)
                self._ranked[query.canonical] = found or self._neighbors(table, query, papers)
            ranked.append(self._ranked[query.canonical])
        known = np.unique(np.concatenate(matches))
        close = choose_phrases(
            table, [[phrase.number for phrase in row if phrase.is_close] for row in ranked], known, limit=MAX_CLOSE
        )
        others = choose_phrases(
            table, [[phrase.number for phrase in row] for row in ranked], known, close, limit=MAX_RELATED - len(close)
        )
        return PhraseSuggestions(tuple(table.labels[n] for n in close), tuple(table.labels[n] for n in others))

    def correct(self, queries: Sequence[Query]) -> dict[str, tuple[Correction, ...]]:
        """Return what was probably meant by those that find next to nothing, by their texts."""
        self._forget_old()
        matches = self._recent.find_matches(queries) if self._recent.is_loaded else None
        corrections, searched = dict[str, tuple[Correction, ...]](), 0
        for query, papers in zip(queries, matches or (), strict=False):
            if query.exclude or len(papers) >= MIN_REAL_PAPERS or searched == MAX_CORRECTED:
                continue
            if query.text not in self._corrections:
                searched += 1
                corrector = KeywordCorrector(self._count_papers, self._recent.count_words, self._recent.paper_count)
                self._corrections[query.text] = corrector.correct(query, len(papers))
            corrections[query.text] = self._corrections[query.text]
        return corrections

    def narrow(self, query: Query, lowest: float, highest: float) -> tuple[tuple[str, str], ...]:
        """Return phrases that narrow a keyword to between `lowest` and `highest` papers, each with that keyword."""
        table = self._recent.phrase_table
        matches = self._recent.find_matches([query]) if table else None
        if table is None or matches is None:
            return ()
        phrases = narrowing_phrases(table, matches[0], lowest, highest)
        lines = ((phrase, narrow_query(query, phrase)) for phrase in phrases)
        return tuple((phrase, line) for phrase, line in lines if _parse_or_none(line))

    def _neighbors(self, table: PhraseTable, query: Query, papers: Column) -> tuple[RankedPhrase, ...]:
        """Return phrases that share a rare word with a keyword that finds too few papers to tell what is near.

        None where `correct` has found what was meant.
        """
        if len(papers) > MAX_FEW_PAPERS or not query.phrases or self._corrections.get(query.text):
            return ()
        keys = {key for phrase in query.phrases for key in split_words(phrase.source_text or phrase.spelling).keys}
        limit = _RARE_WORD_SHARE * table.paper_count
        rare = [key for key, count in self._recent.count_words(keys).items() if count <= limit]
        return tuple(RankedPhrase(number, is_close=False) for number in phrases_with(table, rare))

    def _count_papers(self, text: str) -> int:
        query = _parse_or_none(text)
        matches = self._recent.find_matches([query]) if query else None
        return len(matches[0]) if matches else 0

    def _forget_old(self) -> None:
        version = self._recent.fingerprint, self._recent.phrase_table
        if version != self._version or max(len(self._ranked), len(self._corrections)) > MAX_CACHED:
            self._version, self._ranked, self._corrections = version, {}, {}


def _parse_or_none(text: str) -> Query | None:
    """Parse a keyword; a long one may have no room for another phrase."""
    try:
        return parse(text)
    except QueryError:
        return None
