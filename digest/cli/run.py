"""Commands that do the day's work once, for cron, and the state of the sources."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.output import (
    EXIT_FAILURE,
    JsonOption,
    NowOption,
    create_clock,
    exit_with_problems,
    open_context,
    parse_date,
    parse_datetime,
    print_error,
    print_json,
    print_note,
    print_table,
    show_progress,
    utc_now,
)
from digest.cli.process import run_coroutine, run_until_stopped

if TYPE_CHECKING:
    from digest.jobs import SourceReport

OLD_RUN_NAMES = {"subscribers_due": "readers_due", "deliveries": "letters"}
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
SOURCES_EPILOG = """\
$ digest sources

$ digest sources --json
"""


def run(*, now: NowOption = None, as_json: JsonOption = False) -> None:
    """Collect, plan and deliver once: for cron.

    Sends to every subscriber whose hour has come since their last digest. E-mails that the relay puts off are tried
    again by the next run; `digest serve` tries them sooner. SIGTERM ends it after the e-mails that are on the wire.
    """
    from digest.jobs import pipeline

    clock = create_clock(parse_datetime(now))
    ctx = open_context()
    with show_progress("running") as on_progress:
        report, stopped = run_coroutine(
            run_until_stopped(lambda stop: pipeline.run_once(ctx, clock, stop=stop, on_progress=on_progress))
        )
    if as_json:
        print_json(report.to_dict(), OLD_RUN_NAMES)
    else:
        print_source_reports(report.source_reports)
        counts = report.delivery_counts
        print_table("Deliveries", tuple(counts), [tuple(counts.values())])
        typer.echo(f"{report.plan_report.due} subscribers due, {report.delivery_report.papers} papers mailed")
    print_source_warnings(report.source_reports)
    problems = list(report.problems)
    if stopped:
        problems.append(f"told to stop before the end; {report.queued} letters wait for the next run")
    exit_with_problems(problems)


def collect(
    *,
    day_: Annotated[str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="Fetch only this list day.")] = None,
    days: Annotated[int | None, typer.Option(min=1, max=60, help="Fetch the last N days.")] = None,
    now: NowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch the sources and store what they list; nothing is sent."""
    from digest.jobs import describe_unreadable_count, pipeline

    at = create_clock(parse_datetime(now))()
    day = parse_date(day_)
    if day and days:
        raise typer.BadParameter("give either --day or --days", param_hint="'--day'")
    requested = None
    if days:
        requested = [at.date() - timedelta(days=back) for back in reversed(range(days))]
    elif day:
        requested = [require_past_day(day, at)]
    ctx = open_context()
    with show_progress("reading") as on_progress:
        reports = run_coroutine(pipeline.collect(ctx, at, days=requested, on_progress=on_progress))
    if as_json:
        print_json({report.source: report.to_dict() for report in reports})
    else:
        print_source_reports(reports)
    print_source_warnings(reports)
    problems = [f"{report.source}: {problem}" for report in reports if report.failed for problem in report.problems]
    if unreadable := sum(report.unreadable for report in reports):
        problems.append(describe_unreadable_count(unreadable))
    exit_with_problems(problems)


SHOWN_COLUMNS = {
    *("source", "list_day", "part", "started_at", "seconds", "status", "message"),
    *("promised", "received", "unreadable", "fresh", "stale", "whole"),
}


def sources(*, as_json: JsonOption = False) -> None:
    """Show the last fetches of each source, and what is wrong with it. Exits with 1 while a day is missing."""
    from digest.database import read_session
    from digest.papers import latest_fetches, load_source_problems

    with read_session(open_context().engine) as session:
        fetches = [
            fetch.model_dump(include=SHOWN_COLUMNS)
            | {"via": fetch.endpoint, "listed": fetch.listed_count, "new": fetch.new_count, "code": fetch.error_code}
            for fetch in latest_fetches(session)
        ]
        problems = load_source_problems(session, utc_now())
    if as_json:
        sentences = [problem.sentence for problem in problems]
        print_json({"fetches": fetches, "problems": sentences}, {"fetches": "readings"})
    else:
        columns = (
            *("source", "list_day", "status", "via", "listed", "new", "seconds", "started_at", "message"),
            *("part", "promised", "received"),
        )
        print_table("Fetches", columns, ([fetch[name] for name in columns] for fetch in fetches))
        for problem in problems:
            print_error(problem.sentence)
        if not fetches:
            print_note("nothing was read yet; begin with: digest collect")
    if any(problem.is_error for problem in problems):
        raise typer.Exit(EXIT_FAILURE)


def require_past_day(day: date, now: datetime) -> date:
    """Return a list day unless it is still to come. Raises typer.BadParameter."""
    if day > now.date():
        raise typer.BadParameter(f"{day} has not come yet; it is {now:%Y-%m-%d %H:%M} UTC", param_hint="'--day'")
    return day


def print_source_reports(reports: "list[SourceReport]") -> None:
    """Print the results of collecting, a line a source."""
    print_table(
        "Sources",
        ("source", "listed", "new", "failed", "seconds"),
        ((report.source, report.listed, report.new, report.failed, f"{report.seconds:.1f}") for report in reports),
    )


def print_source_warnings(reports: "list[SourceReport]") -> None:
    """Print what was odd about answers that were stored all the same."""
    for report in reports:
        for warning in report.problems if not report.failed else ():
            print_error(f"{report.source}: {warning}")
