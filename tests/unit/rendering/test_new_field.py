"""A new field of a paper takes a column, a line in the snapshot, and its place in a template."""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
from jinja2 import BaseLoader, ChoiceLoader, DictLoader
from sqlalchemy import Engine
from sqlmodel import select

from digest.config import NO_TEMPLATES
from digest.database import write_session
from digest.database.models import Paper
from digest.matching import parse
from digest.papers import PaperSnapshot, store_listings
from digest.rendering import render_digest
from digest.rendering.fragments import placeholder
from digest.rendering.match_cache import MatchCache
from digest.rendering.templates import mail_environment
from digest.sources import ListedPaper
from tests.support.email_factory import make_context
from tests.support.factories import NOW, TODAY


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotWithVenue(PaperSnapshot):
    """Snapshot with the new field."""

    venue: str = ""

    __hash__ = PaperSnapshot.__hash__


@pytest.fixture(autouse=True)
def cards_with_venue() -> Iterator[None]:
    """Show the new field at the end of cards."""
    environment = mail_environment(NO_TEMPLATES)
    loader = environment.loader
    assert isinstance(loader, BaseLoader)
    names = ("digest-card.html", "digest-card.txt")
    sources = {name: loader.get_source(environment, name)[0] + "{{ card.paper.venue|one_line }}\n" for name in names}
    environment.loader = ChoiceLoader([DictLoader(sources), loader])
    yield
    environment.loader = loader


def stored_paper(venue: str) -> SimpleNamespace:
    """Return a row of the table of papers with a new column."""
    columns = dict.fromkeys(Paper.model_fields) | {
        "id": 1,
        "title": "A robot",
        "abstract": "It walks.",
        "url": "https://x.org",
    }
    return SimpleNamespace(**columns | {"authors": ["Ada"], "categories": [], "subjects": [], "venue": venue})


def render(venue: str) -> tuple[str, str]:
    snapshot = SnapshotWithVenue.from_row(stored_paper(venue), date(2025, 10, 30))
    canonical, matches = parse("robot").canonical, MatchCache()
    matches.update({1: snapshot}, [([1], [canonical])])
    view, positions = matches.paper_view(1, {canonical: 0}, is_late=False, has_summary=False)
    email = render_digest(make_context(view, keywords=("robot",), keyword_positions=(positions,)))
    return email.html, email.text


def test_a_new_field_goes_from_its_column_to_the_template() -> None:
    html, text = render("Conference & Journal")
    assert "Conference &amp; Journal\n" in html
    assert "Conference & Journal\n" in text


def test_a_new_field_cannot_forge_a_placeholder() -> None:
    for part in render(f"Journal {placeholder('keyword 0')}"):
        assert "Journal keyword 0" in " ".join(part.split())


def test_a_field_is_declared_in_at_most_four_places() -> None:
    """In a listing, the model, the snapshot, and the document where matching reads it; all else copies these."""
    declared = Counter(
        (node.name, item.target.id)
        for pattern in (
            "sources/base.py",
            *(f"{name}/**/*.py" for name in ("database", "papers", "matching", "rendering")),
        )
        for path in Path("digest").glob(pattern)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        for item in node.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    )
    for field in ("journal", "subjects"):
        classes = {name for name, declared_field in declared if declared_field == field}
        assert classes <= {"ListedPaper", "Paper", "PaperSnapshot", "PaperDocument"}, field


def test_a_field_that_no_rule_names_goes_from_the_listing_into_its_column(store: Engine) -> None:
    entry = ListedPaper(
        source="acs", list_day=TODAY, rank=1, title="A title", doi="10.1021/X", url="https://x.org", journal="JACS",
        subjects=("Catalysis", "Catalysis"), project_url="https://project.org", ai_keywords=("cat",),
    )  # fmt: skip
    other = replace(entry, source="pubmed", journal="J Am Chem Soc", subjects=("Nickel", "Catalysis"))
    for listed in (entry, other):
        with write_session(store) as session:
            store_listings(session, [listed], NOW)
            (row,) = session.exec(select(Paper)).all()
            is_indexed, row.is_indexed = row.is_indexed, True
            assert not is_indexed
    assert (row.journal, row.subjects) == ("JACS", ["Catalysis", "Nickel"])
    assert (row.project_url, row.ai_keywords, row.doi) == ("https://project.org", ["cat"], "10.1021/x")
    with write_session(store) as session:
        store_listings(session, [entry], NOW)
        assert session.exec(select(Paper)).one().is_indexed
