"""`digest actions`: what operators did, and undo."""

from typing import Annotated

import typer

from digest.cli import messages
from digest.cli.output import JsonOption, open_context, print_json, print_note, print_table, system_user, utc_now

EPILOG = """\
$ digest actions list --actor ada

$ digest actions undo 12
"""
COLUMNS = ("id", "at", "actor", "action", "object_kind", "object_id", "undone_at", "undone_by")

app = typer.Typer(help="List what operators did, by whatever way, and undo it.", epilog=EPILOG, no_args_is_help=True)


@app.command("list")
def list_(
    *,
    actor: Annotated[
        str, typer.Option(help="List only what this one did: a user, operator, or token and its name.")
    ] = "",
    object_kind: Annotated[
        str, typer.Option("--kind", help="List only actions on this kind of object, for example subscriber.")
    ] = "",
    object_id: Annotated[str, typer.Option("--id", help="List only actions on the object with this id.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number to list.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List actions on the pages, the command line and the API, newest first."""
    from digest.database import list_actions, read_session
    from digest.jobs import can_undo

    with read_session(open_context().engine) as session:
        rows = list_actions(session, actor=actor, object_kind=object_kind, object_id=object_id, limit=limit)
    if as_json:
        print_json(
            [
                row.model_dump(include=set(COLUMNS)) | {"detail": row.read_detail(), "can_undo": can_undo(row)}
                for row in rows
            ]
        )
    elif rows:
        print_table("Actions", COLUMNS, ([getattr(row, name) for name in COLUMNS] for row in rows))
    else:
        print_note(messages.NO_ACTIONS)


@app.command()
def undo(number: Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1)]) -> None:
    """Undo an action by its ID, as long as nothing has gone on since."""
    from digest.jobs import undo_action

    record = undo_action(open_context(), system_user(), number, utc_now())
    print_note(messages.action_undone(number, record.action))
