"""Why a paper matched: which keywords, in which text, at which characters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from digest.matching.matcher import Document, Index
from digest.matching.query import Query


class Span(NamedTuple):
    """Characters of the original text to be marked, and the index of the query they are marked for."""

    start: int
    end: int
    query: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """Marks that never overlap, in order, and all queries that matched, also those whose mark lies in a longer one."""

    title: tuple[Span, ...]
    abstract: tuple[Span, ...]
    in_title: tuple[int, ...] = ()
    in_abstract: tuple[int, ...] = ()

    @property
    def queries(self) -> tuple[int, ...]:
        """Indexes of the queries that matched, in order."""
        return tuple(sorted({*self.in_title, *self.in_abstract}))

    def where(self, query: int) -> str:
        """In words for the reader; ValueError for a query that did not match."""
        places = [name for name, found in (("title", self.in_title), ("abstract", self.in_abstract)) if query in found]
        if not places:
            raise ValueError(f"query {query} did not match")
        return " and ".join(places)


def explain(queries: Sequence[Query], document: Document) -> Explanation:
    """Derived again when the letter is written, so that nothing of it needs to be stored."""
    index = Index([phrase for query in queries for phrase in query.phrases])
    title = _spans(index, queries, document.title, "title")
    abstract = _spans(index, queries, document.abstract, "abstract")
    return Explanation(
        _apart(title),
        _apart(abstract),
        tuple(sorted({span.query for span in title})),
        tuple(sorted({span.query for span in abstract})),
    )


def _spans(index: Index, queries: Sequence[Query], text: str, field: str) -> list[Span]:
    asking: dict[int, list[int]] = {}
    for number, query in enumerate(queries):
        for phrase in query.phrases:
            if phrase.field in {"any", field}:
                asking.setdefault(index.number(phrase), []).append(number)
    found = index.occurrences(text)
    return [Span(start, end, query) for phrase, start, end in found for query in asking.get(phrase, ())]


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
