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
from digest.matching.language import And, Node, Not, Or, Query
from digest.matching.phrases import Occurrence, PhraseIndex, split_words_cached
from digest.matching.similarity import CLOSE_SHARE, MENTION
from digest.matching.terms import LikeTerm, Phrase, Term


@dataclass(frozen=True, slots=True)
class Hit:
    """One paper that a query matches, as position among the documents; `in_title`: the title alone would match.

    `is_about`: see `QueryBits`.
    """

    document: int
    in_title: bool
    is_about: bool


@dataclass(frozen=True, slots=True)
class QueryBits:
    """Bit n describes document n: whether the query matches it, by words of the title, and whether it is about it.

    A paper is about a phrase in its title, in the first half of its abstract, or twice in its text; else it mentions
    the phrase in passing. It is about a query by the same logic as it matches it; metadata count as what it is about.
    """

    matched: int
    in_title: int
    is_about: int


@dataclass(frozen=True, slots=True)
class TermBits:
    """Bits of one node: matched, without the abstract, with a word of the title, and without a passing mention."""

    matched: int
    without_abstract: int
    with_title_word: int
    is_about: int

    @classmethod
    def of_metadata(cls, matched: int) -> "TermBits":
        """Return the bits of a term that asks for no word of the text."""
        return cls(matched, matched, 0, matched)


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
        self._like_terms = [term for term in terms.values() if isinstance(term, LikeTerm)]
        in_words = {phrase.canonical: phrase for term in self._like_terms for phrase in term.phrases}
        self._phrases = [
            term for term in {**in_words, **terms}.values() if isinstance(term, Phrase) and term.is_in_text
        ]
        self._metadata_terms = [term for term in terms.values() if not is_read_in_text(term)]
        self._text_index = PhraseIndex(self._phrases, prefilter=prefilter)
        self._metadata_index = MetadataIndex(self._metadata_terms)

    def match(self, documents: Sequence[PaperDocument]) -> list[list[Hit]]:
        """Return the hits of each query, in the order of the documents."""
        hits = []
        for bits in self.match_bits(documents):
            in_title, is_about = set(bit_positions(bits.in_title)), set(bit_positions(bits.is_about))
            matched = bit_positions(bits.matched)
            hits.append([Hit(number, number in in_title, number in is_about) for number in matched])
        return hits

    def match_bits(self, documents: Sequence[PaperDocument]) -> list[QueryBits]:
        """Return the papers of each query as bits: what `match` returns, at less cost."""
        term_bits = self._evaluate_terms(documents)
        everything = KindBits.of_documents(documents)
        nodes = (combine_query(query, term_bits, everything) for query in self._queries)
        return [QueryBits(node.matched, node.without_abstract & node.with_title_word, node.is_about) for node in nodes]

    def _evaluate_terms(self, documents: Sequence[PaperDocument]) -> dict[str, TermBits]:
        """Return the bits of each term, by its canonical text."""
        titles, abstracts, about = ([0] * len(self._text_index.phrases) for _ in range(3))
        metadata = [0] * len(self._metadata_terms)
        texts = self._text_index.find_in_documents((document.title, document.abstract) for document in documents)
        for number, (document, (in_title, in_abstract)) in enumerate(zip(documents, texts, strict=True)):
            bit = 1 << number
            for phrase in {phrase for phrase, _, _ in in_title}:
                titles[phrase] |= bit
            for phrase in {phrase for phrase, _, _ in in_abstract}:
                abstracts[phrase] |= bit
            for phrase in find_prominent(in_abstract, document.abstract):
                about[phrase] |= bit
            for term_number in self._metadata_index.matching_terms(document) if metadata else ():
                metadata[term_number] |= bit
        term_bits = {
            term.canonical: TermBits.of_metadata(bits)
            for term, bits in zip(self._metadata_terms, metadata, strict=True)
        }
        for term in self._phrases:
            number = self._text_index.phrase_number(term)
            title = 0 if term.field == "abstract" else titles[number]
            abstract = 0 if term.field == "title" else abstracts[number]
            term_bits[term.canonical] = TermBits(title | abstract, title, title, title | (abstract & about[number]))
        for like in self._like_terms:
            term_bits[like.canonical] = match_like(like, term_bits)
        return term_bits


def is_read_in_text(term: Term) -> bool:
    """Return whether a term is found in title or abstract, and not in other columns."""
    return isinstance(term, LikeTerm) or (isinstance(term, Phrase) and term.is_in_text)


def match_like(term: LikeTerm, term_bits: Mapping[str, TermBits]) -> TermBits:
    """Return the papers that have CLOSE_SHARE of the weight of the words of a paper; a passing mention counts half."""
    weights = [weight for _, weight in term.words]
    found: dict[int, float] = {}
    for phrase, weight in zip(term.phrases, weights, strict=True):
        bits = term_bits[phrase.canonical]
        for position in bit_positions(bits.matched):
            presence = 1.0 if bits.is_about >> position & 1 else MENTION
            found[position] = found.get(position, 0.0) + presence * weight
    floor = CLOSE_SHARE * sum(weights)
    return TermBits.of_metadata(sum(1 << position for position, weight in found.items() if weight >= floor))


def find_prominent(occurrences: Sequence[Occurrence], abstract: str) -> set[int]:
    """Return the phrases that occur in the first half of an abstract (their last word does), or twice."""
    if not occurrences:
        return set()
    ends = split_words_cached(abstract).ends
    half = ends[(len(ends) - 1) // 2]
    prominent: set[int] = set()
    first_ends: dict[int, int] = {}
    for phrase, _, end in occurrences:
        if end <= half or first_ends.setdefault(phrase, end) != end:
            prominent.add(phrase)
    return prominent


def combine_query(query: Query, term_bits: Mapping[str, TermBits], documents: KindBits) -> TermBits:
    """Combine the bits of terms to those of a query, which finds editorials only where it asks for them."""
    bits = combine(query.root, term_bits, documents.all)
    if query.finds_editorials or documents.all == documents.papers:
        return bits
    return TermBits(bits.matched & documents.papers, bits.without_abstract, bits.with_title_word, bits.is_about)


def combine(node: Node, term_bits: Mapping[str, TermBits], all_documents: int) -> TermBits:
    """Combine the bits of terms to those of an expression. `all_documents` has a bit for each document."""
    if isinstance(node, Not):
        others = all_documents & ~combine(node.operand, term_bits, all_documents).matched
        return TermBits(others, others, 0, others)
    if not isinstance(node, And | Or):
        return term_bits[node.canonical]
    operator = and_ if isinstance(node, And) else or_
    operands = [combine(operand, term_bits, all_documents) for operand in node.operands]
    return TermBits(
        reduce(operator, (operand.matched for operand in operands)),
        reduce(operator, (operand.without_abstract for operand in operands)),
        reduce(or_, (operand.with_title_word for operand in operands)),
        reduce(operator, (operand.is_about for operand in operands)),
    )


def bit_positions(bits: int) -> Iterator[int]:
    """Yield the positions of the set bits in ascending order."""
    digits = bin(bits)[:1:-1]
    position = digits.find("1")
    while position >= 0:
        yield position
        position = digits.find("1", position + 1)
