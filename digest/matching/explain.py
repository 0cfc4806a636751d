"""Why a paper matched: which keywords, in which text, at which characters."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from digest.matching.documents import PLACES, Listings, PaperDocument
from digest.matching.expressions import And, Node, Not, Or
from digest.matching.phrase_index import Occurrence, PhraseIndex
from digest.matching.query import Query
from digest.matching.terms import Phrase, Term


class Span(NamedTuple):
    """Characters of the original text to be marked, and the index of the query they are marked for."""

    start: int
    end: int
    query: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """Marks that never overlap, in order, and all queries that matched, also those whose mark lies in a longer one.

    `elsewhere` has (query, place) for what is no word of the two texts: "author", "category" or "listing".
    """

    title: tuple[Span, ...]
    abstract: tuple[Span, ...]
    in_title: tuple[int, ...] = ()
    in_abstract: tuple[int, ...] = ()
    elsewhere: tuple[tuple[int, str], ...] = ()

    @property
    def queries(self) -> tuple[int, ...]:
        """Indexes of the queries that matched, in order."""
        return tuple(sorted({*self.in_title, *self.in_abstract, *(query for query, _ in self.elsewhere)}))

    def describe_location(self, query: int) -> str:
        """In words for the reader: "title", "title and author", ...; ValueError for a query that did not match."""
        places = [name for name, found in (("title", self.in_title), ("abstract", self.in_abstract)) if query in found]
        places += [place for each, place in self.elsewhere if each == query]
        if not places:
            raise ValueError(f"query {query} did not match")
        return " and ".join([", ".join(places[:-1]), places[-1]] if places[:-1] else places)


def explain(queries: Sequence[Query], document: PaperDocument) -> Explanation:
    """Derived again when the letter is written, so that nothing of it needs to be stored.

    Marked are the words that made a query match: none under a NOT, none of an alternative that failed, and none of
    an exclusion.
    """
    truth = _Truth(queries, document)
    title: list[Span] = []
    abstract: list[Span] = []
    elsewhere: dict[tuple[int, str], None] = {}
    for number, query in enumerate(queries):
        if query.exclude or not truth.of(query.root):
            continue
        reasons = list(_reasons(query.root, truth.of))
        for place in sorted({place for leaf in reasons for place in _place(leaf)}) if reasons else ["listing"]:
            elsewhere[number, place] = None
        for phrase in (leaf for leaf in reasons if isinstance(leaf, Phrase)):
            title += [Span(start, end, number) for _, start, end in truth.title(phrase)]
            abstract += [Span(start, end, number) for _, start, end in truth.abstract(phrase)]
    return Explanation(
        _apart(title),
        _apart(abstract),
        tuple(sorted({span.query for span in title})),
        tuple(sorted({span.query for span in abstract})),
        tuple(elsewhere),
    )


class _Truth:
    """What holds for one paper."""

    def __init__(self, queries: Sequence[Query], document: PaperDocument) -> None:
        leaves = {leaf.canonical: leaf for query in queries for leaf in query.terms}
        phrases = [leaf for leaf in leaves.values() if isinstance(leaf, Phrase)]
        listed = [leaf for leaf in leaves.values() if not isinstance(leaf, Phrase)]
        self._index = PhraseIndex(phrases)
        in_title, in_abstract = self._index.occurrences(document.title, document.abstract)
        self._title, self._abstract = _by_phrase(in_title), _by_phrase(in_abstract)
        self._organization = {phrase for phrase, _, _ in self._index.occurrences(document.organization)[0]}
        self._listed = {listed[number].canonical for number in Listings(listed).found(document)}

    def title(self, phrase: Phrase) -> list[Occurrence]:
        return self._title.get(self._index.phrase_number(phrase), []) if phrase.field in {"any", "title"} else []

    def abstract(self, phrase: Phrase) -> list[Occurrence]:
        return self._abstract.get(self._index.phrase_number(phrase), []) if phrase.field in {"any", "abstract"} else []

    def of(self, node: Node) -> bool:
        if isinstance(node, Not):
            return not self.of(node.operand)
        if isinstance(node, And):
            return all(map(self.of, node.operands))
        if isinstance(node, Or):
            return any(map(self.of, node.operands))
        if not isinstance(node, Phrase):
            return node.canonical in self._listed
        if node.field == "org":
            return self._index.phrase_number(node) in self._organization
        return bool(self.title(node) or self.abstract(node))


def _by_phrase(found: Sequence[Occurrence]) -> dict[int, list[Occurrence]]:
    by_phrase: dict[int, list[Occurrence]] = {}
    for each in found:
        by_phrase.setdefault(each[0], []).append(each)
    return by_phrase


def _reasons(node: Node, holds: Callable[[Node], bool]) -> Iterator[Term]:
    """The leaves that make a tree hold which does."""
    if isinstance(node, Not):
        return
    if isinstance(node, And | Or):
        for operand in node.operands:
            if holds(operand):
                yield from _reasons(operand, holds)
    else:
        yield node


def _place(leaf: Term) -> tuple[str, ...]:
    """Where a leaf was found that is no word of the texts."""
    if isinstance(leaf, Phrase):
        return ("listing",) if leaf.field == "org" else ()
    return (PLACES.get(type(leaf), "listing"),)


def _apart(spans: list[Span]) -> tuple[Span, ...]:
    """Overlapping marks become one, for the query with the longest of them, the first written if equal."""
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
