"""Imports of lists from listmonk, Mailchimp, Ghost, Mailman and mail programs: who is added, who is not, and why."""

import contextlib
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session

from digest.database import list_actions, read_session
from digest.database.models import SubscriberStatus
from digest.errors import DigestError, QueryError, SubscriberError
from digest.subscribers import import_csv, list_subscribers, suppress_address
from tests.support.command import Command
from tests.support.contexts import add_active_subscriber, make_context, set_status

DATA = Path(__file__).parents[2] / "data" / "imports"
NOW = datetime(2026, 7, 29, 8, tzinfo=UTC)
ADA, BOB, CYD, DOT, EVE = (f"{name}@example.org" for name in ("ada", "bob", "cyd", "dot", "eve"))


@pytest.mark.parametrize(
    ("name", "program", "skipped", "bad"),
    [
        ("listmonk.csv", "listmonk", [(4, "blocked"), (5, "disabled")], [6]),
        ("subscribed_members_export.csv", "Mailchimp", [], []),
        ("ghost.csv", "Ghost", [(4, "unsubscribed"), (5, "unsubscribed")], []),
        ("mailman2.csv", "Mailman", [(4, "bounced"), (5, "disabled")], []),
        ("mailman3.csv", "Mailman", [(4, "bounced"), (5, "disabled"), (6, "not subscribed")], []),
        ("roster.txt", "Mailman", [(7, "disabled")], []),
        ("list_members.txt", "a list of addresses", [], [5, 6]),
        ("pasted.txt", "a list of addresses", [], [1]),
        ("no_heading.csv", "a list of addresses", [(3, "unsubscribed"), (4, "unconfirmed")], []),
    ],
)
def test_a_list_of_another_program_is_known_and_who_left_there_is_skipped(
    sqlite_store: Engine, name: str, program: str, skipped: list[tuple[int, str]], bad: list[int]
) -> None:
    ctx = make_context(sqlite_store)
    tried = import_csv(ctx, DATA / name, NOW, confirmed=True, strict=False, dry_run=True)
    assert list_subscribers(sqlite_store) == []
    report = import_csv(ctx, DATA / name, NOW, confirmed=True, strict=False, keywords=["robot"], actor="root")
    assert tried == report
    assert report.table
    assert (report.table.format.name, report.imported, report.skipped) == (program, 2, skipped)
    assert [line for line, _ in report.line_errors] == bad
    rows = {row["email"]: row for row in list_subscribers(sqlite_store)}
    assert {email: row["status"] for email, row in rows.items()} == {ADA: "active", BOB: "active"}
    assert rows[BOB]["keywords"] == ["robot"]
    assert program in rows[ADA]["consent"]
    with read_session(sqlite_store) as session:
        assert [action.action for action in list_actions(session)] == ["add", "add"]


@pytest.mark.parametrize(
    ("name", "chosen", "keywords", "zone", "since"),
    [
        ("listmonk.csv", {}, ["diffusion model", "cat:cs.CL"], "UTC", "2024-01-02"),
        ("listmonk.csv", {"keywords": "attributes.city"}, ["London"], "UTC", "2024-01-02"),
        (
            "subscribed_members_export.csv",
            {"keywords": "TAGS"},
            ["protein folding", "graph neural network"],
            "Europe/Berlin",
            "2024-03-14 09:14:00",
        ),
        ("subscribed_members_export.csv", {}, [], "Europe/Berlin", "2024-03-14 09:14:00"),
        (
            "ghost.csv",
            {"keywords": "labels"},
            ["protein folding", "diffusion model"],
            "UTC",
            "2024-01-15T10:00:00.000Z",
        ),
        ("ghost.csv", {"keywords": "note"}, ["likes proteins", "graphs"], "UTC", "2024-01-15T10"),
    ],
)
def test_keywords_zone_and_consent_come_along(
    sqlite_store: Engine, name: str, chosen: dict[str, str], keywords: list[str], zone: str, since: str
) -> None:
    import_csv(make_context(sqlite_store), DATA / name, NOW, confirmed=True, strict=False, columns=chosen)
    rows = {row["email"]: row for row in list_subscribers(sqlite_store)}
    assert (rows[ADA]["keywords"], rows[ADA]["timezone"]) == (keywords, zone)
    assert f"since {since}" in rows[ADA]["consent"]
    assert (rows[BOB]["keywords"], rows[BOB]["timezone"]) == ([], "UTC")  # Moon/Sea is no zone


