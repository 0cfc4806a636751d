"""SQLite files: who may read them, damaged ones, and libraries that are too old."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from digest.database import check_integrity, ensure_schema, read_session, write_session
from digest.database.sqlite import check_sqlite_version
from digest.errors import StoreError
from tests.conftest import Connect
from tests.support.command import Command
from tests.support.damage import damage_table
from tests.support.factories import subscriber


@pytest.fixture
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_usual_umask")
def test_a_new_store_is_readable_by_its_owner_only(tmp_path: Path, connect: Connect) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'var' / 'lib' / 'digest.db'}")
    ensure_schema(engine)
    with write_session(engine) as session:
        session.add(subscriber())
        session.flush()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "var" / "lib").glob("digest.db*")}
    assert {name: mode for name, mode in modes.items() if not name.endswith(".lock")} == {
        "digest.db": 0o600,
        "digest.db-wal": 0o600,
        "digest.db-shm": 0o600,
    }
    folders = (tmp_path / "var", tmp_path / "var" / "lib")
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700, 0o700]


def test_another_process_that_closes_the_store_leaves_the_wal_to_this_one(sqlite_store: Engine, tmp_path: Path) -> None:
    with write_session(sqlite_store) as session:
        session.add(subscriber())
    # Whoever opens and closes the file beside an open connection loses the POSIX locks of the process.
    with sqlite_store.connect() as first, sqlite_store.connect() as second:
        assert [connection.execute(text("SELECT count(*) FROM subscriber")).scalar() for connection in (first, second)]
        read = f"import sqlite3; sqlite3.connect({str(tmp_path / 'digest.db')!r}).execute('SELECT * FROM subscriber')"
        subprocess.run([sys.executable, "-c", read], check=True, timeout=60)
        assert (tmp_path / "digest.db-wal").exists()


def test_a_damaged_store_is_named_with_what_to_do(sqlite_store: Engine, tmp_path: Path) -> None:
    with write_session(sqlite_store) as session:
        session.add_all(subscriber(email=f"r{number}@example.org") for number in range(200))
    check_integrity(sqlite_store)
    sqlite_store.dispose()
    damage_table(tmp_path / "digest.db", "subscriber")
    remedy = r"digest.db cannot be used: .*; the file is damaged: stop digest and restore the backup"
    with pytest.raises(StoreError, match=remedy):
        check_integrity(sqlite_store)
    with pytest.raises(StoreError, match=remedy), read_session(sqlite_store) as session:
        session.execute(text("SELECT sum(length(email)) FROM subscriber")).all()


@pytest.mark.parametrize("command", [["doctor"], ["serve", "--port", "1"], ["subscribers", "list"]])
def test_commands_say_that_the_store_is_damaged(sqlite_store: Engine, tmp_path: Path, command: list[str]) -> None:
    with write_session(sqlite_store) as session:
        session.add_all(subscriber(email=f"r{number}@example.org") for number in range(200))
    sqlite_store.dispose()
    damage_table(tmp_path / "digest.db", "subscriber")
    digest = Command(tmp_path, {"DIGEST_DATABASE_URL": f"sqlite:///{tmp_path / 'digest.db'}"})
    done = digest.run(*command, status=1)
    assert "stop digest and restore the backup" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_checks_name_files_that_others_may_read(sqlite_store: Engine, tmp_path: Path) -> None:
    digest = Command(tmp_path, {"DIGEST_DATABASE_URL": f"sqlite:///{tmp_path / 'digest.db'}"})
    assert "permissions" not in digest.run("doctor", status=None).stdout
    sqlite_store.dispose()
    (tmp_path / "digest.db").chmod(0o644)
    assert "run: chmod 600" in digest.run("doctor", status=1).stdout


@pytest.mark.parametrize("version", ["3.34.1", "3.7.17", "3.37.2"])
def test_an_old_library_is_refused_with_a_remedy(version: str) -> None:
    with pytest.raises(StoreError, match=rf"SQLite library .* is {version}, needed is 3.38 or newer; use a Python"):
        check_sqlite_version(version)


@pytest.mark.parametrize("version", ["3.38.0", "3.40.1", "4.0.0"])
def test_a_library_that_knows_our_statements_is_taken(version: str) -> None:
    check_sqlite_version(version)
