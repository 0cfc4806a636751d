"""Which recorded papers are one: 32,000 records of eleven kinds of source, read independently and stored.

The pairs that are found by title stand in a file, each by the names of its rows; all were looked at. A pair that is
missing, or new, has to be looked at again.
"""

from collections import defaultdict
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import pytest
from sqlalchemy import Engine, func
from sqlmodel import col, select

from digest.database import read_session, write_session
from digest.database.models import Paper, PaperRelation
from digest.identifiers import (
    Identifier,
    LinkRule,
    PaperIdentity,
    author_key,
    compare_by_title,
    kind_of_title,
    title_key,
)
from digest.papers import store_listings
from digest.sources import ListedPaper
from tests.support.recorded_papers import SHARED_DATA, arxiv_papers, hugging_face_papers, read_all

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not (SHARED_DATA / "sources").is_dir(), reason="the recordings are not here"),
]
GOLDEN = Path(__file__).parents[2] / "data/papers/pairs_by_title.txt"
NOW = datetime(2026, 7, 28, 8, tzinfo=UTC)
BATCH = 1000
RECORDS, ROWS = 32_226, 31_227
PROVED, FOUND = 165, 157  # pairs of arXiv and Hugging Face by their id; of these also by title and first author


def test_recorded_papers_become_rows_and_those_by_title_are_the_known_pairs(sqlite_store: Engine) -> None:
    listings = list(read_all())
    for start in range(0, len(listings), BATCH):
        with write_session(sqlite_store) as session:
            store_listings(session, listings[start : start + BATCH], NOW)
    with read_session(sqlite_store) as session:
        rows = session.scalar(select(func.count()).select_from(Paper))
        keys = dict(session.exec(select(Paper.id, Paper.key)).all())
        links = session.exec(select(PaperRelation).where(PaperRelation.rule == LinkRule.TITLE)).all()
        by_identifiers = session.exec(
            select(PaperRelation.id).where(PaperRelation.rule == LinkRule.IDENTIFIERS, col(PaperRelation.id) > 0)
        ).all()
    pairs = {f"{link.relation} {keys[link.paper_id]} {keys[link.other_id]}" for link in links}
    assert pairs == set(GOLDEN.read_text(encoding="utf-8").splitlines())
    assert len(pairs) == 51
    assert by_identifiers == []
    assert (len(listings), rows) == (RECORDS, ROWS)


def test_pairs_that_identifiers_prove_are_found_by_title_unless_it_is_short_or_another_one() -> None:
    by_name: dict[Identifier, dict[str, ListedPaper]] = defaultdict(dict)
    for listing in [*arxiv_papers(), *hugging_face_papers()]:
        by_name[listing.identifiers[0]].setdefault(listing.source, listing)
    proved = [pair for listings in by_name.values() for pair in combinations(listings.values(), 2)]
    missed = [pair for pair in proved if not is_found(*pair)]
    assert (len(proved), len(proved) - len(missed)) == (PROVED, FOUND)
    for one, other in missed:
        assert title_key(one.title) is None or title_key(one.title) != title_key(other.title), one.title


def is_found(one: ListedPaper, other: ListedPaper) -> bool:
    """Return whether two records would be linked if they had no identifier in common."""
    key = title_key(one.title)
    if key is None or key != title_key(other.title):
        return False
    return compare_by_title(identity(one), identity(other, Identifier("openreview", "x"))) is not None


def identity(listing: ListedPaper, *names: Identifier) -> PaperIdentity:
    day = listing.published_on or NOW.date()
    author = author_key(listing.authors[0])
    return PaperIdentity(
        frozenset(names or listing.identifiers), listing.title, author, day.year, kind_of_title(listing.title)
    )
