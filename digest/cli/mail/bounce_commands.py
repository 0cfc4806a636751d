"""`digest bounces`: handle, fetch and list bounces."""

import sys
from typing import Annotated

import typer

from digest.cli import messages
from digest.cli.output import JsonOption, open_context, print_error, print_json, print_note, print_table, utc_now
from digest.errors import DigestError, SettingError, UnparsableMessageError

EX_TEMPFAIL = 75  # of sysexits.h: the mail system keeps the message and tries again
COLUMNS = ("received_at", "delivery_id", "class", "status", "reason", "parser")
EPILOG = """\
$ digest bounces fetch

$ digest bounces list --json
"""
PIPE_EPILOG = """\
Add this to /etc/aliases to pass on what is sent to DIGEST_BOUNCE_ADDRESS:

bounces: "|/opt/digest/bin/digest bounces pipe"

See how a message would be classified. Nothing is recorded:

$ digest bounces pipe --explain < message.eml
"""

app = typer.Typer(
    help="Handle, fetch and list bounces, complaints and automatic replies.", epilog=EPILOG, no_args_is_help=True
)


@app.command(epilog=PIPE_EPILOG)
def pipe(
    *,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print how the message is classified, as JSON. Record nothing.")
    ] = False,
    recipient: Annotated[
        str,
        typer.Option(
            envvar=["ORIGINAL_RECIPIENT", "RECIPIENT"],
            help="Address that the message was sent to. Default: from the mail system's environment.",
        ),
    ] = "",
) -> None:
    """Handle one message from standard input, as the pipe of a mail system.

    Exit status: 0 handled, 75 try again later (a problem with the database or a setting). A message without a signed
    address of a delivery is reported and changes nothing.
    """
    from digest.bounces import MAX_MESSAGE_BYTES

    raw = sys.stdin.buffer.read(MAX_MESSAGE_BYTES)
    while sys.stdin.buffer.read(MAX_MESSAGE_BYTES):
        continue  # all of it is read, or the mail system would see a broken pipe
    if explain:
        print_json(explain_message(raw))
        return
    from sqlalchemy.exc import SQLAlchemyError

    from digest.bounces import handle_message

    try:
        handled = handle_message(open_context(), raw, utc_now(), [recipient])
    except UnparsableMessageError as error:
        print_error(messages.message_not_readable(error))
        return
    except (DigestError, SQLAlchemyError, OSError) as error:
        print_error(messages.message_deferred(error))
        raise typer.Exit(EX_TEMPFAIL) from error
    if handled.delivery_id is None:
        print_error(messages.UNMATCHED_BOUNCE)
    report = handled.report
    meaning = " ".join(part for part in (report.kind, report.status, report.reason) if part)
    typer.echo(messages.bounce_handled(handled.delivery_id, meaning, handled.action))


def explain_message(raw: bytes) -> dict[str, str]:
    """Return what a message means, and what the operator can do about it."""
    from digest.bounces import BounceReport, ReportKind, parse_bounce
    from digest.mail import replies

    try:
        report = parse_bounce(raw)
    except UnparsableMessageError as error:
        report = BounceReport(ReportKind.NONE, reason=f"unreadable: {error}")
    return {
        "class": report.kind,
        "recipient": report.recipient,
        "status": report.status,
        "reason": report.reason,
        "advice": replies.advice_for(report.reason),
        "parser": report.parser,
    }


@app.command()
def fetch(*, as_json: JsonOption = False) -> None:
    """Handle the messages in the DIGEST_IMAP_* mailbox now. `digest serve` does this every few minutes."""
    from digest.bounces import poll_mailbox

    ctx = open_context()
    if not ctx.settings.has_mailbox:
        raise SettingError(messages.NO_MAILBOX)
    handled = poll_mailbox(ctx, utc_now())
    count = sum(handled.folders.values())
    if as_json:
        print_json({"messages": count, "actions": handled.actions, "folders": handled.folders}, {"actions": "deeds"})
        return
    actions = ", ".join(f"{n} {action}" for action, n in handled.actions.items())
    typer.echo(messages.messages_handled(count, actions))


@app.command("list")
def list_(
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number to list.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List bounces, newest first."""
    from sqlmodel import col, select

    from digest.database import read_session
    from digest.database.models import BounceRecord

    with read_session(open_context().engine) as session:
        bounces = session.exec(select(BounceRecord).order_by(col(BounceRecord.id).desc()).limit(limit)).all()
        rows = [
            bounce.model_dump(include={"id", "received_at", "delivery_id", "reason", "parser"})
            | {"class": bounce.bounce_class, "status": bounce.status_code}
            for bounce in bounces
        ]
    if as_json:
        print_json(rows, {"class": "verdict"})
        return
    print_table("Bounces", COLUMNS, ([row[name] for name in COLUMNS] for row in rows))
    if not rows:
        print_note(messages.NO_BOUNCES)
