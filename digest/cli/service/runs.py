"""`digest runs`: the progress of a day's run."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli import messages
from digest.cli.output import (
    JsonOption,
    NowOption,
    create_clock,
    create_console,
    open_context,
    parse_date,
    parse_datetime,
    print_json,
    print_note,
    print_table,
)
from digest.errors import UsageError

if TYPE_CHECKING:
    from digest.monitoring import EditionRun

EPILOG = """\
$ digest runs show

$ digest runs show --watch
"""
OLD_NAMES = {"subscribers": "readers", "deliveries": "letters", "finished": "over"}
WATCH_SECONDS = 1.0  # between looks

app = typer.Typer(help="Show the progress of a day's run.", epilog=EPILOG, no_args_is_help=True)


@app.callback()
def runs() -> None:
    """Keep `show` a command of a group, although it is the only one."""


@app.command()
def show(
    *,
    day_: Annotated[
        str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="Day of the digests. Default: today (UTC).")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show a progress bar until the run is finished.")] = False,
    now: NowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the states of a day's digests, and which subscribers are due but not planned yet."""
    from digest.monitoring import get_edition_run

    clock, ctx = create_clock(parse_datetime(now)), open_context()
    day = parse_date(day_) or clock().date()
    if watch:
        watch_run(lambda: get_edition_run(ctx.engine, day, clock()))
    run = get_edition_run(ctx.engine, day, clock())
    if as_json:
        print_json(to_dict(run), OLD_NAMES)
        return
    print_table(messages.run_of(run.day), ("planned", *run.deliveries), [(run.planned, *run.deliveries.values())])
    due = ((group.timezone, f"{group.send_hour}:00", group.subscribers) for group in run.due)
    print_table(messages.NOT_PLANNED_YET, ("zone", "hour", "subscribers"), due)
    print_note(messages.RUN_FINISHED if run.is_finished else messages.deliveries_open(run.open_count))


def to_dict(run: "EditionRun") -> dict[str, Any]:
    """Convert a run to what `--json` prints."""
    due = [{"timezone": group.timezone, "hour": group.send_hour, "subscribers": group.subscribers} for group in run.due]
    return {
        "day": run.day,
        "due": due,
        "planned": run.planned,
        "deliveries": run.deliveries,
        "finished": run.is_finished,
    }


def watch_run(get_run: "Callable[[], EditionRun]") -> None:
    """Show a progress bar until the run is finished. Raises UsageError without a terminal."""
    if not sys.stderr.isatty():
        raise UsageError(messages.WATCH_NEEDS_TERMINAL)
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=create_console(stderr=True), transient=True) as progress:
        task = progress.add_task("deliveries")
        while not (run := get_run()).is_finished:
            total = sum(run.deliveries.values())
            progress.update(task, total=total, completed=total - run.open_count)
            time.sleep(WATCH_SECONDS)
