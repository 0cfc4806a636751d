"""The upgrade from schema 0008: papers get identifiers, pairs that are one are linked, nothing is new for anyone."""

from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from digest.database import read_session
from digest.database.models import Paper, PaperEvent, PaperIdentifier, PaperRelation, Subscriber
from tests.conftest import Connect
from tests.support.migrations import ROWS, fill_former_store, read_rows, run_migrations, write_rows

TITLE = "A title that is long enough to tell a paper by"
NEW_COLUMNS: dict[str, dict[str, Any]] = {
    "paper": {"merged_into": None, "title_key": None, "kind": "paper"},
    "subscriber": {"covered_from": 0},
}
# Papers of before: key, arXiv id, DOI, title, number, and first author.
PAPERS = (
    ("arxiv:2607.00001", "2607.00001", "10.5555/IN.PRINT", "A preprint", 11, "Ada Byron"),
    ("doi:10.5555/in.print", None, "10.5555/in.print", "Its article", 12, "Ada Byron"),
    ("huggingface:post-7", None, None, TITLE, 13, "Lin Tao"),
    ("arxiv:2607.00002", "2607.00002", None, f"{TITLE}.", 14, "L. Tao"),
    ("doi:10.48550/arxiv.2607.00003", None, "10.48550/arXiv.2607.00003", "Twice", 16, "Ada Byron"),
    ("arxiv:2607.00003", "2607.00003", None, "Twice", 15, "Ada Byron"),
    ("arxiv:2607.00004", "2607.00004", "10.5555/not.here", "Alone", 17, "Ada Byron"),
    ("arxiv:2607.00005", "2607.00005", None, f"{TITLE} and more", 18, "Lin Tao"),
    ("arxiv:2607.00006", "2607.00006", None, f"{TITLE} and more", 19, "Lin Tao"),
)


@pytest.fixture
def former_store(empty_url: str, connect: Connect) -> Engine:
    """A store of schema 0008 with a row in every table that 0006 had, and some papers more."""
    papers = []
    for number, (key, arxiv_id, doi, title, listing_id, author) in enumerate(PAPERS, 1):
        row = ROWS["paper"] | {"id": number, "key": key, "arxiv_id": arxiv_id, "doi": doi, "title": title}
        papers.append({"paper": row | {"first_listing_id": listing_id, "authors": [author, "Bob Élan"]}})
    return fill_former_store(connect(empty_url), "0008", *papers)


def in_order(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Rows as text, in an order that does not depend on which of them were written again."""
    return sorted(repr(sorted(row.items())) for row in rows)


def test_every_row_keeps_its_values_and_the_upgrade_can_be_undone(former_store: Engine) -> None:
    with former_store.connect() as connection:
        before = read_rows(connection)
    run_migrations(former_store, "0009")
    with former_store.connect() as connection:
        after = read_rows(connection)
    for table, rows in before.items():
        added = NEW_COLUMNS.get(table, {}).keys()
        assert in_order({name: row[name] for name in row.keys() - added} for row in after[table]) == in_order(rows)
    run_migrations(former_store, "0008")
    with former_store.connect() as connection:
        undone = read_rows(connection)
    assert {table: in_order(rows) for table, rows in undone.items()} == {
        table: in_order(rows) for table, rows in before.items()
    }


def test_papers_are_named_and_those_that_are_one_are_linked(former_store: Engine) -> None:
    run_migrations(former_store, "head")
    with read_session(former_store) as session:
        events = session.exec(select(PaperEvent.paper_id, PaperEvent.kind, PaperEvent.reference)).all()
        names = session.exec(select(PaperIdentifier.scheme, PaperIdentifier.value, PaperIdentifier.paper_id)).all()
        links = session.exec(select(PaperRelation).order_by(col(PaperRelation.id))).all()
        papers = {paper.id: paper for paper in session.exec(select(Paper).where(col(Paper.id) < 100))}
        (covered_from,) = session.exec(select(Subscriber.covered_from))
    assert covered_from == 0
    assert {name for name in names if name[2] < 100} == {
        ("arxiv", "2607.00001", 1),
        ("doi", "10.5555/in.print", 2),
        ("huggingface", "post-7", 3),
        ("arxiv", "2607.00002", 4),
        ("arxiv", "2607.00003", 5),
        ("arxiv", "2607.00004", 7),
        ("arxiv", "2607.00005", 8),
        ("arxiv", "2607.00006", 9),
    }
    assert {(link.paper_id, link.other_id, link.relation, link.rule) for link in links if link.paper_id < 100} == {
        (5, 6, "same", "identifiers"),
        (1, 2, "published", "source"),
        (7, None, "published", "source"),
        (4, 3, "same", "title"),
    }
    assert {number: paper.merged_into for number, paper in papers.items() if paper.merged_into} == {4: 3, 5: 6}
    assert {number: paper.first_listing_id for number, paper in papers.items()} == {
        number: listing_id for number, (*_, listing_id, _) in enumerate(PAPERS, 1)
    }
    assert {event for event in events if event[0] < 100} == {
        (1, "published", "doi:10.5555/in.print"),
        (7, "published", "doi:10.5555/not.here"),
    }
    assert papers[4].title_key == papers[3].title_key == "atitlethatislongenoughtotellapaperby"


def test_a_title_that_is_no_text_does_not_stop_the_upgrade(former_store: Engine) -> None:
    if former_store.dialect.name == "postgresql":
        pytest.skip("PostgreSQL keeps only texts in this column")
    with former_store.connect().execution_options(writer=True) as connection, connection.begin():
        row = ROWS["paper"] | {"id": 90, "key": "arxiv:2607.00090", "arxiv_id": "2607.00090"}
        write_rows(connection, {"paper": row})
        connection.exec_driver_sql("UPDATE paper SET title = x'ff00', authors = 'damaged' WHERE id = 90")
    run_migrations(former_store, "head")
    with read_session(former_store) as session:
        assert len(session.exec(select(PaperIdentifier)).all()) == 9
