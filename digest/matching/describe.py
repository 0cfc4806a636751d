"""A query in plain English: how it was understood, shown back to whoever wrote it."""

from collections.abc import Sequence

from digest.matching.leaves import Author, Category, HasCode, Leaf, Phrase, Source, Upvotes
from digest.matching.query import Query
from digest.matching.tree import And, Node, Not, Or

_WHERE = {"any": "title or abstract", "title": "title", "abstract": "abstract", "org": "organization"}


def describe(query: Query) -> str:
    """In words: title or abstract contains “diffusion model”, but not “survey”."""
    said = _said(query.root)
    return f"never: {said}" if query.exclude else said


def _said(node: Node) -> str:
    if isinstance(node, And):
        return _all_of(node)
    if isinstance(node, Or):
        return _any_of(node)
    if isinstance(node, Not):
        return f"every paper but those where {_said(node.operand)}"
    return f"{_subject(node)} {_verb(node)} {_object(node)}"


def _any_of(node: Or) -> str:
    if together := _together(node.operands, "or"):
        return together
    return " or ".join(f"({_said(each)})" if isinstance(each, And | Not) else _said(each) for each in _grouped(node))


def _all_of(node: And) -> str:
    wanted = [each for each in node.operands if not isinstance(each, Not)]
    unwanted = [each.operand for each in node.operands if isinstance(each, Not)]
    if not wanted:
        return f"every paper but those where {_any_of(Or(tuple(unwanted)))}"
    said = _together(wanted, "and") or " and ".join(
        f"({_said(each)})" if isinstance(each, Or) and not _together(each.operands, "or") else _said(each)
        for each in wanted
    )
    if not unwanted:
        return said
    head = _head(wanted[0]) if _together(wanted, "and") else ""
    refused = _any_of(Or(tuple(unwanted))) if len(unwanted) > 1 else _said(unwanted[0])
    shorter = refused.removeprefix(f"{head} ") if head else refused
    return f"{said}, but not {'' if shorter != refused else 'where '}{shorter}"


def _grouped(node: Or) -> list[Node]:
    """Alternatives of the same kind side by side, so that they can be said in one breath."""
    groups: dict[str, list[Node]] = {}
    for each in node.operands:
        groups.setdefault(_head(each) or each.canonical, []).append(each)
    return [Or(tuple(each)) if len(each) > 1 else each[0] for each in groups.values()]


def _together(operands: Sequence[Node], word: str) -> str:
    """The title contains “a” and “b”: said at once where subject and verb are the same, else nothing."""
    heads = {_head(each) for each in operands}
    if len(heads) != 1 or "" in heads:
        return ""
    objects = [_object(each) for each in operands if not isinstance(each, And | Or | Not)]
    return f"{heads.pop()} {_listed(objects, word)}"


def _listed(objects: Sequence[str], word: str) -> str:
    last = objects[-1]
    return f"{', '.join(objects[:-1])} {word} {last}" if objects[:-1] else last


def _head(node: Node) -> str:
    return "" if isinstance(node, And | Or | Not) else f"{_subject(node)} {_verb(node)}"


def _subject(leaf: Leaf) -> str:
    match leaf:
        case Phrase():
            return _WHERE[leaf.field]
        case Author():
            return "author"
        case Category():
            return "category"
        case Source():
            return "source"
        case Upvotes():
            return "upvotes"
        case HasCode():
            return "listing"


def _verb(leaf: Leaf) -> str:
    match leaf:
        case Phrase():
            return "contains exactly" if leaf.exact else "contains"
        case Upvotes():
            return "are"
        case HasCode():
            return "has"
    return "is"


def _object(leaf: Leaf) -> str:
    match leaf:
        case Phrase():
            return _words(leaf)
        case Author():
            return f"“{leaf.written or leaf.name}”"
        case Category():
            begins = leaf.name.endswith("*")
            return f"any that begins with {leaf.name[:-1]}" if begins else leaf.name
        case Source():
            return leaf.name
        case Upvotes():
            return {">=": "at least {}", "<": "fewer than {}", "=": "exactly {}"}[leaf.sign].format(leaf.count)
        case HasCode():
            return "code"


def _words(phrase: Phrase) -> str:
    said = f"“{phrase.written or phrase.spelling.strip(chr(34))}”"
    return f"{said.replace('*', '…')}" if phrase.prefix else said
