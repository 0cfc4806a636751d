"""`digest tokens`: create, list and revoke tokens of the operator's API."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer

from digest.cli import messages
from digest.cli.output import (
    JsonOption,
    open_context,
    print_json,
    print_note,
    print_table,
    system_user,
    utc_now,
)

EPILOG = """\
$ digest tokens create grafana --scope read

$ digest tokens create "user support" --scope read --scope subscribers --days 90

$ digest tokens revoke grafana
"""
COLUMNS = ("name", "prefix", "scopes", "state", "created_at", "created_by", "last_used_at", "expires_at")


class ScopeChoice(StrEnum):
    """Scopes of digest.database.models, spelled out so that --help need not import the tables."""

    READ = "read"
    SUBSCRIBERS = "subscribers"
    DELIVERIES = "deliveries"
    SOURCES = "sources"


app = typer.Typer(help="Create, list and revoke tokens for /api/v1/admin.", epilog=EPILOG, no_args_is_help=True)


@app.command()
def create(
    name: str,
    *,
    scope: Annotated[
        list[ScopeChoice],
        typer.Option(help="What it may do: read everything, or act on subscribers, deliveries or sources. Repeatable."),
    ],
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="Days until it expires. Default: never.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Create a token and print it. It is shown once, and only its hash is stored."""
    from digest.database import create_token, write_session
    from digest.database.models import TokenScope

    now = utc_now()
    expires_at = now + timedelta(days=days) if days else None
    with write_session(open_context().engine) as session:
        token, text = create_token(
            session, system_user(), name, {TokenScope(one) for one in scope}, now, expires_at=expires_at
        )
    if as_json:
        print_json({"name": name, "token": text, "scopes": token.scopes, "expires_at": expires_at})
        return
    typer.echo(text)
    print_note(messages.COPY_NOW)


@app.command("list")
def list_(*, as_json: JsonOption = False) -> None:
    """List all tokens: their scopes, when each was used last, and whether it is valid."""
    from digest.database import list_tokens, read_session, token_state

    now = utc_now()
    with read_session(open_context().engine) as session:
        rows = [
            token.model_dump(include=set(COLUMNS)) | {"state": token_state(token, now).value}
            for token in list_tokens(session)
        ]
    if as_json:
        print_json([{name: row[name] for name in COLUMNS} for row in rows])
    elif rows:
        shown = [row | {"scopes": ", ".join(row["scopes"])} for row in rows]
        print_table("Tokens", COLUMNS, ([row[name] for name in COLUMNS] for row in shown))
    else:
        print_note(messages.NO_TOKENS)


@app.command()
def revoke(name: Annotated[str, typer.Argument(help="Its name or prefix.")]) -> None:
    """Revoke a token. It is refused from the next request on."""
    from digest.database import revoke_token, write_session

    with write_session(open_context().engine) as session:
        token = revoke_token(session, system_user(), name, utc_now())
    print_note(messages.token_revoked(token.name))
