"""The commands that do the day's work once: for cron, and for people who want to see it happen."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from digest.cli.output import (
    EXIT_FAILURE,
    JsonOption,
    NowOption,
    create_console,
    open_context,
    parse_date,
    parse_datetime,
    print_error,
    print_json,
    print_table,
    utc_now,
)
from digest.errors import DigestError

if TYPE_CHECKING:
    from digest.jobs import SourceReport


RUN_EPILOG = """\
In a crontab, every quarter of an hour:

*/15 * * * *  cd /srv/digest && digest run

A day as it would have been:

$ digest run --now 2026-07-31T08:00:00Z --json
"""


COLLECT_EPILOG = """\
$ digest collect

$ digest collect --day 2026-07-29

$ digest collect --days 7 --json
"""


GC_THRESHOLD = (
    20_000  # new objects before a look for circles: at a tenth of it, looking took a sender a twentieth of its time
)


SHUTDOWN_SECONDS = 30  # what is on the wire may take so long after SIGTERM


Result = TypeVar("Result")


def run_coroutine(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` to its end, on a loop that costs a sender a sixth less than the standard one."""
    import uvloop

    configure_garbage_collector()
    return uvloop.run(coroutine)


def configure_garbage_collector() -> None:
    """For a process that sends: letters leave few circles behind, and what is there at the start stays to the end."""
    gc.set_threshold(GC_THRESHOLD)
    if not gc.get_freeze_count():
        gc.freeze()


async def run_until_stopped(operation: Callable[[asyncio.Event], Coroutine[Any, Any, Result]]) -> tuple[Result, bool]:
    """Do `work`; at SIGTERM set its event and give it STOP_SECONDS. What it came to, and whether it was told to stop.

    Raises DigestError when it did not end in time; a letter that still had no answer is then uncertain.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    doing, told = asyncio.create_task(operation(stop)), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({doing, told}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done() and not (await asyncio.wait({doing}, timeout=SHUTDOWN_SECONDS))[0]:
            doing.cancel()
            await asyncio.wait({doing})
            raise DigestError(f"told to stop, and not done after {SHUTDOWN_SECONDS} s; see: digest deliveries list")
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        told.cancel()
    return doing.result(), stop.is_set()


@contextmanager
def show_progress(description: str) -> Iterator[Callable[[str], None]]:
    """A line that moves while something takes long; nothing at all when nobody watches."""
    if not sys.stderr.isatty():
        yield lambda _said: None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=create_console(stderr=True), transient=True) as bar:
        task = bar.add_task(description)
        yield lambda said: bar.update(task, description=said)


def create_clock(now: datetime | None) -> Callable[[], datetime]:
    """The clock of a run: the given instant for all of it, else the machine's."""
    return (lambda: now) if now else utc_now


def run(*, now: NowOption = None, as_json: JsonOption = False) -> None:
    """Collect, plan and deliver once: for cron.

    Sends to every reader whose hour has come since their last letter. Letters that a relay puts off are tried again
    by the next run; `digest serve` tries them sooner. SIGTERM ends it after the letters that are on the wire.
    """
    from digest.jobs import run_once

    clock = create_clock(parse_datetime(now))
    ctx = open_context()
    with show_progress("running") as tell:
        report, told = run_coroutine(run_until_stopped(lambda stop: run_once(ctx, clock, stop=stop, on_progress=tell)))
    if as_json:
        print_json(report.to_dict())
    else:
        print_source_reports(report.collected)
        letters = report.delivery_counts
        print_table("Letters", tuple(letters), [tuple(letters.values())])
        typer.echo(f"{report.plan_report.due} readers due, {report.delivery_report.papers} papers mailed")
    print_source_warnings(report.collected)
    stopped = [f"told to stop before the end; {report.queued} letters wait for the next run"] if told else []
    exit_with_problems([*report.problems, *stopped])


def collect(
    *,
    day_: Annotated[str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="Read only this list day.")] = None,
    days: Annotated[int | None, typer.Option(min=1, max=60, help="Read the last N days.")] = None,
    now: NowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read the sources and remember what they list; no letter is written."""
    from digest import jobs

    at = create_clock(parse_datetime(now))()
    wanted = _requested_days(parse_date(day_), days, at)
    ctx = open_context()
    with show_progress("reading") as tell:
        collected = run_coroutine(jobs.collect(ctx, at, days=wanted, on_progress=tell))
    if as_json:
        print_json({each.source: each.to_dict() for each in collected})
    else:
        print_source_reports(collected)
    print_source_warnings(collected)
    exit_with_problems([f"{each.source}: {problem}" for each in collected if each.failed for problem in each.problems])


def _requested_days(day: date | None, count: int | None, at: datetime) -> list[date] | None:
    if day and count:
        raise typer.BadParameter("give either --day or --days", param_hint="'--day'")
    if count:
        return [at.date() - timedelta(days=number) for number in reversed(range(count))]
    day = require_past_day(day, at)
    return [day] if day else None


def require_past_day(day: date | None, at: datetime) -> date | None:
    """A list day that may have come."""
    if day and day > at.date():
        raise typer.BadParameter(f"{day} has not come yet; it is {at:%Y-%m-%d %H:%M} UTC", param_hint="'--day'")
    return day


def print_source_reports(collected: "list[SourceReport]") -> None:
    """What each source gave."""
    print_table(
        "Sources",
        ("source", "listed", "new", "failed", "seconds"),
        ((each.source, each.listed, each.new, each.failed, f"{each.seconds:.1f}") for each in collected),
    )


def print_source_warnings(collected: "list[SourceReport]") -> None:
    """What was odd about answers that were read all the same."""
    for each in collected:
        for note in each.problems if not each.failed else ():
            print_error(f"{each.source}: {note}")


def exit_with_problems(problems: list[str]) -> None:
    """Say what failed and exit 1; it is in the record."""
    for problem in problems:
        print_error(problem)
    if problems:
        raise typer.Exit(EXIT_FAILURE)
