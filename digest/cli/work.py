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

from digest.cli.shown import (
    FAILED,
    AsJson,
    Now,
    complain,
    console,
    day,
    emit,
    instant,
    open_house,
    table,
    utc_now,
)
from digest.errors import DigestError

if TYPE_CHECKING:
    from digest.collecting import Collected

RUN = """\
In a crontab, every quarter of an hour:

*/15 * * * *  cd /srv/digest && digest run

A day as it would have been:

$ digest run --now 2026-07-31T08:00:00Z --json
"""
COLLECT = """\
$ digest collect

$ digest collect --day 2026-07-29

$ digest collect --days 7 --json
"""


YOUNG = 20_000  # new objects before a look for circles: at a tenth of it, looking took a sender a twentieth of its time
STOP_SECONDS = 30  # what is on the wire may take so long after SIGTERM
Result = TypeVar("Result")


def complete(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` to its end, on a loop that costs a sender a sixth less than the standard one."""
    import uvloop

    look_seldom()
    return uvloop.run(work)


def look_seldom() -> None:
    """For a process that sends: letters leave few circles behind, and what is there at the start stays to the end."""
    gc.set_threshold(YOUNG)
    if not gc.get_freeze_count():
        gc.freeze()


async def until_told(work: Callable[[asyncio.Event], Coroutine[Any, Any, Result]]) -> tuple[Result, bool]:
    """Do `work`; at SIGTERM set its event and give it STOP_SECONDS. What it came to, and whether it was told to stop.

    Raises DigestError when it did not end in time; a letter that still had no answer is then uncertain.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    doing, told = asyncio.create_task(work(stop)), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({doing, told}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done() and not (await asyncio.wait({doing}, timeout=STOP_SECONDS))[0]:
            doing.cancel()
            await asyncio.wait({doing})
            raise DigestError(f"told to stop, and not done after {STOP_SECONDS} s; see: digest deliveries list")
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        told.cancel()
    return doing.result(), stop.is_set()


@contextmanager
def progress(doing: str) -> Iterator[Callable[[str], None]]:
    """A line that moves while something takes long; nothing at all when nobody watches."""
    if not sys.stderr.isatty():
        yield lambda _said: None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing)
        yield lambda said: bar.update(task, description=said)


def clock_of(now: datetime | None) -> Callable[[], datetime]:
    """The clock of a run: the given instant for all of it, else the machine's."""
    return (lambda: now) if now else utc_now


def run(*, now: Now = None, as_json: AsJson = False) -> None:
    """Collect, plan and deliver once: for cron.

    Sends to every reader whose hour has come since their last letter. Letters that a relay puts off are tried again
    by the next run; `digest serve` tries them sooner. SIGTERM ends it after the letters that are on the wire.
    """
    from digest import daily

    clock = clock_of(instant(now))
    house = open_house()
    with progress("running") as tell:
        report, told = complete(until_told(lambda stop: daily.run(house, clock, stop=stop, tell=tell)))
    if as_json:
        emit(report.as_json())
    else:
        show_sources(report.collected)
        letters = report.letters
        table("Letters", tuple(letters), [tuple(letters.values())])
        typer.echo(f"{report.planned.due} readers due, {report.sent.papers} papers mailed")
    warn(report.collected)
    stopped = [f"told to stop before the end; {report.queued} letters wait for the next run"] if told else []
    finish([*report.problems, *stopped])


def collect(
    *,
    day_: Annotated[str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="Read only this list day.")] = None,
    days: Annotated[int | None, typer.Option(min=1, max=60, help="Read the last N days.")] = None,
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """Read the sources and remember what they list; no letter is written."""
    from digest import daily

    at = clock_of(instant(now))()
    wanted = _days(day(day_), days, at)
    house = open_house()
    with progress("reading") as tell:
        collected = complete(daily.collect(house, at, days=wanted, tell=tell))
    if as_json:
        emit({each.source: each.as_json() for each in collected})
    else:
        show_sources(collected)
    warn(collected)
    finish([f"{each.source}: {problem}" for each in collected if each.failed for problem in each.problems])


def _days(one: date | None, last: int | None, at: datetime) -> list[date] | None:
    if one and last:
        raise typer.BadParameter("give either --day or --days", param_hint="'--day'")
    if last:
        return [at.date() - timedelta(days=number) for number in reversed(range(last))]
    one = past(one, at)
    return [one] if one else None


def past(one: date | None, at: datetime) -> date | None:
    """A list day that may have come."""
    if one and one > at.date():
        raise typer.BadParameter(f"{one} has not come yet; it is {at:%Y-%m-%d %H:%M} UTC", param_hint="'--day'")
    return one


def show_sources(collected: "list[Collected]") -> None:
    """What each source gave."""
    table(
        "Sources",
        ("source", "listed", "new", "failed", "seconds"),
        ((each.source, each.listed, each.new, each.failed, f"{each.seconds:.1f}") for each in collected),
    )


def warn(collected: "list[Collected]") -> None:
    """What was odd about answers that were read all the same."""
    for each in collected:
        for note in each.problems if not each.failed else ():
            complain(f"{each.source}: {note}")


def finish(problems: list[str]) -> None:
    """Say what failed and exit 1; it is in the record."""
    for problem in problems:
        complain(problem)
    if problems:
        raise typer.Exit(FAILED)
