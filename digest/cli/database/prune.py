"""`digest prune`: delete what is old."""

from typing import Annotated

import typer

from digest.cli.output import JsonOption, open_context, print_json, print_table, utc_now

PRUNE_EPILOG = """\
$ digest prune --dry-run

$ digest prune --days 60
"""
OLD_ROW_NAMES = {
    "keywords of former subscribers": "keywords of who left",
    "keywords in e-mails of former subscribers": "keywords in letters of who left",
    "rate-limit counters": "counts of forms",
    "web copies of e-mails": "copies of letters",
    "bounces": "mails that came back",
    "fetches of sources": "readings of sources",
    "cached HTTP validators": "validators of answers",
    "unused token buckets": "rates that nobody used",
}


def prune(
    *,
    days: Annotated[int, typer.Option(min=45, max=36_500, help="Age in days from which records are deleted.")] = 90,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would be deleted; delete nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete old records. The record of which paper was sent to whom is kept.

    Deletes replies of the relay, bounces, actions of operators, fetches of sources, web copies older than
    DIGEST_WEB_COPY_DAYS, and the keywords of people who unsubscribed more than 30 days ago.
    """
    from digest import jobs

    counts = jobs.prune(open_context(), utc_now(), days=days, dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, "rows": counts}, OLD_ROW_NAMES)
        return
    print_table("Would delete" if dry_run else "Deleted", ("what", "rows"), counts.items())