def test_who_confirms_here_has_agreed_here(sqlite_store: Engine) -> None:
    import_csv(make_context(sqlite_store), DATA / "ghost.csv", NOW, confirmed=False, strict=False)
    assert {(row["status"], "Ghost" in row["consent"]) for row in list_subscribers(sqlite_store)} == {
        ("pending", False)
    }


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("unsubscribed_members_export.csv", [(2, "unsubscribed"), (3, "unsubscribed")]),
        ("cleaned_members_export.csv", [(2, "bounced")]),
    ],
)
def test_files_of_people_who_left_are_skipped(sqlite_store: Engine, name: str, reasons: list[tuple[int, str]]) -> None:
    report = import_csv(make_context(sqlite_store), DATA / name, NOW, confirmed=True, strict=True)
    assert (report.imported, report.skipped, report.line_errors) == (0, reasons, [])
    assert list_subscribers(sqlite_store) == []


def test_a_file_that_is_named_for_non_subscribers_is_skipped(sqlite_store: Engine, tmp_path: Path) -> None:
    file = tmp_path / "nonsubscribed_members_export.csv"
    shutil.copy(DATA / "subscribed_members_export.csv", file)
    report = import_csv(make_context(sqlite_store), file, NOW, confirmed=True, strict=True)
    assert report.skipped == [(2, "not subscribed"), (3, "not subscribed")]


def test_who_left_or_is_suppressed_here_is_not_added_again(store: Engine, tmp_path: Path) -> None:
    ctx = make_context(store)
    for email in (ADA, BOB, DOT):
        add_active_subscriber(ctx, email, "robot", now=NOW)
    set_status(store, ADA, SubscriberStatus.UNSUBSCRIBED, reason="")
    set_status(store, BOB, SubscriberStatus.SUPPRESSED, reason="no such mailbox")
    set_status(store, DOT, SubscriberStatus.UNSUBSCRIBED, reason="never confirmed")
    with Session(store) as session:
        suppress_address(session, ctx.token_signer.keys, CYD, "complaint", NOW)
        session.commit()
    (tmp_path / "people.csv").write_text(f"email,keywords\n{ADA},graph\n{BOB},graph\n{CYD},graph\n{DOT},graph\n")
    tried = import_csv(ctx, tmp_path / "people.csv", NOW, confirmed=True, strict=True, dry_run=True)
    report = import_csv(ctx, tmp_path / "people.csv", NOW, confirmed=True, strict=True)
    assert tried == report
    assert (report.imported, report.line_errors) == (1, [])
    assert report.skipped == [(2, "left here"), (3, "suppressed here"), (4, "suppressed here")]
    statuses = {row["email"]: row["status"] for row in list_subscribers(store)}
    assert statuses == {ADA: "unsubscribed", BOB: "suppressed", DOT: "active"}


def test_the_command_reports_mapping_reasons_and_what_a_file_does_not_say(tmp_path: Path) -> None:
    command = Command(tmp_path)
    done = command.run("subscribers", "import", str(DATA / "listmonk.csv"), "--dry-run", "-k", "robot", status=1)
    assert done.stdout.splitlines() == [
        "2 would be imported, 1 invalid line",
        "1 skipped: blocked there, or complained.",
        "1 skipped: gets no e-mails there.",
    ]
    assert "does not say who left a single list" in done.stderr
    assert "written by listmonk: email, attributes, status, agreed_at from 'created_at'" in done.stderr
    mailchimp = str(DATA / "subscribed_members_export.csv")
    assert "--column keywords=TAGS" in command.run("subscribers", "import", mailchimp, "--dry-run").stderr
    done = command.run("subscribers", "import", str(DATA / "cleaned_members_export.csv"))
    assert done.stdout == "0 imported, 0 invalid lines\n1 skipped: e-mails bounced there.\n"
    output = command.json("subscribers", "import", mailchimp, "--column", "keywords=TAGS", "--confirmed")
    assert (output["imported"], output["format"], output["columns"]["keywords"]) == (2, "Mailchimp", "TAGS")
    assert command.json("subscribers", "list")[0]["keywords"] == ["protein folding", "graph neural network"]
    output = command.json("subscribers", "import", str(DATA / "ghost.csv"), status=1)  # both are there already
    assert [row["reason"] for row in output["skipped"]] == ["unsubscribed", "unsubscribed"]
    assert [row["line"] for row in output["bad"]] == [2, 3]
    wrong = {"keywords": "does not name two", "keywords=nope": "no column 'nope'", "x=TAGS": "not one of our"}
    for option, text in wrong.items():
        assert text in command.run("subscribers", "import", mailchimp, "--column", option, status=2).stderr
    assert "capitals" in command.run("subscribers", "import", mailchimp, "-k", "a or b", status=2).stderr


