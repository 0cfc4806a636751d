"""A store moves to another database: all of it or nothing, and work goes on there as it would have here."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text
from sqlmodel import SQLModel, col

from digest.database import SENDER_LOCK, copy_store, exclusive_lock, write_session
from digest.database.copy import TRANSIENT_TABLES
from digest.database.models import BounceClass, BounceRecord, Delivery, HttpCacheEntry, Paper, RelayCircuit, Subscriber
from digest.errors import StoreError
from digest.planning import plan
from tests.conftest import Connect
from tests.support.command import Command
from tests.support.contexts import ADA, KEY, Record, arrive, make_context, reader
from tests.support.factories import NOW, delivery, reading, subscriber
from tests.support.postgres import Postgres

Make = Callable[[str], Engine]


@pytest.fixture
def make(postgres: Postgres, _postgres_template: str, connect: Connect, tmp_path: Path) -> Iterator[Make]:
    """Stores by kind, without rows: one of SQLite without its tables yet."""
    made: list[str] = []

    def one(kind: str) -> Engine:
        if kind == "sqlite":
            return connect(f"sqlite:///{tmp_path / 'other.db'}")
        made.append(postgres.database(_postgres_template))
        return connect(made[-1])

    yield one
    for url in made:
        postgres.drop(url)


def fill(store: Engine) -> None:
    """Something in every table, and what is easily lost on the way: zones, lists, marks of other scripts."""
    at = make_context(store)
    arrive(at, NOW, "A graph of everything", "Ein Graph über alles: 图 🌍 \u202e", upvotes=3)
    reader(at, ADA, "graph", "image -video", now=NOW, send_hour=5, timezone="Pacific/Auckland")
    with write_session(store) as session:
        session.add_all([reading(), to := subscriber()])
        session.flush()
        session.add(letter := delivery(to, edition="2026-07-01", papers=[1, 2], keywords=[1]))
        session.flush()
        session.add(
            BounceRecord(
                delivery_id=letter.id or 0,
                bounce_class=BounceClass.SOFT,
                parser="flufl",
                fingerprint="f",
                received_at=NOW,
            )
        )
        session.add_all(
            HttpCacheEntry(url=f"https://example.org/{each}", etag='"é"', stored_at=NOW)
            for each in ("ä", "Z", "a", "~")
        )
        session.add(RelayCircuit(relay="relay:25", opened_at=NOW, last_failure_at=NOW, retry_at=NOW, reply="554 no"))


def contents(store: Engine) -> dict[str, list[dict[str, Any]]]:
    with store.connect() as connection:
        tables = [each for each in SQLModel.metadata.sorted_tables if each.name not in TRANSIENT_TABLES]
        return {
            table.name: sorted((dict(row._mapping) for row in connection.execute(select(table))), key=repr)
            for table in tables
        }


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_everything_moves_and_work_goes_on_there(store: Engine, make: Make, kind: str) -> None:
    fill(store)
    there, told = make(kind), dict[str, int]()
    rows = copy_store(store, there, told.__setitem__)
    assert contents(there) == contents(store)
    assert {name: count for name, count in rows.items() if count} == told
    assert rows["subscriber"] == 2
    assert rows["paper"] == 2
    assert all(rows.values()), "the test has something in every table"
    planned = plan(make_context(there), NOW)  # new rows get new numbers
    assert planned == plan(make_context(store), NOW)
    assert planned.digests
    assert [each.papers for each in Record(there).letters(ADA)] == [each.papers for each in Record(store).letters(ADA)]


def test_a_target_that_is_not_empty_stays_as_it_is(sqlite_store: Engine, make: Make) -> None:
    fill(sqlite_store)
    there = make("postgresql")
    with write_session(there) as session:
        session.add(subscriber())
    with pytest.raises(StoreError, match="is not empty: there are rows in subscriber"):
        copy_store(sqlite_store, there)


@pytest.mark.parametrize(
    ("trigger", "said"),
    [
        ("BEGIN NEW.title = lower(NEW.title); RETURN NEW; END", r"paper, id \d+: title differs in the copy"),
        ("BEGIN RETURN NULL; END", "does not take a row of|the copy has another number of rows"),
    ],
)
def test_a_copy_that_differs_is_found_and_nothing_is_moved(
    sqlite_store: Engine, make: Make, trigger: str, said: str
) -> None:
    fill(sqlite_store)
    there = make("postgresql")
    with write_session(there) as session:
        session.execute(text(f"CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS '{trigger}'"))
        session.execute(text("CREATE TRIGGER spoil BEFORE INSERT ON paper FOR EACH ROW EXECUTE FUNCTION spoil()"))
    with pytest.raises(StoreError, match=said):
        copy_store(sqlite_store, there)
    assert not any(contents(there).values())


def test_a_row_that_the_target_cannot_keep_is_named_and_nothing_is_moved(sqlite_store: Engine, make: Make) -> None:
    fill(sqlite_store)
    with write_session(sqlite_store) as session:
        session.execute(text("UPDATE subscriber SET reason = 'a' || char(0) || 'b'"))
    there = make("postgresql")
    with pytest.raises(StoreError, match=r"does not take a row of subscriber: .*NUL"):
        copy_store(sqlite_store, there)
    assert not any(contents(there).values())


def test_what_somebody_writes_meanwhile_is_not_lost_unnoticed(sqlite_store: Engine, make: Make) -> None:
    fill(sqlite_store)
    there = make("postgresql")

    def write(table: str, _rows: int) -> None:
        if table == "paper":
            with write_session(sqlite_store) as session:
                session.add(subscriber())

    with pytest.raises(StoreError, match=r"somebody wrote to .* meanwhile; stop digest and try again"):
        copy_store(sqlite_store, there, write)
    assert not any(contents(there).values())


def test_a_store_at_work_does_not_move(sqlite_store: Engine, make: Make) -> None:
    there = make("postgresql")
    with exclusive_lock(sqlite_store, SENDER_LOCK) as won:
        assert won
        with pytest.raises(StoreError, match="is at work; stop digest first"):
            copy_store(sqlite_store, there)


def test_the_command_copies_and_tells_what_it_cannot_use(sqlite_store: Engine, make: Make, tmp_path: Path) -> None:
    fill(sqlite_store)
    there = make("postgresql")
    here, url = str(sqlite_store.url), there.url.render_as_string(hide_password=False)
    command = Command(tmp_path, {"DIGEST_SECRET_KEY": KEY})
    assert "needs both --from and --to" in command.run("migrate", "--from", here, status=2).stderr
    assert "there is no file" in command.run("migrate", "--from", f"{here}x", "--to", url, status=1).stderr
    assert "not supported" in command.run("migrate", "--from", "mysql://a/b", "--to", url, status=2).stderr
    copied = command.json("migrate", "--from", here, "--to", url)
    with there.connect() as connection:
        assert copied["subscriber"] == connection.scalar(select(func.count()).select_from(Subscriber)) == 2
        assert connection.scalar(select(func.count()).where(col(Paper.is_indexed))) == 0
        assert connection.scalar(select(func.count()).select_from(Delivery)) == 1
        assert connection.scalar(text("SELECT count(*) FROM procrastinate.procrastinate_jobs")) == 0
    assert "is not empty" in command.run("migrate", "--from", here, "--to", url, status=1).stderr
