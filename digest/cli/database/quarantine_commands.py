"""`digest quarantine`: list and release rows that were set aside because they cannot be read."""

from typing import Annotated

import typer

from digest.cli import messages
from digest.cli.output import (
    EXIT_FAILURE,
    JsonOption,
    open_context,
    print_error,
    print_json,
    print_note,
    print_table,
    system_user,
    utc_now,
)
from digest.errors import ObjectNotFoundError

EPILOG = """\
$ digest quarantine list --json

$ digest quarantine release 3
"""
COLUMNS = ("id", "table_name", "row_id", "reason", "count", "first_seen_at", "last_seen_at")

app = typer.Typer(help="List and release database rows that cannot be read.", epilog=EPILOG, no_args_is_help=True)


@app.command("list")
def list_(*, as_json: JsonOption = False) -> None:
    """List database rows that cannot be read. They are skipped until they can be read again.

    The exit status is 1 while there are any.
    """
    from digest.database import quarantined_rows, read_session

    with read_session(open_context().engine) as session:
        rows = quarantined_rows(session)
        json_rows = [row.model_dump(mode="json", include=set(COLUMNS)) for row in rows]
    if as_json:
        print_json(json_rows)
    elif rows:
        print_table(messages.ROWS_NOT_READABLE, COLUMNS, [[getattr(row, name) for name in COLUMNS] for row in rows])
    else:
        print_note(messages.ALL_READABLE)
    if rows:
        raise typer.Exit(EXIT_FAILURE)


@app.command()
def release(number: Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1)]) -> None:
    """Release a row by its ID in the list. If it still cannot be read, the next run quarantines it again."""
    from digest.database import resolve_row, write_session

    try:
        with write_session(open_context().engine) as session:
            row = resolve_row(session, system_user(), number, utc_now()).read_detail()
    except ObjectNotFoundError as error:
        print_error(messages.no_quarantined_row(number))
        raise typer.Exit(EXIT_FAILURE) from error
    print_note(messages.row_released(f"{row['table']} {row['row']}"))
