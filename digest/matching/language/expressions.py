"""Boolean expressions of terms joined by AND, OR and NOT, in a normal form.

NOT precedes terms only, an AND contains no AND and an OR no OR, no operand occurs twice and none follows from the rest
(a OR (a AND b) is a; title:a OR abstract:a is a). Operands keep the order they were entered in, for `describe`;
the canonical text sorts them. Two queries of equal canonical text mean the same. The converse holds for all rewriting
by these rules, not for every law of logic: nothing is multiplied out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from digest.errors import QueryError
from digest.matching import messages
from digest.matching.terms import KindTerm, Phrase, Term


@dataclass(frozen=True)
class Not:
    """All papers that the operand does not find."""

    operand: "Node"

    @cached_property
    def canonical(self) -> str:
        inside = self.operand.canonical
        return f"NOT ({inside})" if isinstance(self.operand, And | Or) else f"NOT {inside}"


@dataclass(frozen=True, eq=False)
class _Operands:
    """Operands in the order they were entered, which does not count when two expressions are compared."""

    operands: tuple["Node", ...]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and frozenset(self.operands) == frozenset(getattr(other, "operands", ()))

    def __hash__(self) -> int:
        return hash((type(self), frozenset(self.operands)))


@dataclass(frozen=True, eq=False)
class And(_Operands):
    """Papers that every operand finds."""

    @cached_property
    def canonical(self) -> str:
        texts = (
            (isinstance(operand, Not), f"({operand.canonical})" if isinstance(operand, Or) else operand.canonical)
            for operand in self.operands
        )
        return " AND ".join(text for _, text in sorted(texts))


@dataclass(frozen=True, eq=False)
class Or(_Operands):
    """Papers that any operand finds."""

    @cached_property
    def canonical(self) -> str:
        texts = ((isinstance(operand, Not), operand.canonical) for operand in self.operands)
        return " OR ".join(text for _, text in sorted(texts))


Node = Term | Not | And | Or


def join_operands(kind: type[And | Or], operands: Sequence[Node]) -> Node:
    """Join operands by AND or OR; a single one stands for itself."""
    return kind(tuple(operands)) if len(operands) > 1 else operands[0]


def operands_of(node: Node, kind: type[And | Or]) -> tuple[Node, ...]:
    """Return the operands of an AND or OR; any other node is its own only operand."""
    return node.operands if isinstance(node, kind) else (node,)


def iter_terms(node: Node) -> Iterator[tuple[Term, bool]]:
    """Yield every term, and whether it is positive (not under NOT)."""
    if isinstance(node, Not):
        yield from ((term, not positive) for term, positive in iter_terms(node.operand))
    elif isinstance(node, And | Or):
        for operand in node.operands:
            yield from iter_terms(operand)
    else:
        yield node, True


def nesting_depth(node: Node) -> int:
    """Return how many parentheses lie within each other in the canonical text."""
    if not isinstance(node, And | Or):
        return 0
    is_and = isinstance(node, And)
    return max(nesting_depth(operand) + (is_and and isinstance(operand, Or)) for operand in node.operands)


def normalize(node: Node, *, negated: bool = False) -> Node:
    """Return the normal form. QueryError for what can never match, or never fail to: cats ANDNOT cats."""
    if isinstance(node, Not):
        return normalize(node.operand, negated=not negated)
    if isinstance(node, KindTerm):
        return node.opposite if negated else node
    if not isinstance(node, And | Or):
        return Not(node) if negated else node
    kind: type[And | Or] = And if isinstance(node, And) != negated else Or
    operands: dict[str, Node] = {}
    for nested in node.operands:
        for operand in operands_of(normalize(nested, negated=negated), kind):
            operands.setdefault(operand.canonical, operand)
    operands = _merge_fields(operands, negated=kind is And)
    for operand in operands.values():
        if isinstance(operand, Not) and operand.operand.canonical in operands:
            message = messages.never_matches if kind is And else messages.always_matches
            raise QueryError(message(operand.operand.canonical), position=1)
    needed = list(operands.values())
    for operand in operands.values():
        others = [other for other in needed if other is not operand]
        if any(_implies(operand, other) if kind is Or else _implies(other, operand) for other in others):
            needed = others
    return join_operands(kind, needed)


def _merge_fields(operands: dict[str, Node], *, negated: bool) -> dict[str, Node]:
    """Merge title:a OR abstract:a into a, and NOT title:a AND NOT abstract:a into NOT a."""
    for node in list(operands.values()):
        term = node.operand if negated and isinstance(node, Not) else node
        if not isinstance(term, Phrase) or term.field != "title" or (term is node) == negated:
            continue
        abstract = replace(term, field="abstract").canonical
        abstract = f"NOT {abstract}" if negated else abstract
        if abstract in operands:
            either = replace(term, field="any")
            merged: Node = Not(either) if negated else either
            remaining = [merged if other is node else other for key, other in operands.items() if key != abstract]
            operands = {other.canonical: other for other in remaining}
    return operands


def _implies(node: Node, other: Node) -> bool:
    """Return whether every paper of `node` is one of `other`, as far as comparing their operands tells."""
    return all(any(_implies_directly(a, b) for a in operands_of(node, And)) for b in operands_of(other, And)) or all(
        any(_implies_directly(a, b) for b in operands_of(other, Or)) for a in operands_of(node, Or)
    )


def _implies_directly(node: Node, other: Node) -> bool:
    if isinstance(node, Not) and isinstance(other, Not):
        return _implies_directly(other.operand, node.operand)
    if node.canonical == other.canonical:
        return True
    return (
        isinstance(node, Phrase)
        and isinstance(other, Phrase)
        and node.field in {"title", "abstract"}
        and other.field == "any"
        and node.spelling == other.spelling
    )
