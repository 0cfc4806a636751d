"""`digest migrate`: the store brought to this version, or to another database."""

from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.shown import JsonOption, configure_logging, print_json, print_table
from digest.cli.work import show_progress

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
    from digest import db
    from digest.settings import load_settings

    engine = db.connect(load_settings().database_url)
    before, head = db.schema_versions(engine)
    db.migrate(engine)
    _prepare_task_tables(engine)
    if as_json:
        print_json({"from": before, "to": head})
    else:
        typer.echo(f"schema {head}" + (", nothing to do" if before == head else f", was {before or 'empty'}"))


def _copy_database(source: str, target: str, *, as_json: bool) -> None:
    from digest import db, moving
    from digest.settings import parse_database_url

    here, there = moving.open_existing(parse_database_url(source)), db.connect(parse_database_url(target))
    with show_progress("copying") as tell:
        copied = moving.copy_store(here, there, lambda name, rows: tell(f"{name}: {rows:,} rows"))
    _prepare_task_tables(there)
    if as_json:
        print_json(copied)
        return
    print_table("Copied and compared", ("table", "rows"), copied.items())
    typer.echo("set DIGEST_DATABASE_URL to the new database; the old one was not changed")


def _prepare_task_tables(engine: "Engine") -> None:
    from digest import db

    if db.is_postgresql(engine):
        from digest import workers

        workers.prepare_tables(engine, recreate=True)
