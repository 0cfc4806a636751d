"""Suggested phrases: what occurs in the same papers as the keywords of a subscriber, or narrows a broad one.

Only phrases of the vocabulary and those that listings name as keywords are ever suggested; none is cut out of texts.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, reduce
from operator import or_
from pathlib import Path
from typing import Self

from digest.errors import QueryError
from digest.matching.acronyms import find_definitions, window_without
from digest.matching.documents import PaperDocument
from digest.matching.expressions import Or
from digest.matching.matcher import KindBits, Matcher, TermBits, bit_positions, combine_query
from digest.matching.normalize import normalize_text, split_words
from digest.matching.phrases import MIN_PREFIX_LENGTH
from digest.matching.query import Query, parse
from digest.matching.terms import Phrase, Term

MAX_SUGGESTIONS = 6
MIN_SHARED_PAPERS = 3  # that have both a suggestion and a keyword
MIN_CORPUS_SIZE = 30  # papers; of fewer, shares tell nothing
BROAD_SHARE = 1 / 3  # of all papers
NARROW_SHARES = (0.02, 0.20)  # of all papers, for a narrowed keyword
MIN_LISTINGS = 3  # that name a phrase before it is suggested
MAX_LISTED_PHRASES = 500
MAX_LISTED_LENGTH = 40  # characters of a phrase that listings name
CACHED_TERMS = 4096


@dataclass(frozen=True, slots=True)
class KnownPhrase:
    """Phrase that may be suggested. `words`: normalized, between blanks; `papers`: one bit for each that has it."""

    text: str
    canonical: str
    words: str
    papers: int

    def overlaps(self, phrases: Iterable[tuple[str, str]]) -> bool:
        """Return whether this is one of the phrases (canonical text, words), a part of one or more than one.

        Such phrases occur in the same papers by nature.
        """
        return any(
            self.canonical == canonical or words in self.words or self.words in words for canonical, words in phrases
        )


@dataclass(frozen=True, slots=True)
class _NormalizedText:
    """Normalized words of title and abstract: keys without blanks, keys and exact words each between blanks."""

    joined: str
    keys: str
    exact: str

    @classmethod
    def from_document(cls, document: PaperDocument) -> Self:
        texts = [split_words(document.title), split_words(document.abstract)]
        texts += [
            window_without(words, definition.acronym) for words in texts for definition in find_definitions(words)
        ]
        return cls(
            "\n".join("".join(words.keys) for words in texts),
            "".join(f" {key} " for words in texts for key in words.keys),
            "".join(f" {word} " for words in texts for word in words.exact),
        )

    def may_contain(self, phrase: Phrase) -> bool:
        """Return False only if the phrase does not occur in the paper: cheap, before the exact match."""
        if phrase.exact:
            return all(f" {word.lower()} " in self.exact for word in phrase.words)
        if phrase.forms:
            return any(self._may_contain_form(form) for form in phrase.forms)
        return self._may_contain_form(phrase)

    def _may_contain_form(self, phrase: Phrase) -> bool:
        key = phrase.key
        if phrase.prefix:
            is_begun = any(f" {key[:size]} " in self.keys for size in range(1, MIN_PREFIX_LENGTH))
            return is_begun or any(f" {key[:MIN_PREFIX_LENGTH]}" in words for words in (self.keys, self.exact))
        return key in self.joined and any(f" {key[:size]} " in self.keys for size in range(1, len(key) + 1))


@dataclass(frozen=True, slots=True)
class RecentCorpus:
    """Recent papers, prepared: the known phrases that they contain, the most frequent first, and what queries match.

    `lookup` may know the papers of a term already, as bits; it returns None where it does not.
    """

    documents: tuple[PaperDocument, ...]
    phrases: tuple[KnownPhrase, ...]
    _texts: tuple[_NormalizedText, ...] = field(repr=False)
    _kinds: KindBits = field(repr=False)
    _cache: dict[str, int] = field(default_factory=dict, repr=False)
    lookup: Callable[[Term], int | None] = field(default=lambda _: None, repr=False)

    def match(self, query: Query) -> int:
        """Return the papers that a query matches, as bits."""
        bits = {}
        for term in query.terms:
            papers = self._match_term(term)
            bits[term.canonical] = TermBits.of_metadata(papers)
        return combine_query(query, bits, self._kinds).matched

    def share(self, query: Query) -> float | None:
        """Return the part of all papers that a query matches; None when there are too few to tell."""
        if len(self.documents) < MIN_CORPUS_SIZE:
            return None
        return self.match(query).bit_count() / len(self.documents)

    def is_too_broad(self, query: Query) -> bool:
        """Return whether a query matches more than a third of all papers, as far as that can be told."""
        share = self.share(query)
        return share is not None and share > BROAD_SHARE

    def _match_term(self, term: Term) -> int:
        if term.canonical in self._cache:
            return self._cache[term.canonical]
        papers = self.lookup(term)
        if papers is None:
            matcher = Matcher([Query("", term)])
            if not (isinstance(term, Phrase) and term.is_in_text):  # no need to read the texts
                without_texts = [replace(document, title="", abstract="") for document in self.documents]
                papers = matcher.match_bits(without_texts)[0].matched
            else:
                candidates = [number for number, text in enumerate(self._texts) if text.may_contain(term)]
                matched = matcher.match_bits([self.documents[number] for number in candidates])[0].matched
                papers = sum(1 << candidates[position] for position in bit_positions(matched))
        if len(self._cache) >= CACHED_TERMS:
            self._cache.clear()
        self._cache[term.canonical] = papers
        return papers


def build_corpus(documents: Sequence[PaperDocument], listed_keywords: Iterable[Sequence[str]] = ()) -> RecentCorpus:
    """Prepare papers, at about a millisecond each. `listed_keywords`: those that listings give to each paper.

    Known are the phrases of the vocabulary and what several listings name, each meaning once.
    """
    by_canonical = {query.canonical: query for query in vocabulary()}
    counts = Counter(text.strip() for keywords in listed_keywords for text in {*keywords})
    for text, count in counts.most_common(MAX_LISTED_PHRASES):
        if count >= MIN_LISTINGS and (query := _parse_listed_keyword(text)):
            by_canonical.setdefault(query.canonical, query)
    queries = list(by_canonical.values())
    phrases = [
        KnownPhrase(query.text, query.canonical, normalize_text(query.text), bits.matched)
        for query, bits in zip(queries, Matcher(queries).match_bits(documents), strict=True)
        if bits.matched
    ]
    phrases.sort(key=lambda phrase: (-phrase.papers.bit_count(), phrase.canonical))
    texts = tuple(map(_NormalizedText.from_document, documents))
    return RecentCorpus(tuple(documents), tuple(phrases), texts, KindBits.of_documents(documents))


def common_phrases(corpus: RecentCorpus) -> tuple[str, ...]:
    """Return the most frequent phrases of the vocabulary that are not too broad, for who has no keyword yet."""
    curated = {query.canonical for query in vocabulary()}
    limit = BROAD_SHARE * len(corpus.documents)
    texts = [
        phrase.text for phrase in corpus.phrases if phrase.canonical in curated and phrase.papers.bit_count() <= limit
    ]
    return tuple(texts[:MAX_SUGGESTIONS])


def related_phrases(corpus: RecentCorpus, queries: Sequence[Query]) -> tuple[str, ...]:
    """Return phrases that occur in the papers of these queries more often than elsewhere, and in others too.

    Ranked by lift: how many papers have both, over how many would by chance. One paper is added to chance, so that
    phrases of a handful of papers do not come before all others. Broad queries are related to nothing.
    """
    positive = [query for query in queries if not (query.exclude or corpus.is_too_broad(query))]
    excluded = reduce(or_, (corpus.match(query) for query in queries if query.exclude), 0)
    matched = reduce(or_, map(corpus.match, positive), 0) & ~excluded
    existing = [*_phrases_of(queries)]
    ranked = []
    for phrase in corpus.phrases:
        shared = (phrase.papers & matched).bit_count()
        if shared < MIN_SHARED_PAPERS:
            continue
        papers = phrase.papers & ~excluded
        expected = papers.bit_count() * matched.bit_count() / max(1, len(corpus.documents))
        is_new = bool(papers & ~matched)
        if shared > expected + 1 and is_new and not phrase.overlaps(existing):
            ranked.append((-shared / (expected + 1), phrase.canonical, phrase.text))
    return tuple(text for _, _, text in sorted(ranked)[:MAX_SUGGESTIONS])


def narrowing_phrases(corpus: RecentCorpus, query: Query) -> tuple[str, ...]:
    """Return phrases with which a broad query would match a fair part of its papers; the broadest first."""
    matched = corpus.match(query)
    lowest, highest = (share * len(corpus.documents) for share in NARROW_SHARES)
    existing = [*_phrases_of([query])]
    ranked = [
        (-shared, phrase.canonical, phrase.text)
        for phrase in corpus.phrases
        if lowest <= (shared := (phrase.papers & matched).bit_count()) <= highest and not phrase.overlaps(existing)
    ]
    return tuple(text for _, _, text in sorted(ranked)[:MAX_SUGGESTIONS])


def narrow_query(query: Query, phrase: str) -> str:
    """Return the keyword that asks for both: llm AND phrase."""
    return f"({query.text}) AND {phrase}" if isinstance(query.root, Or) else f"{query.text} AND {phrase}"


@cache
def vocabulary() -> tuple[Query, ...]:
    """Return the phrases that are known to be worth a keyword, from vocabulary.txt."""
    lines = Path(__file__).with_name("vocabulary.txt").read_text(encoding="utf-8").splitlines()
    return tuple(parse(line) for line in lines)


def _parse_listed_keyword(text: str) -> Query | None:
    """Parse the keyword of a listing, if it is a phrase of a few words and nothing else."""
    if len(text) > MAX_LISTED_LENGTH or " " not in text:
        return None
    try:
        query = parse(text)
    except QueryError:
        return None
    root = query.root
    is_plain = isinstance(root, Phrase) and root.field == "any" and not (root.exact or root.prefix or query.exclude)
    return query if is_plain else None


def _phrases_of(queries: Iterable[Query]) -> Iterator[tuple[str, str]]:
    """Yield the canonical text and the normalized words of the phrases in queries."""
    for query in queries:
        for phrase in query.phrases:
            yield phrase.spelling, normalize_text(phrase.source_text or phrase.spelling)
