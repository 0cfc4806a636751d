"""`digest subscribers`: list, add, show, pause, resume, remove, allow, restore, import and export subscribers."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from digest.cli import messages
from digest.cli.output import (
    EXIT_FAILURE,
    JsonOption,
    open_context,
    parse_datetime,
    print_error,
    print_json,
    print_note,
    print_table,
    system_user,
    utc_now,
)
from digest.errors import UsageError

if TYPE_CHECKING:
    from digest.context import AppContext

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
Example file; only the email column is required:

email,keywords,frequency,send_hour,timezone,cap,trending,summaries

ada@example.org,diffusion model|protein,weekdays,7,Europe/Berlin,30,yes,no

Files from `digest subscribers export` can be imported: unsubscribed and suppressed people stay so, and pauses go on.

$ digest subscribers import subscribed_members_export.csv --column keywords=TAGS --dry-run

$ digest subscribers import list_members.txt --keyword "diffusion model" --confirmed
"""
KeywordOption = Annotated[
    list[str] | None,
    typer.Option(
        "--keyword", "-k", help='Keyword or "quoted phrase". Can be repeated. Default: none, for trending papers.'
    ),
]

app = typer.Typer(
    help="List, add, show, pause, resume, remove, allow, restore, import and export subscribers.",
    epilog=EPILOG,
    no_args_is_help=True,
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
        print_note(messages.NO_SUBSCRIBERS)


@app.command(epilog=ADD_EPILOG)
def add(
    email: str,
    keyword: KeywordOption = None,
    *,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="Skip the confirmation e-mail, because they have already agreed.")
    ] = False,
    frequency: Annotated[
        Literal["daily", "weekdays", "weekly", "monthly"], typer.Option(help="How often digests are sent.")
    ] = "daily",
    weekday: Annotated[str, typer.Option(help="Day of a weekly digest, for example friday.")] = "monday",
    hour: Annotated[
        int | None, typer.Option(help="Hour to send at, 0 to 23, local time. Default: DIGEST_SEND_HOUR.")
    ] = None,
    zone: Annotated[
        str | None, typer.Option(help="Time zone, for example Europe/Berlin. Default: DIGEST_DEFAULT_TIMEZONE.")
    ] = None,
    cap: Annotated[int, typer.Option(help="Maximum papers per e-mail, 1 to 100.")] = 20,
    trending: Annotated[bool, typer.Option("--trending", help="Include the day's 3 most upvoted papers.")] = False,
    summaries: Annotated[
        bool, typer.Option("--summaries", help="Show AI summaries from Hugging Face where available.")
    ] = False,
    about_only: Annotated[
        bool, typer.Option("--about-only", help="Leave out papers that only mention a keyword in passing.")
    ] = False,
    close_papers: Annotated[
        bool | None,
        typer.Option(
            "--close-papers/--no-close-papers",
            help="Add papers close to their keywords. Default: once they have marked a paper.",
            show_default=False,
        ),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(help="Source whose papers they get, for example pubmed. Can be repeated. Default: all."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Add a subscriber. Without keywords, they get the day's trending papers."""
    from digest.subscribers import (
        KeywordLimits,
        Preferences,
        add_subscriber,
        check_sources,
        known_sources,
        parse_keywords_or_raise,
        parse_weekday,
    )

    ctx = open_context()
    keywords = parse_keywords_or_raise(keyword or [], KeywordLimits.from_context(ctx))
    preferences = Preferences(
        frequency=frequency,
        weekday=parse_weekday(weekday),
        send_hour=ctx.settings.send_hour if hour is None else hour,
        timezone=zone or ctx.settings.default_timezone,
        cap=cap,
        trending=trending,
        summaries=summaries,
        about_only=about_only,
        close_papers=close_papers,
        sources=check_sources(source, known_sources(ctx.settings)) if source else (),
    )
    queued = add_subscriber(ctx, email, preferences, keywords, utc_now(), confirmed=confirmed, actor=system_user())
    status = "active" if confirmed else "pending"
    if as_json:
        print_json({"email": email, "status": status, "mail_queued": queued})
    elif confirmed:
        typer.echo(messages.subscriber_status(email, status))
    else:
        typer.echo(messages.confirmation_queued(email) if queued else messages.confirmation_unchanged(email))


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
def pause(
    email: str,
    until: Annotated[
        datetime,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="DAY",
            help="Day on whose morning digests begin again, for example 2026-08-31.",
        ),
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Pause a subscription until a day. Papers wait."""
    from digest.subscribers import pause_subscription

    ctx = open_context()
    pause_subscription(ctx, system_user(), find_subscriber(ctx, email)[0], utc_now(), until=until.date())
    print_status(email, "paused", as_json=as_json)


@app.command()
def resume(email: str, *, as_json: JsonOption = False) -> None:
    """End a pause. Papers of the break come with the next digest."""
    from digest.subscribers import resume_subscription

    ctx = open_context()
    resume_subscription(ctx, system_user(), find_subscriber(ctx, email)[0], utc_now())
    print_status(email, "active", as_json=as_json)


@app.command()
def remove(
    email: str,
    *,
    erase: Annotated[bool, typer.Option("--erase", help="Also delete all their data.")] = False,
    as_json: JsonOption = False,
) -> None:
    """End a subscription. Nothing is sent, and queued deliveries are cancelled."""
    from digest.subscribers import ENDED_STATUSES, erase_subscriber, remove_subscription

    ctx = open_context()
    number, status = find_subscriber(ctx, email)
    if erase:
        erase_subscriber(ctx, system_user(), number, utc_now())
        status = "erased"
    elif status not in ENDED_STATUSES:  # one that has ended stays as it is
        remove_subscription(ctx, system_user(), number, utc_now())
        status = "unsubscribed"
    print_status(email, status, as_json=as_json)


def find_subscriber(ctx: "AppContext", email: str) -> tuple[int, str]:
    """Return the number and the status of the subscriber with an address. Raises SubscriberNotFoundError."""
    from digest.database import read_session
    from digest.subscribers import subscriber_by_email

    with read_session(ctx.engine) as session:
        subscriber = subscriber_by_email(session, email)
    return int(subscriber.id or 0), subscriber.status


def print_status(email: str, status: str, *, as_json: bool) -> None:
    """Print what became of a subscription."""
    if as_json:
        print_json({"email": email, "status": status})
    else:
        typer.echo(messages.subscriber_status(email, status))


@app.command()
def allow(email: str, *, as_json: JsonOption = False) -> None:
    """Allow an address to receive confirmations again, because its owner asks for it.

    People who declined a confirmation or reported an e-mail as spam get no other one, even after their data is deleted.
    """
    from digest.subscribers import allow_address

    changed = allow_address(open_context(), system_user(), email, utc_now()) is not None
    if as_json:
        print_json({"email": email, "changed": changed})
        return
    typer.echo(messages.address_allowed(email) if changed else messages.address_already_allowed(email))


@app.command("import", epilog=IMPORT_EPILOG)
def import_(
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help="CSV file, its first line names the columns; or a list."),
    ],
    *,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="Skip the confirmation e-mails, because they have already agreed.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Import nothing if any line is invalid.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be imported; change nothing.")] = False,
    from_line: Annotated[int, typer.Option(min=1, metavar="N", help="Continue at this line of the file.")] = 1,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="OURS=THEIRS", help="Read our column from this one, keywords=TAGS. Can be repeated."),
    ] = None,
    keyword: Annotated[
        list[str] | None,
        typer.Option("--keyword", "-k", help="Keyword for those who have none in the file. Can be repeated."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Add subscribers from a CSV file or a list of addresses.

    Columns: email, keywords (separated by | or line breaks), and optionally frequency, send_hour, timezone, cap,
    trending, summaries. Invalid lines are reported by number and skipped.

    Files of listmonk, Mailchimp, Ghost, Mailman and spreadsheets work too, and lists with one address per line. People
    who unsubscribed, bounced, are blocked or never confirmed there are skipped, and so are those who left here.
    """
    from digest.subscribers import import_csv, parse_column_choices

    ctx = open_context()
    result = import_csv(
        ctx,
        file,
        utc_now(),
        confirmed=confirmed,
        strict=strict,
        dry_run=dry_run,
        from_line=from_line,
        columns=parse_column_choices(column or []),
        keywords=keyword or [],
        actor=system_user(),
    )
    errors, table = result.line_errors, result.table
    if as_json:
        bad = [{"line": number, "message": message} for number, message in errors]
        skipped = [{"line": number, "reason": reason} for number, reason in result.skipped]
        read = {"encoding": table.encoding, "columns": table.columns, "ignored": table.ignored} if table else {}
        counts = {"imported": 0 if dry_run else result.imported, "valid": result.imported}
        program = {"format": table.format.name, "notes": result.notes} if table else {}
        print_json(counts | {"bad": bad, "skipped": skipped, "dry_run": dry_run} | read | program)
    else:
        summary = messages.would_import if dry_run else messages.imported
        typer.echo(summary(result.imported, len(errors)))
        for sentence in result.skip_summary:
            typer.echo(sentence)
        for note in result.notes:
            print_note(note)
        if table and (dry_run or table.ignored or result.skipped or table.encoding != "UTF-8"):
            print_note(f"{file.name}: {table.describe()}")
    for number, message in errors:
        print_error(f"{file.name} line {number}: {message}")
    if errors:
        raise typer.Exit(EXIT_FAILURE)


@app.command()
def restore(
    *,
    suppressed_since: Annotated[
        str, typer.Option(metavar="ISO", help="Earliest suppression, for example 2026-07-31T08:00:00Z.")
    ],
    reason: Annotated[str, typer.Option(metavar="PATTERN", help="Part of the relay's reply; * matches any text.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List who would be restored; change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Restore subscriptions, with keywords, that ended because a relay refused our e-mails.

    People who reported an e-mail as spam stay suppressed. To see the reasons: digest subscribers list --json
    """
    from digest.subscribers import restore_suppressed

    since = parse_datetime(suppressed_since)
    if since is None or not reason.strip("*? "):
        raise UsageError(messages.RESTORE_WHICH)
    engine = open_context().engine
    restored = restore_suppressed(engine, system_user(), since, reason.strip(), utc_now(), dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, "restored": [asdict(row) for row in restored]})
        return
    print_table("Subscribers", ("email", "status", "reason"), ((row.email, row.status, row.reason) for row in restored))
    typer.echo(messages.would_restore(len(restored)) if dry_run else messages.restored(len(restored)))


@app.command()
def export(*, as_json: JsonOption = False) -> None:
    """Print all subscribers as CSV that `digest subscribers import` reads."""
    from digest.subscribers import export_csv, list_subscribers

    ctx = open_context()
    if as_json:
        print_json(list_subscribers(ctx.engine))
        return
    typer.echo(export_csv(ctx.engine), nl=False)
