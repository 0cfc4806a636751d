"""The command line. Each command is a few lines: read the arguments, ask the rooms below, show what they answered.

Exit status: 0 fine, 1 something failed and was recorded, 2 the command or a setting cannot be understood.
"""

import typer

from digest.cli.letters import match, preview
from digest.cli.operate import deliveries_app, doctor, sources
from digest.cli.people import app as subscribers_app
from digest.cli.serving import demo, serve
from digest.cli.work import collect, migrate, run

app = typer.Typer(
    name="digest",
    help="Mail people the new research papers that match their keywords.",
    epilog="Settings are DIGEST_* variables in the environment or in .env; see .env.example. "
    "Exit status: 0 fine, 1 something failed and was recorded, 2 usage.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (demo, serve, run, collect, migrate, preview, match, sources, doctor):
    app.command()(command)
app.add_typer(subscribers_app, name="subscribers")
app.add_typer(deliveries_app, name="deliveries")

__all__ = ["app"]
