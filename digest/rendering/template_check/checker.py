"""Static check of the templates of an area: all of them as they will be used, the operator's before ours.

What is wrong is told of the operator's file, also where one of ours needs what it lacks.
"""

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache

from jinja2 import Environment, TemplateSyntaxError

from digest.config import TemplateFault, TemplateFolder
from digest.rendering.template_check import messages
from digest.rendering.template_check.facts import Macro, MacroCall, TemplateFacts, read_facts
from digest.rendering.template_check.origin import describe_origin, read_templates
from digest.rendering.templates import OURS


@lru_cache(maxsize=2)
def read_our_facts(area: str) -> Mapping[str, TemplateFacts]:
    """Parse all our templates of an area."""
    return {name: read_facts(source) for name, source in read_templates(area).items()}


def check_templates(area: str, folder: TemplateFolder, environment: Environment) -> list[TemplateFault]:
    """Return what is wrong with the operator's templates of an area, in the order of files and lines.

    `environment` has the filters, tests and global values that they will have.
    """
    return sorted(TemplateChecker(area, folder, environment).check())


class TemplateChecker:
    """Facts of all templates of an area. Names are those within it; ours also stand there as `ours/NAME`."""

    def __init__(self, area: str, folder: TemplateFolder, environment: Environment) -> None:
        self._area, self._folder, self._environment = area, folder, environment
        self._our_sources = read_templates(area)
        self._ours = read_our_facts(area)
        self._own: dict[str, TemplateFacts] = {}
        self._faults: list[TemplateFault] = []
        for name, source in folder.in_area(area).items():
            try:
                self._own[name] = read_facts(source)
            except TemplateSyntaxError as error:
                self._tell(name, error.lineno, messages.syntax(str(error.message).rstrip(".")))
        faulty = folder.in_area(area).keys() - self._own.keys()
        self._effective = {f"{OURS}/{name}": facts for name, facts in self._ours.items()}
        self._effective |= {name: facts for name, facts in self._ours.items() if name not in faulty} | self._own
        self._allowed: dict[str, frozenset[str]] = {}

    def check(self) -> list[TemplateFault]:
        """Check the operator's templates, and ours as far as they need something of these."""
        for name, facts in self._own.items():
            self._check_names(name, facts)
            self._check_escaping(name, facts)
            self._check_links(name, facts)
            self._check_use(name)
            if sentence := describe_origin(
                self._folder.in_area(self._area)[name], name, self._our_sources, self._ours, facts
            ):
                self._tell(name, 0, sentence, is_warning=True)
        for name, facts in self._effective.items():
            if not name.startswith(f"{OURS}/"):
                self._check_macros(name, facts)
                self._check_blocks(name, facts)
        return self._faults

    def _tell(self, name: str, line: int, sentence: str, *, is_warning: bool = False) -> None:
        fault = TemplateFault(self._folder.file_of(f"{self._area}/{name}"), line, sentence, is_warning)
        if fault not in self._faults:
            self._faults.append(fault)

    def _check_names(self, name: str, facts: TemplateFacts) -> None:
        allowed = self._allowed_names(name)
        for variable, line in facts.variables.items():
            if variable not in allowed:
                self._tell(name, line, messages.unknown_variable(variable, _nearest(variable, allowed)))
        for used, known, sentence in (
            (facts.filters, self._environment.filters, messages.unknown_filter),
            (facts.tests, self._environment.tests, messages.unknown_test),
        ):
            for word, line in used.items():
                if word not in known:
                    self._tell(name, line, sentence(word, _nearest(word, known)))

    def _check_escaping(self, name: str, facts: TemplateFacts) -> None:
        if facts.unescaped_line:
            self._tell(name, facts.unescaped_line, messages.AUTOESCAPE_OFF)
        ours = self._ours.get(name)
        for value, line in facts.safe_values.items():
            if ours is None or value not in ours.safe_values:
                self._tell(name, line, messages.UNSAFE)

    def _check_links(self, name: str, facts: TemplateFacts) -> None:
        for link in facts.links:
            if link.name not in self._effective:
                if link.name not in self._folder.in_area(self._area):  # its own fault is told
                    known = [known for known in self._effective if not known.startswith(f"{OURS}/")]
                    self._tell(name, link.line, messages.unknown_template(link.name, _nearest(link.name, known)))
            elif self._leads_to(link.name, name):
                self._tell(name, link.line, messages.circle(link.name))
            elif name.endswith(".html") and not link.name.endswith(".html"):
                self._tell(name, link.line, messages.unescaped_template(link.name))

    def _leads_to(self, start: str, goal: str) -> bool:
        """Return whether a template takes in another, directly or through others."""
        seen, waiting = set[str](), [start]
        while waiting:
            current = waiting.pop()
            if current == goal:
                return True
            if current not in seen:
                seen.add(current)
                waiting += [link.name for link in self._effective[current].links if link.name in self._effective]
        return False

    def _check_use(self, name: str) -> None:
        if name not in self._ours and not any(self._callers(name)):
            near = _nearest(name, self._ours)
            self._tell(name, 0, messages.unused_template(name, near), is_warning=True)

    def _check_blocks(self, name: str, facts: TemplateFacts) -> None:
        for link in facts.links:
            if link.kind != "extends" or link.name not in self._effective:
                continue
            blocks = self._blocks_of(link.name)
            for block, line in facts.outer_blocks.items():
                if block in blocks:
                    continue
                if name in self._own:
                    self._tell(name, line, messages.unknown_block(block, link.name, _nearest(block, blocks)))
                elif link.name in self._own:
                    self._tell(link.name, 0, messages.missing_block(block, name))

    def _blocks_of(self, name: str) -> set[str]:
        """Return the blocks of a template and of those that it extends."""
        blocks, seen = set[str](), set[str]()
        while name in self._effective and name not in seen:
            seen.add(name)
            facts = self._effective[name]
            blocks |= facts.blocks.keys()
            name = next((link.name for link in facts.links if link.kind == "extends"), "")
        return blocks

    def _check_macros(self, name: str, facts: TemplateFacts) -> None:
        for (module, macro), line in facts.imported.items():
            if module in self._effective and macro not in self._effective[module].exports:
                self._tell_macro(name, line, module, macro)
        for call in facts.calls:
            module = call.module or name
            if module not in self._effective:
                continue
            defined = self._effective[module].macros.get(call.name)
            if defined is None:
                if call.name not in self._effective[module].exports:
                    self._tell_macro(name, call.line, module, call.name)
                continue
            for problem in _find_call_errors(call, defined):
                if name in self._own:
                    self._tell(name, call.line, problem)
                elif module in self._own:
                    self._tell(module, defined.line, messages.macro_mismatch(name, problem))

    def _tell_macro(self, name: str, line: int, module: str, macro: str) -> None:
        if name in self._own:
            near = _nearest(macro, self._effective[module].exports)
            self._tell(name, line, messages.unknown_macro(macro, module, near))
        elif module in self._own:
            self._tell(module, 0, messages.missing_macro(macro, name))

    def _callers(self, name: str) -> Iterator[str]:
        """Yield the templates through which a template gets its variables."""
        for caller, facts in self._effective.items():
            if caller != name and any(link.name == name for link in facts.links):
                yield caller

    def _allowed_names(self, name: str, seen: Collection[str] = ()) -> frozenset[str]:
        """Return the variables that a template may use: those of ours, and what all who take it in have."""
        if name in self._allowed:
            return self._allowed[name]
        plain = name.removeprefix(f"{OURS}/")
        allowed = {*self._environment.globals, "super", "self", "varargs", "kwargs", "caller", "loop"}
        allowed |= self._names_of_ours(plain, set())
        from_callers = [
            self._allowed_names(caller, {*seen, name}) | self._effective[caller].local_names
            for caller in self._callers(name)
            if caller not in seen and self._gives_context(caller, name)
        ]
        if from_callers:
            allowed |= frozenset.intersection(*map(frozenset, from_callers))
        result = frozenset(allowed)
        if not seen:
            self._allowed[name] = result
        return result

    def _gives_context(self, caller: str, name: str) -> bool:
        return any(link.has_context for link in self._effective[caller].links if link.name == name)

    def _names_of_ours(self, name: str, seen: set[str]) -> set[str]:
        """Return what ours of that name uses, itself or through what it extends and takes in."""
        if name not in self._ours or name in seen:
            return set()
        seen.add(name)
        facts = self._ours[name]
        names = set(facts.variables) | facts.guarded
        for link in facts.links:
            if link.has_context:
                names |= self._names_of_ours(link.name, seen) - facts.local_names
        return names


def _find_call_errors(call: MacroCall, macro: Macro) -> Iterator[str]:
    """Yield what a call gives to a macro that it does not take, and what it needs and does not get."""
    if call.has_block and not macro.takes_caller:
        yield messages.no_caller(macro.name)
    for keyword in call.keywords:
        if keyword not in macro.arguments and not macro.takes_names:
            yield messages.unknown_argument(macro.name, keyword)
    if call.is_open:
        return
    if call.positional > len(macro.arguments) and not macro.takes_rest:
        yield messages.too_many_arguments(macro.name, len(macro.arguments))
    for argument in macro.required[call.positional :]:
        if argument not in call.keywords:
            yield messages.missing_argument(macro.name, argument)


def _nearest(word: str, known: Collection[str]) -> str:
    return next(iter(get_close_matches(word, list(known), n=1, cutoff=0.75)), "")
