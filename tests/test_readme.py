"""README.md: every command, setting, link and picture in it is there, and works as it says."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from digest.cli import app
from digest.config import ENV_PREFIX, load_settings, source_variable
from digest.config.settings import Settings
from digest.sources import loaded_sources, read_settings_of, source_variables

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAX_PICTURE_BYTES = 150_000
MAX_FIRST_LINES = 10  # of text, before the first picture


def code_parts() -> list[str]:
    """Return what stands in code: inline, and the lines of blocks, without comments."""
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", README, re.DOTALL | re.MULTILINE)
    lines = [re.sub(r"\s+#.*", "", line).strip() for block in blocks for line in block.splitlines()]
    return [*lines, *re.findall(r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"```.*?```", "", README, flags=re.DOTALL))]


def digest_commands() -> Iterator[list[str]]:
    for part in code_parts():
        command = part.removeprefix(".venv/bin/")
        if re.match(r"digest [\w-]", command) and "..." not in command:
            yield shlex.split(command)[1:]


def unknown_options(words: list[str]) -> set[str]:
    """Return the options that the command does not take. Raises KeyError for a command that does not exist."""
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        command = command.commands[rest.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    return {word for word in rest if word.startswith("-")} - known


def test_the_two_commands_stand_there() -> None:
    assert {"make demo", "make test", "make serve", "make pictures"} <= set(code_parts())


def test_each_make_target_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {part.split()[1] for part in code_parts() if re.match(r"make [a-z]", part)}
    assert named - targets == set()


def test_each_digest_command_exists_and_takes_its_options() -> None:
    commands = list(digest_commands())
    assert [words for words in commands if unknown_options(words)] == []
    assert len(commands) > 15


def test_a_command_or_an_option_that_does_not_exist_is_seen() -> None:
    assert unknown_options(["prune", "--days", "60", "--forget"]) == {"--forget"}
    with pytest.raises(KeyError):
        unknown_options(["subscribers", "forget"])


def default_of(variable: str, defaults: Settings) -> object:
    """Return the default of a setting, or of one that belongs to a source."""
    for source in loaded_sources().values():
        own = read_settings_of(source, defaults)
        for name in type(own).model_fields:
            if source_variable(source.name, name) == variable:
                return getattr(own, name)
    return getattr(defaults, variable.removeprefix(ENV_PREFIX).lower())


def test_each_setting_exists_and_has_the_default_that_the_table_shows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields} | source_variables()
    assert set(re.findall(r"DIGEST_[A-Z_]*[A-Z]", README)) - known == set()
    defaults, rows = load_settings(), re.findall(r"^\| (`DIGEST_.*?) \| (.*?) \|", README, re.MULTILINE)
    assert len(rows) > 5
    for names, values in rows:
        for name, value in zip(re.findall(r"DIGEST_\w+", names), values.split(", "), strict=True):
            default = default_of(name, defaults)
            text = (
                ",".join(default)
                if isinstance(default, tuple)
                else f"{default:g}"
                if isinstance(default, float)
                else str(default)
            )
            assert value.strip("`") == (text.strip("*") or "none"), name


def test_each_link_leads_to_a_file_and_each_heading_exists() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        if target.startswith("http"):
            continue
        path, _, heading = target.partition("#")
        assert (ROOT / path).exists(), target
        if heading:
            text = (ROOT / path).read_text(encoding="utf-8")
            assert heading in {slug(line) for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}, target


def slug(heading: str) -> str:
    """Return the name that GitHub gives to a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_each_picture_is_there_small_and_described() -> None:
    sources = re.findall(r'(?:src|srcset)="([^"]+)"', README)
    assert len(sources) >= 5
    for source in sources:
        assert 1000 < (ROOT / source).stat().st_size <= MAX_PICTURE_BYTES, source
    assert all(re.search(r'alt="[^"]{20,}"', tag) for tag in re.findall(r"<img [^>]+>", README))


def test_it_says_what_it_is_before_the_first_picture() -> None:
    before = README.partition("<picture>")[0]
    text = [line for line in before.splitlines() if line.strip() and not line.startswith("<p align")]
    assert len(text) <= MAX_FIRST_LINES + 1  # and the heading
