"""A new field of a paper takes a column, a line in the snapshot, and its place in a template."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from types import SimpleNamespace

import pytest
from jinja2 import BaseLoader, ChoiceLoader, DictLoader

from digest.database.models import Paper
from digest.matching import parse
from digest.papers import PaperSnapshot
from digest.rendering import render_digest
from digest.rendering.fragments import placeholder
from digest.rendering.match_cache import MatchCache
from digest.rendering.templates import mail_environment
from tests.support.email_factory import make_context


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotWithVenue(PaperSnapshot):
    """Snapshot with the new field."""

    venue: str = ""

    __hash__ = PaperSnapshot.__hash__


@pytest.fixture(autouse=True)
def cards_with_venue() -> Iterator[None]:
    """Show the new field at the end of cards."""
    environment = mail_environment()
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
    return SimpleNamespace(**columns | {"authors": ["Ada"], "categories": [], "venue": venue})


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
