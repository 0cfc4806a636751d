"""`digest migrate`: the store brought to this version, or to another database."""

from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.output import JsonOption, configure_logging, print_json, print_table
from digest.cli.run import show_progress

if TYPE_CHECKING:
    from sqlalchemy import Engine


MIGRATE_EPILOG = """\
After an update, where the store is on a server (an SQLite file is brought up to date by itself):

$ digest migrate

From one machine to many, while digest is stopped:

$ digest migrate --from sqlite:////var/lib/digest/digest.db --to postgresql+psycopg://digest@db.example.org/digest
"""


def migrate(
    *,
    source: Annotated[
        str | None, typer.Option("--from", metavar="URL", help="Copy a whole store: the database it is in.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--to", metavar="URL", help="The empty database that it goes to.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Bring the database to the schema of this version, or copy all of it into another one.

    A copy is compared with the original row by row before it is committed; the original stays as it is.
    """
    configure_logging()
    if (source is None) != (target is None):
        raise typer.BadParameter("a copy needs both --from and --to", param_hint="'--from'" if target else "'--to'")
    if source and target:
        _copy_database(source, target, as_json=as_json)
    else:
        _upgrade_schema(as_json=as_json)


def _upgrade_schema(*, as_json: bool) -> None:
    from digest import database
    from digest.config import load_settings
    from digest.database import connect, schema_versions

    engine = connect(load_settings().database_url)
    before, head = schema_versions(engine)
    database.migrate(engine)
    _prepare_task_tables(engine)
    if as_json:
        print_json({"from": before, "to": head})
    else:
        typer.echo(f"schema {head}" + (", nothing to do" if before == head else f", was {before or 'empty'}"))


def _copy_database(source: str, target: str, *, as_json: bool) -> None:
    from digest.config import parse_database_url
    from digest.database import connect, copy_store, open_existing

    here, there = open_existing(parse_database_url(source)), connect(parse_database_url(target))
    with show_progress("copying") as tell:
        copied = copy_store(here, there, lambda name, rows: tell(f"{name}: {rows:,} rows"))
    _prepare_task_tables(there)
    if as_json:
        print_json(copied)
        return
    print_table("Copied and compared", ("table", "rows"), copied.items())
    typer.echo("set DIGEST_DATABASE_URL to the new database; the old one was not changed")


def _prepare_task_tables(engine: "Engine") -> None:
    from digest.database import is_postgresql

    if is_postgresql(engine):
        from digest.jobs import prepare_tables

        prepare_tables(engine, recreate=True)
