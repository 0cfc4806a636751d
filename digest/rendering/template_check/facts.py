"""What a template says about itself: what it extends, takes in, defines and uses, with lines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment, nodes
from jinja2.meta import find_undeclared_variables

GUARDS = {"defined", "undefined"}
GUARD_FILTERS = {"default", "d"}


@dataclass(frozen=True, slots=True)
class TemplateLink:
    """Another template that one names. `kind`: "extends", "include", "import" (with or without "context")."""

    name: str
    line: int
    kind: str
    has_context: bool = True


@dataclass(frozen=True, slots=True)
class Macro:
    """Macro and what it may be called with."""

    name: str
    line: int
    arguments: tuple[str, ...]
    required: tuple[str, ...]
    takes_rest: bool
    takes_names: bool
    takes_caller: bool


@dataclass(frozen=True, slots=True)
class MacroCall:
    """Call of a macro, of this template (`module` is empty) or of another."""

    module: str
    name: str
    line: int
    positional: int
    keywords: tuple[str, ...]
    is_open: bool  # with * or **, so that its arguments are not known
    has_block: bool


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """All that is known of a template without rendering it. Mappings have the first line of each name."""

    links: tuple[TemplateLink, ...]
    blocks: Mapping[str, int]
    outer_blocks: Mapping[str, int]  # those within no other one
    macros: Mapping[str, Macro]
    variables: Mapping[str, int]
    local_names: frozenset[str]
    exports: frozenset[str]
    filters: Mapping[str, int]
    tests: Mapping[str, int]
    imported: Mapping[tuple[str, str], int]  # (template, macro)
    calls: tuple[MacroCall, ...]
    safe_values: Mapping[str, int]  # what goes through the filter "safe", as its syntax tree
    unescaped_line: int = 0
    guarded: frozenset[str] = field(default_factory=frozenset)


class AnyNames(dict[str, Any]):
    """Filters or tests of which every name is known: the checker tells unknown ones, with what was probably meant."""

    def get(self, _name: str, _default: Any = None) -> Any:
        """Return something for every name."""
        return str


def create_parser() -> Environment:
    """Create an environment that parses what others would refuse."""
    environment = Environment()  # noqa: S701  - it renders nothing
    environment.filters, environment.tests = AnyNames(), AnyNames()
    return environment


PARSER = create_parser()


def read_facts(source: str) -> TemplateFacts:
    """Parse a template. Raises TemplateSyntaxError."""
    tree = PARSER.parse(source)
    exports = frozenset(_top_level_names(tree))
    guarded = frozenset(_guarded_names(tree))
    first_lines: dict[str, int] = {}
    for name in tree.find_all(nodes.Name):
        if name.ctx == "load":
            first_lines.setdefault(name.name, name.lineno)
    variables = {name: first_lines.get(name, 0) for name in find_undeclared_variables(tree) - exports - guarded}
    return TemplateFacts(
        links=tuple(_links(tree)),
        outer_blocks={block.name: block.lineno for block in _outer_blocks(tree)},
        blocks={block.name: block.lineno for block in tree.find_all(nodes.Block)},
        macros={macro.name: _describe_macro(macro) for macro in tree.find_all(nodes.Macro)},
        variables=variables,
        local_names=frozenset(name.name for name in tree.find_all(nodes.Name) if name.ctx != "load") | exports,
        exports=exports,
        filters={node.name: node.lineno for node in reversed(list(tree.find_all(nodes.Filter)))},
        tests={node.name: node.lineno for node in reversed(list(tree.find_all(nodes.Test)))},
        imported={
            (str(link.template.value), name if isinstance(name, str) else name[0]): link.lineno
            for link in tree.find_all(nodes.FromImport)
            if isinstance(link.template, nodes.Const)
            for name in link.names
        },
        calls=tuple(_macro_calls(tree)),
        safe_values={
            repr(node.node): node.lineno
            for node in tree.find_all(nodes.Filter)
            if node.name == "safe" and not isinstance(node.node, nodes.Const)
        },
        unescaped_line=next(_escape_changes(tree), 0),
        guarded=guarded,
    )


def _links(tree: nodes.Template) -> Iterator[TemplateLink]:
    kinds = (
        (nodes.Extends, "extends"),
        (nodes.Include, "include"),
        (nodes.Import, "import"),
        (nodes.FromImport, "import"),
    )
    for node_type, kind in kinds:
        for node in tree.find_all(node_type):
            if getattr(node, "ignore_missing", False):
                continue
            template = node.template  # type: ignore[attr-defined]
            parts = template.items if isinstance(template, nodes.Tuple | nodes.List) else [template]
            for part in parts:
                if isinstance(part, nodes.Const) and isinstance(part.value, str):
                    yield TemplateLink(part.value, node.lineno, kind, getattr(node, "with_context", True))


def _outer_blocks(node: nodes.Node) -> Iterator[nodes.Block]:
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Block):
            yield child
        else:
            yield from _outer_blocks(child)


def _describe_macro(macro: nodes.Macro) -> Macro:
    names = tuple(argument.name for argument in macro.args)
    used = {name.name for name in macro.find_all(nodes.Name)}
    required = names[: len(names) - len(macro.defaults)]
    return Macro(macro.name, macro.lineno, names, required, "varargs" in used, "kwargs" in used, "caller" in used)


def _macro_calls(tree: nodes.Template) -> Iterator[MacroCall]:
    modules = {
        node.target: node.template.value
        for node in tree.find_all(nodes.Import)
        if isinstance(node.template, nodes.Const)
    }
    imported: dict[str, tuple[str, str]] = {}
    for node in tree.find_all(nodes.FromImport):
        if isinstance(node.template, nodes.Const):
            for name in node.names:
                origin, alias = (name, name) if isinstance(name, str) else name
                imported[alias] = str(node.template.value), origin
    own = {macro.name for macro in tree.find_all(nodes.Macro)}
    with_block = {id(block.call) for block in tree.find_all(nodes.CallBlock)}
    for call in tree.find_all(nodes.Call):
        target = call.node
        if isinstance(target, nodes.Name) and target.name in imported:
            module, macro = imported[target.name]
        elif isinstance(target, nodes.Name) and target.name in own:
            module, macro = "", target.name
        elif isinstance(target, nodes.Getattr) and isinstance(target.node, nodes.Name) and target.node.name in modules:
            module, macro = modules[target.node.name], target.attr
        else:
            continue
        is_open = call.dyn_args is not None or call.dyn_kwargs is not None
        keywords = tuple(keyword.key for keyword in call.kwargs)
        yield MacroCall(module, macro, call.lineno, len(call.args), keywords, is_open, id(call) in with_block)


def _top_level_names(tree: nodes.Template) -> Iterator[str]:
    """Yield what a template defines outside of blocks and loops: its blocks see it, and who imports it."""
    for node in tree.body:
        match node:
            case nodes.Macro():
                yield node.name
            case nodes.Import():
                yield node.target
            case nodes.FromImport():
                yield from (name if isinstance(name, str) else name[1] for name in node.names)
            case nodes.Assign() | nodes.AssignBlock():
                yield from (
                    name.name
                    for name in (node.target, *node.target.find_all(nodes.Name))
                    if isinstance(name, nodes.Name)
                )


def _guarded_names(tree: nodes.Template) -> Iterator[str]:
    """Yield names that a template asks about before it uses them."""
    for test in tree.find_all(nodes.Test):
        if test.name in GUARDS and isinstance(test.node, nodes.Name):
            yield test.node.name
    for given in tree.find_all(nodes.Filter):
        if given.name in GUARD_FILTERS and isinstance(given.node, nodes.Name):
            yield given.node.name


def _escape_changes(tree: nodes.Template) -> Iterator[int]:
    """Yield the lines from which nothing is escaped, or only if some value is true."""
    for scope in tree.find_all(nodes.ScopedEvalContextModifier):
        for option in scope.options:
            if option.key == "autoescape" and not (
                isinstance(option.value, nodes.Const) and option.value.value is True
            ):
                yield scope.lineno
