"""`digest database`: what an operator does with the database after an accident."""

from typing import Annotated

import typer

from digest.cli.output import JsonOption, exit_with_problems, open_context, print_json, show_progress, utc_now
from digest.cli.process import run_coroutine
from digest.errors import UsageError

RESUME_EPILOG = """\
Read first which one you want:

--assume-sent  Nothing comes twice. E-mails that were queued when the last one was sent count as sent, and so do all
papers listed up to that day: what had not left by then is lost. The sources are read first.

--send-again  Nothing is lost. What this database knows as unsent is sent, also what had left after the backup.
"""

app = typer.Typer(help="Go on after the database was restored.", no_args_is_help=True)


@app.callback()
def main() -> None:
    """Go on after the database was restored."""


@app.command(epilog=RESUME_EPILOG)
def resume(
    *,
    assume_sent: Annotated[bool, typer.Option("--assume-sent", help="Nothing comes twice.")] = False,
    send_again: Annotated[bool, typer.Option("--send-again", help="Nothing is lost.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Send again from an SQLite database that does not know what was sent from it.

    Sending stops by itself when the file NAME.mark beside the database says that more was sent than the database knows:
    it was restored from a backup, or has lost its -wal file.
    """
    from digest.delivery import resume_sending
    from digest.jobs import pipeline

    if assume_sent == send_again:
        raise UsageError("give either --assume-sent or --send-again; see: digest database resume --help")
    ctx = open_context()
    if not ctx.settings.uses_sqlite:
        raise UsageError("only an SQLite database has a mark; for PostgreSQL see deploy/README.md, Backup and restore")
    if assume_sent:
        # What is fetched later counts as new, so the days up to the mark must be there.
        with show_progress("reading") as on_progress:
            reports = run_coroutine(pipeline.collect(ctx, utc_now(), on_progress=on_progress))
        failures = [f"{report.source}: {problem}" for report in reports if report.failed for problem in report.problems]
        exit_with_problems([*failures, "try again when the sources can be read"] if failures else [])
    assumed = resume_sending(ctx.engine, utc_now(), assume_sent=assume_sent)
    if as_json:
        print_json({"assumed_sent": assumed})
    else:
        typer.echo(f"sending goes on; {assumed} queued e-mails count as sent")
