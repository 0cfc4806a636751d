"""`digest doctor`: check everything that a day's work needs."""

import asyncio
from typing import Annotated

import typer

from digest.cli.output import EXIT_FAILURE, JsonOption, configure_logging, print_json

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
    results = asyncio.run(run_checks(resolver))
    if as_json:
        rows = [{"check": result.name, "ok": result.ok, "message": result.message} for result in results]
        print_json(rows, {"message": "says"})
    else:
        for result in results:
            typer.echo(f"{'ok  ' if result.ok else 'FIX '} {result.name}: {result.message}")
    if not all(result.ok for result in results):
        raise typer.Exit(EXIT_FAILURE)
