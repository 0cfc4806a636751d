"""What the full-text index knows of a paper, and what it is asked for a query. Pure.

A keyword finds fine-tuning, fine tuning and finetuning alike: to matching, a phrase is the string that its folded words
make when joined, wherever a text has its gaps. An index of words alone would lose such hits, so a paper has

    finetuning      each word, folded as matching folds it (and as written, for what is in quotes or begun with a star)
    |fine|tuning    each word with the beginning of what follows, joined: REST characters
    @hinton         each word of an author's name
    %cs.cl          each category

and a phrase is asked for as one word, or as any first word with the rest of the phrase behind it. Whatever matching
finds has these words. The other way round it is not so: what is found here is only a candidate, and matching decides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from re import split

from digest.matching import (
    NO_GAP,
    And,
    AuthorTerm,
    CategoryTerm,
    Node,
    Not,
    Or,
    PaperDocument,
    Phrase,
    Query,
    Term,
    Words,
    name_variants,
    normalize_author,
    normalize_category,
    split_words,
    to_singular,
)

TAIL_LENGTH = 6  # characters; with 6 the index takes about as much room as the texts, and few candidates are none


@dataclass(frozen=True, slots=True)
class SearchTerm:
    """One word of the index; `begun`: every word that begins so."""

    text: str
    is_prefix: bool = False


@dataclass(frozen=True, slots=True)
class AllOf:
    """What has every part."""

    parts: tuple["SearchExpression", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """What has one of the parts."""

    parts: tuple["SearchExpression", ...]


SearchExpression = SearchTerm | AllOf | AnyOf


def index_terms(document: PaperDocument) -> set[str]:
    """All that the index knows of a paper."""
    found = {f"%{normalize_category(each).lower()}" for each in document.categories}
    for author in document.authors:
        for name in name_variants(normalize_author(author)):
            found.update(f"@{word}" for word in name)
    for text in (document.title, document.abstract):
        read = split_words(text)
        found.update(read.keys)
        found.update(read.exact)
        found.update(_without_apostrophes(exact) for exact in read.exact)
        for number in range(len(read.keys) - 1):
            found.update(_pair_terms(read, number))
    return found


def _pair_terms(words: Words, position: int) -> Iterator[str]:
    """Word `number` with what follows. The last word that is looked at may be one that a star begins, as written."""
    before, after = "", position + 1
    while len(before) < TAIL_LENGTH and after < len(words.keys):
        exact = _without_apostrophes(words.exact[after])
        if exact != words.keys[after]:
            yield f"|{words.keys[position]}|{(before + exact)[:TAIL_LENGTH]}"
        before += words.keys[after]
        after += 1
    yield f"|{words.keys[position]}|{before[:TAIL_LENGTH]}"
    after, run = position + 1, ""
    while len(run) < TAIL_LENGTH and after < len(words.keys) and words.gaps[after] == NO_GAP:
        run += words.exact[after]
        after += 1
    if run:  # $k$means: in quotes it is one word too
        yield f"|{words.exact[position]}|{run[:TAIL_LENGTH]}"


def _without_apostrophes(word: str) -> str:
    return word.replace("'", "")


def search_expression(query: Query) -> SearchExpression | None:
    """What every paper that the query finds has; None where that can be anything (NOT survey, upvotes>20)."""
    return _node_expression(query.root)


def _node_expression(node: Node) -> SearchExpression | None:
    if isinstance(node, Not):
        return None
    if isinstance(node, And):
        parts = [part for part in map(_node_expression, node.operands) if part is not None]
        return _combine(AllOf, parts) if parts else None
    if isinstance(node, Or):
        either = [_node_expression(operand) for operand in node.operands]
        known = [part for part in either if part is not None]
        return _combine(AnyOf, known) if len(known) == len(either) else None
    return _term_expression(node)


def _combine(kind: type[AllOf | AnyOf], parts: Sequence[SearchExpression]) -> SearchExpression:
    """Flat, and nothing twice."""
    flat: dict[SearchExpression, None] = {}
    for part in parts:
        flat.update(dict.fromkeys(part.parts if isinstance(part, kind) else (part,)))
    return next(iter(flat)) if len(flat) == 1 else kind(tuple(flat))


def _term_expression(term: Term) -> SearchExpression | None:
    if isinstance(term, AuthorTerm):
        ways = [[SearchTerm(f"@{word}") for word in name if len(word) > 1] for name in name_variants(term.name)]
        return _combine(AnyOf, [_combine(AllOf, way) for way in ways]) if all(ways) else None
    if isinstance(term, CategoryTerm):
        name = term.name.lower()
        if name.endswith("*"):
            return SearchTerm(f"%{name[:-1]}", is_prefix=True)
        return AnyOf((SearchTerm(f"%{name}"), SearchTerm(f"%{name}.", is_prefix=True)))
    if not isinstance(term, Phrase) or term.field == "org":
        return None
    if term.exact:
        return _quoted_expression([part for part in split("[ ,-]", term.key.lower()) if part])
    return _combine(AnyOf, [SearchTerm(term.key, is_prefix=term.prefix), *_split_terms(term.key)])


def _split_terms(key: str) -> Iterator[SearchTerm]:
    """The key as a first word and what follows, wherever the first word may end."""
    return (_pair_term(key[:place], key[place:]) for place in range(1, len(key)))


def _pair_term(first: str, rest: str) -> SearchTerm:
    return SearchTerm(f"|{first}|{rest[:TAIL_LENGTH]}", is_prefix=len(rest) < TAIL_LENGTH)


def _quoted_expression(words: Sequence[str]) -> SearchExpression:
    """Words in quotes. Each may stand in pieces with nothing between; else it is followed by the next."""
    every: list[SearchExpression] = [_combine(AnyOf, [SearchTerm(part), *_split_terms(part)]) for part in words]
    for one, other in pairwise(words):
        direct = [
            _pair_term(key, _without_apostrophes(other)) for key in _folded_forms(one) if _without_apostrophes(other)
        ]
        folded = [_pair_term(key, rest) for key in _folded_forms(one) for rest in _folded_forms(other) if rest]
        every.append(_combine(AnyOf, [*direct, *folded, *_split_terms(one), *_split_terms(other)]))
    return _combine(AllOf, every)


def _folded_forms(word: str) -> list[str]:
    """What a word that is written so may be folded to: GPS stays, GPs is several GP."""
    usual = to_singular(_without_apostrophes(word.removesuffix("'s")))
    return list(dict.fromkeys([usual, to_singular(word[:-1])] if word.endswith("s") else [usual]))
