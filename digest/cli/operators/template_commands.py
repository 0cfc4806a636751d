"""Commands about the operator's own templates, and the check before the service starts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli import messages
from digest.cli.output import JsonOption, configure_logging, exit_with_errors, print_json, print_note
from digest.errors import NO_REASON, SettingError, UsageError

if TYPE_CHECKING:
    from digest.config import TemplateFault, TemplateFolder

EPILOG = """\
Copy what you want to change, change it, check it, and name the folder in DIGEST_TEMPLATES:

$ digest templates copy templates mail/layout.html web/base.html

$ digest templates check templates

Instead of a whole copy, a template may change one block of ours: {% extends "ours/base.html" %}
"""
app = typer.Typer(
    help="Copy and check templates of your own, which go before ours.", no_args_is_help=True, epilog=EPILOG
)
COPY_EPILOG = """\
$ digest templates copy templates

$ digest templates copy templates mail/layout.html
"""
CHECK_EPILOG = """\
$ digest templates check

$ digest templates check templates

The exit status is 1 if a template has a fault. `digest serve`, `run` and `worker` do not start with one.
"""


@app.command(epilog=COPY_EPILOG)
def copy(
    folder: Annotated[Path, typer.Argument(metavar="DIR", file_okay=False, help="Folder to copy them into.")],
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Templates to copy, as mail/layout.html. Default: all."),
    ] = None,
    *,
    overwrites: Annotated[
        bool, typer.Option("--overwrite", help="Also replace files that are there, and lose what was changed in them.")
    ] = False,
) -> None:
    """Copy our templates into a folder, to change them there."""
    from digest.rendering import copy_templates, template_names

    known = template_names()
    if unknown := [name for name in names or () if name not in known]:
        raise UsageError(messages.unknown_template(unknown[0], known))
    try:
        copied, existing = copy_templates(folder, names or known, overwrites=overwrites)
    except OSError as error:
        raise UsageError(messages.copy_failed(folder, error.strerror or NO_REASON)) from error
    for name in existing:
        print_note(messages.template_exists(folder / name))
    typer.echo(messages.templates_copied(len(copied), folder))


@app.command(epilog=CHECK_EPILOG)
def check(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Folder to check. Default: that of DIGEST_TEMPLATES.")
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Check templates of your own: syntax, names, macros, blocks, and every e-mail by a sample.

    Each fault is one line with file, line and reason.
    """
    from digest.config import load_settings, load_template_folder

    configure_logging()
    path = str(folder or load_settings().templates)
    if not path:
        raise UsageError(messages.NO_TEMPLATES)
    templates = load_template_folder(path)
    faults = check_templates(templates)
    problems = [str(fault) for fault in faults if not fault.is_warning]
    if as_json:
        print_json(
            [
                {
                    "file": fault.file,
                    "line": fault.line or None,
                    "message": fault.sentence,
                    "is_warning": fault.is_warning,
                }
                for fault in faults
            ]
        )
        if problems:
            raise typer.Exit(1)
        return
    for fault in faults:
        if fault.is_warning:
            print_note(messages.template_warning(fault))
    exit_with_errors(problems)
    typer.echo(messages.templates_sound(len(templates.sources)))


def check_templates(templates: "TemplateFolder") -> "list[TemplateFault]":
    """Return what is wrong with the operator's templates of e-mails and pages, or only odd."""
    from digest.rendering import check_email_templates
    from digest.web import check_page_templates

    if not templates:
        return []
    return sorted({*templates.faults, *check_email_templates(templates), *check_page_templates(templates)})


def require_sound_templates(templates: "TemplateFolder") -> None:
    """Raise SettingError with a line for each fault of the operator's templates, and note what is only odd.

    Called before a service begins, so that no e-mail is the first to find a fault.
    """
    faults = check_templates(templates)
    for fault in faults:
        if fault.is_warning:
            print_note(messages.template_warning(fault))
    if problems := [str(fault) for fault in faults if not fault.is_warning]:
        raise SettingError("\n".join([*problems, messages.TEMPLATES_FAULTY]))
