"""The history of the schema against the models, on both databases, and how a step of it is taken."""

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel, select

import digest
from digest.database import ensure_schema, read_session, write_session
from digest.database.models import Paper, Subscriber
from digest.database.models.papers import FULLTEXT_TABLE
from digest.database.schema import alembic_config, known_revisions
from tests.conftest import Connect
from tests.support.factories import delivery, paper, subscriber

START = "import sys; from digest.database import connect, ensure_schema; ensure_schema(connect(sys.argv[1]))"


def test_the_history_ends_at_the_models(store: Engine) -> None:
    with store.connect() as connection:
        opts = {
            "compare_type": True,
            "include_name": lambda name, kind, _: kind != "table" or name not in beside(store),
        }
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, SQLModel.metadata) == []


def test_checks_keys_and_partial_indexes_are_the_models_own(store: Engine, empty_twin: Engine) -> None:
    SQLModel.metadata.create_all(empty_twin)
    assert described(store) == described(empty_twin)


def test_the_comparison_sees_checks_and_partial_indexes(store: Engine) -> None:
    seen = str(described(store))
    assert "ck_delivery_state_known" in seen
    assert "expired" in seen
    assert "queued" in seen
    assert "owner IS NOT NULL" in seen


@pytest.fixture
def empty_twin(store: Engine, request: pytest.FixtureRequest, connect: Connect, tmp_path: Path) -> Engine:
    """A second, empty database of the same kind as `store`."""
    if store.dialect.name == "sqlite":
        return connect(f"sqlite:///{tmp_path / 'twin.db'}")
    return connect(request.getfixturevalue("postgres_url"))


def described(engine: Engine) -> dict[str, Any]:
    """All that a table is made of, as the database itself tells it."""
    catalogue = inspect(engine)
    names = set(catalogue.get_table_names()) - {"alembic_version"} - beside(engine)
    return {name: table(catalogue, name) for name in names}


def beside(engine: Engine) -> set[str]:
    """The full-text index, which is no table of the models, and what SQLite keeps of it."""
    return {name for name in inspect(engine).get_table_names() if name.startswith(FULLTEXT_TABLE)}


def table(catalogue: Any, name: str) -> dict[str, Any]:
    return {
        "columns": {c["name"]: (str(c["type"]), c["nullable"], c["default"]) for c in catalogue.get_columns(name)},
        "key": catalogue.get_pk_constraint(name),
        "unique": by_name(catalogue.get_unique_constraints(name)),
        "foreign": by_name(catalogue.get_foreign_keys(name)),
        "checks": by_name(catalogue.get_check_constraints(name)),
        "indexes": by_name(catalogue.get_indexes(name)),
    }


def by_name(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By name, and with the WHERE of an index as text: two clauses are never equal otherwise."""
    for part in parts:
        part["where"] = {name: str(option) for name, option in part.pop("dialect_options", {}).items()}
    return sorted(parts, key=lambda part: str(part["name"]))


def test_a_word_that_is_no_state_is_refused(store: Engine) -> None:
    with pytest.raises(IntegrityError, match="ck_subscriber_status_known"), write_session(store) as session:
        session.add(subscriber(status="asleep"))


def test_a_subscriber_cannot_have_two_letters_of_one_edition(store: Engine) -> None:
    with write_session(store) as session:
        session.add(reader := subscriber())
        session.flush()
        session.add(delivery(reader))
        with pytest.raises(IntegrityError), session.begin_nested():
            session.add(delivery(reader))


def test_a_letter_without_its_subscriber_is_refused_after_an_upgrade(empty_url: str, connect: Connect) -> None:
    engine = connect(empty_url)
    ensure_schema(engine)
    with pytest.raises(IntegrityError), write_session(engine) as session:
        session.add(delivery(subscriber(id=77)))


def test_numbers_beyond_32_bits_are_kept(store: Engine) -> None:
    big = 2**40
    with write_session(store) as session:
        session.add(subscriber(id=big, covered_listing_id=big))
    with read_session(store) as session:
        assert session.exec(select(Subscriber.covered_listing_id)).one() == big


def test_an_instant_comes_back_aware_and_in_utc(store: Engine) -> None:
    there = datetime.fromisoformat("2026-03-29T03:30:00+02:00")
    with write_session(store) as session:
        session.add(paper(first_seen_at=there))
    with read_session(store) as session:
        kept = session.exec(select(Paper.first_seen_at)).one()
    assert (kept, kept.tzinfo) == (there, UTC)


def test_the_history_can_be_undone(store: Engine) -> None:
    with store.begin() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert inspect(store).get_table_names() == ["alembic_version"]


def test_an_older_shared_store_waits_for_its_operator(
    store: Engine, postgres_url: str, connect: Connect, tmp_path: Path
) -> None:
    # What is older here is the history: a copy of the package with a step more.
    program = longer_history(tmp_path)
    done = start(program, store.url.render_as_string(hide_password=False))
    if store.dialect.name == "sqlite":
        assert done.returncode == 0, done.stderr
        with store.connect() as connection:
            assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"
    else:
        assert done.returncode == 1
        assert (
            f"StoreError: the database is at schema {newest()}, this program needs 9999; run: digest migrate"
            in done.stderr
        )


def test_rows_survive_a_step_that_rebuilds_their_parents_table(sqlite_store: Engine, tmp_path: Path) -> None:
    with write_session(sqlite_store) as session:
        session.add(reader := subscriber())
        session.flush()
        session.add(delivery(reader))
    done = start(longer_history(tmp_path), str(sqlite_store.url))
    assert done.returncode == 0, done.stderr
    with sqlite_store.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM delivery")) == 1
        assert connection.scalar(text("SELECT shoe_size FROM subscriber")) == 0


def test_a_step_that_would_orphan_rows_changes_nothing(sqlite_store: Engine, tmp_path: Path) -> None:
    with write_session(sqlite_store) as session:
        session.add(reader := subscriber())
        session.flush()
        session.add(delivery(reader))
    done = start(longer_history(tmp_path, "op.execute('DELETE FROM subscriber')"), str(sqlite_store.url))
    assert "StoreError: the migration would leave 1 rows without their parent; nothing was changed" in done.stderr
    with sqlite_store.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM subscriber")) == 1
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1


def longer_history(folder: Path, step: str = "") -> Path:
    """A copy of the package whose history has one step more."""
    source = Path(digest.__file__).parent
    shutil.copytree(source, folder / "later" / "digest", ignore=shutil.ignore_patterns("__pycache__"))
    alteration = """
    with op.batch_alter_table("subscriber", recreate="always") as table:
        table.add_column(sa.Column("shoe_size", sa.Integer(), nullable=False, server_default="0"))"""
    (folder / "later" / "digest" / "database" / "migrations" / "versions" / "v9999_shoes.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f'revision = "9999"\ndown_revision = "{newest()}"\nbranch_labels = None\ndepends_on = None\n'
        f"def upgrade():\n    {step or alteration.strip()}\n"
    )
    return folder / "later"


def test_what_is_told_without_alembic_is_what_alembic_tells() -> None:
    written = ScriptDirectory.from_config(alembic_config())
    head, known = known_revisions()
    assert head == written.get_current_head()
    assert known == {step.revision for step in written.walk_revisions()}


def newest() -> str:
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    assert head is not None
    return head


def start(program: Path, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START, url],
        check=False,
        capture_output=True,
        text=True,
        cwd=program,
        env={**os.environ, "PYTHONPATH": str(program)},
    )
