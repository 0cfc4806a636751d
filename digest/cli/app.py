"""Application with all its commands.

Exit status: 0 success, 1 something failed and was recorded, 2 a command or setting is invalid.
"""

from typing import Annotated

import typer

from digest import __version__
from digest.cli.database import quarantine_commands, resume
from digest.cli.database.migrate import MIGRATE_EPILOG, migrate
from digest.cli.database.prune import PRUNE_EPILOG, prune
from digest.cli.mail import bounce_commands, delivery_commands
from digest.cli.operators import action_commands, template_commands, token_commands
from digest.cli.operators.doctor import DOCTOR_EPILOG, doctor
from digest.cli.papers import paper_commands, source_commands
from digest.cli.preview.command import MATCH_EPILOG, PREVIEW_EPILOG, MatchCommand, match, preview
from digest.cli.service import runs
from digest.cli.service.run import COLLECT_EPILOG, RUN_EPILOG, collect, run
from digest.cli.service.serve import DEMO_EPILOG, SERVE_EPILOG, WORKER_EPILOG, demo, serve, worker
from digest.cli.setup import SETUP_EPILOG, setup
from digest.cli.subscribers import keyword_commands, subscriber_commands

HELP = "E-mail people the new research papers that match their keywords."
EPILOG = """\
See a first digest without setting anything up. Nothing is sent:

$ digest preview -k "diffusion model" -k protein --out digest.html

Set the service up with some questions: digest setup

Settings are DIGEST_* variables in the environment or in .env. To see all: digest setup --show-settings.
To check them: digest doctor

Let your shell complete commands and options: digest --install-completion

Exit status: 0 success, 1 something failed and was recorded, 2 a command or setting is invalid.
"""

app = typer.Typer(
    name="digest",
    help=HELP,
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def print_version(value: bool) -> None:
    """Print the version and exit."""
    if value:
        typer.echo(f"digest {__version__}")
        raise typer.Exit


@app.callback(help=HELP)
def main(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Parse the options that stand before a command."""


for command, epilog in (
    (demo, DEMO_EPILOG),
    (setup, SETUP_EPILOG),
    (serve, SERVE_EPILOG),
    (worker, WORKER_EPILOG),
    (run, RUN_EPILOG),
    (collect, COLLECT_EPILOG),
    (migrate, MIGRATE_EPILOG),
    (preview, PREVIEW_EPILOG),
    (doctor, DOCTOR_EPILOG),
    (prune, PRUNE_EPILOG),
):
    app.command(epilog=epilog)(command)
app.command(epilog=MATCH_EPILOG, cls=MatchCommand)(match)
app.add_typer(subscriber_commands.app, name="subscribers")
app.add_typer(keyword_commands.app, name="keywords")
app.add_typer(delivery_commands.app, name="deliveries")
app.add_typer(runs.app, name="runs")
app.add_typer(resume.app, name="database")
app.add_typer(bounce_commands.app, name="bounces")
app.add_typer(paper_commands.app, name="papers")
app.add_typer(source_commands.app, name="sources")
app.add_typer(quarantine_commands.app, name="quarantine")
app.add_typer(template_commands.app, name="templates")
app.add_typer(token_commands.app, name="tokens")
app.add_typer(action_commands.app, name="actions")

# Names of the release before; the next one drops them.
app.add_typer(runs.app, name="round", hidden=True)
app.command("bounce", epilog=bounce_commands.PIPE_EPILOG, hidden=True)(bounce_commands.pipe)
