"""The command line. Each command is a few lines: read the arguments, ask the rooms below, show what they answered.

Exit status: 0 fine, 1 something failed and was recorded, 2 the command or a setting cannot be understood.

Commands import the rooms that they need when they run, so that the others, and --help, start quickly.
"""

from typing import Annotated

import typer

from digest import __version__
from digest.cli import bounces, runs, subscribers
from digest.cli.bounces import PIPE_EPILOG, bounce
from digest.cli.deliveries import DOCTOR_EPILOG, PRUNE_EPILOG, SOURCES_EPILOG, deliveries_app, doctor, prune, sources
from digest.cli.migrate import MIGRATE_EPILOG, migrate
from digest.cli.preview import MATCH_EPILOG, PREVIEW_EPILOG, MatchCommand, match, preview
from digest.cli.run import COLLECT_EPILOG, RUN_EPILOG, collect, run
from digest.cli.serve import DEMO_EPILOG, SERVE_EPILOG, WORKER_EPILOG, demo, serve, worker

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
    (demo, DEMO_EPILOG),
    (serve, SERVE_EPILOG),
    (worker, WORKER_EPILOG),
    (run, RUN_EPILOG),
    (collect, COLLECT_EPILOG),
    (migrate, MIGRATE_EPILOG),
    (preview, PREVIEW_EPILOG),
    (sources, SOURCES_EPILOG),
    (doctor, DOCTOR_EPILOG),
    (prune, PRUNE_EPILOG),
    (bounce, PIPE_EPILOG),
):
    app.command(epilog=epilog)(command)


app.command(epilog=MATCH_EPILOG, cls=MatchCommand)(match)


app.add_typer(subscribers.app, name="subscribers")


app.add_typer(deliveries_app, name="deliveries")


app.add_typer(runs.app, name="round")


app.add_typer(bounces.app, name="bounces")
