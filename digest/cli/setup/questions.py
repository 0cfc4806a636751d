"""Questions for settings: each with a default, a check, and an answer that is asked for until it can be used."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from digest.cli.output import print_error
from digest.cli.setup import messages
from digest.errors import SettingError

if TYPE_CHECKING:
    from digest.config import Settings

ZONEINFO = "zoneinfo/"  # in the path of the machine's time zone
PORTS = {"starttls": "587", "tls": "465", "none": "25"}
Answers = dict[str, str]  # by the name of the setting


@dataclass(frozen=True, slots=True)
class SetupQuestion:
    """Question for one setting. `default` may depend on the answers before it; `applies` says whether it is asked."""

    setting: str
    text: str
    default: Callable[[Answers], str]
    applies: Callable[[Answers], bool] = lambda _answers: True
    is_secret: bool = False
    is_address: bool = False


def has_relay(answers: Answers) -> bool:
    """Return whether e-mails are to leave the machine."""
    return bool(answers.get("smtp_host"))


QUESTIONS = (
    SetupQuestion("site_name", messages.ASK_SITE_NAME, lambda _: "Paper Digest"),
    SetupQuestion("base_url", messages.ASK_BASE_URL, lambda _: "http://127.0.0.1:8000"),
    SetupQuestion("contact", messages.ASK_CONTACT, lambda _: "", is_address=True),
    SetupQuestion("default_timezone", messages.ASK_TIMEZONE, lambda _: local_timezone()),
    SetupQuestion("sources", messages.ASK_SOURCES, lambda _: "huggingface,arxiv"),
    SetupQuestion("database_url", messages.ASK_DATABASE, lambda _: "sqlite:///var/digest.db"),
    SetupQuestion("smtp_host", messages.ASK_SMTP_HOST, lambda _: ""),
    SetupQuestion("smtp_username", messages.ASK_SMTP_USERNAME, lambda _: "", has_relay),
    SetupQuestion(
        "smtp_password",
        messages.ASK_SMTP_PASSWORD,
        lambda _: "",
        lambda answers: has_relay(answers) and bool(answers["smtp_username"]),
        is_secret=True,
    ),
    SetupQuestion("smtp_tls", messages.ASK_SMTP_TLS, lambda _: "starttls", has_relay),
    SetupQuestion(
        "smtp_port", messages.ASK_SMTP_PORT, lambda answers: PORTS.get(answers["smtp_tls"], "587"), has_relay
    ),
    SetupQuestion("mail_from", messages.ASK_MAIL_FROM, lambda answers: default_sender(answers), has_relay),  # noqa: PLW0108
    SetupQuestion("postal_address", messages.ASK_POSTAL_ADDRESS, lambda _: "", has_relay),
)
RELAY_SETTINGS = ("smtp_host", "smtp_username", "smtp_password", "smtp_tls", "smtp_port", "mail_from")


def ask(question: SetupQuestion, answers: Answers, known: Mapping[str, str], given: str | None, *, asks: bool) -> None:
    """Add the answer to a question: the one that was given, else one that is asked for, else the default.

    Raises SettingError for one that cannot be used, where nobody can be asked again.
    """
    if not question.applies(answers):
        return
    default = known.get(question.setting) or question.default(answers)
    while True:
        answer = given
        if answer is None and asks:
            answer = prompt(question, default)
        try:
            checked = answers | {question.setting: (default if answer is None else answer).strip()}
            check_answer(question, checked)
        except SettingError as error:
            if given is not None or not asks:
                raise
            print_error(error)
        else:
            answers.update(checked)
            return


def prompt(question: SetupQuestion, default: str) -> str:
    """Ask on the terminal; a secret is not shown while it is typed."""
    hides = question.is_secret and sys.stdin.isatty()
    shown = question.is_secret and bool(default)
    text = f"{question.text} ({messages.KEEP_SECRET})" if shown else question.text
    return str(
        typer.prompt(text, default=default, hide_input=hides, show_default=bool(default) and not shown, err=True)
    )


def check_answer(question: SetupQuestion, answers: Answers) -> None:
    """Raise SettingError for an answer that cannot be used with those before it."""
    from digest.config import encode_address

    if question.is_address:
        if not (value := answers[question.setting]):
            return
        try:
            encode_address(value)
        except ValueError as error:
            raise SettingError(messages.no_address(value)) from error
    load_answers(answers)


def load_answers(answers: Answers) -> "Settings":
    """Return the settings that the answers make, whatever .env has now."""
    from digest.config import load_settings

    return load_settings(_env_file=None, **{name: value for name, value in answers.items() if value})


def default_sender(answers: Answers) -> str:
    """Return a sender of the operator's own domain."""
    domain = answers["contact"].rpartition("@")[2] or "localhost"
    name = answers["site_name"].replace("\\", "").replace('"', "")
    is_plain = all(character.isalnum() or character in " -" for character in name)  # RFC 5322, 3.2.5: a phrase
    return f"{name} <digest@{domain}>" if is_plain else f'"{name}" <digest@{domain}>'


def local_timezone() -> str:
    """Return the time zone of this machine, UTC where it is not known."""
    name = os.environ.get("TZ", "").removeprefix(":") or os.path.realpath("/etc/localtime").partition(ZONEINFO)[2]
    from digest.schedule import timezone_names

    return name if name in timezone_names() and name != "Etc/UTC" else "UTC"