def test_what_is_no_list_is_refused(sqlite_store: Engine, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear all,\nplease write to\nada@example.org\nif you like.\nYours\n")
    with pytest.raises(SubscriberError, match="has no email column"):
        import_csv(make_context(sqlite_store), tmp_path / "letter.txt", NOW, confirmed=True, strict=False)
    with pytest.raises(QueryError):
        import_csv(make_context(sqlite_store), DATA / "ghost.csv", NOW, confirmed=True, strict=False, keywords=["("])


CELLS = st.sampled_from(
    [
        *("email", "Email Address", "uuid", "attributes", "LEID", "EUID", "TAGS", "labels", "subscribed_to_emails"),
        *("nomail", "status", "UNSUB_TIME", "deleted_at", "role", "keywords", "created_at", "address", "timezone", ""),
        *(ADA, BOB, "ada at example.org", "(dot at example.org)", "enabled", "unsubscribed", "cleaned", "[B]", "true"),
        *('{"keywords": ["graph", 3, null]}', "{", "[[[", '"', "x|y", "graph\nrobot", "\x00", "=1", "((", "cs.CL", "é"),
    ]
) | st.text(max_size=12)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(CELLS, max_size=6), max_size=6), separator=st.sampled_from(",;\t|\n"))
def test_any_table_is_imported_or_refused_and_who_left_never_gets_in(
    sqlite_store: Engine, tmp_path: Path, rows: list[list[str]], separator: str
) -> None:
    file = tmp_path / "people.csv"
    file.write_text("\n".join(separator.join(row) for row in rows), encoding="utf-8", errors="replace")
    ctx = make_context(sqlite_store)
    for chosen in ({}, {"keywords": "attributes.keywords"}, {"email": "address"}):
        with contextlib.suppress(DigestError):
            report = import_csv(ctx, file, NOW, confirmed=True, strict=False, dry_run=True, columns=chosen)
            raw = file.read_bytes()
            last = raw.count(b"\n") + raw.count(b"\r") + 1
            assert all(0 < line <= last for line, _ in (*report.line_errors, *report.skipped))
            assert report.table
            assert report.table.describe()
            assert len(report.skip_summary) == len({reason for _, reason in report.skipped})


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    state=st.sampled_from(["Unsubscribed", "BLOCKLISTED", "Hard-bounced", "cleaned", "opted_out", "non-subscribed"]),
    extra=st.lists(st.sampled_from(["uuid,attributes", "LEID,EUID", "labels,tiers", "nodupes", "Name"]), max_size=2),
    position=st.integers(0, 2),
)
def test_no_state_of_people_who_left_lets_them_in(
    sqlite_store: Engine, tmp_path: Path, state: str, extra: list[str], position: int
) -> None:
    names = ",".join(dict.fromkeys(extra)).split(",") if extra else []
    heading, row = list(names), [""] * len(names)
    heading.insert(position, "Email")
    row.insert(position, ADA)
    (tmp_path / "people.csv").write_text(",".join([*heading, "Status"]) + "\n" + ",".join([*row, state]) + "\n")
    report = import_csv(
        make_context(sqlite_store), tmp_path / "people.csv", NOW, confirmed=True, strict=False, dry_run=True
    )
    assert (report.imported, len(report.skipped), report.line_errors) == (0, 1, [])
