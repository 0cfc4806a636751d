"""`digest migrate`: upgrade the database, or copy it to another one."""

from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli import messages
from digest.cli.output import JsonOption, configure_logging, print_json, print_table, show_progress

if TYPE_CHECKING:
    from sqlalchemy import Engine

MIGRATE_EPILOG = """\
After an update, on PostgreSQL (an SQLite database is upgraded automatically):

$ digest migrate

Copy SQLite to PostgreSQL, while digest is stopped:

$ digest migrate --from sqlite:////var/lib/digest/digest.db --to postgresql+psycopg://digest@db.example.org/digest
"""


def migrate(
    *,
    source: Annotated[str | None, typer.Option("--from", metavar="URL", help="Database to copy. Needs --to.")] = None,
    target: Annotated[
        str | None, typer.Option("--to", metavar="URL", help="Empty database to copy to. Needs --from.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Upgrade the database to the schema of this version, or copy it to another database.

    A copy is compared with the original row by row before it is committed. The original is not changed.
    """
    configure_logging()
    if (source is None) != (target is None):
        raise typer.BadParameter(messages.COPY_NEEDS_BOTH, param_hint="'--from'" if target else "'--to'")
    if source and target:
        copy_database(source, target, as_json=as_json)
    else:
        upgrade_schema(as_json=as_json)


def upgrade_schema(*, as_json: bool) -> None:
    """Upgrade the database of the settings and print both schema versions."""
    from digest import database
    from digest.config import load_settings

    engine = database.connect(load_settings().database_url)
    before, head = database.schema_versions(engine)
    database.migrate(engine)
    recreate_task_tables(engine)
    if as_json:
        print_json({"from": before, "to": head})
    else:
        typer.echo(messages.schema_current(head) if before == head else messages.schema_upgraded(before, head))


def copy_database(source_url: str, target_url: str, *, as_json: bool) -> None:
    """Copy a database and print the number of rows of each table."""
    from digest.config import parse_database_url
    from digest.database import connect, copy_store, open_existing

    source, target = open_existing(parse_database_url(source_url)), connect(parse_database_url(target_url))
    with show_progress("Copying") as on_progress:
        rows = copy_store(source, target, lambda table, count: on_progress(f"{table}: {count:,} rows"))
    recreate_task_tables(target)
    if as_json:
        print_json(rows)
        return
    print_table("Copied and compared", ("table", "rows"), rows.items())
    typer.echo(messages.COPIED)


def recreate_task_tables(engine: "Engine") -> None:
    """Bring procrastinate's tables to the installed version, on PostgreSQL."""
    from digest.database import is_postgresql

    if is_postgresql(engine):
        from digest.jobs import prepare_tables

        prepare_tables(engine, recreate=True)
