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

from digest.matching import Document, Phrase, Query, names
from digest.matching.fold import NONE, Words, words_of
from digest.matching.leaves import Author, Category, Leaf
from digest.matching.listing import category_name
from digest.matching.plural import singular
from digest.matching.tree import And, Node, Not, Or

REST = 6  # characters; with 6 the index takes about as much room as the texts, and few candidates are none


@dataclass(frozen=True, slots=True)
class Term:
    """One word of the index; `begun`: every word that begins so."""

    text: str
    begun: bool = False


@dataclass(frozen=True, slots=True)
class All:
    """What has every part."""

    parts: tuple["Asked", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """What has one of the parts."""

    parts: tuple["Asked", ...]


Asked = Term | All | Any


def words(document: Document) -> set[str]:
    """All that the index knows of a paper."""
    found = {f"%{category_name(each).lower()}" for each in document.categories}
    for author in document.authors:
        for name in names.variants(names.folded(author)):
            found.update(f"@{word}" for word in name)
    for text in (document.title, document.abstract):
        read = words_of(text)
        found.update(read.keys)
        found.update(read.exact)
        found.update(_bare(exact) for exact in read.exact)
        for number in range(len(read.keys) - 1):
            found.update(_followed(read, number))
    return found


def _followed(read: Words, number: int) -> Iterator[str]:
    """Word `number` with what follows. The last word that is looked at may be one that a star begins, as written."""
    before, after = "", number + 1
    while len(before) < REST and after < len(read.keys):
        exact = _bare(read.exact[after])
        if exact != read.keys[after]:
            yield f"|{read.keys[number]}|{(before + exact)[:REST]}"
        before += read.keys[after]
        after += 1
    yield f"|{read.keys[number]}|{before[:REST]}"
    after, run = number + 1, ""
    while len(run) < REST and after < len(read.keys) and read.gaps[after] == NONE:
        run += read.exact[after]
        after += 1
    if run:  # $k$means: in quotes it is one word too
        yield f"|{read.exact[number]}|{run[:REST]}"


def _bare(exact: str) -> str:
    return exact.replace("'", "")


def asked(query: Query) -> Asked | None:
    """What every paper that the query finds has; None where that can be anything (NOT survey, upvotes>20)."""
    return _asked(query.root)


def _asked(node: Node) -> Asked | None:
    if isinstance(node, Not):
        return None
    if isinstance(node, And):
        parts = [part for part in map(_asked, node.operands) if part is not None]
        return _joined(All, parts) if parts else None
    if isinstance(node, Or):
        either = [_asked(operand) for operand in node.operands]
        known = [part for part in either if part is not None]
        return _joined(Any, known) if len(known) == len(either) else None
    return _leaf(node)


def _joined(kind: type[All | Any], parts: Sequence[Asked]) -> Asked:
    """Flat, and nothing twice."""
    flat: dict[Asked, None] = {}
    for part in parts:
        flat.update(dict.fromkeys(part.parts if isinstance(part, kind) else (part,)))
    return next(iter(flat)) if len(flat) == 1 else kind(tuple(flat))


def _leaf(leaf: Leaf) -> Asked | None:
    if isinstance(leaf, Author):
        ways = [[Term(f"@{word}") for word in name if len(word) > 1] for name in names.variants(leaf.name)]
        return _joined(Any, [_joined(All, way) for way in ways]) if all(ways) else None
    if isinstance(leaf, Category):
        name = leaf.name.lower()
        if name.endswith("*"):
            return Term(f"%{name[:-1]}", begun=True)
        return Any((Term(f"%{name}"), Term(f"%{name}.", begun=True)))
    if not isinstance(leaf, Phrase) or leaf.field == "org":
        return None
    if leaf.exact:
        return _exactly([part for part in split("[ ,-]", leaf.key.lower()) if part])
    return _joined(Any, [Term(leaf.key, begun=leaf.prefix), *_cut(leaf.key)])


def _cut(key: str) -> Iterator[Term]:
    """The key as a first word and what follows, wherever the first word may end."""
    return (_pair(key[:place], key[place:]) for place in range(1, len(key)))


def _pair(first: str, rest: str) -> Term:
    return Term(f"|{first}|{rest[:REST]}", begun=len(rest) < REST)


def _exactly(parts: Sequence[str]) -> Asked:
    """Words in quotes. Each may stand in pieces with nothing between; else it is followed by the next."""
    every: list[Asked] = [_joined(Any, [Term(part), *_cut(part)]) for part in parts]
    for one, other in pairwise(parts):
        direct = [_pair(key, _bare(other)) for key in _keys(one) if _bare(other)]
        folded = [_pair(key, rest) for key in _keys(one) for rest in _keys(other) if rest]
        every.append(_joined(Any, [*direct, *folded, *_cut(one), *_cut(other)]))
    return _joined(All, every)


def _keys(exact: str) -> list[str]:
    """What a word that is written so may be folded to: GPS stays, GPs is several GP."""
    usual = singular(_bare(exact.removesuffix("'s")))
    return list(dict.fromkeys([usual, singular(exact[:-1])] if exact.endswith("s") else [usual]))
