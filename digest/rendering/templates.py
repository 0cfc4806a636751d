"""Folders of templates, and the Jinja environment of e-mails."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from digest import formatting
from digest.mail import EmailContent
from digest.rendering.paper_card import join_text
from digest.rendering.plain_text import wrap_text
from digest.rendering.theme import HIGHLIGHT_COLORS, THEME, create_theme

SUBJECT_LENGTH = 90  # characters; phones show about 40 of them, desktops about 70


def template_folder(name: str) -> Path:
    """Return the folder `name` ("mail", "web"): inside an installed wheel, else beside the package."""
    package = Path(__file__).parents[1]
    folders = (package / "templates" / name, package.parent / "templates" / name)
    for folder in folders:
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"no templates called {name!r}; looked in {folders[0]} and {folders[1]}")


@cache
def mail_environment() -> Environment:
    """Return the environment of all e-mails, made at the first one."""
    # Autoescaping goes by the real ending: a name like `x.html.j2` would stay unescaped, so none ends like that.
    environment = Environment(
        loader=FileSystemLoader(template_folder("mail")),
        autoescape=select_autoescape(("html",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.globals.update(theme=THEME, highlight_colors=HIGHLIGHT_COLORS)
    environment.filters.update(
        wrap=wrap_text,
        asterisks=lambda parts: join_text(parts, asterisks=True),
        one_line=formatting.truncate,
        pluralize=formatting.pluralize,
        listed=formatting.join_words,
        day=formatting.format_day,
    )
    return environment


def render_template(template: str, accent: str = "", **values: object) -> str:
    """Render one template, with links and buttons in the color `accent`, ours if empty.

    Raises UndefinedError for a name that it asks for and does not get.
    """
    return mail_environment().get_template(template).render(values, theme=create_theme(accent))


def render_macro(name: str, *values: object) -> str:
    """Render a macro of macros.html."""
    return str(getattr(mail_environment().get_template("macros.html").module, name)(*values))


def render_email(name: str, values: Mapping[str, Any]) -> EmailContent:
    """Render the three templates of the e-mail called `name`."""
    subject = formatting.truncate(render_template(f"{name}-subject.txt", **values), SUBJECT_LENGTH)
    return EmailContent(
        subject=subject,
        text=render_template(f"{name}-body.txt", **values, subject=subject).strip("\n") + "\n",
        html=render_template(f"{name}-body.html", **values, subject=subject),
    )
