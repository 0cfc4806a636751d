"""Queries in plain English, to show subscribers how their keywords were understood.

Terms with the same subject share it: title or abstract contains (“a” or “b”) and “c”, but not “d”.
"""

from collections.abc import Sequence

from digest.formatting import join_words
from digest.matching.language.expressions import And, Node, Not, Or, iter_terms, join_operands, operands_of
from digest.matching.language.query import Query
from digest.matching.terms import (
    AuthorTerm,
    CategoryTerm,
    DoiTerm,
    HasCodeTerm,
    JournalTerm,
    KindTerm,
    LikeTerm,
    Phrase,
    SourceTerm,
    Term,
    UpvotesTerm,
)

_FIELD_LABELS = {
    "any": "title or abstract",
    "title": "title",
    "abstract": "abstract",
    "org": "organization",
    "subject": "subject",
}
_NAME_LABELS: dict[type, str] = {
    AuthorTerm: "author",
    CategoryTerm: "category",
    SourceTerm: "source",
    JournalTerm: "journal",
}
DESCRIBED_WORDS = 5  # of a paper that others are like
_COMPARISON_LABELS = {">=": "at least", "<": "fewer than", "=": "exactly"}


def describe(query: Query) -> str:
    """Return a query in words: title or abstract contains “diffusion model”, but not “survey”."""
    text = _describe_node(query.root)
    return f"no paper where {text}" if query.exclude else text


def _describe_node(node: Node) -> str:
    operands = operands_of(node, Or if isinstance(node, Or) else And)
    positive = [operand for operand in operands if not isinstance(operand, Not)]
    negative = [operand.operand for operand in operands if isinstance(operand, Not)]
    if isinstance(node, Or):
        if negative:  # as wide as an OR of nothing but NOTs
            return ", or ".join(_with_parentheses(operand, And) for operand in operands)
    elif not positive:
        return f"every paper but those where {_describe_node(join_operands(Or, negative))}"
    subjects = _subjects(node)
    if len(subjects) == 1:
        return f"{subjects.pop()} {_describe_objects(node)}"
    if isinstance(node, Or):
        return ", or ".join(_with_parentheses(group, And) for group in _group_by_subject(Or, operands))
    text = ", and ".join(_with_parentheses(group, Or) for group in _group_by_subject(And, positive))
    return f"{text}, but not where {_describe_node(join_operands(Or, negative))}" if negative else text


def _subjects(node: Node) -> set[str]:
    return {_describe_term(term)[0] for term, _ in iter_terms(node)}


def _with_parentheses(node: Node, kind: type[And | Or]) -> str:
    """Describe a node, in parentheses where the commas of a mixed expression would be misread."""
    mixed = isinstance(node, kind) and len(_subjects(node)) > 1
    return f"({_describe_node(node)})" if mixed else _describe_node(node)


def _group_by_subject(kind: type[And | Or], operands: Sequence[Node]) -> list[Node]:
    """Join the operands that share one subject, so that it is named once."""
    groups: dict[str, list[Node]] = {}
    for operand in operands:
        subjects = _subjects(operand)
        groups.setdefault(subjects.pop() if len(subjects) == 1 else operand.canonical, []).append(operand)
    return [join_operands(kind, group) for group in groups.values()]


def _describe_objects(node: Node, *, nested: bool = False) -> str:
    """Describe what follows the subject that all terms share."""
    if isinstance(node, Not):
        return f"not {_describe_objects(node.operand, nested=True)}"
    if not isinstance(node, And | Or):
        return _describe_term(node)[1]
    if isinstance(node, Or):
        text = join_words([_describe_objects(operand, nested=True) for operand in node.operands], conjunction="or")
    else:
        positive = [operand for operand in node.operands if not isinstance(operand, Not)]
        negative = [operand.operand for operand in node.operands if isinstance(operand, Not)]
        text = join_words([_describe_objects(operand, nested=True) for operand in positive])
        if negative:
            excluded = [_describe_objects(operand, nested=True) for operand in negative]
            text += f", but not {join_words(excluded, conjunction='or')}"
    return f"({text})" if nested else text


def _describe_term(term: Term) -> tuple[str, str]:
    """Return subject and verb of a term, and its object."""
    if isinstance(term, Phrase):
        text = term.source_text or term.spelling.strip('"')
        quoted = f"“{text.replace('*', '…')}”" if term.prefix else f"“{text}”"
        return f"{_FIELD_LABELS[term.field]} contains", f"exactly {quoted}" if term.exact else quoted
    if isinstance(term, LikeTerm):
        words = join_words([f"“{word}”" for word, _ in term.words[:DESCRIBED_WORDS]])
        return "words are", f"like those of {term.name}{f', such as {words}' if words else ''}"
    name = getattr(term, "source_text", "") or getattr(term, "name", "")
    is_quoted = isinstance(term, AuthorTerm | JournalTerm)
    quoted = f"“{name.rstrip('*')}”" if is_quoted else name.rstrip("*")
    name = f"any that begins with {quoted}" if name.endswith("*") else quoted
    match term:
        case DoiTerm():
            parts = ("DOI begins with", term.beginning) if term.beginning else ("DOI is", term.name)
        case KindTerm():
            parts = "kind is", term.kind
        case UpvotesTerm():
            parts = "upvotes are", f"{_COMPARISON_LABELS[term.operator]} {term.count}"
        case HasCodeTerm():
            parts = "the listing names", "code"
        case _:
            parts = f"{_NAME_LABELS[type(term)]} is", name
    return parts
