"""Opening a store: several processes at once, foreign stores, stores that cannot be used."""

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

from digest.database import connect as connect_store
from digest.database import ensure_schema, migrate, schema_versions, write_session
from digest.errors import StoreError
from tests.conftest import Connect
from tests.support.factories import subscriber

START_AT_ONCE = """
import os, sys
import alembic.command
from digest import database
database.connect(sys.argv[1])  # imports the driver before the fork, not in every child
children = []
for _ in range(int(sys.argv[2])):
    if not (pid := os.fork()):
        engine = database.connect(sys.argv[1])
        database.ensure_schema(engine)
        engine.dispose()
        sys.exit()
    children.append(pid)
sys.exit(sum(os.waitpid(pid, 0)[1] != 0 for pid in children))
"""


@pytest.mark.parametrize(("empty_url", "processes"), [("sqlite", 4), ("postgresql", 5)], indirect=["empty_url"])
def test_all_of_many_processes_start_at_once(empty_url: str, processes: int, connect: Connect) -> None:
    command = [sys.executable, "-c", START_AT_ONCE, empty_url, str(processes)]
    completed = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (completed.returncode, completed.stderr) == (0, "")
    current, head = schema_versions(connect(empty_url))
    assert current == head


def test_an_empty_store_is_migrated(empty_url: str, connect: Connect) -> None:
    engine = connect(empty_url)
    assert schema_versions(engine)[0] is None
    ensure_schema(engine)
    current, head = schema_versions(engine)
    assert current == head
    ensure_schema(engine)


@pytest.mark.parametrize("function", [schema_versions, ensure_schema, migrate])
def test_a_newer_store_is_refused(store: Engine, function: Any) -> None:
    with store.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from-tomorrow'"))
    with pytest.raises(StoreError, match=r"written by a newer version of digest \(schema from-tomorrow"):
        function(store)


@pytest.mark.parametrize("function", [schema_versions, ensure_schema, migrate])
@pytest.mark.parametrize("version", [None, "8a1f"])
def test_foreign_tables_are_not_touched(empty_url: str, connect: Connect, function: Any, version: str | None) -> None:
    engine = connect(empty_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id INTEGER)"))
        if version:
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
            connection.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": version})
    with pytest.raises(StoreError, match=r"holds tables that are not ours \(orders\); name an empty database"):
        function(engine)
    assert not inspect(engine).has_table("paper")


@pytest.mark.parametrize("function", [schema_versions, ensure_schema, migrate])
@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://digest:hunter2@127.0.0.1:1/digest",
        "postgresql+psycopg://digest@/digest?host=/nowhere&password=hunter2",
    ],
)
def test_an_unreachable_server_is_named_without_its_password(connect: Connect, function: Any, url: str) -> None:
    with pytest.raises(StoreError) as caught:
        function(connect(url))
    message = str(caught.value)
    assert message.startswith("DIGEST_DATABASE_URL postgresql+psycopg://digest")
    assert message.endswith("check that the server is running and the address is correct")
    assert "hunter2" not in message


@pytest.mark.parametrize("function", [schema_versions, ensure_schema, migrate])
def test_a_file_that_is_not_a_database_is_named(
    sqlite_url: str, connect: Connect, tmp_path: Path, function: Any
) -> None:
    (tmp_path / "digest.db").write_text("Dear diary, " * 100)
    with pytest.raises(StoreError, match=r"DIGEST_DATABASE_URL sqlite:///.*digest.db cannot be used: file is not a"):
        function(connect(sqlite_url))
    assert (tmp_path / "digest.db").read_text().startswith("Dear diary")


@pytest.mark.parametrize("function", [schema_versions, ensure_schema, migrate])
def test_a_folder_without_write_permission_is_named(connect: Connect, shared_folder: Path, function: Any) -> None:
    with (
        unprivileged(shared_folder),
        pytest.raises(StoreError, match=r"DIGEST_DATABASE_URL sqlite:///.*cannot be used: "),
    ):
        function(connect(f"sqlite:///{shared_folder / 'digest.db'}"))


def test_a_store_without_write_permission_is_named(connect: Connect, shared_folder: Path) -> None:
    engine = connect(f"sqlite:///{shared_folder / 'digest.db'}")
    ensure_schema(engine)
    engine.dispose()
    (shared_folder / "digest.db").chmod(0o444)
    with (
        unprivileged(shared_folder),
        pytest.raises(StoreError, match=r"DIGEST_DATABASE_URL sqlite:.*are writable"),
        write_session(engine) as session,
    ):
        session.add(subscriber())


def test_a_folder_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(StoreError, match=r"DIGEST_DATABASE_URL: no folder can be made for .*taken/digest.db"):
        connect_store(f"sqlite:///{tmp_path / 'taken' / 'digest.db'}")


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that other users may read, unlike `tmp_path`."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@contextmanager
def unprivileged(folder: Path) -> Iterator[None]:
    """Remove write permission from `folder`, as a user other than root, who would write anyway."""
    user = os.geteuid()
    folder.chmod(0o555)
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o755)


def test_sqlite_is_durable_and_waits_for_other_writers(sqlite_store: Engine) -> None:
    with sqlite_store.connect() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        values = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    assert values == ["wal", 2, 1, 30_000]


def test_a_closed_store_is_a_single_file(sqlite_store: Engine, tmp_path: Path) -> None:
    with write_session(sqlite_store) as session:
        session.add(subscriber())
    sqlite_store.dispose()
    assert [path.name for path in tmp_path.glob("digest.db*")] == ["digest.db"]
    with closing(sqlite3.connect(tmp_path / "digest.db")) as connection:
        assert connection.execute("SELECT count(*) FROM subscriber").fetchone() == (1,)
