"""Settings of Sphinx for `make docs`: the Markdown files of this folder as a site.

The pages are made to be read as plain files, so they hold nothing for Sphinx: the navigation is made from the tables of
README.md, and a link to a file outside of this folder becomes its path.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx

project, author = "digest", "the digest contributors"
extensions = ["myst_parser"]
root_doc = "README"
html_theme, html_title = "furo", "digest"
html_static_path: list[str] = []
html_copy_source = html_show_sourcelink = False
html_theme_options = {"top_of_page_buttons": []}
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure"]  # `…` and templates in examples

DOCS = Path(__file__).parent
LINK = re.compile(r"\[([^\]\n]+)\]\(([^)#\s]+\.md)(?:#[^)\s]*)?\)")


def _navigation(text: str) -> str:
    """Return hidden tables of contents, one for each section of a page, of the pages in its tables."""
    contents = []
    for section in re.split(r"^## ", text, flags=re.MULTILINE):
        rows = [line for line in section.splitlines() if line.startswith("| [")]
        entries = [f"{found[1]} <{found[2]}>" for row in rows if (found := LINK.search(row))]
        if entries:
            caption = "" if section.startswith("#") else f":caption: {section.splitlines()[0]}\n"
            contents.append("```{toctree}\n:hidden:\n" + caption + "\n" + "\n".join(entries) + "\n```\n")
    return "\n".join(contents)


def _prepare(_app: Sphinx, name: str, source: list[str]) -> None:
    """Write links that lead out of this folder as paths, and add the navigation to the pages that are an index."""
    page = DOCS / f"{name}.md"

    def replace(found: re.Match[str]) -> str:
        target = (page.parent / found[2].partition("#")[0]).resolve()
        if target.is_relative_to(DOCS):
            return found[0]
        path = f"`{target.relative_to(DOCS.parent)}`"
        return path if found[1].strip("`") == path.strip("`") else f"{found[1]} ({path})"

    text = re.sub(r"\[([^\]\n]+)\]\((?!https?:|mailto:)([^)\s]+)\)", replace, source[0])
    source[0] = text + ("\n" + _navigation(source[0]) if page.name == "README.md" else "")


def setup(app: Sphinx) -> None:
    """Register with Sphinx."""
    app.connect("source-read", _prepare)
