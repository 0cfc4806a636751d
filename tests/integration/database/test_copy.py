"""Copying a store to another database: all rows or none, and planning continues in the copy."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text
from sqlmodel import SQLModel, col

from digest.database import SENDER_LOCK, copy_store, exclusive_lock, write_session
from digest.database.copy import TRANSIENT_TABLES
from digest.database.models import (
    AcronymCount,
    ApiToken,
    BounceClass,
    BounceRecord,
    Delivery,
    Feed,
    HttpCacheEntry,
    MarkKind,
    OperatorAction,
    Paper,
    PaperEvent,
    PaperMark,
    PaperRelation,
    Profile,
    QuarantinedRow,
    RelayCircuit,
    SeedText,
    SeenEntry,
    Subscriber,
    SuppressionEntry,
    TermCount,
    TermFit,
)
from digest.errors import StoreError
from digest.planning import plan
from tests.conftest import Connect
from tests.support.command import Command
from tests.support.contexts import ADA, KEY, StoreView, add_active_subscriber, make_context, store_papers
from tests.support.factories import NOW, delivery, source_fetch, subscriber
from tests.support.postgres import Postgres
from tests.support.spoiled_rows import spoil

CreateStore = Callable[[str], Engine]


@pytest.fixture
def create_store(
    postgres: Postgres, _postgres_template: str, connect: Connect, tmp_path: Path
) -> Iterator[CreateStore]:
    """Create stores without rows by dialect; an SQLite store has no tables yet."""
    urls: list[str] = []

    def create(kind: str) -> Engine:
        if kind == "sqlite":
            return connect(f"sqlite:///{tmp_path / 'copy.db'}")
        urls.append(postgres.database(_postgres_template))
        return connect(urls[-1])

    yield create
    for url in urls:
        postgres.drop(url)


def fill_tables(store: Engine) -> None:
    """Write rows to every table, with what is easily lost in a copy: time zones, lists, other scripts."""
    ctx = make_context(store)
    store_papers(ctx, NOW, "A graph of everything", "Ein Graph über alles: 图 🌍 \u202e", upvotes=3)
    add_active_subscriber(ctx, ADA, "graph", "image -video", now=NOW, send_hour=5, timezone="Pacific/Auckland")
    with write_session(store) as session:
        session.add_all([source_fetch(), recipient := subscriber()])
        session.flush()
        session.add(digest := delivery(recipient, edition="2026-07-01", papers=[1, 2], keywords=[1]))
        digest.close_papers, digest.close_words = [2], ["图, é"]
        session.flush()
        session.add(
            BounceRecord(
                delivery_id=digest.id or 0,
                bounce_class=BounceClass.SOFT,
                parser="flufl",
                fingerprint="f",
                received_at=NOW,
            )
        )
        session.add(Feed(source="feeds", name="tides", url="https://example.org/é", checked_at=NOW, rate=0.25))
        session.add(AcronymCount(short="fl", long="federated learning", papers=2, last_paper_id=2, is_learned=True))
        number = recipient.id or 0
        session.add(PaperMark(subscriber_id=number, paper_id=1, kind=MarkKind.LESS, created_at=NOW))
        session.add(SeedText(subscriber_id=number, reference="doi:10.1000/1", title="图", created_at=NOW))
        session.add(
            Profile(subscriber_id=number, edits={"überall": 0}, words={"图": 0.5}, fitted_at=NOW, waiting_papers=[2])
        )
        session.add(TermCount(term="graph theory", label="graph theory", paper_count=2))
        session.add(TermFit(paper_count=2, last_paper_id=2, fitted_at=NOW))
        session.add(SeenEntry(source="feeds", feed="tides", key="k", last_seen_at=NOW))
        session.add_all(
            HttpCacheEntry(url=f"https://example.org/{name}", etag='"é"', stored_at=NOW)
            for name in ("ä", "Z", "a", "~")
        )
        session.add(
            QuarantinedRow(table_name="paper", row_id="7", reason="no date", first_seen_at=NOW, last_seen_at=NOW)
        )
        session.add(PaperRelation(paper_id=2, other_id=1, relation="corrects", rule="source", created_at=NOW))
        session.add(PaperEvent(paper_id=1, kind="corrected", reference="doi:10.5555/b", noted_at=NOW, link_id=1))
        session.add(SuppressionEntry(address_hash="a hash", reason="declined", created_at=NOW))
        session.add(
            OperatorAction(at=NOW, actor="é", action="pause", object_kind="subscriber", object_id="1", undone_at=NOW)
        )
        session.add(ApiToken(name="ü", prefix="0a1b", token_hash="h", scopes=["read"], created_at=NOW, created_by="é"))
        session.add(RelayCircuit(relay="relay:25", opened_at=NOW, last_failure_at=NOW, retry_at=NOW, reply="554 no"))


def table_rows(store: Engine) -> dict[str, list[dict[str, Any]]]:
    with store.connect() as connection:
        tables = [table for table in SQLModel.metadata.sorted_tables if table.name not in TRANSIENT_TABLES]
        return {
            table.name: sorted((dict(row._mapping) for row in connection.execute(select(table))), key=repr)
            for table in tables
        }


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_every_row_is_copied_and_planning_continues(store: Engine, create_store: CreateStore, kind: str) -> None:
    fill_tables(store)
    target, progress = create_store(kind), dict[str, int]()
    rows = copy_store(store, target, progress.__setitem__)
    assert table_rows(target) == table_rows(store)
    assert {name: count for name, count in rows.items() if count} == progress
    assert rows["subscriber"] == 2
    assert rows["paper"] == 2
    assert all(rows.values()), "a table has no rows in this test"
    report = plan(target, "example.org", NOW)  # new rows get new ids
    assert report == plan(store, "example.org", NOW)
    assert report.digests
    for copied, original in zip(StoreView(target).deliveries(ADA), StoreView(store).deliveries(ADA), strict=True):
        assert copied.papers == original.papers


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_no_id_of_a_deleted_row_is_given_again_after_a_copy(
    store: Engine, create_store: CreateStore, kind: str
) -> None:
    fill_tables(store)
    with write_session(store) as session:
        session.add(last := subscriber(email="last@example.org", email_key="last@example.org", nonce="last"))
        session.flush()
        last_id = int(last.id or 0)
        session.delete(last)
    target = create_store(kind)
    copy_store(store, target)
    with write_session(target) as session:
        session.add(new := subscriber(email="new@example.org", email_key="new@example.org", nonce="new"))
        session.flush()
        assert int(new.id or 0) > last_id


def test_a_target_that_is_not_empty_is_not_changed(sqlite_store: Engine, create_store: CreateStore) -> None:
    fill_tables(sqlite_store)
    target = create_store("postgresql")
    with write_session(target) as session:
        session.add(subscriber())
    with pytest.raises(StoreError, match="is not empty: there are rows in subscriber"):
        copy_store(sqlite_store, target)


@pytest.mark.parametrize(
    ("trigger", "message"),
    [
        ("BEGIN NEW.title = lower(NEW.title); RETURN NEW; END", r"paper, id \d+: title differs in the copy"),
        ("BEGIN RETURN NULL; END", "does not take a row of|the copy has another number of rows"),
    ],
)
def test_a_copy_that_differs_is_detected_and_rolled_back(
    sqlite_store: Engine, create_store: CreateStore, trigger: str, message: str
) -> None:
    fill_tables(sqlite_store)
    target = create_store("postgresql")
    with write_session(target) as session:
        session.execute(text(f"CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS '{trigger}'"))
        session.execute(text("CREATE TRIGGER spoil BEFORE INSERT ON paper FOR EACH ROW EXECUTE FUNCTION spoil()"))
    with pytest.raises(StoreError, match=message):
        copy_store(sqlite_store, target)
    assert not any(table_rows(target).values())


def test_a_row_that_the_target_refuses_is_named_and_the_copy_rolled_back(
    sqlite_store: Engine, create_store: CreateStore
) -> None:
    fill_tables(sqlite_store)
    with write_session(sqlite_store) as session:
        session.execute(text("UPDATE subscriber SET reason = 'a' || char(0) || 'b'"))
    target = create_store("postgresql")
    with pytest.raises(StoreError, match=r"does not take a row of subscriber: .*NUL"):
        copy_store(sqlite_store, target)
    assert not any(table_rows(target).values())


def test_a_write_to_the_source_during_the_copy_is_detected(sqlite_store: Engine, create_store: CreateStore) -> None:
    fill_tables(sqlite_store)
    target = create_store("postgresql")

    def write(table: str, _rows: int) -> None:
        if table == "paper":
            with write_session(sqlite_store) as session:
                session.add(subscriber())

    with pytest.raises(StoreError, match="was changed during the copy"):
        copy_store(sqlite_store, target, write)
    assert not any(table_rows(target).values())


def test_a_store_that_is_sending_is_not_copied(sqlite_store: Engine, create_store: CreateStore) -> None:
    target = create_store("postgresql")
    with exclusive_lock(sqlite_store, SENDER_LOCK) as is_acquired:
        assert is_acquired
        with pytest.raises(StoreError, match="is in use"):
            copy_store(sqlite_store, target)


def test_the_command_copies_and_names_what_it_cannot_use(
    sqlite_store: Engine, create_store: CreateStore, tmp_path: Path
) -> None:
    fill_tables(sqlite_store)
    target = create_store("postgresql")
    source, url = str(sqlite_store.url), target.url.render_as_string(hide_password=False)
    command = Command(tmp_path, {"DIGEST_SECRET_KEY": KEY})
    assert "give both --from and --to" in command.run("migrate", "--from", source, status=2).stderr
    assert "there is no file" in command.run("migrate", "--from", f"{source}x", "--to", url, status=1).stderr
    assert (
        "must be sqlite or postgresql+psycopg"
        in command.run("migrate", "--from", "mysql://a/b", "--to", url, status=2).stderr
    )
    copied = command.json("migrate", "--from", source, "--to", url)
    with target.connect() as connection:
        assert copied["subscriber"] == connection.scalar(select(func.count()).select_from(Subscriber)) == 2
        assert connection.scalar(select(func.count()).where(col(Paper.is_indexed))) == 0
        assert connection.scalar(select(func.count()).select_from(Delivery)) == 1
        assert connection.scalar(text("SELECT count(*) FROM procrastinate.procrastinate_jobs")) == 0
    assert "is not empty" in command.run("migrate", "--from", source, "--to", url, status=1).stderr


def test_a_row_that_cannot_be_read_is_named_and_nothing_is_copied(
    sqlite_store: Engine, create_store: CreateStore
) -> None:
    fill_tables(sqlite_store)
    spoil(sqlite_store, "UPDATE paper SET authors = 'null' WHERE id = 1")
    target = create_store("sqlite")
    with pytest.raises(StoreError, match="paper: authors of a row cannot be read"):
        copy_store(sqlite_store, target)
    assert not any(table_rows(target).values())
