"""`digest round`: how the day's round goes."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli.shown import AsJson, Misuse, Now, console, day, emit, instant, open_house, remark, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from digest.watch.rounds import Round

ROUND = """\
$ digest round show

$ digest round show --watch
"""
EVERY = 1.0  # seconds between looks

app = typer.Typer(help="A day's round of letters.", epilog=ROUND, no_args_is_help=True)


@app.callback()
def _round() -> None:
    """A day's round of letters."""


@app.command()
def show(
    *,
    day_: Annotated[str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="The edition; else today's.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, with a bar, until the round is over.")] = False,
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """Who is due and not planned for yet, by zone and hour, and what became of the day's letters."""
    from digest.cli.work import clock_of
    from digest.watch.rounds import look

    clock, house = clock_of(instant(now)), open_house()
    chosen = day(day_) or clock().date()
    if watch:
        _watch(lambda: look(house.engine, chosen, clock()))
    found = look(house.engine, chosen, clock())
    if as_json:
        emit(_as_json(found))
        return
    table(f"Round of {found.day}", ("planned", *found.letters), [(found.planned, *found.letters.values())])
    due = ((each.timezone, f"{each.send_hour}:00", each.readers) for each in found.due)
    table("Due and not planned for yet", ("zone", "hour", "readers"), due)
    remark("the round is over" if found.over else f"{found.open} letters have no answer yet")


def _as_json(found: "Round") -> dict[str, Any]:
    due = [{"timezone": each.timezone, "hour": each.send_hour, "readers": each.readers} for each in found.due]
    return {"day": found.day, "due": due, "planned": found.planned, "letters": found.letters, "over": found.over}


def _watch(look: "Callable[[], Round]") -> None:
    if not sys.stderr.isatty():
        raise Misuse("--watch draws a bar and needs a terminal; scripts use --json")
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("letters")
        while not (found := look()).over:
            letters = sum(found.letters.values())
            bar.update(task, total=letters, completed=letters - found.open)
            time.sleep(EVERY)
