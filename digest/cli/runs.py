"""`digest round`: how the day's round goes."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli.output import (
    JsonOption,
    NowOption,
    UsageError,
    create_console,
    open_context,
    parse_date,
    parse_datetime,
    print_json,
    print_note,
    print_table,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from digest.monitoring import EditionRun


RUNS_EPILOG = """\
$ digest round show

$ digest round show --watch
"""


WATCH_SECONDS = 1.0  # seconds between looks


app = typer.Typer(help="A day's round of letters.", epilog=RUNS_EPILOG, no_args_is_help=True)


@app.callback()
def _runs() -> None:
    """A day's round of letters."""


@app.command()
def show(
    *,
    day_: Annotated[str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="The edition; else today's.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, with a bar, until the round is over.")] = False,
    now: NowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Who is due and not planned for yet, by zone and hour, and what became of the day's letters."""
    from digest.cli.run import create_clock
    from digest.monitoring import get_edition_run

    clock, ctx = create_clock(parse_datetime(now)), open_context()
    chosen = parse_date(day_) or clock().date()
    if watch:
        _watch_run(lambda: get_edition_run(ctx.engine, chosen, clock()))
    found = get_edition_run(ctx.engine, chosen, clock())
    if as_json:
        print_json(_to_dict(found))
        return
    print_table(f"Round of {found.day}", ("planned", *found.deliveries), [(found.planned, *found.deliveries.values())])
    due = ((each.timezone, f"{each.send_hour}:00", each.subscribers) for each in found.due)
    print_table("Due and not planned for yet", ("zone", "hour", "readers"), due)
    print_note("the round is over" if found.is_finished else f"{found.open_count} letters have no answer yet")


def _to_dict(found: "EditionRun") -> dict[str, Any]:
    due = [{"timezone": each.timezone, "hour": each.send_hour, "readers": each.subscribers} for each in found.due]
    return {
        "day": found.day,
        "due": due,
        "planned": found.planned,
        "letters": found.deliveries,
        "over": found.is_finished,
    }


def _watch_run(get_run: "Callable[[], EditionRun]") -> None:
    if not sys.stderr.isatty():
        raise UsageError("--watch draws a bar and needs a terminal; scripts use --json")
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=create_console(stderr=True), transient=True) as bar:
        task = bar.add_task("letters")
        while not (found := get_run()).is_finished:
            letters = sum(found.deliveries.values())
            bar.update(task, total=letters, completed=letters - found.open_count)
            time.sleep(WATCH_SECONDS)
