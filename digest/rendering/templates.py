"""Where the templates lie, and the one Jinja environment of the letters: made once, at the first letter."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from digest.formatting import format_date, format_day, join_words, pluralize, truncate
from digest.mail import EmailContent
from digest.rendering.fragments import Fragment
from digest.rendering.paper_card import HIGHLIGHT_COLORS, THEME, starred
from digest.rendering.plain_text import fill

SUBJECT = 90  # characters; phones show about 40 of them, desktops about 70


def template_folder(name: str) -> Path:
    """The folder of templates called `name` ("mail", "web"): inside an installed wheel, else beside the package."""
    package = Path(__file__).parents[1]
    places = (package / "templates" / name, package.parent / "templates" / name)
    for place in places:
        if place.is_dir():
            return place
    raise FileNotFoundError(f"no templates called {name!r}; looked in {places[0]} and {places[1]}")


@cache
def environment() -> Environment:
    # Escaping goes by the real ending: `x.html.j2` would stay as it is, so no name here ends like that.
    made = Environment(
        loader=FileSystemLoader(template_folder("mail")),
        autoescape=select_autoescape(("html",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    made.globals.update(look=THEME, marks=HIGHLIGHT_COLORS)
    made.filters.update(
        fill=fill, starred=starred, count=pluralize, listed=join_words, day=format_day, date=format_date
    )
    return made


def part(template: str, **values: object) -> str:
    """One template with these values; a name it asks for and does not get is an error (StrictUndefined)."""
    return environment().get_template(template).render(values)


def macro(name: str, *values: object) -> str:
    """A macro of parts.html."""
    return str(getattr(environment().get_template("parts.html").module, name)(*values))


def fragment(template: str, **values: object) -> Fragment:
    """As `part`, where some of the values are holes."""
    return Fragment.rendered(part(template, **values))


def subject(name: str, values: Mapping[str, object]) -> str:
    """One line of at most SUBJECT characters."""
    return truncate(part(f"{name}-subject.txt", **values), SUBJECT)


def render_email(name: str, values: Mapping[str, object]) -> EmailContent:
    """The three templates of the letter called `name`."""
    line = subject(name, values)
    return EmailContent(
        subject=line,
        text=part(f"{name}-body.txt", **values, subject=line).strip("\n") + "\n",
        html=part(f"{name}-body.html", **values, subject=line),
    )
