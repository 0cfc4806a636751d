"""Many queries against many papers.

Each distinct term is evaluated once; the papers that it finds are an integer with one bit a paper. A query is then a
few operations on such integers, however many papers there are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Self

from digest.matching.documents import MetadataIndex, PaperDocument
from digest.matching.expressions import And, Node, Not, Or
from digest.matching.phrase_index import PhraseIndex
from digest.matching.query import Query
from digest.matching.terms import Phrase


@dataclass(frozen=True, slots=True)
class Hit:
    """One paper that a query matches, as position among the documents; `in_title`: the title alone would match."""

    document: int
    in_title: bool


@dataclass(frozen=True, slots=True)
class QueryBits:
    """Bit n describes document n: whether the query matches it, and whether it does so by words of the title."""

    matched: int
    in_title: int


@dataclass(frozen=True, slots=True)
class TermBits:
    """Bits of one node: matched, matched without the abstract, and matched with a word of the title."""

    matched: int
    without_abstract: int
    with_title_word: int


@dataclass(frozen=True, slots=True)
class KindBits:
    """A bit for each document, and for each that is a paper."""

    all: int
    papers: int

    @classmethod
    def of_documents(cls, documents: Sequence[PaperDocument]) -> Self:
        """Return the bits of these documents, few of which are no papers."""
        everything = (1 << len(documents)) - 1
        others = (1 << number for number, document in enumerate(documents) if document.kind != "paper")
        return cls(everything, everything & ~reduce(or_, others, 0))


class Matcher:
    """Prepared queries, matched against any number of papers. Exclusions are matched like any other query.

    `prefilter=False`: for few papers (see `PhraseIndex`).
    """

    def __init__(self, queries: Sequence[Query], *, prefilter: bool = True) -> None:
        self._queries = queries
        terms = {term.canonical: term for query in queries for term in query.terms}
        self._phrases = [term for term in terms.values() if isinstance(term, Phrase) and term.is_in_text]
        self._metadata_terms = [term for term in terms.values() if not (isinstance(term, Phrase) and term.is_in_text)]
        self._text_index = PhraseIndex(self._phrases, prefilter=prefilter)
        self._metadata_index = MetadataIndex(self._metadata_terms)

    def match(self, documents: Sequence[PaperDocument]) -> list[list[Hit]]:
        """Return the hits of each query, in the order of the documents."""
        hits = []
        for bits in self.match_bits(documents):
            in_title = set(bit_positions(bits.in_title))
            hits.append([Hit(number, number in in_title) for number in bit_positions(bits.matched)])
        return hits

    def match_bits(self, documents: Sequence[PaperDocument]) -> list[QueryBits]:
        """Return the papers of each query as bits: what `match` returns, at less cost."""
        term_bits = self._evaluate_terms(documents)
        everything = KindBits.of_documents(documents)
        nodes = (combine_query(query, term_bits, everything) for query in self._queries)
        return [QueryBits(node.matched, node.without_abstract & node.with_title_word) for node in nodes]

    def _evaluate_terms(self, documents: Sequence[PaperDocument]) -> dict[str, TermBits]:
        """Return the bits of each term, by its canonical text."""
        titles, abstracts = ([0] * len(self._text_index.phrases) for _ in range(2))
        metadata = [0] * len(self._metadata_terms)
        texts = self._text_index.find_in_documents((document.title, document.abstract) for document in documents)
        for number, (document, (in_title, in_abstract)) in enumerate(zip(documents, texts, strict=True)):
            bit = 1 << number
            for phrase in {phrase for phrase, _, _ in in_title}:
                titles[phrase] |= bit
            for phrase in {phrase for phrase, _, _ in in_abstract}:
                abstracts[phrase] |= bit
            for term_number in self._metadata_index.matching_terms(document) if metadata else ():
                metadata[term_number] |= bit
        term_bits = {
            term.canonical: TermBits(bits, bits, 0) for term, bits in zip(self._metadata_terms, metadata, strict=True)
        }
        for term in self._phrases:
            number = self._text_index.phrase_number(term)
            title = 0 if term.field == "abstract" else titles[number]
            abstract = 0 if term.field == "title" else abstracts[number]
            term_bits[term.canonical] = TermBits(title | abstract, title, title)
        return term_bits


def combine_query(query: Query, term_bits: Mapping[str, TermBits], documents: KindBits) -> TermBits:
    """Combine the bits of terms to those of a query, which finds editorials only where it asks for them."""
    bits = combine(query.root, term_bits, documents.all)
    if query.finds_editorials or documents.all == documents.papers:
        return bits
    return TermBits(bits.matched & documents.papers, bits.without_abstract, bits.with_title_word)


def combine(node: Node, term_bits: Mapping[str, TermBits], all_documents: int) -> TermBits:
    """Combine the bits of terms to those of an expression. `all_documents` has a bit for each document."""
    if isinstance(node, Not):
        others = all_documents & ~combine(node.operand, term_bits, all_documents).matched
        return TermBits(others, others, 0)
    if not isinstance(node, And | Or):
        return term_bits[node.canonical]
    operator = and_ if isinstance(node, And) else or_
    operands = [combine(operand, term_bits, all_documents) for operand in node.operands]
    return TermBits(
        reduce(operator, (operand.matched for operand in operands)),
        reduce(operator, (operand.without_abstract for operand in operands)),
        reduce(or_, (operand.with_title_word for operand in operands)),
    )


def bit_positions(bits: int) -> Iterator[int]:
    """Yield the positions of the set bits in ascending order."""
    digits = bin(bits)[:1:-1]
    position = digits.find("1")
    while position >= 0:
        yield position
        position = digits.find("1", position + 1)
