"""`digest subscribers`, and the CSV that goes out and comes in."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from digest.database import connect
from digest.database.models import SubscriberStatus
from digest.errors import SubscriberError
from digest.subscribers import export_csv, import_csv, list_subscribers
from digest.subscribers.lists.csv_cells import (
    FORMULA_PREFIXES,
    escape_cell,
    join_keywords,
    split_keywords,
    unescape_cell,
)
from digest.subscribers.lists.csv_import import ImportReport
from digest.subscribers.lists.csv_table import COLUMNS
from tests.support.command import Command
from tests.support.contexts import StoreView, add_active_subscriber, erase_by_email, make_context, set_status

NOW = datetime(2026, 7, 29, 8, tzinfo=UTC)
ADA = "ada@example.org"


def read(store: Engine, folder: Path, text: str, **flags: bool) -> ImportReport:
    file = folder / "people.csv"
    file.write_text(text, encoding="utf-8")
    confirmed, strict = flags.pop("confirmed", False), flags.pop("strict", False)
    return import_csv(make_context(store), file, NOW, confirmed=confirmed, strict=strict, **flags)  # type: ignore[arg-type]


def test_a_subscriber_from_beginning_to_end(tmp_path: Path) -> None:
    command = Command(tmp_path, {"DIGEST_SEND_HOUR": "5", "DIGEST_DEFAULT_TIMEZONE": "Asia/Tokyo"})
    assert command.run("subscribers", "list").stderr.startswith("There are no subscribers yet")
    done = command.run("subscribers", "add", ADA, "-k", "robot", "-k", '"graph neural network"')
    assert done.stdout == f"{ADA}: a confirmation e-mail is queued.\n"
    assert "A confirmation e-mail was sent today" in command.run("subscribers", "add", ADA, "-k", "robot").stdout
    added = command.json("subscribers", "add", ADA, "-k", "robot", "-k", "[graph]", "--confirmed")
    assert added == {"email": ADA, "status": "active", "mail_queued": False}
    for flags in ([], ["--confirmed"]):
        done = command.run("subscribers", "add", ADA.upper(), "-k", "x", *flags, status=2)
        assert "is already active. Nothing was changed" in done.stderr
    [row] = command.json("subscribers", "list")
    assert (row["status"], row["keywords"], row["send_hour"], row["timezone"]) == (
        "active",
        ["robot", "[graph]"],
        5,
        "Asia/Tokyo",
    )
    lines = command.run("subscribers", "list").stdout.splitlines()
    assert lines == [
        "id\temail\tstatus\tfrequency\thour\tzone\tkeywords",
        f"1\t{ADA}\tactive\tdaily\t5\tAsia/Tokyo\trobot, [graph]",
    ]
    held = command.json("subscribers", "show", ADA)
    assert [delivery["kind"] for delivery in held["deliveries"]] == ["confirm"]
    assert "nonce" not in held
    assert f"email\t{ADA}" in command.run("subscribers", "show", ADA).stdout
    until = (datetime.now(UTC) + timedelta(days=9)).date()
    assert command.run("subscribers", "pause", ADA, "--until", str(until)).stdout == f"{ADA}: paused\n"
    [row] = command.json("subscribers", "list")
    assert (row["status"], row["paused_until"]) == ("paused", str(until))
    assert (
        "Choose a day after today" in command.run("subscribers", "pause", ADA, "--until", "2020-01-01", status=2).stderr
    )
    assert command.json("subscribers", "resume", ADA) == {"email": ADA, "status": "active"}
    assert "resumed" in command.run("subscribers", "resume", ADA, status=2).stderr
    assert [row["action"] for row in command.json("actions", "list")][:2] == ["resume", "pause"]
    assert command.run("subscribers", "remove", ADA).stdout == f"{ADA}: unsubscribed\n"
    assert command.json("deliveries", "list")[0]["state"] == "cancelled"
    assert command.json("subscribers", "remove", ADA, "--erase") == {"email": ADA, "status": "erased"}
    assert command.json("subscribers", "list") == command.json("deliveries", "list") == []


def test_who_was_suppressed_wrongly_is_restored(tmp_path: Path) -> None:
    command = Command(tmp_path)
    command.run("subscribers", "add", ADA, "-k", "robot", "--confirmed")
    ctx = make_context(connect(f"sqlite:///{tmp_path}/var/digest.db"))
    set_status(ctx.engine, ADA, SubscriberStatus.SUPPRESSED, reason="refused: 550 relay not permitted", ended_at=NOW)
    options = ["restore", "--suppressed-since", "2026-07-29", "--reason", "not permitted"]
    restored = [{"email": ADA, "status": "active", "reason": "refused: 550 relay not permitted"}]
    assert command.json("subscribers", *options, "--dry-run") == {"dry_run": True, "restored": restored}
    assert command.json("subscribers", *options) == {"dry_run": False, "restored": restored}
    [row] = command.json("subscribers", "list")
    assert (row["status"], row["keywords"]) == ("active", ["robot"])
    assert command.run("subscribers", *options).stdout.splitlines()[-1] == "0 restored"
    done = command.run("subscribers", "restore", "--suppressed-since", "2026-07-29", "--reason", "*", status=2)
    assert "Say which subscribers to restore" in done.stderr


def test_an_import_reports_bad_lines_and_takes_the_good_ones(tmp_path: Path) -> None:
    command = Command(tmp_path)
    lines = (
        "email,keywords,send_hour,sources",
        "a@example.org,robot,7,arxiv",
        "nobody,robot,",
        '"b@example.org","one',
        'two",',
    )
    text = "\n".join([*lines, "c@example.org,x,99"])
    (tmp_path / "people.csv").write_text(text, encoding="utf-8")
    done = command.run("subscribers", "import", "people.csv", "--strict", status=1)
    assert (done.stdout, len(done.stderr.splitlines())) == ("0 imported, 2 invalid lines\n", 2)
    assert command.json("subscribers", "list") == []
    output = command.json("subscribers", "import", "people.csv", status=1)
    assert (output["imported"], [row["line"] for row in output["bad"]]) == (2, [3, 6])
    assert {row["email"]: row["keywords"] for row in command.json("subscribers", "list")} == {
        "a@example.org": ["robot"],
        "b@example.org": ["one", "two"],
    }
    exported = command.run("subscribers", "export").stdout
    (tmp_path / "again.csv").write_text(exported, encoding="utf-8")
    other = Command(tmp_path, {"DIGEST_DATABASE_URL": "sqlite:///other.db"})
    assert other.json("subscribers", "import", "again.csv", "--confirmed", "--strict")["imported"] == 2
    # Who had not agreed where the file was written is asked here, whatever the flag says.
    assert {row["status"] for row in other.json("subscribers", "list")} == {"pending"}
    assert other.run("subscribers", "export").stdout == exported
    assert [row["sources"] for row in other.json("subscribers", "list")] == [["arxiv"], []]
    other.run("subscribers", "add", ADA, "--source", "arxiv", "--source", "huggingface")  # all there are
    assert other.json("subscribers", "list")[-1]["sources"] == []
    refused = other.run("subscribers", "add", "eve@example.org", "--source", "jacs", status=2)
    assert "There is no source 'jacs'. Choose from arxiv and huggingface." in refused.stderr


@pytest.mark.parametrize(
    ("line", "logs"),
    [
        ("nobody,robot", "not an e-mail address"),
        ("a@example.org,!!", "no letter or digit"),
        ("a@example.org,robot,hourly", "daily, weekdays, weekly or monthly"),
        ("a@example.org,robot,daily,noon", "send_hour must be a number"),
        ("a@example.org,robot,daily,24", "0 to 23"),
        ("a@example.org,robot,daily,8,Berlin", "Europe/Berlin"),
        ("a@example.org,robot,daily,8,UTC,0", "1 to 100"),
        ("a@example.org,robot,daily,8,UTC,٣", "cap must be a number"),
        ("a@example.org,robot,daily,8,UTC,9,perhaps", "trending must be yes or no"),
        ("a@example.org,robot,daily,8,UTC,9,yes,ja", "summaries must be yes or no"),
        ("a@example.org,robot,daily,8,UTC,9,yes,no,gone", "status must be one of"),
        ("a@example.org,robot,daily,8,UTC,9,yes,no,paused,soon", "paused_until must be a date"),
        ("a@example.org,robot,weekly,8,UTC,9,yes,no,active,,,someday", "such as monday"),
        ("a@example.org,robot,daily,8,UTC,9,yes,no,active,,,friday,ja", "thumbnails must be yes or no"),
        ("a@example.org,robot,daily,8,UTC,9,yes,no,active,,,friday,no,robot", "must not be muted"),
        ("a@example.org,robot,daily,8,UTC,9,yes,no,active,,,friday,no,,jacs", "There is no source 'jacs'"),
        ("a@example.org,robot,daily,8,UTC,9,yes,no,paused,,,,,,,,,more", "more cells than the heading"),
        ("busy@example.org,robot", "is already active"),
        ("first@example.org,robot", "is already in line 2"),
    ],
)
def test_what_is_wrong_with_a_line_is_reported(store: Engine, tmp_path: Path, line: str, logs: str) -> None:
    add_active_subscriber(make_context(store), "busy@example.org", now=NOW)
    text = f"{','.join(COLUMNS)}\nfirst@example.org,robot\n\n{line}\n"
    result = read(store, tmp_path, text, strict=True)
    assert (result.imported, [number for number, _ in result.line_errors]) == (0, [4])
    assert logs in result.line_errors[0][1]
    assert [row["email"] for row in list_subscribers(make_context(store).engine)] == ["busy@example.org"]


@pytest.mark.parametrize(
    ("text", "logs"),
    [
        ("", "no email column"),
        ("name\nAda\n", "no email column"),
        ("email,keyword\nada@example.org,robot\n", "Did you mean keywords"),
    ],
)
def test_a_file_of_another_shape_is_refused_whole(sqlite_store: Engine, tmp_path: Path, text: str, logs: str) -> None:
    with pytest.raises(SubscriberError, match=logs):
        read(sqlite_store, tmp_path, text)


def test_a_file_that_is_no_text_is_refused(sqlite_store: Engine, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_bytes(b"email\n\x81\xfe\n")
    with pytest.raises(SubscriberError, match="neither UTF-8, UTF-16 nor Windows-1252"):
        import_csv(make_context(sqlite_store), tmp_path / "people.csv", NOW, confirmed=True, strict=True)


def test_spreadsheets_of_all_countries_are_read(sqlite_store: Engine, tmp_path: Path) -> None:
    text = "\ufeffEmail;Keywords;Name\r\nada@example.org;robot|graph;Ada\r\n;;\r\n"
    assert read(sqlite_store, tmp_path, text, confirmed=True) == ImportReport(1, [])
    assert list_subscribers(make_context(sqlite_store).engine)[0]["keywords"] == ["robot", "graph"]


def test_who_left_stays_away_after_a_move(store: Engine, tmp_path: Path, sqlite_store: Engine) -> None:
    old, record = make_context(store), StoreView(store)
    for status in SubscriberStatus:
        add_active_subscriber(old, f"{status}@example.org", "robot", now=NOW)
        until = date(2026, 9, 1) if status == SubscriberStatus.PAUSED else None
        reason = "complaint" if status == SubscriberStatus.SUPPRESSED else ""
        set_status(store, f"{status}@example.org", status, paused_until=until, reason=reason)
    add_active_subscriber(old, "held@example.org", "robot", now=NOW)
    set_status(
        store,
        "held@example.org",
        SubscriberStatus.PAUSED,
        paused_until=None,
        reason="3 of the last 5 e-mails bounced",
    )
    (tmp_path / "export.csv").write_text(export_csv(old.engine), encoding="utf-8")
    new = make_context(sqlite_store)
    if sqlite_store.url != store.url:
        assert import_csv(new, tmp_path / "export.csv", NOW, confirmed=True, strict=True) == ImportReport(6, [])
        assert export_csv(new.engine) == export_csv(old.engine)
        assert StoreView(sqlite_store).delivery_kinds("suppressed@example.org") == []
        assert StoreView(sqlite_store).delivery_kinds("pending@example.org") == ["confirm"]
    assert record.deliveries() == []


@pytest.mark.parametrize(
    ("name", "unset", "cell"), [("summaries", False, "no"), ("about_only", False, "no"), ("close_papers", None, "")]
)
def test_a_preference_is_set_shown_and_moved(tmp_path: Path, name: str, unset: bool | None, cell: str) -> None:
    command = Command(tmp_path)
    command.run("subscribers", "add", ADA, "-k", "robot", f"--{name.replace('_', '-')}", "--confirmed")
    command.run("subscribers", "add", "bob@example.org", "-k", "robot", "--confirmed")
    listed = {row["email"]: row[name] for row in command.json("subscribers", "list")}
    assert listed == {ADA: True, "bob@example.org": unset}
    assert command.json("subscribers", "show", ADA)[name] is True
    exported = command.run("subscribers", "export").stdout
    assert [row[name] for row in csv.DictReader(io.StringIO(exported))] == ["yes", cell]
    (tmp_path / "people.csv").write_text(exported, encoding="utf-8")
    other = Command(tmp_path, {"DIGEST_DATABASE_URL": "sqlite:///other.db"})
    other.run("subscribers", "import", "people.csv", "--confirmed", "--strict")
    assert {row["email"]: row[name] for row in other.json("subscribers", "export")} == listed


def test_no_cell_is_a_formula_and_each_comes_back_as_it_was(sqlite_store: Engine, tmp_path: Path) -> None:
    ctx = make_context(sqlite_store)
    keywords = ["=HYPERLINK(robot)", "+graph", "@neural", "- shot", "'=quoted", '"a|b"', "C++"]
    add_active_subscriber(ctx, "=1+2@example.org", *keywords[:1], now=NOW)
    add_active_subscriber(ctx, "bob@example.org", *keywords, now=NOW)
    text = export_csv(ctx.engine)
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert [cell for cell in cells if cell.startswith(FORMULA_PREFIXES)] == []
    assert "'=1+2@example.org" in cells
    held = [(row["email"], row["keywords"]) for row in list_subscribers(ctx.engine)]
    (tmp_path / "export.csv").write_text(text, encoding="utf-8")
    for email, _ in held:
        erase_by_email(ctx, email)
    assert import_csv(ctx, tmp_path / "export.csv", NOW, confirmed=True, strict=True).line_errors == []
    assert [(row["email"], row["keywords"]) for row in list_subscribers(ctx.engine)] == held


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.text("ab|='\"+-@,; ", min_size=1, max_size=8), max_size=4))
def test_any_keywords_survive_the_journey(words: list[str]) -> None:
    written = [word.strip() for word in words if word.strip()]
    cell = escape_cell(join_keywords(written))
    assert not cell.startswith(FORMULA_PREFIXES)
    assert [word for word in split_keywords(unescape_cell(cell)) if word] == written
