"""`digest subscribers`: list, add, show, remove, allow, restore, import and export subscribers."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from digest.cli.output import (
    EXIT_FAILURE,
    JsonOption,
    open_context,
    parse_datetime,
    print_error,
    print_json,
    print_note,
    print_table,
    utc_now,
)
from digest.errors import UsageError

EPILOG = """\
$ digest subscribers add ada@example.org -k "diffusion model" -k protein

$ digest subscribers import subscribers.csv --strict

$ digest subscribers restore --suppressed-since 2026-07-30 --reason "relay not permitted" --dry-run
"""
ADD_EPILOG = """\
$ digest subscribers add ada@example.org -k "diffusion model" --hour 7 --zone Europe/Berlin

$ digest subscribers add bob@example.org -k '"graph neural network"' --confirmed
"""
IMPORT_EPILOG = """\
A file may look like this; only the column email is needed:

email,keywords,frequency,send_hour,timezone,cap,trending,summaries

ada@example.org,diffusion model|protein,weekdays,7,Europe/Berlin,30,yes,no

What export wrote can be read back: people who left or were suppressed stay so, and pauses go on.
"""
KeywordOption = Annotated[
    list[str] | None,
    typer.Option("--keyword", "-k", help='A keyword or a "quoted phrase"; may be given several times.'),
]

app = typer.Typer(
    help="List, add, show, remove, allow, restore, import and export subscribers.", epilog=EPILOG, no_args_is_help=True
)


@app.command("list")
def list_(*, as_json: JsonOption = False) -> None:
    """List all subscribers with their status: pending, active, paused, unsubscribed or suppressed."""
    from digest.subscribers import list_subscribers

    rows = list_subscribers(open_context().engine)
    if as_json:
        print_json(rows)
        return
    columns = ("id", "email", "status", "frequency", "send_hour", "timezone")
    print_table(
        "Subscribers",
        ("id", "email", "status", "frequency", "hour", "zone", "keywords"),
        ((*(row[name] for name in columns), ", ".join(row["keywords"])) for row in rows),
    )
    if not rows:
        print_note("nobody yet; begin with: digest subscribers add --help")


@app.command(epilog=ADD_EPILOG)
def add(
    email: str,
    keyword: KeywordOption = None,
    *,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="They have agreed already: no confirmation e-mail.")
    ] = False,
    frequency: Annotated[Literal["daily", "weekdays", "weekly", "monthly"], typer.Option(help="How often.")] = "daily",
    weekday: Annotated[str, typer.Option(help="Day of a weekly digest, such as friday.")] = "monday",
    hour: Annotated[int | None, typer.Option(help="Local hour of the digest, 0 to 23; else DIGEST_SEND_HOUR.")] = None,
    zone: Annotated[
        str | None, typer.Option(help="Time zone, like Europe/Berlin; else DIGEST_DEFAULT_TIMEZONE.")
    ] = None,
    cap: Annotated[int, typer.Option(help="At most this many papers a digest, 1 to 100.")] = 20,
    trending: Annotated[bool, typer.Option("--trending", help="Also the 3 most upvoted papers.")] = False,
    summaries: Annotated[bool, typer.Option("--summaries", help="Also Hugging Face's AI summary of a paper.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Add a subscriber. Without keywords they get the day's trending papers."""
    from digest.subscribers import KeywordLimits, Preferences, add_subscriber, parse_keywords_or_raise, parse_weekday

    ctx = open_context()
    keywords = parse_keywords_or_raise(keyword or [], KeywordLimits.from_settings(ctx.settings))
    preferences = Preferences(
        frequency=frequency,
        weekday=parse_weekday(weekday),
        send_hour=ctx.settings.send_hour if hour is None else hour,
        timezone=zone or ctx.settings.default_timezone,
        cap=cap,
        trending=trending,
        summaries=summaries,
    )
    queued = add_subscriber(ctx, email, preferences, keywords, utc_now(), confirmed=confirmed)
    status = "active" if confirmed else "pending"
    if as_json:
        print_json({"email": email, "status": status, "mail_queued": queued})
        return
    unchanged = "wishes taken over; today's confirmation mail stays the only one"
    pending = "a confirmation mail is queued" if queued else unchanged
    typer.echo(f"{email}: {status if confirmed else pending}")


