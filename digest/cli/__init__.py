"""The command line. Each command is a few lines: read the arguments, ask the rooms below, show what they answered.

Exit status: 0 fine, 1 something failed and was recorded, 2 the command or a setting cannot be understood.

Commands import the rooms that they need when they run, so that the others, and --help, start quickly.
"""

from typing import Annotated

import typer

from digest import __version__
from digest.cli import letters, operate, people, returned, rounds, schema, serving, work

EPILOG = """\
A first letter, with nothing set up and nothing sent:

$ digest preview -k "diffusion model" -k protein --out letter.html

Settings are DIGEST_* variables in the environment or in .env; see .env.example, and check them with: digest doctor

Exit status: 0 fine, 1 something failed and was recorded, 2 the command or a setting cannot be understood.
"""

app = typer.Typer(
    name="digest",
    help="Mail people the new research papers that match their keywords.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(requested: bool) -> None:
    if requested:
        typer.echo(f"digest {__version__}")
        raise typer.Exit


@app.callback()
def _digest(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Mail people the new research papers that match their keywords."""


for command, epilog in (
    (serving.demo, serving.DEMO_EPILOG),
    (serving.serve, serving.SERVE_EPILOG),
    (serving.worker, serving.WORKER_EPILOG),
    (work.run, work.RUN_EPILOG),
    (work.collect, work.COLLECT_EPILOG),
    (schema.migrate, schema.MIGRATE_EPILOG),
    (letters.preview, letters.PREVIEW_EPILOG),
    (operate.sources, operate.SOURCES_EPILOG),
    (operate.doctor, operate.DOCTOR_EPILOG),
    (operate.prune, operate.PRUNE_EPILOG),
    (returned.bounce, returned.PIPE_EPILOG),
):
    app.command(epilog=epilog)(command)
app.command(epilog=letters.MATCH_EPILOG, cls=letters.MatchCommand)(letters.match)
app.add_typer(people.app, name="subscribers")
app.add_typer(operate.deliveries_app, name="deliveries")
app.add_typer(rounds.app, name="round")
app.add_typer(returned.app, name="bounces")

__all__ = ["app"]
