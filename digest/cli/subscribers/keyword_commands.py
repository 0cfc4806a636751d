"""`digest keywords`: keywords from subscriptions and alerts of other services."""

from typing import Annotated, Any

import typer

from digest.cli.output import EXIT_FAILURE, JsonOption, print_error, print_json

CONVERT_EPILOG = """\
$ digest keywords convert scholar-alerts.txt

$ echo "cs.CL, stat.ML" | digest keywords convert

$ digest keywords convert subscription.eml --json
"""

app = typer.Typer(help="Convert subscriptions and alerts of other services to keywords.", no_args_is_help=True)


@app.callback()
def main() -> None:
    """Convert subscriptions and alerts of other services to keywords."""


@app.command(epilog=CONVERT_EPILOG)
def convert(
    file: Annotated[
        typer.FileText, typer.Argument(encoding="utf-8-sig", errors="replace", help="Text file. Default: input.")
    ] = "-",  # type: ignore[assignment]
    *,
    as_json: JsonOption = False,
) -> None:
    """Print the keywords that subscriptions of arXiv and alerts of Google Scholar mean, one per line.

    The text is what you paste: e-mails to arXiv's mailing lists ("add cs.CL"), categories, alert e-mails with their
    subject, or the list of your alerts. What cannot be read is reported, and the exit status is 1.
    """
    from digest.config import load_settings
    from digest.matching import convert_alerts
    from digest.subscribers import KeywordLimits

    limits = KeywordLimits.from_settings(load_settings(), describe_paper=lambda _name: None)
    found = convert_alerts(file.read(), limits.query_limits)
    if as_json:
        unread: list[dict[str, Any]] = [
            {"line": part.line, "text": part.text, "message": part.message} for part in found.unread
        ]
        print_json({"keywords": found.keywords, "unread": unread})
    else:
        for keyword in found.keywords:
            typer.echo(keyword)
        for part in found.unread:
            print_error(f"line {part.line}: {part.text}: {part.message}" if part.line else part.message)
    if found.unread:
        raise typer.Exit(EXIT_FAILURE)