@app.command()
def show(email: str, *, as_json: JsonOption = False) -> None:
    """Show everything that is stored about a subscriber, with their deliveries."""
    from digest.subscribers import get_subscriber

    subscriber = get_subscriber(open_context().engine, email)
    if as_json:
        print_json(subscriber)
        return
    deliveries = subscriber.pop("deliveries")
    rows = (
        (key, ", ".join(map(str, value)) if isinstance(value, list) else value) for key, value in subscriber.items()
    )
    print_table("Subscriber", ("what", "value"), rows)
    columns = ("id", "kind", "edition", "state", "papers", "settled_at")
    print_table("Deliveries", (*columns[:-1], "at"), ([delivery[name] for name in columns] for delivery in deliveries))


@app.command()
def remove(
    email: str,
    *,
    erase: Annotated[bool, typer.Option("--erase", help="Also delete everything that is stored about them.")] = False,
    as_json: JsonOption = False,
) -> None:
    """End a subscription. Nothing is sent, and queued deliveries are cancelled."""
    from digest.subscribers import erase_by_email, remove_subscriber

    ctx = open_context()
    if erase:
        erase_by_email(ctx, email)
        status = "erased"
    else:
        status = remove_subscriber(ctx, email, utc_now()).profile.status
    if as_json:
        print_json({"email": email, "status": status})
    else:
        typer.echo(f"{email}: {status}")


@app.command()
def allow(email: str, *, as_json: JsonOption = False) -> None:
    """Let an address get a confirmation again, because its owner asks for it.

    Whoever declined a confirmation or reported our mail as spam gets none again, also after they were erased.
    """
    from digest.subscribers import allow_address

    changed = allow_address(open_context(), email)
    if as_json:
        print_json({"email": email, "changed": changed})
        return
    typer.echo(f"{email}: {'may subscribe again' if changed else 'could subscribe already; nothing was changed'}")


@app.command("import", epilog=IMPORT_EPILOG)
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV whose first line names the columns.")],
    *,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="They have agreed already: no confirmation e-mails.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Import nothing when any line is bad.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be imported; change nothing.")] = False,
    from_line: Annotated[int, typer.Option(min=1, metavar="N", help="Go on at this line of the file.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Add subscribers from a CSV file.

    Columns: email, keywords (with | or line breaks between), and if wanted frequency, send_hour, timezone, cap,
    trending, summaries. Bad lines are reported with their numbers, good ones imported. Exports of spreadsheets and of
    other newsletter programs are read, too; who has left there gets nothing from here.
    """
    from digest.subscribers import import_csv

    ctx = open_context()
    result = import_csv(ctx, file, utc_now(), confirmed=confirmed, strict=strict, dry_run=dry_run, from_line=from_line)
    errors, table = result.line_errors, result.table
    if as_json:
        bad = [{"line": number, "message": message} for number, message in errors]
        read = {"encoding": table.encoding, "columns": table.columns, "ignored": table.ignored} if table else {}
        print_json({"imported": 0 if dry_run else result.imported, "bad": bad, "dry_run": dry_run} | read)
    else:
        would_be = f"{result.imported} would be imported" if dry_run else f"{result.imported} imported"
        typer.echo(f"{would_be}, {len(errors)} bad lines")
        if table and (dry_run or table.ignored or table.encoding != "UTF-8"):
            print_note(f"{file.name}: {table.describe()}")
    for number, message in errors:
        print_error(f"{file.name} line {number}: {message}")
    if errors:
        raise typer.Exit(EXIT_FAILURE)


@app.command()
def restore(
    *,
    suppressed_since: Annotated[str, typer.Option(metavar="ISO", help="Like 2026-07-31T08:00:00Z.")],
    reason: Annotated[str, typer.Option(metavar="PATTERN", help="Part of the relay's reply; * stands for any text.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list who would be restored.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Give back subscriptions that ended because a relay refused us, with their keywords.

    Whoever marked our mail as spam stays suppressed. See the reasons with: digest subscribers list --json
    """
    from digest.subscribers import restore_suppressed

    since = parse_datetime(suppressed_since)
    if since is None or not reason.strip("*? "):
        raise UsageError("--suppressed-since and --reason must say which: like --reason 'relay not permitted'")
    restored = restore_suppressed(open_context().engine, since, reason.strip(), dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, "restored": [asdict(row) for row in restored]})
        return
    print_table("Subscribers", ("email", "status", "reason"), ((row.email, row.status, row.reason) for row in restored))
    typer.echo(f"{len(restored)} {'would be' if dry_run else 'are'} restored")


@app.command()
def export(*, as_json: JsonOption = False) -> None:
    """Print all subscribers as CSV, in the columns that import reads."""
    from digest.subscribers import export_csv, list_subscribers

    ctx = open_context()
    if as_json:
        print_json(list_subscribers(ctx.engine))
        return
    typer.echo(export_csv(ctx.engine), nl=False)
