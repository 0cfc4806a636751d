"""Commands that do the day's work once, for cron, and the state of the sources."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli import messages
from digest.cli.operators.template_commands import require_sound_templates
from digest.cli.output import (
    JsonOption,
    NowOption,
    create_clock,
    exit_with_errors,
    open_context,
    parse_date,
    parse_datetime,
    print_error,
    print_json,
    print_table,
    require_past_day,
    show_progress,
)
from digest.cli.process import run_coroutine, run_until_stopped

if TYPE_CHECKING:
    from digest.jobs import SourceReport

OLD_RUN_NAMES = {"subscribers_due": "readers_due", "deliveries": "letters"}
RUN_EPILOG = """\
Run it every 15 minutes from cron:

*/15 * * * *  cd /srv/digest && digest run

Run as if it were another time:

$ digest run --now 2026-07-31T08:00:00Z --json
"""
COLLECT_EPILOG = """\
$ digest collect

$ digest collect --day 2026-07-29

$ digest collect --days 7 --json
"""


def run(*, now: NowOption = None, as_json: JsonOption = False) -> None:
    """Collect, plan and deliver once, for cron.

    Sends a digest to every subscriber who is due. E-mails that the relay defers are tried again by the next run;
    `digest serve` tries them sooner. SIGTERM stops it after the e-mails being sent.
    """
    from digest.jobs import pipeline

    clock = create_clock(parse_datetime(now))
    ctx = open_context(fetches=True)
    require_sound_templates(ctx.templates)
    with show_progress("Running") as on_progress:
        report, stopped = run_coroutine(
            run_until_stopped(lambda stop: pipeline.run_once(ctx, clock, stop=stop, on_progress=on_progress))
        )
    if as_json:
        print_json(report.to_dict(), OLD_RUN_NAMES)
    else:
        print_source_reports(report.source_reports)
        counts = report.delivery_counts
        print_table("Deliveries", tuple(counts), [tuple(counts.values())])
        typer.echo(messages.run_summary(report.plan_report.due, report.delivery_report.papers))
    print_source_warnings(report.source_reports)
    problems = list(report.problems)
    if stopped:
        problems.append(messages.run_stopped(report.queued))
    exit_with_errors(problems)


def collect(
    *,
    day_: Annotated[
        str | None,
        typer.Option(
            "--day", metavar="YYYY-MM-DD", help="Fetch this day only, YYYY-MM-DD. Default: every day that is due."
        ),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=60, metavar="N", help="Fetch the last N days, 1 to 60, including today.")
    ] = None,
    now: NowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch new papers from the sources and store them. Nothing is sent."""
    from digest.jobs import describe_invalid_rows, pipeline

    at = create_clock(parse_datetime(now))()
    day = parse_date(day_)
    if day and days:
        raise typer.BadParameter(messages.DAY_OR_DAYS, param_hint="'--day'")
    requested = None
    if days:
        requested = [at.date() - timedelta(days=back) for back in reversed(range(days))]
    elif day:
        requested = [require_past_day(day, at)]
    ctx = open_context(fetches=True)
    with show_progress("Fetching") as on_progress:
        reports = run_coroutine(pipeline.collect(ctx, at, days=requested, on_progress=on_progress))
    if as_json:
        print_json({report.source: report.to_dict() for report in reports})
    else:
        print_source_reports(reports)
    print_source_warnings(reports)
    problems = [f"{report.source}: {problem}" for report in reports if report.failed for problem in report.problems]
    if unreadable := sum(report.unreadable for report in reports):
        problems.append(describe_invalid_rows(unreadable))
    exit_with_errors(problems)


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
