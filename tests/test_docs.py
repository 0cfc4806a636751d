"""docs, README.md and CONTRIBUTING.md: links lead somewhere; sources, settings and keyword syntax are all described."""

import re
from pathlib import Path

import pytest

from digest.config import ENV_PREFIX, Settings, source_variable
from digest.matching.syntax import SYNTAX_EXAMPLES
from digest.sources import loaded_sources, read_settings_of, source_variables

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/*.md")])
SOURCES, KEYWORDS = ((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("sources.md", "keywords.md"))
OURS = {name: source for name, source in loaded_sources().items() if source.__module__.startswith("digest.")}


def headings(page: Path) -> set[str]:
    """Return the names that GitHub gives to the headings of a page."""
    lines = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in lines}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_leads_to_a_file_and_each_heading_exists(page: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, heading = target.partition("#")
        if re.match(r"https?:|mailto:", target):
            continue
        linked = page.parent / path if path else page
        assert linked.exists(), target
        assert not heading or heading in headings(linked), target


def test_the_page_of_sources_has_each_source_and_each_of_its_settings() -> None:
    assert set(re.findall(r"^\| `([a-z]+)` \|", SOURCES, re.MULTILINE)) >= OURS.keys()
    named = set(re.findall(r"DIGEST_[A-Z_]*[A-Z](?![A-Z_<])", SOURCES))
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields} | source_variables()
    assert named - known == set()
    own = {
        source_variable(source.name, name)
        for source in OURS.values()
        for name in type(read_settings_of(source, Settings())).model_fields
    }
    assert {name for name in own if not name.endswith("_URL")} - named == set()


def test_the_page_of_keywords_has_each_example_of_the_help_page() -> None:
    assert [row.example for row in SYNTAX_EXAMPLES if f"`{row.example}`" not in KEYWORDS] == []
