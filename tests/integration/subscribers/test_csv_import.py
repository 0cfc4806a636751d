"""Imports of files that spreadsheets and other newsletter programs have written."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from digest.errors import StoreError, SubscriberError
from digest.subscribers import import_csv, list_subscribers
from digest.subscribers.lists.csv_table import read_csv
from tests.conftest import Connect
from tests.support.command import Command
from tests.support.contexts import make_context

NOW = datetime(2026, 7, 29, 8, tzinfo=UTC)
ADA, BOB = "ada@example.org", "bob@example.org"


def statuses(store: Engine, folder: Path, raw: bytes, **options: Any) -> dict[str, str]:
    """Import a file as confirmed; return the status of each subscriber."""
    (folder / "people.csv").write_bytes(raw)
    result = import_csv(make_context(store), folder / "people.csv", NOW, confirmed=True, strict=False, **options)
    assert result.line_errors == []
    return {row["email"]: row["status"] for row in list_subscribers(store)}


@pytest.mark.parametrize(
    "raw",
    [
        f"email;keywords\r\n{ADA};Übersetzung\r\n".encode("cp1252"),
        f"email;keywords\r\n{ADA};Übersetzung\r\n".encode("utf-8-sig"),
        f"email\tkeywords\r\n{ADA}\tÜbersetzung\r\n".encode("utf-16"),
        f"email\tkeywords\r\n{ADA}\tÜbersetzung\r\n".encode("utf-16-le"),
        b"\xfe\xff" + f"email\tkeywords\r\n{ADA}\tÜbersetzung\r\n".encode("utf-16-be"),
        f"sep=;\r\nemail;keywords\r\n{ADA};Übersetzung\r\n".encode(),
        f'"SEP=\t"\nE-Mail\tKeywords\n{ADA}\tÜbersetzung\n'.encode(),
        f"Keywords|E-Mail-Adresse\nÜbersetzung|{ADA}\n".encode(),
        f'"Email Address",Keywords\n{ADA},Übersetzung\n'.encode(),
    ],
)
def test_every_way_in_which_a_spreadsheet_saves_is_read(sqlite_store: Engine, tmp_path: Path, raw: bytes) -> None:
    assert statuses(sqlite_store, tmp_path, raw) == {ADA: "active"}
    assert list_subscribers(sqlite_store)[0]["keywords"] == ["Übersetzung"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"uuid,email,name,attributes,status\n1,{ADA},Ada,{{}},enabled\n2,{BOB},Bob,{{}},blocklisted\n", "blocked"),
        (f"uuid,email,name,attributes,status\n1,{ADA},Ada,{{}},enabled\n2,{BOB},Bob,{{}},disabled\n", "disabled"),
        (f"Email Address,First Name,UNSUB_TIME\n{ADA},Ada,\n{BOB},Bob,2024-01-02 10:00:00\n", "unsubscribed"),
        (f"Email Address,First Name,CLEAN_TIME\n{ADA},Ada,\n{BOB},Bob,2024-01-02 10:00:00\n", "bounced"),
        (f"Subscriber Email,State\n{ADA},Subscribed\n{BOB},Hard-bounced\n", "bounced"),
        (f"Email,Status\n{ADA},Active\n{BOB},Unconfirmed\n", "unconfirmed"),
        (f"email_address,subscription_status\n{ADA},confirmed\n{BOB},Opted out\n", "unsubscribed"),
    ],
)
def test_who_has_left_in_another_program_gets_nothing_here(
    sqlite_store: Engine, tmp_path: Path, text: str, reason: str
) -> None:
    assert statuses(sqlite_store, tmp_path, text.encode()) == {ADA: "active"}
    report = import_csv(make_context(sqlite_store), tmp_path / "people.csv", NOW, confirmed=True, strict=False)
    assert report.skipped == [(3, reason)]


def test_an_unknown_state_is_a_bad_line(sqlite_store: Engine, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(f"email,status\n{ADA},quarantined by HR\n")
    result = import_csv(make_context(sqlite_store), tmp_path / "people.csv", NOW, confirmed=True, strict=False)
    assert (result.imported, [line for line, _ in result.line_errors]) == (0, [2])


def test_lines_are_counted_as_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(f'sep=,\nemail,keywords\n{ADA},"two\nlines"\n{BOB},x\n')
    assert [line for line, _ in read_csv(tmp_path / "people.csv").rows()] == [3, 5]


def test_a_file_without_addresses_names_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("Vorname;Nachname\nAda;Lovelace\n")
    with pytest.raises(SubscriberError, match=r"has no email column.*it names: Vorname, Nachname"):
        read_csv(tmp_path / "people.csv")


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(tmp_path: Path) -> None:
    command = Command(tmp_path)
    (tmp_path / "people.csv").write_bytes(f"E-Mail;Vorname;keywords\n{ADA};Zoë;graph\nnobody;;\n".encode("cp1252"))
    done = command.run("subscribers", "import", "people.csv", "--dry-run", status=1)
    assert done.stdout == "1 would be imported, 1 invalid line\n"
    assert done.stderr.splitlines()[0] == (
        "people.csv: read as Windows-1252, separated by semicolons: email from 'E-Mail', keywords; ignored: Vorname"
    )
    assert command.json("subscribers", "list") == []
    output = command.json("subscribers", "import", "people.csv", "--dry-run", status=1)
    assert (output["imported"], output["columns"]) == (0, {"email": "E-Mail", "keywords": "keywords"})
    assert output["ignored"] == ["Vorname"]


def test_an_import_that_a_full_disk_stops_goes_on_at_its_line(
    sqlite_store: Engine, sqlite_url: str, tmp_path: Path, connect: Connect
) -> None:
    emails = [f"r{number}@example.org" for number in range(400)]
    text = "email,keywords\n" + "".join(f"{email},{'graph ' * 15}{n}\n" for n, email in enumerate(emails))
    (tmp_path / "people.csv").write_text(text)
    with sqlite_store.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar() or 0
    full = connect(sqlite_url)
    event.listen(full, "connect", lambda driver, _record: driver.execute(f"PRAGMA max_page_count={pages + 20}"))
    with pytest.raises(StoreError, match=r"people\.csv line \d+: .*database or disk is full") as stopped:
        import_csv(make_context(full), tmp_path / "people.csv", NOW, confirmed=True, strict=False)
    line = int(str(stopped.value).rpartition(" ")[2])
    assert len(list_subscribers(sqlite_store)) == line - 2 > 0
    everybody = statuses(sqlite_store, tmp_path, text.encode(), from_line=line)
    assert list(everybody) == emails
