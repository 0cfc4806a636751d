"""A query in plain English: how it was understood, shown back to whoever wrote it.

Leaves with the same subject are said in one breath: title or abstract contains (“a” or “b”) and “c”, but not “d”.
"""

from collections.abc import Iterable

from digest.matching.expressions import And, Node, Not, Or, iter_terms
from digest.matching.query import Query
from digest.matching.terms import AuthorTerm, CategoryTerm, HasCode, Phrase, SourceTerm, Term, UpvotesTerm

_WHERE = {"any": "title or abstract", "title": "title", "abstract": "abstract", "org": "organization"}


def describe(query: Query) -> str:
    """In words: title or abstract contains “diffusion model”, but not “survey”."""
    said = _said(query.root)
    return f"no paper where {said}" if query.exclude else said


def _said(node: Node) -> str:
    heads = {_head(leaf) for leaf, _ in iter_terms(node)}
    if isinstance(node, Not) or (isinstance(node, And | Or) and any(isinstance(each, Not) for each in _unasked(node))):
        return _refusing(node)
    if len(heads) == 1:
        return f"{heads.pop()} {_objects(node)}"
    if isinstance(node, And):
        return _all_of(node)
    return ", or ".join(_bracketed(each, And) for each in _grouped(node))


def _unasked(node: And | Or) -> tuple[Node, ...]:
    """The operands, if there is nothing among them that is asked for; an OR with one NOT is as wide."""
    refused = [isinstance(each, Not) for each in node.operands]
    return node.operands if all(refused) or (isinstance(node, Or) and any(refused)) else ()


def _refusing(node: Node) -> str:
    """What finds all papers but some."""
    if isinstance(node, Or):
        return ", or ".join(_bracketed(each, And) for each in node.operands)
    without = node.operands if isinstance(node, And) else (node,)
    operands = tuple(each.operand for each in without if isinstance(each, Not))
    return f"every paper but those where {_said(_or(operands))}"


def _all_of(node: And) -> str:
    wanted = [each for each in node.operands if not isinstance(each, Not)]
    unwanted = tuple(each.operand for each in node.operands if isinstance(each, Not))
    said = ", and ".join(_bracketed(each, Or) for each in _grouped(And(tuple(wanted))))
    return f"{said}, but not where {_said(_or(unwanted))}" if unwanted else said


def _or(operands: tuple[Node, ...]) -> Node:
    return Or(operands) if len(operands) > 1 else operands[0]


def _bracketed(node: Node, kind: type[And | Or]) -> str:
    """In brackets where the commas of a mixed tree would be read wrongly."""
    mixed = isinstance(node, kind) and len({_head(leaf) for leaf, _ in iter_terms(node)}) > 1
    return f"({_said(node)})" if mixed else _said(node)


def _grouped(node: Node) -> list[Node]:
    """Operands of the same kind side by side, so that they can be said in one breath."""
    if not isinstance(node, And | Or):
        return [node]
    groups: dict[str, list[Node]] = {}
    for each in node.operands:
        heads = {_head(leaf) for leaf, _ in iter_terms(each)}
        groups.setdefault(heads.pop() if len(heads) == 1 else each.canonical, []).append(each)
    kind = type(node)
    return [kind(tuple(each)) if len(each) > 1 else each[0] for each in groups.values()]


def _objects(node: Node) -> str:
    """What is said behind the subject that all leaves share."""
    if isinstance(node, Or):
        return _listed((_inner(each) for each in node.operands), "or")
    if isinstance(node, Not):
        return f"not {_inner(node.operand)}"
    if not isinstance(node, And):
        return _object(node)
    wanted = _listed((_inner(each) for each in node.operands if not isinstance(each, Not)), "and")
    unwanted = _listed((_inner(each.operand) for each in node.operands if isinstance(each, Not)), "or")
    return f"{wanted}, but not {unwanted}" if unwanted else wanted


def _inner(node: Node) -> str:
    return f"({_objects(node)})" if isinstance(node, And | Or) else _objects(node)


def _listed(objects: Iterable[str], word: str) -> str:
    *most, last = [*objects] or [""]
    return f"{', '.join(most)} {word} {last}" if most else last


def _head(leaf: Term) -> str:
    """Subject and verb."""
    match leaf:
        case Phrase():
            return f"{_WHERE[leaf.field]} contains"
        case UpvotesTerm():
            return "upvotes are"
        case HasCode():
            return "the listing names"
    return f"{type(leaf).__name__.removesuffix('Term').lower()} is"


def _object(leaf: Term) -> str:
    match leaf:
        case Phrase():
            return _words(leaf)
        case AuthorTerm():
            return f"“{leaf.source_text or leaf.name}”"
        case CategoryTerm():
            begins = leaf.name.endswith("*")
            return f"any that begins with {leaf.name[:-1]}" if begins else leaf.name
        case SourceTerm():
            return leaf.name
        case UpvotesTerm():
            return {">=": "at least {}", "<": "fewer than {}", "=": "exactly {}"}[leaf.operator].format(leaf.count)
        case HasCode():
            return "code"


def _words(phrase: Phrase) -> str:
    said = phrase.source_text or phrase.spelling.strip('"')
    if phrase.prefix:
        return f"“{said.rstrip('*')}…”"
    return f"exactly “{said}”" if phrase.exact else f"“{said}”"
