"""`digest sources`: how the sources in use do, and which others are installed."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli import messages
from digest.cli.output import (
    EXIT_FAILURE,
    JsonOption,
    open_context,
    print_error,
    print_json,
    print_note,
    print_table,
    utc_now,
)
from digest.cli.papers.feed_commands import TRY_EPILOG, try_feed

if TYPE_CHECKING:
    from digest.monitoring import SourceOverview

SOURCES_EPILOG = """\
$ digest sources

$ digest sources --fetches

$ digest sources --json
"""
FETCH_COLUMNS = (
    *("source", "list_day", "status", "via", "listed", "new", "seconds", "started_at", "message"),
    *("part", "promised", "received"),
)
SHOWN_COLUMNS = {
    *("source", "list_day", "part", "started_at", "seconds", "status", "message"),
    *("promised", "received", "unreadable", "fresh", "stale", "whole"),
}

app = typer.Typer(help="Show how the sources do.", epilog=SOURCES_EPILOG)
app.command("try", epilog=TRY_EPILOG)(try_feed)


@app.callback(invoke_without_command=True)
def sources(
    command: typer.Context,
    *,
    fetches: Annotated[bool, typer.Option("--fetches", help="Show the last fetches of each source, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show how the sources do: the last day that came whole, and how quickly, the next fetch, and problems.

    The exit status is 1 while a day is missing or a source cannot be used.
    """
    if command.invoked_subcommand:
        return
    from digest.database import read_session
    from digest.monitoring import load_source_overview
    from digest.papers import latest_fetches, load_source_problems
    from digest.sources import installed_sources

    ctx, now = open_context(), utc_now()
    overview = load_source_overview(ctx.engine, ctx.settings, now)
    with read_session(ctx.engine) as session:
        recent = [
            fetch.model_dump(include=SHOWN_COLUMNS)
            | {"via": fetch.endpoint, "listed": fetch.listed_count, "new": fetch.new_count, "code": fetch.error_code}
            for fetch in latest_fetches(session)
        ]
        problems = load_source_problems(session, now)
    stated = [*(text for row in overview for text in row.problems), *(problem.sentence for problem in problems)]
    sentences = list(dict.fromkeys(stated))
    if as_json:
        rows = [row.to_dict() for row in overview]
        installed = [asdict(source) for source in installed_sources()]
        shown = {"sources": rows, "installed": installed, "fetches": recent, "problems": sentences}
        print_json(shown, {"fetches": "readings"})
    else:
        print_overview(overview)
        if fetches:
            print_table("Fetches", FETCH_COLUMNS, ([fetch[name] for name in FETCH_COLUMNS] for fetch in recent))
        for sentence in sentences:
            print_error(sentence)
        if not recent:
            print_note(messages.NOTHING_FETCHED)
        usable = [source.name for source in installed_sources() if not source.fault]
        if unused := [name for name in usable if name not in ctx.settings.sources]:
            print_note(messages.unused_sources(unused))
    if any(problem.is_error for problem in problems) or not all(row.is_usable for row in overview):
        raise typer.Exit(EXIT_FAILURE)


def print_overview(overview: "Sequence[SourceOverview]") -> None:
    """Print how the sources do, a line a source."""
    columns = ("source", "last_whole_day", "entries", "seconds", "entries_per_second", "next_fetch")
    rows = [row.to_dict() for row in overview]
    print_table(
        "Sources",
        (*columns, "problems"),
        ([*(row[name] for name in columns), len(row["problems"])] for row in rows),
    )
