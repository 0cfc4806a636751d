"""`digest quarantine` lists and releases what cannot be read, and a run that set something aside exits with 1."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from tests.support.command import Command
from tests.support.contexts import ADA, BOB, add_active_subscriber, make_context, store_papers
from tests.support.spoiled_rows import spoil

TUESDAY = datetime(2026, 7, 28, 12, tzinfo=UTC)


def test_rows_are_listed_released_and_shown_by_the_exit_status(sqlite_store: Engine, tmp_path: Path) -> None:
    ctx = make_context(sqlite_store)
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    add_active_subscriber(ctx, BOB, "robot", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks")
    command = Command(tmp_path, {"DIGEST_DATABASE_URL": str(sqlite_store.url), "DIGEST_SOURCES": ""})
    assert command.json("quarantine", "list") == []
    spoil(sqlite_store, "UPDATE subscriber SET send_hour = 25 WHERE id = 1")
    report = command.json("run", "--now", "2026-07-28T12:00:00Z", status=1)
    assert "1 database row cannot be read and is skipped. See: digest quarantine list" in report["problems"]
    [row] = command.json("quarantine", "list", status=1)
    assert (row["table_name"], row["row_id"], row["count"]) == ("subscriber", "1", 1)
    assert row["reason"] in command.run("quarantine", "list", status=1).stdout
    command.run("quarantine", "release", str(row["id"]))
    assert command.json("quarantine", "list") == []
    assert "There is no row" in command.run("quarantine", "release", str(row["id"]), status=1).stderr
    command.run("quarantine", "release", "first", status=2)
