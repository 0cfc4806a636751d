"""Why a paper matched: which queries, in which text, at which characters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from digest.matching.documents import MetadataIndex, PaperDocument, term_location
from digest.matching.language import And, Node, Not, Or, Query
from digest.matching.matcher import TermBits, find_prominent, is_read_in_text, match_like
from digest.matching.phrases import Occurrence, PhraseIndex
from digest.matching.terms import LikeTerm, Phrase, Term


class Span(NamedTuple):
    """Characters of the original text to be highlighted, and the position of the query that they match.

    A named tuple: it is hashed with its paper for every e-mail (see `rendering`).
    """

    start: int
    end: int
    query: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """Spans that never overlap, in order, and all queries that matched, also those whose span lies in a longer one.

    `in_metadata` has (query, location) for what is no word of the two texts: "author", "category", "journal",
    "subject" or "listing".
    `in_passing` are queries that the paper is not about, see `matcher.QueryBits`.
    """

    title: tuple[Span, ...]
    abstract: tuple[Span, ...]
    in_title: tuple[int, ...] = ()
    in_abstract: tuple[int, ...] = ()
    in_metadata: tuple[tuple[int, str], ...] = ()
    in_passing: tuple[int, ...] = ()

    @property
    def queries(self) -> tuple[int, ...]:
        """Positions of the queries that matched, in order."""
        return tuple(sorted({*self.in_title, *self.in_abstract, *(query for query, _ in self.in_metadata)}))

    def describe_location(self, query: int) -> str:
        """Return "title and author", "abstract, in passing", ...; ValueError for a query that did not match."""
        texts = (("title", self.in_title), ("abstract", self.in_abstract))
        locations = [name for name, queries in texts if query in queries]
        locations += [location for number, location in self.in_metadata if number == query]
        if not locations:
            raise ValueError(f"query {query} did not match")
        if locations == ["abstract"] and query in self.in_passing:
            return "abstract, in passing"
        return " and ".join([", ".join(locations[:-1]), locations[-1]] if locations[:-1] else locations)


def explain(queries: Sequence[Query], document: PaperDocument) -> Explanation:
    """Find the words that make queries match a paper.

    Nothing under a NOT is among them, no alternative that failed, and no exclusion. It is derived again whenever an
    e-mail is rendered, so that nothing of it needs to be stored.
    """
    matcher = _DocumentMatcher(queries, document)
    title: list[Span] = []
    abstract: list[Span] = []
    in_metadata: dict[tuple[int, str], None] = {}
    in_passing: list[int] = []
    for number, query in enumerate(queries):
        is_wanted_kind = document.kind == "paper" or query.finds_editorials
        if query.exclude or not is_wanted_kind or not matcher.holds(query.root):
            continue
        terms = list(matcher.matching_terms(query.root))
        locations = set() if terms else {"listing"}  # a query of nothing but NOT
        for term in terms:
            if isinstance(term, LikeTerm):
                for phrase in term.phrases:
                    title += [Span(start, end, number) for _, start, end in matcher.title_occurrences(phrase)]
                    abstract += [Span(start, end, number) for _, start, end in matcher.abstract_occurrences(phrase)]
            elif isinstance(term, Phrase) and term.is_in_text:
                title += [Span(start, end, number) for _, start, end in matcher.title_occurrences(term)]
                abstract += [Span(start, end, number) for _, start, end in matcher.abstract_occurrences(term)]
            else:
                locations.add(term_location(term))
        in_metadata.update(dict.fromkeys((number, location) for location in sorted(locations)))
        if not matcher.is_about(query.root):
            in_passing.append(number)
    return Explanation(
        _merge_overlaps(title),
        _merge_overlaps(abstract),
        tuple(sorted({span.query for span in title})),
        tuple(sorted({span.query for span in abstract})),
        tuple(in_metadata),
        tuple(in_passing),
    )


class _DocumentMatcher:
    """Matches the nodes of queries against one paper."""

    def __init__(self, queries: Sequence[Query], document: PaperDocument) -> None:
        terms = {term.canonical: term for query in queries for term in query.terms}
        phrases = [term for term in terms.values() if isinstance(term, Phrase) and term.is_in_text]
        phrases += [phrase for term in terms.values() if isinstance(term, LikeTerm) for phrase in term.phrases]
        metadata_terms = [term for term in terms.values() if not is_read_in_text(term)]
        self._phrase_index = PhraseIndex(phrases)
        self._in_title: dict[int, list[Occurrence]] = {}
        self._in_abstract: dict[int, list[Occurrence]] = {}
        texts = self._phrase_index.find(document.title, document.abstract)
        for by_phrase, occurrences in zip((self._in_title, self._in_abstract), texts, strict=True):
            for occurrence in occurrences:
                by_phrase.setdefault(occurrence[0], []).append(occurrence)
        self._prominent = find_prominent(texts[1], document.abstract)
        matching = MetadataIndex(metadata_terms).matching_terms(document)
        self._in_metadata = {metadata_terms[number].canonical for number in matching}

    def title_occurrences(self, phrase: Phrase) -> list[Occurrence]:
        """Return the occurrences of a phrase in the title, if its field covers the title."""
        number = self._phrase_index.phrase_number(phrase)
        return self._in_title.get(number, []) if phrase.field in {"any", "title"} else []

    def abstract_occurrences(self, phrase: Phrase) -> list[Occurrence]:
        """Return the occurrences of a phrase in the abstract, if its field covers the abstract."""
        number = self._phrase_index.phrase_number(phrase)
        return self._in_abstract.get(number, []) if phrase.field in {"any", "abstract"} else []

    def holds(self, node: Node) -> bool:
        """Return whether the paper matches a node."""
        if isinstance(node, Not):
            return not self.holds(node.operand)
        if isinstance(node, And):
            return all(map(self.holds, node.operands))
        if isinstance(node, Or):
            return any(map(self.holds, node.operands))
        if isinstance(node, LikeTerm):
            of_words = {
                phrase.canonical: TermBits(self.holds(phrase), 0, 0, self.is_about(phrase)) for phrase in node.phrases
            }
            return bool(match_like(node, of_words).matched)
        if not (isinstance(node, Phrase) and node.is_in_text):
            return node.canonical in self._in_metadata
        return bool(self.title_occurrences(node) or self.abstract_occurrences(node))

    def is_about(self, node: Node) -> bool:
        """Return whether the paper is about a node, see `matcher.QueryBits`."""
        if isinstance(node, And | Or):
            return (all if isinstance(node, And) else any)(map(self.is_about, node.operands))
        if not (isinstance(node, Phrase) and node.is_in_text):
            return self.holds(node)
        is_prominent = self._phrase_index.phrase_number(node) in self._prominent
        return bool(self.title_occurrences(node) or (self.abstract_occurrences(node) and is_prominent))

    def matching_terms(self, node: Node) -> Iterator[Term]:
        """Yield the terms that make a node hold which does."""
        if isinstance(node, Not):
            return
        if isinstance(node, And | Or):
            for operand in node.operands:
                if self.holds(operand):
                    yield from self.matching_terms(operand)
        else:
            yield node


def _merge_overlaps(spans: list[Span]) -> tuple[Span, ...]:
    """Merge overlapping spans, for the query with the longest of them, the first one if equal."""
    merged: list[Span] = []
    longest = 0
    for span in sorted(spans, key=lambda span: (span.start, -span.end, span.query)):
        if not merged or span.start >= merged[-1].end:
            merged.append(span)
            longest = span.end - span.start
            continue
        last = merged[-1]
        query = last.query
        if span.end - span.start > longest:
            query, longest = span.query, span.end - span.start
        merged[-1] = Span(last.start, max(last.end, span.end), query)
    return tuple(merged)
