"""The upgrade from schema 0017: every row keeps its values, and marks, profiles and terms can be stored."""

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from digest.database import (
    InvalidRow,
    create_invalid_row,
    migrate,
    quarantine_rows,
    read_session,
    select_readable,
    write_session,
)
from digest.database.models import Delivery, MarkKind, PaperMark, Profile, SeedText, TermCount, TermFit
from digest.database.quarantine import quarantined_rows, release_readable
from tests.conftest import Connect
from tests.support.migrations import BEYOND_32_BITS, LATER, ROWS, THEN, fill_former_store, read_rows, run_migrations
from tests.support.spoiled_rows import spoil

SUBSCRIBER_ID = int(ROWS["subscriber"]["id"])


@pytest.fixture
def former_store(empty_url: str, connect: Connect) -> Engine:
    """A store of schema 0017 with a row in every table that 0006 had."""
    return fill_former_store(connect(empty_url), "0017")


def add_mark(session: Session, kind: str) -> None:
    session.add(PaperMark(subscriber_id=SUBSCRIBER_ID, paper_id=BEYOND_32_BITS, kind=kind, created_at=THEN))
    session.flush()


def test_rows_keep_their_values_and_the_new_tables_hold_what_they_are_for(former_store: Engine) -> None:
    with former_store.connect() as connection:
        before = read_rows(connection)
    run_migrations(former_store, "0018")
    with former_store.connect() as connection:
        after = read_rows(connection)
    assert after == before | {"paper_mark": [], "profile": [], "term_count": [], "term_fit": []}
    migrate(former_store)
    with write_session(former_store) as session:
        deliveries = session.exec(select(Delivery.close_papers, Delivery.close_words)).all()
        assert set(map(str, deliveries)) == {"([], [])"}, "digests of before have no close papers"
        for kind in MarkKind:
            add_mark(session, kind)
        session.add(Profile(subscriber_id=SUBSCRIBER_ID, words={"graph": 1.5}, edits={"图": 0}))
        session.add(TermCount(term="graph", label="graphs", paper_count=7))
        session.add(TermFit(paper_count=9, last_paper_id=BEYOND_32_BITS, fitted_at=LATER))
        session.add(SeedText(subscriber_id=SUBSCRIBER_ID, reference="doi:10.1000/1", title="图", created_at=THEN))
    with read_session(former_store) as session:
        profile = session.exec(select(Profile)).one()
        assert (profile.words, profile.edits, profile.fitted_at, profile.in_digest) == (
            {"graph": 1.5},
            {"图": 0},
            None,
            None,
        )
        assert profile.waiting_papers == []
        assert session.exec(select(TermFit.last_paper_id)).one() == BEYOND_32_BITS
    for refused in ("saved", "opened"):  # a second time, and what is none
        with pytest.raises(IntegrityError), write_session(former_store) as session:
            add_mark(session, refused)
    with pytest.raises(IntegrityError), write_session(former_store) as session:
        session.add(SeedText(subscriber_id=SUBSCRIBER_ID, reference="doi:10.1000/1", created_at=LATER))
    run_migrations(former_store, "0017")
    with former_store.connect() as connection:
        assert read_rows(connection) == before


def test_a_profile_that_cannot_be_read_is_quarantined_until_it_is_repaired(store: Engine) -> None:
    spoil(
        store,
        "INSERT INTO profile (subscriber_id, edits, words) VALUES (1, '{}', '[1]'), (2, '{\"a\": true}', '{}'),"
        " (3, '{}', '{\"a\": 0.5}'), (4, 'null', '{}')",
    )
    with write_session(store) as session:
        unreadable: list[InvalidRow] = []
        rows = select_readable(session.exec(select(Profile).order_by(col(Profile.subscriber_id))).all(), unreadable)
        assert [row.subscriber_id for row in rows] == [3]
        assert [(row.row_id, row.reason) for row in unreadable] == [
            ("1", "words cannot be read"),
            ("2", "edits cannot be read"),
            ("4", "edits cannot be read"),
        ]
        mark = create_invalid_row(PaperMark, "1:7:saved", "created_at cannot be read")
        quarantine_rows(session, [*unreadable, mark], THEN)
    spoil(store, "UPDATE profile SET words = '{}' WHERE subscriber_id = 1")
    spoil(store, "DELETE FROM profile WHERE subscriber_id = 4")
    with write_session(store) as session:
        assert release_readable(session, LATER) == 3  # mended, gone, and the mark that never was
        assert [row.row_id for row in quarantined_rows(session)] == ["2"]
