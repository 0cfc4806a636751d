"""`digest database`: what an operator does with the database after an accident."""

from typing import Annotated

import typer

from digest.cli import messages
from digest.cli.output import JsonOption, exit_with_errors, open_context, print_json, show_progress, utc_now
from digest.cli.process import run_coroutine
from digest.errors import UsageError

RESUME_EPILOG = """\
Choose one:

--assume-sent  Send nothing twice. E-mails that were queued when the last one was sent count as sent, and so do all
papers listed up to that day. E-mails that were not sent by then are lost. The sources are fetched first.

--send-again  Lose nothing. Every e-mail that this database has as unsent is sent, even if it was sent after the backup.
"""

app = typer.Typer(help="Resume sending after the database was restored from a backup.", no_args_is_help=True)


@app.callback()
def main() -> None:
    """Resume sending after the database was restored from a backup."""


@app.command(epilog=RESUME_EPILOG)
def resume(
    *,
    assume_sent: Annotated[
        bool, typer.Option("--assume-sent", help="Send nothing twice; some e-mails may be lost.")
    ] = False,
    send_again: Annotated[
        bool, typer.Option("--send-again", help="Lose nothing; some e-mails may be sent twice.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Resume sending from an SQLite database that was restored from a backup.

    Sending stops when the file NAME.mark next to the database says that more e-mails were sent than the database has
    on record: it was restored from a backup, or has lost its -wal file.
    """
    from digest.delivery import resume_sending
    from digest.jobs import pipeline

    if assume_sent == send_again:
        raise UsageError(messages.ASSUME_OR_SEND)
    ctx = open_context()
    if not ctx.settings.uses_sqlite:
        raise UsageError(messages.ONLY_SQLITE_HAS_MARK)
    if assume_sent:
        # What is fetched later counts as new, so the days up to the mark must be there.
        with show_progress("Fetching") as on_progress:
            reports = run_coroutine(pipeline.collect(ctx, utc_now(), on_progress=on_progress))
        failures = [f"{report.source}: {problem}" for report in reports if report.failed for problem in report.problems]
        exit_with_errors([*failures, messages.COLLECT_FAILED] if failures else [])
    assumed = resume_sending(ctx.engine, utc_now(), assume_sent=assume_sent)
    if as_json:
        print_json({"assumed_sent": assumed})
    else:
        typer.echo(messages.sending_resumed(assumed))
