"""README.md: every setting and picture in it is there. Its commands and links: tests/test_docs.py."""

import re
from pathlib import Path

import pytest

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


def test_the_two_commands_stand_there() -> None:
    assert {"make demo", "make test", "make serve", "make pictures"} <= set(code_parts())


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
