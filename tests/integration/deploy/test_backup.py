"""deploy/backup.py against a store in use."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from digest.database import ensure_schema, read_session, write_session
from digest.database.models import Subscriber
from tests.conftest import Connect
from tests.support.factories import subscriber

SCRIPT = Path(__file__).parents[3] / "deploy" / "backup.py"


def back_up(database: Path, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", *map(str, (SCRIPT, database, folder)), *options]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_a_store_in_use_is_copied_with_what_is_not_yet_in_its_file(
    sqlite_store: Engine, tmp_path: Path, connect: Connect
) -> None:
    with write_session(sqlite_store) as session:
        session.add(subscriber(email="ada@example.org"))
    assert (tmp_path / "digest.db-wal").stat().st_size
    (tmp_path / "secret.key").write_text("the key\n")
    with write_session(sqlite_store) as session:
        session.add(subscriber(email="not-yet@example.org"))
        session.flush()
        done = back_up(tmp_path / "digest.db", tmp_path / "backups")
    assert (done.returncode, done.stderr) == (0, "")
    copy = Path(done.stdout.strip())
    assert copy.parent == tmp_path / "backups"
    restored = connect(f"sqlite:///{copy}")
    ensure_schema(restored)
    with read_session(restored) as session:
        assert session.exec(select(Subscriber.email)).all() == ["ada@example.org"]
    assert (tmp_path / "backups" / "secret.key").read_text() == "the key\n"
    assert [path.stat().st_mode & 0o077 for path in (copy, copy.parent)] == [0, 0]


def test_the_oldest_copies_go_and_strangers_stay(sqlite_store: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    olds = ["digest-20260701T031700Z.db", "digest-20260702T031700Z.db", "digest-20260703T031700Z.db"]
    for name in [*olds, "before-the-move.db"]:
        (folder / name).write_text("")
    assert back_up(tmp_path / "digest.db", folder, "--keep", "2").returncode == 0
    left = sorted(path.name for path in folder.iterdir())
    assert left[:2] == ["before-the-move.db", olds[-1]]
    assert len(left) == 3


@pytest.mark.parametrize("content", [None, b"Dear diary, " * 100])
def test_without_a_store_nothing_is_left_behind(tmp_path: Path, content: bytes | None) -> None:
    database = tmp_path / "digest.db"
    if content is not None:
        database.write_bytes(content)
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / "digest-20260701T031700Z.db").write_text("")
    done = back_up(database, tmp_path / "backups", "--keep", "1")
    assert done.returncode == 1
    assert done.stderr.startswith(f"no backup of {database}: ")
    assert [path.name for path in (tmp_path / "backups").iterdir()] == ["digest-20260701T031700Z.db"]
    assert database.exists() == (content is not None)


def replace_in_schema(database: Path, old: str, new: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("PRAGMA writable_schema=ON")
        statement = "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = 'subscriber'"
        connection.execute(statement, (old, new))


def test_a_copy_that_is_damaged_is_removed(sqlite_store: Engine, tmp_path: Path) -> None:
    """A damaged page may still be read, and then its rows are copied as they are: only a check of the copy tells."""
    with write_session(sqlite_store) as session:
        session.add(subscriber(email="ada@example.org"))
    sqlite_store.dispose()
    replace_in_schema(tmp_path / "digest.db", "email VARCHAR NOT NULL", "email VARCHAR")
    with closing(sqlite3.connect(tmp_path / "digest.db")) as connection, connection:
        connection.execute("UPDATE subscriber SET email = NULL")
    replace_in_schema(tmp_path / "digest.db", "email VARCHAR,", "email VARCHAR NOT NULL,")
    done = back_up(tmp_path / "digest.db", tmp_path / "backups")
    assert done.returncode == 1
    assert "the copy is damaged: NULL value in subscriber.email" in done.stderr
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_damaged_store_makes_no_copy(sqlite_store: Engine, tmp_path: Path) -> None:
    sqlite_store.dispose()
    database = tmp_path / "digest.db"
    with closing(sqlite3.connect(database)) as connection:
        page = connection.execute("PRAGMA page_size").fetchone()[0]
    whole = database.read_bytes()
    database.write_bytes(whole[:page] + b"\xa5" * page * 3 + whole[page * 4 :])
    assert back_up(database, tmp_path / "backups").returncode == 1
    assert list((tmp_path / "backups").iterdir()) == []
