"""Folders of templates, and the Jinja environments that read them."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any

from jinja2 import (
    BaseLoader,
    BytecodeCache,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    FunctionLoader,
    PrefixLoader,
    StrictUndefined,
    select_autoescape,
)
from jinja2.bccache import Bucket
from jinja2.sandbox import ImmutableSandboxedEnvironment

from digest import formatting
from digest.config import TemplateFolder
from digest.mail import EmailContent
from digest.rendering import messages
from digest.rendering.paper_card import join_text
from digest.rendering.plain_text import wrap_text
from digest.rendering.theme import HIGHLIGHT_COLORS, THEME, create_theme

OURS = "ours"  # the folder by which templates of operators name ours
SUBJECT_LENGTH = 90  # characters; phones show about 40 of them, desktops about 70


class CompiledTemplates(BytecodeCache):
    """Our templates as code, in memory: each is compiled once, however many environments a process has.

    A key stands for the file of a template, and so for its area; a checksum for its text.
    """

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code:
            self._code[bucket.key, bucket.checksum] = bucket.code


_COMPILED_TEMPLATES = CompiledTemplates()


def template_folder(name: str) -> Path:
    """Return the folder `name` ("mail", "web"): inside an installed wheel, else beside the package."""
    package = Path(__file__).parents[1]
    folders = (package / "templates" / name, package.parent / "templates" / name)
    for folder in folders:
        if folder.is_dir():
            return folder
    raise FileNotFoundError(messages.no_templates(name, folders))


def create_environment(area: str, templates: TemplateFolder, **options: Any) -> Environment:
    """Create the Jinja environment of an area, with the operator's templates before ours.

    Theirs may extend ours of the same name as `ours/NAME`. They run in a sandbox: a template is written for its look,
    perhaps by somebody who may not read our keys.
    """
    ours = FileSystemLoader(template_folder(area))
    loader: BaseLoader = ours
    if templates:
        own = templates.in_area(area)

        def read_own(name: str) -> tuple[str, str, None] | None:
            return (own[name], templates.file_of(f"{area}/{name}"), None) if name in own else None

        loader = ChoiceLoader([FunctionLoader(read_own), ours, PrefixLoader({OURS: ours})])
    return (ImmutableSandboxedEnvironment if templates else Environment)(
        loader=loader,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        bytecode_cache=None if templates else _COMPILED_TEMPLATES,  # code for a sandbox is another
        **options,
    )


@lru_cache(maxsize=4)
def mail_environment(templates: TemplateFolder) -> Environment:
    """Return the environment of all e-mails, made at the first one."""
    # Autoescaping goes by the real ending: a name like `x.html.j2` would stay unescaped, so none ends like that.
    autoescape = select_autoescape(("html",), default=False)
    environment = create_environment("mail", templates, autoescape=autoescape, keep_trailing_newline=True)
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


def render_template(templates: TemplateFolder, name: str, accent: str = "", **values: object) -> str:
    """Render one template, with links and buttons in the color `accent`, ours if empty.

    Raises UndefinedError for a name that it asks for and does not get.
    """
    return mail_environment(templates).get_template(name).render(values, theme=create_theme(accent))


def render_macro(templates: TemplateFolder, name: str, *values: object) -> str:
    """Render a macro of macros.html."""
    return str(getattr(mail_environment(templates).get_template("macros.html").module, name)(*values))


def render_email(templates: TemplateFolder, name: str, values: Mapping[str, Any]) -> EmailContent:
    """Render the three templates of the e-mail called `name`."""
    subject = formatting.truncate(render_template(templates, f"{name}-subject.txt", **values), SUBJECT_LENGTH)
    return EmailContent(
        subject=subject,
        text=render_template(templates, f"{name}-body.txt", **values, subject=subject).strip("\n") + "\n",
        html=render_template(templates, f"{name}-body.html", **values, subject=subject),
    )
