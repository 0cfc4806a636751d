"""`digest migrate`: upgrade the database, or copy it to another one."""

from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.output import JsonOption, configure_logging, print_json, print_table, show_progress

if TYPE_CHECKING:
    from sqlalchemy import Engine

MIGRATE_EPILOG = """\
After an update, where the database is on a server (an SQLite file is upgraded by itself):

$ digest migrate

From one machine to many, while digest is stopped:

$ digest migrate --from sqlite:////var/lib/digest/digest.db --to postgresql+psycopg://digest@db.example.org/digest
"""


def migrate(
    *,
    source: Annotated[
        str | None, typer.Option("--from", metavar="URL", help="Copy a whole database: the one it is in.")
    ] = None,
    target: Annotated[str | None, typer.Option("--to", metavar="URL", help="The empty database it goes to.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Upgrade the database to the schema of this version, or copy all of it into another one.

    A copy is compared with the original row by row before it is committed; the original stays as it is.
    """
    configure_logging()
    if (source is None) != (target is None):
        raise typer.BadParameter("a copy needs both --from and --to", param_hint="'--from'" if target else "'--to'")
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
        typer.echo(f"schema {head}" + (", nothing to do" if before == head else f", was {before or 'empty'}"))


def copy_database(source_url: str, target_url: str, *, as_json: bool) -> None:
    """Copy a database and print the number of rows of each table."""
    from digest.config import parse_database_url
    from digest.database import connect, copy_store, open_existing

    source, target = open_existing(parse_database_url(source_url)), connect(parse_database_url(target_url))
    with show_progress("copying") as on_progress:
        rows = copy_store(source, target, lambda table, count: on_progress(f"{table}: {count:,} rows"))
    recreate_task_tables(target)
    if as_json:
        print_json(rows)
        return
    print_table("Copied and compared", ("table", "rows"), rows.items())
    typer.echo("set DIGEST_DATABASE_URL to the new database; the old one was not changed")


def recreate_task_tables(engine: "Engine") -> None:
    """Bring procrastinate's tables to the installed version, on PostgreSQL."""
    from digest.database import is_postgresql

    if is_postgresql(engine):
        from digest.jobs import prepare_tables

        prepare_tables(engine, recreate=True)
