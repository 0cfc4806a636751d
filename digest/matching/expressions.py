"""Leaves joined by AND, OR and NOT, in a normal form.

NOT stands before leaves only, an AND holds no AND and an OR no OR, nothing is said twice and nothing that follows
from the rest (a OR (a AND b) is a; title:a OR abstract:a is a). Operands keep the order they were written in, for
`describe`; the canonical text sorts them. Two queries of equal canonical text mean the same. The other way round it
holds for all rewritings by these rules, not for every law of logic: nothing is multiplied out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from digest.errors import QueryError
from digest.matching.terms import Phrase, Term


@dataclass(frozen=True)
class Not:
    """All papers that the operand does not find."""

    operand: "Node"

    @cached_property
    def canonical(self) -> str:
        inside = self.operand.canonical
        return f"NOT ({inside})" if isinstance(self.operand, And | Or) else f"NOT {inside}"


@dataclass(frozen=True)
class And:
    """Papers that every operand finds."""

    operands: tuple["Node", ...]

    @cached_property
    def canonical(self) -> str:
        texts = (
            (isinstance(each, Not), f"({each.canonical})" if isinstance(each, Or) else each.canonical)
            for each in self.operands
        )
        return " AND ".join(text for _, text in sorted(texts))


@dataclass(frozen=True)
class Or:
    """Papers that any operand finds."""

    operands: tuple["Node", ...]

    @cached_property
    def canonical(self) -> str:
        return " OR ".join(
            text for _, text in sorted((isinstance(each, Not), each.canonical) for each in self.operands)
        )


Node = Term | Not | And | Or


def iter_terms(node: Node) -> Iterator[tuple[Term, bool]]:
    """Every leaf, and whether it is asked for (not under NOT)."""
    if isinstance(node, Not):
        yield from ((leaf, not asked) for leaf, asked in iter_terms(node.operand))
    elif isinstance(node, And | Or):
        for operand in node.operands:
            yield from iter_terms(operand)
    else:
        yield node, True


def depth(node: Node) -> int:
    """How many brackets lie within each other in the canonical text."""
    if not isinstance(node, And | Or):
        return 0
    within = isinstance(node, And)
    return max(depth(each) + (within and isinstance(each, Or)) for each in node.operands)


def normal(node: Node, *, negated: bool = False) -> Node:
    """The normal form. QueryError for what can never match, or not fail to: cats ANDNOT cats."""
    if isinstance(node, Not):
        return normal(node.operand, negated=not negated)
    if isinstance(node, And | Or):
        kind: type[And | Or] = And if isinstance(node, And) != negated else Or
        return _joined(kind, [normal(each, negated=negated) for each in node.operands])
    return Not(node) if negated else node


def _joined(kind: type[And | Or], operands: list[Node]) -> Node:
    flat: dict[str, Node] = {}
    for each in operands:
        for one in each.operands if isinstance(each, kind) else (each,):
            flat.setdefault(one.canonical, one)
    _widen(flat, negated=kind is And)
    for one in flat.values():
        if isinstance(one, Not) and one.operand.canonical in flat:
            verb = "can never match" if kind is And else "matches every paper"
            raise QueryError(f"{one.operand.canonical} and its opposite together: that {verb}", position=1)
    kept = _without_the_implied(kind, list(flat.values()))
    return kept[0] if len(kept) == 1 else kind(tuple(kept))


def _widen(flat: dict[str, Node], *, negated: bool) -> None:
    """title:a OR abstract:a is a; NOT title:a AND NOT abstract:a is NOT a."""
    for node in list(flat.values()):
        leaf = node.operand if negated and isinstance(node, Not) else node
        if not isinstance(leaf, Phrase) or leaf.field != "title" or (leaf is node) == negated:
            continue
        other = replace(leaf, field="abstract").canonical
        other = f"NOT {other}" if negated else other
        if other in flat:
            whole = replace(leaf, field="any")
            place = list(flat)
            merged: Node = Not(whole) if negated else whole
            items = [(merged.canonical, merged) if name == node.canonical else (name, flat[name]) for name in place]
            flat.clear()
            flat.update((name, each) for name, each in items if name != other)


def _without_the_implied(kind: type[And | Or], operands: list[Node]) -> list[Node]:
    kept = list(operands)
    for one in operands:
        rest = [each for each in kept if each is not one]
        if any(_implies(one, each) if kind is Or else _implies(each, one) for each in rest):
            kept = rest
    return kept


def _implies(one: Node, other: Node) -> bool:
    """Whether every paper of the one is one of the other, as far as one look at their operands tells."""
    return all(any(_plainly(a, b) for a in _parts(one, And)) for b in _parts(other, And)) or all(
        any(_plainly(a, b) for b in _parts(other, Or)) for a in _parts(one, Or)
    )


def _parts(node: Node, kind: type[And | Or]) -> tuple[Node, ...]:
    return node.operands if isinstance(node, kind) else (node,)


def _plainly(one: Node, other: Node) -> bool:
    if isinstance(one, Not) and isinstance(other, Not):
        return _plainly(other.operand, one.operand)
    if one.canonical == other.canonical:
        return True
    return (
        isinstance(one, Phrase)
        and isinstance(other, Phrase)
        and one.field in {"title", "abstract"}
        and other.field == "any"
        and one.spelling == other.spelling
    )
