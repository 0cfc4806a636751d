"""The command: questions, test, file, and what to do next."""

import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from digest.cli.output import configure_logging, print_note
from digest.cli.setup import messages
from digest.cli.setup.env_file import ENV_FILE, read_known_settings, write_settings
from digest.cli.setup.questions import QUESTIONS, ask, load_answers
from digest.cli.setup.relay_test import send_until_accepted
from digest.errors import UsageError

SETUP_EPILOG = """\
$ digest setup

Without questions, for scripts; what is not given has its default:

$ digest setup --yes --contact you@example.org --smtp-host smtp.example.org

Every setting with its explanation and default:

$ digest setup --show-settings
"""
EXAMPLE_FILE = ".env.example"
KEY_BYTES, TOKEN_BYTES = 32, 24


def setup(
    *,
    site_name: Annotated[str | None, typer.Option(help="Name of the service.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Public address of the pages.")] = None,
    contact: Annotated[str | None, typer.Option(help="Your own e-mail address; the test e-mail goes there.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Time zone that new subscribers begin with.")] = None,
    sources: Annotated[str | None, typer.Option(help="Sources to read, with commas between them.")] = None,
    database_url: Annotated[str | None, typer.Option(help="Address of the database.")] = None,
    smtp_host: Annotated[str | None, typer.Option(help="Host of the SMTP relay; empty to send nothing.")] = None,
    smtp_username: Annotated[str | None, typer.Option(help="User name for the relay; empty for none.")] = None,
    smtp_password_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="File with the password for the relay; - for standard input.")
    ] = None,
    smtp_tls: Annotated[str | None, typer.Option(help="Encryption: starttls, tls or none.")] = None,
    smtp_port: Annotated[str | None, typer.Option(help="Port of the relay.")] = None,
    mail_from: Annotated[str | None, typer.Option(help="Sender that subscribers see.")] = None,
    postal_address: Annotated[str | None, typer.Option(help="Postal address for the footer of e-mails.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: take the defaults.")] = False,
    test_email: Annotated[bool, typer.Option(help="Send an e-mail to yourself through the relay.")] = True,
    show_settings: Annotated[
        bool, typer.Option("--show-settings", help="Only print every setting, with what it does and its default.")
    ] = False,
) -> None:
    """Set the service up: answer some questions, test the relay, write the settings to .env.

    Every question has a default, a check and an option of its own; a space empties an answer. Settings that .env has
    already are the defaults, and what it has beside them stays. Nothing is written before the relay has accepted an
    e-mail to you.
    """
    if show_settings:
        typer.echo(read_example(), nl=False)
        return
    configure_logging()
    given = {
        "site_name": site_name, "base_url": base_url, "contact": contact, "default_timezone": timezone,
        "sources": sources, "database_url": database_url, "smtp_host": smtp_host, "smtp_username": smtp_username,
        "smtp_password": read_password(smtp_password_file), "smtp_tls": smtp_tls, "smtp_port": smtp_port,
        "mail_from": mail_from, "postal_address": postal_address,
    }  # fmt: skip
    known = read_known_settings()
    answers = {
        "secret_key": known.get("secret_key") or secrets.token_urlsafe(KEY_BYTES),
        "operator_token": known.get("operator_token") or secrets.token_urlsafe(TOKEN_BYTES),
    }
    for question in QUESTIONS:
        ask(question, answers, known, given.get(question.setting), asks=not yes)
    settings = load_answers(answers)
    if settings.has_relay and test_email:
        settings = send_until_accepted(settings, answers, asks=not yes)
    write_settings(answers, known)
    print_note(messages.settings_written(ENV_FILE))
    print_note(messages.operator_pages(f"{settings.base_url}/operator"))
    typer.echo(messages.SETUP_NEXT)


def read_example() -> str:
    """Read `.env.example`: inside an installed wheel, else beside the package."""
    package = Path(__file__).parents[2]
    example = package / EXAMPLE_FILE
    return (example if example.exists() else package.parent / EXAMPLE_FILE).read_text(encoding="utf-8")


def read_password(path: str | None) -> str | None:
    """Read the password from a file or from standard input, so that no list of processes shows it."""
    if path is None:
        return None
    try:
        text = sys.stdin.readline() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(messages.password_not_readable(path, error)) from error
    return text.strip("\r\n")
