"""`digest doctor`: check everything that a day's work needs."""

import asyncio
import os
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli import messages
from digest.cli.operators.template_commands import check_templates
from digest.cli.output import EXIT_FAILURE, JsonOption, configure_logging, print_json
from digest.errors import SettingError

if TYPE_CHECKING:
    from digest.monitoring.checks import CheckResult

DOCTOR_EPILOG = """\
$ digest doctor

$ digest doctor --resolver 9.9.9.9

The exit status is 1 if a line begins with FIX. Nothing is sent or changed.
"""


def doctor(
    *,
    resolver: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="DNS server to ask, for example 9.9.9.9 or 127.0.0.1:5353. Default: the system's."
        ),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Check settings, database, relay, sources, clock, and the DNS records of the sender.

    Each line says what to fix, and which DNS records to publish.
    """
    from digest.monitoring.checks import run_checks

    configure_logging()
    results = [*check_own_templates(), *asyncio.run(run_checks(resolver))]
    if as_json:
        rows = [{"check": result.name, "ok": result.ok, "message": result.message} for result in results]
        print_json(rows, {"message": "says"})
    else:
        color = False if os.environ.get("NO_COLOR") else None  # None: on a terminal
        for result in results:
            word = typer.style("ok  ", fg="green") if result.ok else typer.style("FIX ", fg="red", bold=True)
            typer.echo(f"{word} {result.name}: {result.message}", color=color)
        typer.echo(messages.doctor_summary(sum(not result.ok for result in results), len(results)))
    if not all(result.ok for result in results):
        raise typer.Exit(EXIT_FAILURE)


def check_own_templates() -> "list[CheckResult]":
    """Check the operator's templates, a line a fault; nothing where there are none."""
    from digest.config import load_settings, load_template_folder
    from digest.monitoring.checks import CheckResult

    try:
        templates = load_template_folder(load_settings().templates)
    except SettingError as error:
        # What else is wrong with the settings is told by their own check.
        return [CheckResult("templates", ok=False, message=str(error))] if "DIGEST_TEMPLATES" in str(error) else []
    if not templates:
        return []
    faults = check_templates(templates)
    if not faults:
        return [CheckResult("templates", ok=True, message=messages.templates_sound(len(templates.sources)))]
    return [CheckResult("templates", ok=fault.is_warning, message=str(fault)) for fault in faults]
