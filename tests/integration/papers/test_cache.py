"""Snapshots of papers that are kept from one batch of e-mails to the next."""

from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlmodel import select

from digest.database import read_session, write_session
from digest.database.models import Listing, Paper
from digest.papers import PaperCache, PaperSnapshot
from tests.support.factories import paper

NOW = datetime(2026, 7, 29, 18, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CHANGES: dict[str, Any] = {
    **dict.fromkeys(("title", "abstract", "ai_summary", "organization", "journal", "arxiv_id", "doi"), "changed"),
    **{name: "https://example.org/changed" for name in PaperSnapshot.__dataclass_fields__ if name.endswith("url")},
    **dict.fromkeys(("upvotes", "comments", "code_stars"), 77),
    **{name: ["changed"] for name in ("authors", "categories", "subjects")},
    "kind": "editorial",
    "published_on": date(2020, 1, 1),
}


def make_listing(paper_id: int, source: str) -> Listing:
    return Listing(paper_id=paper_id, source=source, list_day=NOW.date(), rank=1, first_seen_at=NOW, last_seen_at=NOW)


@pytest.fixture
def stored(store: Engine) -> int:
    """Store a paper that one source lists; return its id."""
    with write_session(store) as session:
        session.add(row := paper(title="A robot walks"))
        session.flush()
        number = int(row.id or 0)
        session.add(listing := make_listing(number, "arxiv"))
        session.flush()
        row.first_listing_id = int(listing.id or 0)
    return number


def load(store: Engine, cache: PaperCache, number: int, now: datetime = NOW) -> PaperSnapshot:
    with read_session(store) as session:
        return cache.load(session, [number], now)[number]


def test_all_fields_of_a_snapshot_are_tried_here() -> None:
    assert {field.name for field in fields(PaperSnapshot)} - CHANGES.keys() == {
        "id",
        "listed_on",
        "sources",
        "source_titles",
        "fingerprint",
    }


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_column_changes_the_snapshot_and_its_fingerprint(store: Engine, stored: int, name: str) -> None:
    cache = PaperCache()
    before = load(store, cache, stored)
    with write_session(store) as session:
        setattr(session.get_one(Paper, stored), name, CHANGES[name])
    after = load(store, cache, stored, NOW + MINUTE)
    expected = tuple(CHANGES[name]) if isinstance(CHANGES[name], list) else CHANGES[name]
    assert (getattr(after, name), after.fingerprint == before.fingerprint) == (expected, False)


def test_an_unchanged_paper_keeps_its_snapshot_and_is_checked_once_a_minute(store: Engine, stored: int) -> None:
    cache, statements = PaperCache(), list[str]()
    first = load(store, cache, stored)
    event.listen(store, "before_cursor_execute", lambda *execution: statements.append(execution[2]))
    assert load(store, cache, stored) is first
    assert not [statement for statement in statements if "FROM paper" in statement]
    assert load(store, cache, stored, NOW + MINUTE) is first
    assert len([statement for statement in statements if "FROM paper" in statement]) == 1


def test_a_new_listing_adds_its_source(store: Engine, stored: int) -> None:
    cache = PaperCache()
    before = load(store, cache, stored)
    with write_session(store) as session:
        session.add(make_listing(stored, "huggingface"))
    after = load(store, cache, stored)
    assert (before.sources, set(after.sources)) == (("arxiv",), {"arxiv", "huggingface"})
    assert after.fingerprint != before.fingerprint


def test_a_deleted_paper_has_no_snapshot(store: Engine, stored: int) -> None:
    with read_session(store) as session:
        assert session.exec(select(Paper.id)).one() == stored
        assert PaperCache().load(session, [stored + 1], NOW) == {}
