"""The commands for what comes back: one mail from a pipe, a mailbox, and the list of what was read."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.output import JsonOption, open_context, print_error, print_json, print_note, print_table, utc_now
from digest.errors import DigestError, UnparsableMessageError

if TYPE_CHECKING:
    from digest.bounces import BounceReport


EX_TEMPFAIL = 75  # EX_TEMPFAIL of sysexits.h: the mail system keeps the message and tries again


RETRY_NOTE = "; the mail stays with the mail system, which tries again"


COLUMNS = ("received_at", "delivery_id", "verdict", "status", "reason", "parser")


PIPE_EPILOG = """\
In /etc/aliases, so that the mail system hands over what comes to DIGEST_BOUNCE_ADDRESS:

bounces: "|/opt/digest/bin/digest bounce"

What would a mail mean? Nothing is recorded:

$ digest bounce --explain < message.eml
"""


BOUNCES_EPILOG = """\
$ digest bounces fetch

$ digest bounces list --json
"""


app = typer.Typer(help="Bounces, complaints and replies that came back.", epilog=BOUNCES_EPILOG, no_args_is_help=True)


def bounce(
    *,
    explain: Annotated[
        bool, typer.Option("--explain", help="Record nothing, need no store; print one JSON object.")
    ] = False,
    recipient: Annotated[
        str,
        typer.Option(
            envvar=["ORIGINAL_RECIPIENT", "RECIPIENT"],
            help="The address that the mail was sent to, where the mail system knows it.",
        ),
    ] = "",
) -> None:
    """Read one mail that came back, from standard input. For the pipe of a mail system.

    Exit status: 0 handled, 75 try again later (the store or a setting is in the way). A mail that no signed address
    ties to a letter is counted and told, and changes nothing.
    """
    raw = _read_stdin()
    if explain:
        print_json(_explain(raw))
        return
    from sqlalchemy.exc import SQLAlchemyError

    from digest.bounces import handle_message

    try:
        handled = handle_message(open_context(), raw, utc_now(), [recipient])
    except UnparsableMessageError as error:
        print_error(f"this mail is set aside: {error}")
        return
    except (DigestError, SQLAlchemyError, OSError) as error:
        print_error(f"{error}{RETRY_NOTE}")
        raise typer.Exit(EX_TEMPFAIL) from error
    if handled.delivery_id is None:
        print_error("no valid address of ours says which letter this is about; nothing was changed")
    typer.echo(f"letter {handled.delivery_id or '?'}: {_describe_report(handled.report)}: {handled.action}")


def _read_stdin() -> bytes:
    """The beginning of the mail; the rest is read too, or the mail system would see a broken pipe."""
    from digest.bounces import MAX_MESSAGE_BYTES

    raw = sys.stdin.buffer.read(MAX_MESSAGE_BYTES)
    while sys.stdin.buffer.read(MAX_MESSAGE_BYTES):
        continue
    return raw


def _explain(raw: bytes) -> dict[str, str]:
    from digest.bounces import BounceReport, ReportKind, parse_bounce

    try:
        report = parse_bounce(raw)
    except UnparsableMessageError as error:
        report = BounceReport(ReportKind.NONE, reason=f"unreadable: {error}")
    return {
        "class": report.kind,
        "recipient": report.recipient,
        "status": report.status,
        "reason": report.reason,
        "parser": report.parser,
    }


def _describe_report(report: "BounceReport") -> str:
    return " ".join(each for each in (report.kind, report.status, report.reason) if each)


@app.command()
def fetch(*, as_json: JsonOption = False) -> None:
    """Read the mailbox of DIGEST_IMAP_* now. `digest serve` does so every few minutes."""
    from digest.bounces import poll_mailbox as fetched_from
    from digest.errors import SettingError

    ctx = open_context()
    if not ctx.settings.has_mailbox:
        raise SettingError(
            "DIGEST_IMAP_HOST is empty: there is no mailbox to read. Example: DIGEST_IMAP_HOST=imap.example.org"
        )
    fetched = fetched_from(ctx, utc_now())
    if as_json:
        print_json({"messages": sum(fetched.folders.values()), "deeds": fetched.actions, "folders": fetched.folders})
        return
    told = ", ".join(f"{count} {deed}" for deed, count in fetched.actions.items())
    typer.echo(f"{sum(fetched.folders.values())} messages" + (f": {told}" if told else ""))


@app.command("list")
def list_(
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many, the newest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """What came back, the newest first."""
    from sqlmodel import col, select

    from digest.database import read_session
    from digest.database.models import BounceRecord

    with read_session(open_context().engine) as session:
        found = session.exec(select(BounceRecord).order_by(col(BounceRecord.id).desc()).limit(limit)).all()
        rows = [
            each.model_dump(include={"id", *COLUMNS}) | {"verdict": each.bounce_class, "status": each.status_code}
            for each in found
        ]
    if as_json:
        print_json(rows)
        return
    print_table("What came back", COLUMNS, ([row[name] for name in COLUMNS] for row in rows))
    if not rows:
        print_note("nothing came back yet")
