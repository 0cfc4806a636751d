"""Keywords shown back: how each was understood, what it finds, and what else or what less might be wanted."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from digest.context import AppContext
from digest.database import read_session
from digest.errors import QueryError
from digest.matching import (
    KeywordInput,
    Query,
    RecentCorpus,
    build_corpus,
    common_phrases,
    describe,
    narrow_query,
    narrowing_phrases,
    parse,
    parse_canonical,
    related_phrases,
)
from digest.papers import RecentPapersIndex, build_documents, latest_listing_id, papers_by_id, recent_paper_ids

SAMPLE_DAYS = 30  # list days that are looked at


MAX_CACHED_SUGGESTIONS = 512  # lists of keywords whose suggestions are remembered


MAX_SAMPLE_PAPERS = 1500  # of them at most, evenly spread: a share is then right within two in a hundred


@dataclass(frozen=True, slots=True)
class NarrowerKeyword:
    """A phrase that would narrow a keyword, and the line that asks for both."""

    phrase: str
    line: str


@dataclass(frozen=True, slots=True)
class KeywordMeaning:
    """A keyword as written and in our words. `papers` of those looked at match it, None where none were looked at.

    `broad`: the percentage of all recent papers that it finds, where that is too much.
    """

    keyword: str
    meaning: str
    papers: int | None = None
    broad: int | None = None
    narrower: tuple[NarrowerKeyword, ...] = ()


@dataclass(slots=True)
class KeywordSuggestions:
    """The papers of the last days made ready: once a process, and again when something was listed. `recent` has them
    too, and knows sooner what is in them.
    """

    recent_papers: RecentPapersIndex
    _ready: tuple[int, RecentCorpus] | None = None
    _lock: Lock = field(default_factory=Lock)
    _suggested: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)

    def suggest(self, corpus: RecentCorpus, keywords: Sequence[KeywordInput]) -> tuple[str, ...]:
        """As the function of that name, worked out once while these papers are ready."""
        if not self._ready or self._ready[1] is not corpus:
            return suggest_phrases(corpus, keywords)
        kept, key = self._suggested, tuple(each.canonical for each in keywords)
        if key not in kept:
            if len(kept) >= MAX_CACHED_SUGGESTIONS:
                kept.clear()
            kept[key] = suggest_phrases(corpus, keywords)
        return kept.get(key, ())

    def recent_corpus(self, ctx: AppContext, last_listing: int | None = None) -> RecentCorpus:
        """What is ready. While one request makes it anew the others go on with what there was.

        `top`: the number of the last listing, where it is known.
        """
        if last_listing is None:
            with read_session(ctx.engine) as session:
                last_listing = latest_listing_id(session)
        ready = self._ready
        if ready and (ready[0] == last_listing or not self._lock.acquire(blocking=False)):
            return ready[1]
        if not ready:
            self._lock.acquire()
        try:
            if not self._ready or self._ready[0] != last_listing:
                self._suggested, self._ready = {}, (last_listing, self._make_ready(ctx))
            return self._ready[1]
        finally:
            self._lock.release()

    def _make_ready(self, ctx: AppContext) -> RecentCorpus:
        with read_session(ctx.engine) as session:
            listed = recent_paper_ids(session, SAMPLE_DAYS)
            found = papers_by_id(session, listed[:: -(-len(listed) // MAX_SAMPLE_PAPERS) or 1])
            read = build_documents(session, list(found.values()))
        ids = [each.id for each in read]
        known = build_corpus(read, [each.ai_keywords for each in found.values()])
        return replace(known, lookup=lambda leaf: self.recent_papers.match_bits(leaf, ids))


def describe_keywords(
    corpus: RecentCorpus, keywords: Sequence[KeywordInput], counts: Sequence[int] | None = None
) -> tuple[KeywordMeaning, ...]:
    """Each keyword in words, with its warning. `counts` has the papers that each one finds, where they were counted."""
    numbers: Sequence[int | None] = [None] * len(keywords) if counts is None else counts
    return tuple(
        _keyword_meaning(corpus, parse_canonical(each.text), n) for each, n in zip(keywords, numbers, strict=True)
    )


def _keyword_meaning(corpus: RecentCorpus, query: Query, count: int | None) -> KeywordMeaning:
    share = corpus.share(query)
    if share is None or not corpus.is_too_broad(query):
        return KeywordMeaning(query.text, describe(query), count)
    phrases = () if query.exclude else narrowing_phrases(corpus, query)
    lines = ((phrase, narrow_query(query, phrase)) for phrase in phrases)
    narrower = tuple(NarrowerKeyword(phrase, line) for phrase, line in lines if _is_valid(line))
    return KeywordMeaning(query.text, describe(query), count, round(100 * share), narrower)


def _is_valid(line: str) -> bool:
    """A long keyword may have no room for one more phrase."""
    try:
        parse(line)
    except QueryError:
        return False
    return True


def suggest_phrases(corpus: RecentCorpus, keywords: Sequence[KeywordInput]) -> tuple[str, ...]:
    """Phrases to add: what stands beside these keywords, or for none what is frequent."""
    queries = [parse_canonical(each.canonical) for each in keywords]
    return related_phrases(corpus, queries) if queries else common_phrases(corpus)


def edit_keywords(text: str, add: str, narrow: str) -> str:
    """The field after a button: `add` as a line of its own, `narrow` in place of the line that it narrows."""
    lines = text.splitlines()
    if narrow:
        wider = [
            n for n, line in enumerate(lines) if line.strip() and narrow.startswith(_narrowed_prefixes(line.strip()))
        ]
        if wider:
            lines[wider[0]] = narrow
        elif narrow not in lines:
            lines.append(narrow)
    if add and add not in lines:
        lines = [*(line for line in lines if line.strip()), add]
    return "\n".join(lines)


def _narrowed_prefixes(line: str) -> tuple[str, str]:
    return f"{line} AND ", f"({line}) AND "
