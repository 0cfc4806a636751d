"""Commands that the documentation names, from its code blocks and from code in its sentences."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from digest.cli import app

SHELL_OPERATORS = {"|", "||", "&&", ";", "<", ">", ">>"}
UsageError: type[Exception] = typer.BadParameter.__bases__[0]  # of the parser that Typer brings along
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class NamedCommand:
    """Arguments of `digest`, or target and variables of `make`. `is_whole`: from a block, to be typed as it stands."""

    program: str
    arguments: tuple[str, ...]
    is_whole: bool


def named_commands(text: str) -> Iterator[NamedCommand]:
    """Find all commands of `digest` and `make` in a page of Markdown. What has "..." or "…" in it is none."""
    for language, block in BLOCK.findall(text):
        if language == "sh":
            for line in block.replace("\\\n", " ").splitlines():
                yield from _commands_in(line, is_whole=True)
    for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", BLOCK.sub("", text)):
        if re.match(r"(\S*/)?(digest|make)\s", code):
            yield from _commands_in(" ".join(code.split()), is_whole=False)


def _commands_in(line: str, *, is_whole: bool) -> Iterator[NamedCommand]:
    if "..." in line or "…" in line:
        return
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    words = list(lexer)
    for number, word in enumerate(words[:-1]):
        program, before = word.rpartition("/")[2], words[number - 1] if number else ";"
        # `--user digest --name x` and `chgrp digest /file` have none, `docker exec digest digest doctor` has one.
        is_program = program in {"digest", "make"} and not before.startswith("-") and words[number + 1] != program
        if is_program and re.match(r"[a-z-]", words[number + 1]):
            rest = words[number + 1 :]
            end = next((place for place, later in enumerate(rest) if later in SHELL_OPERATORS), len(rest))
            if rest[:end]:
                yield NamedCommand(program, tuple(rest[:end]), is_whole)


def parse_command(command: NamedCommand) -> bool:
    """Let Typer parse the arguments, without running anything. Raises a UsageError for what the program refuses.

    Return whether it can run as it stands: a sentence may name a command without all that it needs, a block may not.
    """
    found: Any = typer.main.get_command(app)
    rest = list(command.arguments)
    while hasattr(found, "commands") and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        if name not in found.commands:
            raise UsageError(f"There is no command {name}: digest {' '.join(command.arguments)}")
        found = found.commands[name]
    if hasattr(found, "commands"):
        known = {option for parameter in found.params for option in parameter.opts} | {"--help"}
        if set(rest) - known:
            raise UsageError(f"No such option: digest {' '.join(command.arguments)}")
        return bool(rest)
    if "--help" in rest:
        return False
    try:
        found.make_context(found.name, rest).close()
    except UsageError as error:
        if command.is_whole or type(error).__name__ != "MissingParameter":
            raise
        return False
    return True


def make_targets(makefile: Path) -> dict[str, str]:
    """Return the targets of the Makefile, each with its line and its recipe."""
    text = makefile.read_text(encoding="utf-8")
    return {found[1]: found[0] for found in re.finditer(r"^([a-z-]+):.*\n(?:\t.*\n)*", text, re.MULTILINE)}
