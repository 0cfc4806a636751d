"""The migrations end at the models on both databases, and a migration that fails changes nothing."""

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
from digest.database.models import FULLTEXT_TABLE, Paper, Subscriber
from digest.database.schema import alembic_config, known_revisions
from tests.conftest import Connect
from tests.support.factories import delivery, paper, subscriber

START = "import sys; from digest.database import connect, ensure_schema; ensure_schema(connect(sys.argv[1]))"


def test_the_migrations_end_at_the_models(store: Engine) -> None:
    with store.connect() as connection:
        fulltext = fulltext_tables(store)
        options = {"compare_type": True, "include_name": lambda name, kind, _: kind != "table" or name not in fulltext}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, SQLModel.metadata) == []


def test_checks_keys_and_partial_indexes_equal_those_of_the_models(store: Engine, empty_store: Engine) -> None:
    SQLModel.metadata.create_all(empty_store)
    assert describe_tables(store) == describe_tables(empty_store)


def test_the_comparison_includes_checks_and_partial_indexes(store: Engine) -> None:
    description = str(describe_tables(store))
    for part in ("ck_delivery_state_known", "expired", "queued", "owner IS NOT NULL"):
        assert part in description


@pytest.fixture
def empty_store(store: Engine, request: pytest.FixtureRequest, connect: Connect, tmp_path: Path) -> Engine:
    """A second, empty database of the same kind as `store`."""
    if store.dialect.name == "sqlite":
        return connect(f"sqlite:///{tmp_path / 'empty.db'}")
    return connect(request.getfixturevalue("postgres_url"))


def describe_tables(engine: Engine) -> dict[str, Any]:
    """Return columns, keys, checks and indexes of all tables, as the database reports them."""
    catalog = inspect(engine)
    names = set(catalog.get_table_names()) - {"alembic_version"} - fulltext_tables(engine)
    return {name: describe_table(catalog, name) for name in names}


def fulltext_tables(engine: Engine) -> set[str]:
    """Return the tables of the full-text index, which no model describes."""
    return {name for name in inspect(engine).get_table_names() if name.startswith(FULLTEXT_TABLE)}


def describe_table(catalog: Any, name: str) -> dict[str, Any]:
    return {
        "columns": {c["name"]: (str(c["type"]), c["nullable"], c["default"]) for c in catalog.get_columns(name)},
        "key": catalog.get_pk_constraint(name),
        "unique": sorted_by_name(catalog.get_unique_constraints(name)),
        "foreign": sorted_by_name(catalog.get_foreign_keys(name)),
        "checks": sorted_by_name(catalog.get_check_constraints(name)),
        "indexes": sorted_by_name(catalog.get_indexes(name)),
    }


def sorted_by_name(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort by name, and turn the WHERE of an index into text: two clauses never compare equal."""
    for part in parts:
        part["where"] = {name: str(option) for name, option in part.pop("dialect_options", {}).items()}
    return sorted(parts, key=lambda part: str(part["name"]))


def test_an_unknown_status_is_refused(store: Engine) -> None:
    with pytest.raises(IntegrityError, match="ck_subscriber_status_known"), write_session(store) as session:
        session.add(subscriber(status="asleep"))


def test_a_subscriber_cannot_have_two_deliveries_of_one_edition(store: Engine) -> None:
    with write_session(store) as session:
        session.add(recipient := subscriber())
        session.flush()
        session.add(delivery(recipient))
        with pytest.raises(IntegrityError), session.begin_nested():
            session.add(delivery(recipient))


def test_a_delivery_without_a_subscriber_is_refused_after_a_migration(empty_url: str, connect: Connect) -> None:
    engine = connect(empty_url)
    ensure_schema(engine)
    with pytest.raises(IntegrityError), write_session(engine) as session:
        session.add(delivery(subscriber(id=77)))


def test_ids_beyond_32_bits_are_stored(store: Engine) -> None:
    large = 2**40
    with write_session(store) as session:
        session.add(subscriber(id=large, covered_listing_id=large))
    with read_session(store) as session:
        assert session.exec(select(Subscriber.covered_listing_id)).one() == large


def test_an_instant_comes_back_aware_and_in_utc(store: Engine) -> None:
    local = datetime.fromisoformat("2026-03-29T03:30:00+02:00")
    with write_session(store) as session:
        session.add(paper(first_seen_at=local))
    with read_session(store) as session:
        stored = session.exec(select(Paper.first_seen_at)).one()
    assert (stored, stored.tzinfo) == (local, UTC)


def test_all_migrations_can_be_undone(store: Engine) -> None:
    with store.begin() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert inspect(store).get_table_names() == ["alembic_version"]


def test_an_older_shared_store_waits_for_its_operator(
    store: Engine, postgres_url: str, connect: Connect, tmp_path: Path
) -> None:
    completed = start(package_with_newer_migration(tmp_path), store.url.render_as_string(hide_password=False))
    if store.dialect.name == "sqlite":
        assert completed.returncode == 0, completed.stderr
        with store.connect() as connection:
            assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"
    else:
        assert completed.returncode == 1
        assert (
            f"StoreError: the database is at schema {newest_revision()}, this program needs 9999; run: digest migrate"
            in completed.stderr
        )


def test_rows_survive_a_migration_that_rebuilds_the_table_they_refer_to(sqlite_store: Engine, tmp_path: Path) -> None:
    with write_session(sqlite_store) as session:
        session.add(recipient := subscriber())
        session.flush()
        session.add(delivery(recipient))
    completed = start(package_with_newer_migration(tmp_path), str(sqlite_store.url))
    assert completed.returncode == 0, completed.stderr
    with sqlite_store.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM delivery")) == 1
        assert connection.scalar(text("SELECT shoe_size FROM subscriber")) == 0


def test_a_migration_that_would_orphan_rows_changes_nothing(sqlite_store: Engine, tmp_path: Path) -> None:
    with write_session(sqlite_store) as session:
        session.add(recipient := subscriber())
        session.flush()
        session.add(delivery(recipient))
    completed = start(
        package_with_newer_migration(tmp_path, "op.execute('DELETE FROM subscriber')"), str(sqlite_store.url)
    )
    assert "StoreError: the migration would leave 1 rows without their parent; nothing was changed" in completed.stderr
    with sqlite_store.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM subscriber")) == 1
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1


def package_with_newer_migration(folder: Path, step: str = "") -> Path:
    """Copy the package and add one migration to it."""
    source = Path(digest.__file__).parent
    shutil.copytree(source, folder / "newer" / "digest", ignore=shutil.ignore_patterns("__pycache__"))
    alteration = """
    with op.batch_alter_table("subscriber", recreate="always") as table:
        table.add_column(sa.Column("shoe_size", sa.Integer(), nullable=False, server_default="0"))"""
    (folder / "newer" / "digest" / "database" / "migrations" / "versions" / "v9999_shoes.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f'revision = "9999"\ndown_revision = "{newest_revision()}"\nbranch_labels = None\ndepends_on = None\n'
        f"def upgrade():\n    {step or alteration.strip()}\n"
    )
    return folder / "newer"


def test_the_revisions_known_without_alembic_are_those_of_alembic() -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    head, revisions = known_revisions()
    assert head == scripts.get_current_head()
    assert revisions == {script.revision for script in scripts.walk_revisions()}


def newest_revision() -> str:
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
