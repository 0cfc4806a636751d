"""Feedback on keywords: how each is understood, what it finds, what to add, and how to narrow it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from digest.context import AppContext
from digest.database import read_session
from digest.errors import QueryError
from digest.formatting import join_words
from digest.matching import (
    AcronymTable,
    KeywordInput,
    Query,
    RecentCorpus,
    build_corpus,
    common_phrases,
    convert,
    describe,
    narrow_query,
    narrowing_phrases,
    other_forms,
    parse,
    parse_canonical,
    related_phrases,
)
from digest.papers import RecentPapersIndex, build_documents, latest_listing_id, papers_by_id, recent_paper_ids

SAMPLE_DAYS = 30  # list days that the sample covers
MAX_CACHED_SUGGESTIONS = 512  # lists of keywords with cached suggestions
FIRST_SAMPLE_PAPERS, SAMPLE_VERSION = 100, -1  # until the corpus is loaded in the background after a start
MAX_SAMPLE_PAPERS = 1500  # evenly spread: estimates a share within 2 percentage points


@dataclass(frozen=True, slots=True)
class NarrowerKeyword:
    """Phrase that would narrow a keyword, and the keyword line with it."""

    phrase: str
    line: str


@dataclass(frozen=True, slots=True)
class KeywordDescription:
    """Meaning of a keyword, in `text`. `paper_count`: papers that match, None if not counted.

    `broad_percent`: percentage of all recent papers that it matches, where that is too much.
    """

    keyword: str
    text: str
    paper_count: int | None = None
    broad_percent: int | None = None
    narrower: tuple[NarrowerKeyword, ...] = ()


@dataclass(slots=True)
class KeywordSuggestions:
    """Corpus of recent papers and suggestions from it, loaded again after a new listing.

    `recent_papers` has the same papers and searches them faster.
    """

    recent_papers: RecentPapersIndex
    _corpus: tuple[int, RecentCorpus] | None = None
    _lock: Lock = field(default_factory=Lock)
    _suggestions: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)

    def suggest(self, corpus: RecentCorpus, keywords: Sequence[KeywordInput]) -> tuple[str, ...]:
        """Suggest phrases, cached as long as `corpus` is the current one."""
        if not self._corpus or self._corpus[1] is not corpus:
            return suggest_phrases(corpus, keywords)
        cache, key = self._suggestions, tuple(keyword.canonical for keyword in keywords)
        if key not in cache:
            if len(cache) >= MAX_CACHED_SUGGESTIONS:
                cache.clear()
            cache[key] = suggest_phrases(corpus, keywords)
        return cache.get(key, ())

    def recent_corpus(
        self, ctx: AppContext, last_listing: int | None = None, *, is_background: bool = False
    ) -> RecentCorpus:
        """Return the corpus. While one request loads it, the others use the previous one.

        After a start that is a small sample, until it was loaded in the background: the whole one takes seconds.
        `last_listing`: the id of the last listing, where it is known.
        """
        if last_listing is None:
            with read_session(ctx.engine) as session:
                last_listing = latest_listing_id(session)
        current = self._corpus
        if not is_background and (current is None or current[0] == SAMPLE_VERSION):
            current = self._corpus = current or self._load_corpus(ctx, last_listing, FIRST_SAMPLE_PAPERS)
            return current[1]
        if current and (current[0] == last_listing or not self._lock.acquire(blocking=False)):
            return current[1]
        if not current:
            self._lock.acquire()
        try:
            if not self._corpus or self._corpus[0] != last_listing:
                self._suggestions, self._corpus = {}, self._load_corpus(ctx, last_listing, MAX_SAMPLE_PAPERS)
            return self._corpus[1]
        finally:
            self._lock.release()

    def _load_corpus(self, ctx: AppContext, last_listing: int, limit: int) -> tuple[int, RecentCorpus]:
        """Load up to `limit` papers, and say which version of the corpus that is."""
        with read_session(ctx.engine) as session:
            paper_ids = recent_paper_ids(session, SAMPLE_DAYS)
            papers = papers_by_id(session, paper_ids[:: -(-len(paper_ids) // limit) or 1])
            documents = build_documents(session, list(papers.values()))
        ids = [document.id for document in documents]
        corpus = build_corpus(documents, [paper.ai_keywords for paper in papers.values()])
        is_sample = limit == FIRST_SAMPLE_PAPERS < len(paper_ids)
        version = SAMPLE_VERSION if is_sample else last_listing
        return version, replace(corpus, lookup=lambda term: self.recent_papers.match_bits(term, ids))


def describe_keywords(
    corpus: RecentCorpus, keywords: Sequence[KeywordInput], acronyms: AcronymTable, counts: Sequence[int] | None = None
) -> tuple[KeywordDescription, ...]:
    """Describe each keyword, with a warning if it is too broad. `counts`: papers that each one matches, if counted."""
    numbers: Sequence[int | None] = [None] * len(keywords) if counts is None else counts
    return tuple(
        describe_keyword(corpus, parse_canonical(keyword.text), acronyms, count)
        for keyword, count in zip(keywords, numbers, strict=True)
    )


def describe_keyword(
    corpus: RecentCorpus, query: Query, acronyms: AcronymTable, count: int | None
) -> KeywordDescription:
    share, meaning = corpus.share(query), _describe_forms(query, acronyms)
    if share is None or not corpus.is_too_broad(query):
        return KeywordDescription(query.text, meaning, count)
    phrases = () if query.exclude else narrowing_phrases(corpus, query)
    lines = ((phrase, narrow_query(query, phrase)) for phrase in phrases)
    narrower = tuple(NarrowerKeyword(phrase, line) for phrase, line in lines if _is_valid(line))
    return KeywordDescription(query.text, meaning, count, round(100 * share), narrower)


def _describe_forms(query: Query, acronyms: AcronymTable) -> str:
    """Return what a query means, and by which other forms of its words it is found."""
    forms = other_forms(query, acronyms)
    return (
        f"{describe(query)}; also matches {join_words([f'“{form}”' for form in forms])}" if forms else describe(query)
    )


def _is_valid(line: str) -> bool:
    """Return whether the keyword can be parsed: a long one may have no room for another phrase."""
    try:
        parse(line)
    except QueryError:
        return False
    return True


def is_exclusion_line(line: str) -> bool:
    """Return whether a line keeps papers away instead of finding some."""
    try:
        return parse(line).exclude
    except QueryError:
        return False


def suggest_phrases(corpus: RecentCorpus, keywords: Sequence[KeywordInput]) -> tuple[str, ...]:
    """Suggest phrases that are frequent beside these keywords; without keywords, frequent ones."""
    queries = [parse_canonical(keyword.canonical) for keyword in keywords]
    return related_phrases(corpus, queries) if queries else common_phrases(corpus)


def edit_keywords(text: str, add: str, narrow: str, converted: str = "") -> str:
    """Apply a button to the keywords: append `add`, replace the line that `narrow` narrows, convert that line.

    All other lines stay as they were typed; without a button, all of the text.
    """
    if not (add or narrow or converted):
        return text
    lines = re.split(r"\r\n|\r|\n", text)
    if converted:
        lines = [
            keyword
            for line in lines
            for keyword in ((convert(line) or (line,)) if line.strip() == converted.strip() else (line,))
        ]
    stripped = [line.strip() for line in lines]
    wider = [n for n, line in enumerate(stripped) if line and narrow.startswith((f"{line} AND ", f"({line}) AND "))]
    if wider:
        lines[wider[0]] = narrow
        stripped[wider[0]] = narrow
    for keyword in (narrow, add):
        if keyword and keyword not in stripped:
            while lines and not lines[-1].strip():
                lines.pop()
            lines.append(keyword)
    return "\n".join(lines)
