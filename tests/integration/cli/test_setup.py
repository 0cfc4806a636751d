"""`digest setup`: questions with defaults and checks, a relay that is tested by a real e-mail, and what is written."""

import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values

from tests.support.command import Command
from tests.support.ports import free_port
from tests.support.relay import relay, text_of

ADA = "ada@example.org"
RELAY = ("--smtp-host", "127.0.0.1", "--smtp-tls", "none", "--mail-from", "Lab <digest@example.org>")


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def settings_in(command: Command) -> dict[str, str | None]:
    return dotenv_values(command.folder / ".env", interpolate=False)


def answer(command: Command, *lines: str) -> tuple[int, str, str]:
    done = command.pipe("".join(f"{line}\n" for line in lines).encode(), "setup")
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_questions_have_checks_and_lead_to_a_service_that_can_send(command: Command) -> None:
    with relay() as smtp_relay:
        status, shown, errors = answer(
            command,
            *("Papers of the Lab", "lab.example.org", "https://lab.example.org", "ada(at)example.org", ADA),
            *("Europe/Berlin", "", "", "127.0.0.1", "", "none", str(smtp_relay.port), "", "1 Example Street"),
        )
    assert status == 0, errors
    for question in ("Name of the service [Paper Digest]:", "Sources to read [huggingface,arxiv]:"):
        assert question in errors
    assert "must be an address that starts with http:// or https://" in errors  # and is asked again
    assert "'ada(at)example.org' is no e-mail address" in errors
    assert shown.strip() == "Next, check everything and start:\n\n  digest doctor\n  digest serve"
    ((recipient, _),) = smtp_relay.accepted
    (message,) = smtp_relay.mails()[ADA]
    assert (recipient, message["Subject"]) == (ADA, "Test e-mail from Papers of the Lab")
    assert message["From"] == "Papers of the Lab <digest@example.org>"
    assert "1 Example Street" in text_of(message)
    written = settings_in(command)
    assert stat.S_IMODE((command.folder / ".env").stat().st_mode) == 0o600
    assert (written["DIGEST_BASE_URL"], written["DIGEST_SMTP_PORT"]) == (
        "https://lab.example.org",
        str(smtp_relay.port),
    )
    assert min(len(written[f"DIGEST_{name}"] or "") for name in ("SECRET_KEY", "OPERATOR_TOKEN")) >= 32
    assert "ok   settings: all DIGEST_* values are valid" in command.run("doctor", status=None).stdout


def test_a_refusing_relay_is_corrected_before_anything_is_written(command: Command) -> None:
    closed = str(free_port())
    with relay() as smtp_relay:
        arguments = ("setup", "--yes", "--contact", ADA, *RELAY)
        refused = command.run(*arguments, "--smtp-port", closed, status=1)
        assert "The e-mail was not sent: " in refused.stderr
        smtp_relay.refuse[ADA] = "550 5.7.1 relaying denied"
        refused = command.run(*arguments, "--smtp-port", str(smtp_relay.port), status=1)
        assert "relaying denied" in refused.stderr
        assert "Nothing was written." in refused.stderr
        assert list(command.folder.iterdir()) == []
        smtp_relay.refuse.clear()
        status, _, errors = answer(
            command,
            *("", "", ADA, "", "", "", "127.0.0.1", "", "none", closed, "", ""),
            *("y", "", "", "", str(smtp_relay.port), ""),
        )
    assert status == 0, errors
    assert [recipient for recipient, _ in smtp_relay.accepted] == [ADA]
    assert settings_in(command)["DIGEST_SMTP_PORT"] == str(smtp_relay.port)


def test_a_second_time_the_settings_are_the_defaults_and_other_lines_stay(command: Command) -> None:
    password = 'it\'s $HOME "#1" \\ ${X}'
    (command.folder / "password").write_text(f"{password}\n")
    (command.folder / ".env").write_text("# ours\nDIGEST_SITE_NAME=The Lab\nDIGEST_ACCENT=#9c1c2e\nOTHER=1\n")
    options = ("--smtp-host", "smtp.example.org", "--smtp-username", "lab", "--smtp-password-file", "password")
    command.run("setup", "--yes", "--contact", ADA, *options, "--no-test-email")
    first = settings_in(command)
    assert first["DIGEST_SMTP_PASSWORD"] == password
    assert first["DIGEST_MAIL_FROM"] == "The Lab <digest@example.org>"
    text = (command.folder / ".env").read_text()
    assert text.startswith("# ours\nDIGEST_SITE_NAME=")
    assert "DIGEST_ACCENT=#9c1c2e\nOTHER=1\n" in text
    assert "DIGEST_MAIL_FROM=The Lab <digest@example.org>\n" in text  # Docker takes quotes for part of the value
    status, _, errors = answer(command, *[""] * 6, " ")  # a space: no relay any more
    assert status == 0, errors
    assert "Host of the SMTP relay (empty: e-mails stay on this machine) [smtp.example.org]:" in errors
    second = settings_in(command)
    assert (second["DIGEST_SECRET_KEY"], second["DIGEST_SMTP_HOST"]) == (first["DIGEST_SECRET_KEY"], "")
    assert password not in errors


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--base-url", "lab.example.org"), "DIGEST_BASE_URL: must be an address"),
        (("--contact", "nobody"), "'nobody' is no e-mail address"),
        (("--timezone", "Mars/Base"), "DIGEST_DEFAULT_TIMEZONE: must be a time zone"),
        (("--sources", "papyrus"), "DIGEST_SOURCES: must name known sources"),
        (("--smtp-host", "127.0.0.1", "--smtp-port", "0"), "DIGEST_SMTP_PORT: "),
        (("--smtp-host", "127.0.0.1"), "The test e-mail needs your address"),
        (("--smtp-host", "127.0.0.1", "--smtp-username", "x", "--smtp-password-file", "none"), "Cannot read none"),
    ],
)
def test_an_option_that_cannot_be_used_stops_and_writes_nothing(
    command: Command, arguments: tuple[str, ...], problem: str
) -> None:
    assert problem in command.run("setup", "--yes", *arguments, status=2).stderr
    assert list(command.folder.iterdir()) == []


def test_every_setting_is_shown_without_a_question(command: Command) -> None:
    shown = command.run("setup", "--show-settings").stdout
    assert shown == (Path(__file__).parents[3] / ".env.example").read_text()
    assert not (command.folder / ".env").exists()
