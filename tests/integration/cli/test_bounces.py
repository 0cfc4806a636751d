"""`digest bounces pipe` as a mail system calls it, and the commands that show bounces."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Delivery, DeliveryState
from tests.support.bounce_messages import BOUNCES, SAMPLES, bounce_message, bounce_records, return_address
from tests.support.command import Command
from tests.support.contexts import KEY, TUESDAY, make_context
from tests.support.factories import delivery, subscriber

EXPECTED = json.loads((SAMPLES / "expected.json").read_text())


@pytest.fixture
def ctx(sqlite_store: Engine) -> AppContext:
    """A store with one email, which the relay took at the second attempt."""
    with write_session(sqlite_store) as session:
        ada = subscriber(email="ada@example.org", created_at=TUESDAY, confirmed_at=TUESDAY)
        session.add(ada)
        session.flush()
        sent = {"state": DeliveryState.SENT, "attempts": 2, "reply_code": 250, "reply": "queued as 4711"}
        times = {"created_at": TUESDAY, "settled_at": TUESDAY + timedelta(minutes=6)}
        session.add(delivery(ada, id=41, **sent, **times))
    return make_context(sqlite_store, bounce_address=BOUNCES)


@pytest.fixture
def command(ctx: AppContext, tmp_path: Path) -> Command:
    given = {"DATABASE_URL": ctx.settings.database_url, "SECRET_KEY": KEY, "BOUNCE_ADDRESS": BOUNCES}
    return Command(tmp_path, {f"DIGEST_{name}": value for name, value in given.items()})


def status_of(ctx: AppContext) -> str:
    with read_session(ctx.engine) as session:
        return session.get_one(Delivery, 41).state


@pytest.mark.parametrize(
    ("name", "advice"), [("no-such-mailbox", ""), ("person", ""), ("sender-refused", "DIGEST_MAIL_FROM")]
)
def test_a_mail_is_explained_without_a_store(tmp_path: Path, name: str, advice: str) -> None:
    done = Command(tmp_path).pipe((SAMPLES / f"{name}.eml").read_bytes(), "bounces", "pipe", "--explain")
    assert (done.returncode, done.stderr) == (0, b"")
    output = json.loads(done.stdout)
    assert advice in output["advice"]
    assert {name: value for name, value in output.items() if name != "advice"} == EXPECTED[name]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("raw", [b"", b"x" * 3_000_000])
def test_what_is_no_mail_is_explained_too(tmp_path: Path, raw: bytes) -> None:
    done = Command(tmp_path).pipe(raw, "bounces", "pipe", "--explain")
    assert done.returncode == 0
    output = json.loads(done.stdout)
    assert sorted(output) == ["advice", "class", "parser", "reason", "recipient", "status"]
    assert (output["class"], output["reason"][:11]) == ("none", "unreadable:")


def test_a_piped_bounce_is_recorded_once(ctx: AppContext, command: Command) -> None:
    raw = bounce_message("no-such-mailbox", return_address(ctx, 41))
    done = command.pipe(raw, "bounces", "pipe")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"delivery 41: hard 5.1.1 no such mailbox: suppressed\n"
    assert b"@" not in done.stdout + done.stderr
    assert b"known" in command.pipe(raw, "bounce").stdout  # the command of the release before
    assert len(bounce_records(ctx)) == 1
    assert status_of(ctx) == DeliveryState.FAILED


@pytest.mark.parametrize("way", ["--recipient", "ORIGINAL_RECIPIENT"])
def test_the_mail_system_may_tell_the_recipient(ctx: AppContext, command: Command, way: str) -> None:
    raw, to = bounce_message("mailbox-full", "somebody@example.org"), return_address(ctx, 41)
    arguments, settings = ((way, to), {}) if way.startswith("-") else ((), {way: to})
    done = command.pipe(raw, "bounces", "pipe", *arguments, **settings)
    assert (done.returncode, len(bounce_records(ctx))) == (0, 1)


def test_an_unsigned_message_changes_nothing_and_is_reported(ctx: AppContext, command: Command) -> None:
    done = command.pipe(bounce_message("no-such-mailbox", BOUNCES), "bounces", "pipe")
    assert done.returncode == 0
    assert b"No signed address in this message belongs to a delivery" in done.stderr
    assert (bounce_records(ctx), status_of(ctx)) == ([], DeliveryState.SENT)


def test_the_mail_system_keeps_the_mail_while_we_cannot_take_it(ctx: AppContext, tmp_path: Path) -> None:
    raw = bounce_message("no-such-mailbox", return_address(ctx, 41))
    away = Command(tmp_path, {"DIGEST_DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:9/digest"})
    for command in (away, Command(tmp_path, {"DIGEST_SEND_HOUR": "25"})):
        done = command.pipe(raw, "bounces", "pipe")
        assert (done.returncode, done.stdout) == (75, b"")
        assert b"The mail system keeps the message" in done.stderr


def test_what_cannot_be_read_is_not_sent_back(command: Command) -> None:
    done = command.pipe(b"\xff\xfe" * 4_000_000, "bounces", "pipe")  # and all of it is taken from the pipe
    assert done.returncode == 0
    assert b"The message cannot be read and was ignored" in done.stderr


def test_the_whole_history_of_a_delivery_is_shown(ctx: AppContext, command: Command) -> None:
    command.pipe(bounce_message("delayed", return_address(ctx, 41)), "bounces", "pipe")
    command.pipe(bounce_message("mailbox-full", return_address(ctx, 41)), "bounces", "pipe")
    output = command.json("deliveries", "show", "41")
    assert [event["event"] for event in output["history"]] == [
        "queued: digest 2026-07-01",
        "2 attempts",
        "failed: bounced: 5.2.2 mailbox full; before: 250 queued as 4711",
        "bounced: soft, 4.4.1 gave up (read by rfc3464)",
        "bounced: soft, 5.2.2 mailbox full (read by rfc3464)",
    ]
    assert [event["at"] for event in output["history"]][:3] == [TUESDAY.isoformat(), None, "2026-07-28T09:06:00+00:00"]
    assert [(bounce["class"], bounce["status"]) for bounce in output["bounces"]] == [
        ("soft", "4.4.1"),
        ("soft", "5.2.2"),
    ]
    # Names of the release before.
    assert [event["what"] for event in output["story"]] == [event["event"] for event in output["history"]]
    assert [bounce["verdict"] for bounce in output["evidence"]] == ["soft", "soft"]
    shown = command.run("deliveries", "show", "41").stdout
    assert "2026-07-28 09:00:00+00:00\tqueued: digest 2026-07-01\n" in shown
    assert "bounced: soft, 5.2.2 mailbox full (read by rfc3464)" in shown


def test_what_came_back_is_listed(ctx: AppContext, command: Command) -> None:
    assert "No bounces yet" in command.run("bounces", "list").stderr
    command.pipe(bounce_message("taken-for-spam", return_address(ctx, 41)), "bounces", "pipe")
    (output,) = command.json("bounces", "list")
    assert (output["delivery_id"], output["class"], output["status"]) == (41, "ours", "5.7.1")
    assert "taken for spam" in command.run("bounces", "list").stdout
    assert status_of(ctx) == DeliveryState.FAILED


def test_fetching_needs_a_mailbox(command: Command) -> None:
    assert "DIGEST_IMAP_HOST is empty" in command.run("bounces", "fetch", status=2).stderr
