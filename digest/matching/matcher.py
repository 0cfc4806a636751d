"""Many queries against many papers.

Each distinct leaf is looked for once; what it finds is a whole number with one bit a paper. A query is then a few
operations on such numbers, however many papers there are.
"""

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import and_, or_
from typing import NamedTuple

from digest.matching.documents import Listings, PaperDocument
from digest.matching.expressions import And, Node, Not, Or
from digest.matching.phrase_index import PhraseIndex
from digest.matching.query import Query
from digest.matching.terms import Phrase


class Hit(NamedTuple):
    """`document` is an index into the documents given; `in_title` says that the title alone would have matched."""

    document: int
    in_title: bool


class QueryBits(NamedTuple):
    """Bit n says something of document n: that the query matches it, and that it does so by words of the title."""

    matched: int
    in_title: int


class TermBits(NamedTuple):
    """As Bits, for a part of a query. `title_only`: with the abstract left out; `worded`: by a word of the title."""

    matched: int
    without_abstract: int
    with_title_word: int


class Matcher:
    """Queries made ready once, matched against any number of papers. Exclusions are matched like any other query.

    `once`: against a day's papers, and then no more.
    """

    def __init__(self, queries: Sequence[Query], *, once: bool = False) -> None:
        self._roots = [query.root for query in queries]
        leaves = {leaf.canonical: leaf for query in queries for leaf in query.terms}
        phrases = [leaf for leaf in leaves.values() if isinstance(leaf, Phrase)]
        self._listed = [leaf for leaf in leaves.values() if not isinstance(leaf, Phrase)]
        self._phrases = phrases
        self._texts = PhraseIndex([phrase for phrase in phrases if phrase.field != "org"], once=once)
        self._organizations = PhraseIndex([phrase for phrase in phrases if phrase.field == "org"])
        self._listings = Listings(self._listed)

    def match(self, documents: Sequence[PaperDocument]) -> list[list[Hit]]:
        """Per query its hits, in the order of the documents."""
        above = [Hit(number, in_title=True) for number in range(len(documents))]
        below = [Hit(number, in_title=False) for number in range(len(documents))]
        hits = []
        for matched, in_title in self.match_bits(documents):
            titled = set(bit_positions(in_title)) if in_title else ()
            hits.append([above[number] if number in titled else below[number] for number in bit_positions(matched)])
        return hits

    def match_bits(self, documents: Sequence[PaperDocument]) -> list[QueryBits]:
        """Per query the papers as bits: what `match` says, before it is spelt out."""
        found = self._look(documents)
        everything = (1 << len(documents)) - 1
        bits = []
        for root in self._roots:
            each = combine(root, found, everything)
            bits.append(QueryBits(each.matched, each.without_abstract & each.with_title_word))
        return bits

    def _look(self, documents: Sequence[PaperDocument]) -> dict[str, TermBits]:
        """What each leaf finds, by its canonical text."""
        titles, abstracts = ([0] * len(self._texts.phrases) for _ in range(2))
        organizations = [0] * len(self._organizations.phrases)
        listed = [0] * len(self._listed)
        texts = self._texts.find_in_documents((document.title, document.abstract) for document in documents)
        for number, (document, (in_title, in_abstract)) in enumerate(zip(documents, texts, strict=True)):
            bit = 1 << number
            for phrase in {phrase for phrase, _, _ in in_title}:
                titles[phrase] |= bit
            for phrase in {phrase for phrase, _, _ in in_abstract}:
                abstracts[phrase] |= bit
            if organizations and document.organization:
                for phrase, _, _ in self._organizations.occurrences(document.organization)[0]:
                    organizations[phrase] |= bit
            for question in self._listings.found(document) if listed else ():
                listed[question] |= bit
        found = {leaf.canonical: TermBits(bits, bits, 0) for leaf, bits in zip(self._listed, listed, strict=True)}
        for leaf in self._phrases:
            if leaf.field == "org":
                bits = organizations[self._organizations.phrase_number(leaf)]
                found[leaf.canonical] = TermBits(bits, bits, 0)
            else:
                place = self._texts.phrase_number(leaf)
                title = 0 if leaf.field == "abstract" else titles[place]
                abstract = 0 if leaf.field == "title" else abstracts[place]
                found[leaf.canonical] = TermBits(title | abstract, title, title)
        return found


def combine(node: Node, found: dict[str, TermBits], everything: int) -> TermBits:
    """What a tree finds, from what its leaves find."""
    if isinstance(node, Not):
        rest = everything & ~combine(node.operand, found, everything).matched
        return TermBits(rest, rest, 0)
    if not isinstance(node, And | Or):
        return found[node.canonical]
    join = and_ if isinstance(node, And) else or_
    parts = [combine(operand, found, everything) for operand in node.operands]
    return TermBits(
        reduce(join, (part.matched for part in parts)),
        reduce(join, (part.without_abstract for part in parts)),
        reduce(or_, (part.with_title_word for part in parts)),
    )


def bit_positions(bits: int) -> Iterator[int]:
    """The places of the ones, lowest first."""
    text = bin(bits)[:1:-1]
    place = text.find("1")
    while place >= 0:
        yield place
        place = text.find("1", place + 1)
