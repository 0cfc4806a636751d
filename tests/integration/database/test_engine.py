"""Who may use which store: starters at once, stores of others, stores that cannot be reached."""

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, text

from digest import database
from digest.database import ensure_schema, migrate, schema_versions, write_session
from digest.errors import StoreError
from tests.conftest import Connect
from tests.support.factories import subscriber

RACE = """
import os, sys
from digest import db
children = []
for _ in range(int(sys.argv[2])):
    if not (pid := os.fork()):
        engine = db.connect(sys.argv[1])
        db.ready(engine)
        engine.dispose()
        sys.exit()
    children.append(pid)
sys.exit(sum(os.waitpid(pid, 0)[1] != 0 for pid in children))
"""


@pytest.mark.parametrize(("empty_url", "starters"), [("sqlite", 6), ("postgresql", 24)], indirect=["empty_url"])
def test_many_starters_at_once_all_come_up(empty_url: str, starters: int, connect: Connect) -> None:
    race = [sys.executable, "-c", RACE, empty_url, str(starters)]
    done = subprocess.run(race, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    current, head = schema_versions(connect(empty_url))
    assert current == head


def test_an_empty_store_is_brought_up_to_date(empty_url: str, connect: Connect) -> None:
    engine = connect(empty_url)
    assert schema_versions(engine)[0] is None
    ensure_schema(engine)
    current, head = schema_versions(engine)
    assert current == head
    ensure_schema(engine)


@pytest.mark.parametrize("ask", [schema_versions, ensure_schema, migrate])
def test_a_newer_store_is_refused(store: Engine, ask: Any) -> None:
    with store.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from-tomorrow'"))
    with pytest.raises(StoreError, match=r"written by a newer version of digest \(schema from-tomorrow"):
        ask(store)


@pytest.mark.parametrize("ask", [schema_versions, ensure_schema, migrate])
@pytest.mark.parametrize("version", [None, "8a1f"])
def test_the_tables_of_others_are_left_alone(empty_url: str, connect: Connect, ask: Any, version: str | None) -> None:
    engine = connect(empty_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id INTEGER)"))
        if version:
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
            connection.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": version})
    with pytest.raises(StoreError, match=r"holds tables that are not ours \(orders\); name an empty database"):
        ask(engine)
    assert not inspect(engine).has_table("paper")


@pytest.mark.parametrize("ask", [schema_versions, ensure_schema, migrate])
@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://digest:hunter2@127.0.0.1:1/digest",
        "postgresql+psycopg://digest@/digest?host=/nowhere&password=hunter2",
    ],
)
def test_a_server_that_is_not_there_is_named_without_the_password(connect: Connect, ask: Any, url: str) -> None:
    with pytest.raises(StoreError) as refused:
        ask(connect(url))
    said = str(refused.value)
    assert said.startswith("DIGEST_DATABASE_URL postgresql+psycopg://digest")
    assert said.endswith("is the server running and the address right?")
    assert "hunter2" not in said


@pytest.mark.parametrize("ask", [schema_versions, ensure_schema, migrate])
def test_a_file_that_is_no_database_is_named(sqlite_url: str, connect: Connect, tmp_path: Path, ask: Any) -> None:
    (tmp_path / "digest.db").write_text("Dear diary, " * 100)
    with pytest.raises(StoreError, match=r"DIGEST_DATABASE_URL sqlite:///.*digest.db cannot be used: file is not a"):
        ask(connect(sqlite_url))
    assert (tmp_path / "digest.db").read_text().startswith("Dear diary")


@pytest.mark.parametrize("ask", [schema_versions, ensure_schema, migrate])
def test_a_folder_that_cannot_be_written_is_named(connect: Connect, apart: Path, ask: Any) -> None:
    with unprivileged(apart), pytest.raises(StoreError, match=r"DIGEST_DATABASE_URL sqlite:///.*cannot be used: "):
        ask(connect(f"sqlite:///{apart / 'digest.db'}"))


def test_a_store_that_may_only_be_read_is_named(connect: Connect, apart: Path) -> None:
    engine = connect(f"sqlite:///{apart / 'digest.db'}")
    ensure_schema(engine)
    engine.dispose()
    (apart / "digest.db").chmod(0o444)
    with (
        unprivileged(apart),
        pytest.raises(StoreError, match=r"DIGEST_DATABASE_URL sqlite:.*may this user write"),
        write_session(engine) as session,
    ):
        session.add(subscriber())


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(StoreError, match=r"DIGEST_DATABASE_URL: no folder can be made for .*taken/digest.db"):
        database.connect(f"sqlite:///{tmp_path / 'taken' / 'digest.db'}")


@pytest.fixture
def apart() -> Iterator[Path]:
    """A folder that anybody may look into, unlike those of the other tests."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@contextmanager
def unprivileged(folder: Path) -> Iterator[None]:
    """`folder` without leave to write, as somebody whom that stops: root would write anyway."""
    was = os.geteuid()
    folder.chmod(0o555)
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)
        folder.chmod(0o755)


def test_sqlite_is_durable_and_waits_for_other_writers(sqlite_store: Engine) -> None:
    with sqlite_store.connect() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        asked = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    assert asked == ["wal", 2, 1, 30_000]


def test_a_closed_store_leaves_one_plain_file(sqlite_store: Engine, tmp_path: Path) -> None:
    with write_session(sqlite_store) as session:
        session.add(subscriber())
    sqlite_store.dispose()
    assert [path.name for path in tmp_path.glob("digest.db*")] == ["digest.db"]
    with closing(sqlite3.connect(tmp_path / "digest.db")) as connection:
        assert connection.execute("SELECT count(*) FROM subscriber").fetchone() == (1,)
