"""What else a reader may want: phrases that stand in the same papers as their keywords, or that narrow a wide one.

Only phrases of the vocabulary and those that listings name as keywords are ever suggested; none is cut out of texts.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, reduce
from operator import and_, or_
from pathlib import Path
from typing import NamedTuple, Self

from digest.errors import QueryError
from digest.matching.documents import PaperDocument
from digest.matching.expressions import And, Node, Not, Or, iter_terms
from digest.matching.matcher import Matcher, bit_positions
from digest.matching.normalize import split_words
from digest.matching.phrases import MIN_PREFIX_LENGTH
from digest.matching.query import Query, parse
from digest.matching.terms import Phrase, Term

MOST = 6  # suggestions at a time


FEWEST_PAPERS = 3  # in which a suggestion stands together with a keyword


FEWEST_LOOKED_AT = 30  # below this many papers a share says nothing


TOO_BROAD = 1 / 3  # of all papers


NARROW = (0.02, 0.20)  # the share of all papers that a narrowed keyword should have


NAMED_BY = 3  # listings that name a phrase before it is known


MOST_NAMED = 500  # phrases of listings


LONGEST_NAMED = 40  # characters


KEPT = 4096  # answers of `Lately.found` that are remembered


@dataclass(frozen=True, slots=True)
class Known:
    """A phrase that may be suggested. `words`: folded, between blanks; `papers`: one bit a paper that has it."""

    text: str
    canonical: str
    words: str
    papers: int


class _Text(NamedTuple):
    """The folded words of a paper, title and abstract: run together, between blanks, and as written between blanks."""

    joined: str
    keys: str
    exact: str

    @classmethod
    def of(cls, document: PaperDocument) -> Self:
        read = [split_words(document.title), split_words(document.abstract)]
        return cls(
            "\n".join("".join(each.keys) for each in read),
            "".join(f" {word} " for each in read for word in each.keys),
            "".join(f" {word} " for each in read for word in each.exact),
        )

    def may_have(self, phrase: Phrase) -> bool:
        """False only if the phrase does not stand in the paper: a quick look before the thorough one."""
        if phrase.exact:
            return all(f" {word.lower()} " in self.exact for word in phrase.words)
        key = phrase.key
        if phrase.prefix:
            begun = any(f" {key[:size]} " in self.keys for size in range(1, MIN_PREFIX_LENGTH))
            return begun or any(f" {key[:MIN_PREFIX_LENGTH]}" in words for words in (self.keys, self.exact))
        return key in self.joined and any(f" {key[:size]} " in self.keys for size in range(1, len(key) + 1))


@dataclass(frozen=True, slots=True)
class RecentCorpus:
    """A set of papers made ready: the phrases known in them, the most frequent first, and what a query finds.

    `ask` may know sooner which of them a part of a query finds, as bits; None where it does not.
    """

    documents: tuple[PaperDocument, ...]
    phrases: tuple[Known, ...]
    _texts: tuple[_Text, ...] = field(repr=False)
    _kept: dict[str, int] = field(default_factory=dict, repr=False)
    ask: Callable[[Term], int | None] = field(default=lambda _: None, repr=False)

    def match(self, query: Query) -> int:
        """The papers that a query finds, as bits."""
        return self._tree(query.root)

    def share(self, query: Query) -> float | None:
        """The part of all papers that a query finds; None when there are too few to tell."""
        if len(self.documents) < FEWEST_LOOKED_AT:
            return None
        return self.match(query).bit_count() / len(self.documents)

    def is_too_broad(self, query: Query) -> bool:
        """Whether a query finds more than a third of all papers, as far as that can be told."""
        share = self.share(query)
        return share is not None and share > TOO_BROAD

    def _tree(self, node: Node) -> int:
        if isinstance(node, Not):
            return ((1 << len(self.documents)) - 1) & ~self._tree(node.operand)
        if isinstance(node, And | Or):
            return reduce(and_ if isinstance(node, And) else or_, map(self._tree, node.operands))
        if node.canonical not in self._kept:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[node.canonical] = self._leaf(node)
        return self._kept[node.canonical]

    def _leaf(self, leaf: Term) -> int:
        known = self.ask(leaf)
        if known is not None:
            return known
        matcher = Matcher([Query("", leaf)])
        if not isinstance(leaf, Phrase) or leaf.field == "org":  # no need to read the texts
            return matcher.match_bits([replace(each, title="", abstract="") for each in self.documents])[0].matched
        places = [number for number, text in enumerate(self._texts) if text.may_have(leaf)]
        matched = matcher.match_bits([self.documents[place] for place in places])[0].matched
        return sum(1 << places[number] for number in bit_positions(matched))


def build_corpus(documents: Sequence[PaperDocument], named: Iterable[Sequence[str]] = ()) -> RecentCorpus:
    """Make papers ready. `named`: the keywords that listings give to each paper. Takes about a millisecond a paper."""
    queries = _phrases(named)
    found = Matcher(queries).match_bits(documents)
    known = [
        Known(query.text, query.canonical, _folded(query.text), bits.matched)
        for query, bits in zip(queries, found, strict=True)
        if bits.matched
    ]
    known.sort(key=lambda each: (-each.papers.bit_count(), each.canonical))
    return RecentCorpus(tuple(documents), tuple(known), tuple(_Text.of(each) for each in documents))


def common_phrases(papers: RecentCorpus) -> tuple[str, ...]:
    """For somebody who has no keyword yet: the most frequent phrases of the vocabulary that are not too broad."""
    curated = {each.canonical for each in vocabulary()}
    most = TOO_BROAD * len(papers.documents)
    return tuple(each.text for each in papers.phrases if each.canonical in curated and each.papers.bit_count() <= most)[
        :MOST
    ]


def related_phrases(papers: RecentCorpus, queries: Sequence[Query]) -> tuple[str, ...]:
    """Phrases that stand in the papers of these queries more often than elsewhere, and in others too; best first.

    Ranked by lift: how often both were found, over how often they would be by chance. One paper is added to chance,
    so that phrases of a handful of papers do not come before all others. What finds nearly everything has no company.
    """
    wanted = [query for query in queries if not (query.exclude or papers.is_too_broad(query))]
    matched = reduce(or_, map(papers.match, wanted), 0)
    refused = reduce(or_, (papers.match(query) for query in queries if query.exclude), 0)
    had = [*_had(queries)]
    scored = []
    for each in papers.phrases:
        both, chance = _together(papers, each.papers & ~refused, matched & ~refused)
        news = each.papers & ~matched & ~refused
        if both >= FEWEST_PAPERS and both > chance + 1 and news and not _is_among(each, had):
            scored.append((-both / (chance + 1), each.canonical, each.text))
    return tuple(text for _, _, text in sorted(scored)[:MOST])


def narrowing_phrases(papers: RecentCorpus, query: Query) -> tuple[str, ...]:
    """Phrases with which a query that is too broad would find a fair part of what it finds now; the widest first."""
    matched, all_ = papers.match(query), len(papers.documents)
    had = [*_had([query])]
    scored = [
        (-both, each.canonical, each.text)
        for each in papers.phrases
        if NARROW[0] * all_ <= (both := (each.papers & matched).bit_count()) <= NARROW[1] * all_
        and not _is_among(each, had)
    ]
    return tuple(text for _, _, text in sorted(scored)[:MOST])


def narrow_query(query: Query, phrase: str) -> str:
    """The line that asks for both: llm AND phrase."""
    wide = isinstance(query.root, Or)
    return f"({query.text}) AND {phrase}" if wide else f"{query.text} AND {phrase}"


@cache
def vocabulary() -> tuple[Query, ...]:
    """The phrases that we know to be worth a keyword, from vocabulary.txt."""
    lines = Path(__file__).with_name("vocabulary.txt").read_text(encoding="utf-8").splitlines()
    return tuple(parse(line) for line in lines)


def _phrases(named: Iterable[Sequence[str]]) -> list[Query]:
    """The vocabulary, and what several listings name; each meaning once."""
    found = {query.canonical: query for query in vocabulary()}
    counted = Counter(text.strip() for each in named for text in {*each})
    for text, count in counted.most_common(MOST_NAMED):
        if count >= NAMED_BY and (query := _plain(text)):
            found.setdefault(query.canonical, query)
    return list(found.values())


def _plain(text: str) -> Query | None:
    """A listing's keyword as a query, if it is a phrase of a few words and nothing else."""
    if len(text) > LONGEST_NAMED or " " not in text:
        return None
    try:
        query = parse(text)
    except QueryError:
        return None
    root = query.root
    bare = isinstance(root, Phrase) and root.field == "any" and not (root.exact or root.prefix or query.exclude)
    return query if bare else None


def _together(papers: RecentCorpus, one: int, other: int) -> tuple[int, float]:
    """In how many papers both are found, and in how many they would be by chance."""
    return (one & other).bit_count(), one.bit_count() * other.bit_count() / max(1, len(papers.documents))


def _had(queries: Iterable[Query]) -> Iterator[tuple[str, str]]:
    """Canonical text and folded words of the phrases in queries."""
    for query in queries:
        for leaf, _ in iter_terms(query.root):
            if isinstance(leaf, Phrase):
                yield leaf.spelling, _folded(leaf.source_text or leaf.spelling)


def _is_among(known: Known, had: Iterable[tuple[str, str]]) -> bool:
    """Whether a reader has this phrase, a part of it or one that it is a part of: these stand together by nature."""
    return any(known.canonical == canonical or words in known.words or known.words in words for canonical, words in had)


def _folded(text: str) -> str:
    return f" {' '.join(split_words(text).keys)} "
