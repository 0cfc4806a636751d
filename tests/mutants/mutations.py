"""Small faults that can be planted in a module: one change of one expression or statement of a function. Pure.

What no test could notice is left alone: annotations, docstrings, log lines and their levels, `gc`, the `strict` of zip,
`or 0` for the id of a row, the length of random names. `return True` and `return False` are turned into each other
only, because None counts as false.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}  # fmt: skip
QUERY_METHODS = {"where", "order_by", "limit", "on_conflict_do_nothing"}  # `x.where(...)` becomes `x`
LOGGERS = {"log", "logger", "_log", "emit"}
ONLY_SPEED = {"gc"}  # modules whose calls change no result
RANDOM_NAMES = {"token_hex", "token_urlsafe", "token_bytes"}  # whose length is their strength
OPTIONS_WITHOUT_BEHAVIOR = {"strict", "synchronize_session", "populate_existing"}  # keywords that guard or save time
FIELDS_WITHOUT_BEHAVIOR = {"annotation", "returns", "decorator_list", "args"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change. `number` counts the changes of a module from 0; lines are those of the outermost function."""

    path: str
    number: int
    line: int
    function: str
    first_line: int
    last_line: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.function}: {self.before} -> {self.after}"


def list_mutants(source: str, path: str) -> list[Mutant]:
    """Return all changes of a module."""
    return [mutant for _, mutant in _mutate(ast.parse(source), path, None)]


def apply_mutant(source: str, mutant: Mutant) -> ast.Module:
    """Return the module with one change in it."""
    tree = ast.parse(source)
    for _, found in _mutate(tree, mutant.path, mutant.number):
        if found != mutant:
            raise ValueError(f"the source has changed since {mutant} was listed")
    return ast.fix_missing_locations(tree)


def _mutate(tree: ast.Module, path: str, wanted: int | None) -> Iterator[tuple[int, Mutant]]:
    """Yield the changes with their numbers; carry out the one that is wanted."""
    number = 0
    for name, function in _outermost_functions(tree, ""):
        first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
        for parent, field, index, node in list(_behavior(function)):
            for replacement in _alternatives(node):
                if wanted in {None, number}:
                    lines = (node.lineno, name, first, function.end_lineno or first)
                    texts = (_one_line(node), _one_line(replacement))
                    yield number, Mutant(path, number, *lines, *texts)
                if wanted == number:
                    if index is None:
                        setattr(parent, field, replacement)
                    else:
                        getattr(parent, field)[index] = replacement
                    return
                number += 1


Function = ast.FunctionDef | ast.AsyncFunctionDef
Located = ast.expr | ast.stmt


def _outermost_functions(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, Function]]:
    for child in node.body:
        if isinstance(child, Function):
            yield prefix + child.name, child
        elif isinstance(child, ast.ClassDef):
            yield from _outermost_functions(child, f"{prefix}{child.name}.")


def _behavior(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, Located]]:
    """Yield what decides how a function behaves, with the place that holds it: no annotations, docstrings, logging."""
    for field, value in ast.iter_fields(node):
        if field in FIELDS_WITHOUT_BEHAVIOR and not isinstance(node, ast.Call):
            continue
        if isinstance(node, ast.keyword) and node.arg in OPTIONS_WITHOUT_BEHAVIOR:
            continue
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in RANDOM_NAMES:
            continue
        children = enumerate(value) if isinstance(value, list) else [(None, value)]
        for index, child in children:
            if not isinstance(child, ast.AST) or isinstance(child, ast.Assert) or _is_without_effect(child):
                continue
            if _is_type_narrowing(child):
                yield from _behavior(child.values[0])
                continue
            if isinstance(child, ast.expr | ast.stmt):
                yield node, field, index, child
            yield from _behavior(child)


def _is_without_effect(node: ast.AST) -> bool:
    if not isinstance(node, ast.Expr):
        return False
    if isinstance(node.value, ast.Constant):  # a docstring
        return True
    if not isinstance(node.value, ast.Call):
        return False
    # `log.info(...)`, `self._log.info(...)`, `(log.error if is_urgent else log.info)(...)`
    called = list(ast.walk(node.value.func))
    names = {part.id for part in called if isinstance(part, ast.Name)}
    names |= {part.attr for part in called if isinstance(part, ast.Attribute)}
    return bool(names & (LOGGERS | ONLY_SPEED))


def _is_type_narrowing(node: ast.AST) -> TypeGuard[ast.BoolOp]:
    """Return whether it is `paper.id or 0`: a row that was read has an id, so the default is never taken."""
    return (
        isinstance(node, ast.BoolOp)
        and isinstance(node.op, ast.Or)
        and (isinstance(node.values[0], ast.Attribute) or _is_id(node.values[0]))
        and isinstance(node.values[-1], ast.Constant)
        and not node.values[-1].value
    )


def _is_answer(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool))


def _is_id(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id.endswith(("_id", "number"))


def _alternatives(node: Located) -> Iterator[Located]:  # noqa: C901, PLR0912  - one case for each kind of node
    match node:
        case ast.Compare(left, [operator], right) if type(operator) in COMPARISONS:
            yield ast.copy_location(ast.Compare(left, [COMPARISONS[type(operator)]()], right), node)
        case ast.BoolOp(operator, values):
            other = ast.Or() if isinstance(operator, ast.And) else ast.And()
            yield ast.copy_location(ast.BoolOp(other, values), node)
        case ast.UnaryOp(ast.Not(), operand):
            yield operand
        case ast.BinOp(left, operator, right) if type(operator) in ARITHMETIC:
            yield ast.copy_location(ast.BinOp(left, ARITHMETIC[type(operator)](), right), node)
        case ast.AugAssign(target, operator, value) if type(operator) in ARITHMETIC:
            yield ast.copy_location(ast.AugAssign(target, ARITHMETIC[type(operator)](), value), node)
        case ast.Constant(bool() as value):
            yield ast.copy_location(ast.Constant(not value), node)
        case ast.Constant(int() as value):
            yield ast.copy_location(ast.Constant(value + 1), node)
        case ast.If() | ast.IfExp() | ast.While():
            changed = copy.copy(node)
            changed.test = ast.copy_location(ast.UnaryOp(ast.Not(), node.test), node.test)
            yield changed
        case ast.Return(ast.expr() as value) if not _is_answer(value):
            yield ast.copy_location(ast.Return(ast.Constant(None)), node)
        case ast.Expr(ast.Call() | ast.Await()):
            yield ast.copy_location(ast.Pass(), node)
        case ast.Break():
            yield ast.copy_location(ast.Continue(), node)
        case ast.Continue():
            yield ast.copy_location(ast.Break(), node)
        case ast.Call(ast.Attribute(value, name)) if name in QUERY_METHODS:
            yield value
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp() if node.generators[0].ifs:
            loose = copy.copy(node)
            loose.generators = [copy.copy(node.generators[0]), *node.generators[1:]]
            loose.generators[0].ifs = node.generators[0].ifs[1:]
            yield loose


def _one_line(node: ast.AST) -> str:
    text = ast.unparse(node).partition("\n")[0]
    return text if len(text) <= 100 else f"{text[:97]}..."
