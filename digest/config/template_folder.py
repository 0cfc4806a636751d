"""The operator's own templates: a folder that is laid out as ours is, read once and whole.

    DIR/mail/layout.html    goes before our template of e-mails of that name
    DIR/web/base.html       goes before our template of pages of that name

All is read when the settings are, so that a file that changes later harms nothing until the next start. A file that
leads out of the folder by a link is left out, as is what is no text or too large.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from digest.config import messages
from digest.config.examples import EXAMPLES
from digest.errors import NO_REASON, SettingError

TEMPLATE_AREAS = ("mail", "web")
TEMPLATE_SUFFIXES = (".html", ".txt")
MAX_TEMPLATES, MAX_TEMPLATE_BYTES = 500, 256 * 1024


@dataclass(frozen=True, slots=True, order=True)
class TemplateFault:
    """What is wrong with a template, or only odd. `line` is 0 where the whole file is meant."""

    file: str
    line: int
    sentence: str
    is_warning: bool = False

    def __str__(self) -> str:
        """Return it on one line, as compilers do."""
        return f"{self.file}:{self.line}: {self.sentence}" if self.line else f"{self.file}: {self.sentence}"


@dataclass(frozen=True, slots=True, eq=False)
class TemplateFolder:
    """Templates of a folder by name (`mail/layout.html`), and what could not be read. Without a path it is empty."""

    path: Path | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[TemplateFault, ...] = ()

    def __bool__(self) -> bool:
        """Whether the operator has named a folder."""
        return self.path is not None

    def in_area(self, area: str) -> Mapping[str, str]:
        """Return the templates of an area ("mail", "web") by the names that they have in it."""
        prefix = f"{area}/"
        return {name.removeprefix(prefix): text for name, text in self.sources.items() if name.startswith(prefix)}

    def file_of(self, name: str) -> str:
        """Return the path of a template, for messages."""
        return str((self.path or Path()) / name)


NO_TEMPLATES = TemplateFolder()


def load_template_folder(path: str) -> TemplateFolder:
    """Read the folder of DIGEST_TEMPLATES; an empty path is none. Raises SettingError where there is no such folder."""
    if not path:
        return NO_TEMPLATES
    folder = Path(path)
    sources: dict[str, str] = {}
    faults: list[TemplateFault] = []
    try:
        if not folder.is_dir():
            raise SettingError(messages.invalid_templates(path, messages.TEMPLATES_IS_NO_FOLDER, EXAMPLES["templates"]))
        for number, file in enumerate(_walk(folder)):
            name = file.relative_to(folder).as_posix()
            if number >= MAX_TEMPLATES:
                faults.append(TemplateFault(str(folder), 0, messages.too_many_templates(MAX_TEMPLATES)))
                break
            text, problem = _read_template(folder, file)
            if problem:
                faults.append(TemplateFault(str(file), 0, problem))
            elif name.partition("/")[0] in TEMPLATE_AREAS and "/" in name and file.suffix in TEMPLATE_SUFFIXES:
                sources[name] = text
            else:
                faults.append(TemplateFault(str(file), 0, messages.NO_TEMPLATE, is_warning=True))
    except OSError as error:
        reason = messages.templates_not_readable(error.strerror or NO_REASON)
        raise SettingError(messages.invalid_templates(path, reason, EXAMPLES["templates"])) from error
    return TemplateFolder(folder, sources, tuple(faults))


def _walk(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder in order, without hidden ones (of git, of editors, of mounted volumes)."""
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name.endswith("~"):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from _walk(entry)
        else:
            yield entry


def _read_template(folder: Path, file: Path) -> tuple[str, str]:
    """Return the text of a file, or why it cannot be used."""
    if not file.resolve().is_relative_to(folder.resolve()):
        return "", messages.TEMPLATE_LEADS_OUT
    if not file.is_file():  # a pipe would never end
        return "", messages.TEMPLATE_IS_NO_FILE
    with file.open("rb") as opened:
        content = opened.read(MAX_TEMPLATE_BYTES + 1)
    if len(content) > MAX_TEMPLATE_BYTES:
        return "", messages.template_too_large(MAX_TEMPLATE_BYTES // 1024)
    try:
        return content.decode("utf-8"), ""
    except UnicodeDecodeError:
        return "", messages.TEMPLATE_IS_NO_TEXT
