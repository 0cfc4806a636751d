"""Rules of the codebase that no linter knows: layout, public faces, names, docstrings, settings."""

import ast
import collections
import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from dotenv import dotenv_values

from digest import __version__
from digest.config import ENV_PREFIX, Settings, SourceSettings, load_settings, source_variable
from digest.sources import Source, loaded_sources, read_settings_of

ROOT = Path(__file__).parents[1]
DIGEST = ROOT / "digest"
LONGEST_FILE = 400  # lines
LONGEST_FUNCTION = 50  # lines below the signature: a command's options are a list, not a text
EMAILS = ("digest", "confirm", "welcome", "already-subscribed", "goodbye", "copy-link", "relay-test")

PACKAGES = {
    "bounces", "cli", "config", "database", "delivery", "jobs", "mail", "matching", "monitoring", "papers", "planning",
    "rendering", "sources", "subscribers", "web",
}  # fmt: skip
MODULES_BESIDE = {"context", "errors", "formatting", "identifiers", "schedule", "tokens"}
# Modules that other packages may import by their path: `database.models`, `monitoring.checks` and `bounces.webhooks`
# have faces of their own, and the parsers of bounces stay pure by importing the classifier without the rest of `mail`.
OPEN_MODULES = {"bounces.webhooks", "database.models", "monitoring.checks", "mail.replies"}

# Words of a private language that the field has better words for; see docs/design/vocabulary.md.
BANNED_WORDS = {
    "addressee", "anybody", "apart", "aside", "asked", "deed", "deeds", "desk", "door", "doors", "errand", "fate",
    "fates", "house", "insist", "intake", "kept", "lane", "letter", "letters", "nobody", "outbox", "parcel", "parcels",
    "pen", "reader", "readers", "said", "shelf", "sieve", "somebody", "told", "wired", "wish", "wished",
}  # fmt: skip
ARTICLES_AND_PRONOUNS = {
    "the",
    "a",
    "an",
    "what",
    "whether",
    "who",
    "whom",
    "whose",
    "which",
    "when",
    "where",
    "how",
    "it",
    "its",
    "this",
    "that",
    "these",
    "those",
    "they",
    "them",
    "their",
    "there",
    "he",
    "she",
    "we",
    "you",
    "i",
    "all",
    "any",
    "anybody",
    "anything",
    "both",
    "each",
    "either",
    "every",
    "everybody",
    "everything",
    "few",
    "many",
    "most",
    "much",
    "neither",
    "nobody",
    "none",
    "no",
    "not",
    "nothing",
    "one",
    "ones",
    "other",
    "others",
    "some",
    "somebody",
    "something",
    "such",
    "same",
}

# All in one process, which reads and parses every file once.
pytestmark = pytest.mark.xdist_group("architecture")

MODULES = sorted(path for path in DIGEST.rglob("*.py") if path.parent.name != "versions")
TESTS = sorted((ROOT / "tests").rglob("*.py"))
SOURCES = sorted([*MODULES, *TESTS])
Function = ast.FunctionDef | ast.AsyncFunctionDef

# Importing must do nothing: no variable of ours is read, no host is asked, no file is opened but modules, no log is
# set up. An audit hook hears of sockets and files; the environment is replaced by one that listens.
QUIET_IMPORT = """
import importlib, logging, os, pkgutil, sys

sys.path.insert(0, os.getcwd())
seen = []

class Listening(dict):
    def __getitem__(self, name): note(name); return super().__getitem__(name)
    def get(self, name, default=None): note(name); return super().get(name, default)
    def __contains__(self, name): note(name); return super().__contains__(name)

def note(name):
    if str(name).upper().startswith("DIGEST_"):
        seen.append(f"reads {name}")

def hear(event, arguments):
    if event in {"socket.connect", "socket.bind", "socket.getaddrinfo", "sqlite3.connect", "subprocess.Popen"}:
        seen.append(f"{event} {arguments[1:]}")
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        seen.append(f"writes {arguments[0]}")

sys.dont_write_bytecode = True
sys.addaudithook(hear)
os.environ = Listening(os.environ)
handlers = list(logging.root.handlers)
import digest
names = [module.name for module in pkgutil.walk_packages(digest.__path__, "digest.")]
skipped = {"digest.database.migrations.env", "digest.database.migrations.__main__"}
for name in names:
    if name not in skipped and ".versions." not in name:
        importlib.import_module(name)
if logging.root.handlers != handlers:
    seen.append("sets up logging")
print(len(names))
sys.exit("\\n".join(seen) or 0)
"""


@functools.cache
@cache
def parse_module(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def trees() -> Iterator[tuple[Path, ast.Module]]:
    return ((path, parse_module(path)) for path in MODULES)


def faults_by_path(faults: Iterable[tuple[Path, list[str]]]) -> dict[str, list[str]]:
    """Return the faults of each file that has some."""
    return {relative(path): names for path, names in faults if names}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def package_of(path: Path) -> str:
    return path.relative_to(DIGEST).parts[0].removesuffix(".py")


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def words(name: str) -> list[str]:
    return re.findall(r"[a-z]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())


# The layout, and who may import whom


def test_the_top_level_has_the_packages_and_modules_of_the_layout() -> None:
    entries = {
        path.stem for path in DIGEST.iterdir() if not path.name.startswith(("_", ".")) and path.name != "py.typed"
    }
    assert entries == PACKAGES | MODULES_BESIDE


def test_imports_keep_the_contracts() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_other_packages_are_imported_by_their_face() -> None:
    assert faults_by_path((path, imports_past_a_face(tree, package_of(path))) for path, tree in trees()) == {}


def imports_past_a_face(tree: ast.AST, own: str) -> list[str]:
    imported = [
        node.module.removeprefix("digest.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("digest.") and node.module
    ]
    return [
        name
        for name in imported
        if name.partition(".")[0] in PACKAGES - {own} and "." in name and name not in OPEN_MODULES
    ]


def test_an_import_past_a_face_is_seen() -> None:
    tree = ast.parse("from digest.mail.smtp import SmtpConnection\nfrom digest.mail import build_message")
    assert imports_past_a_face(tree, "delivery") == ["mail.smtp"]
    assert imports_past_a_face(tree, "mail") == []


def test_importing_does_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", QUIET_IMPORT], check=False, capture_output=True, text=True, cwd=ROOT, env=os.environ
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 10


def test_a_package_lists_its_modules() -> None:
    folders = {path.parent for path in MODULES if path.name == "__init__.py"} - {DIGEST}
    assert len(folders) > 10
    listed = {
        folder: sorted(re.findall(r"^- `(\w+)`: \S", ast.get_docstring(tree) or "", re.MULTILINE))
        for folder in folders
        for tree in [parse_module(folder / "__init__.py")]
    }
    assert listed == {folder: modules_in(folder) for folder in folders}


def modules_in(folder: Path) -> list[str]:
    modules = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    return sorted(modules - {"__init__", "__main__", "versions"})


# Names


def test_no_class_name_stands_in_two_packages() -> None:
    where = collections.defaultdict(set)
    for path, tree in trees():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                where[node.name].add(package_of(path))
    assert {name: sorted(packages) for name, packages in where.items() if len(packages) > 1} == {}


def test_no_module_name_stands_in_three_packages() -> None:
    where = collections.defaultdict(set)
    for path in MODULES:
        if path.name not in {"__init__.py", "messages.py"}:  # the sentences of each package
            where[path.stem].add(package_of(path))
    assert {name: sorted(packages) for name, packages in where.items() if len(packages) > 2} == {}


def test_names_are_the_fields_words() -> None:
    assert faults_by_path((path, private_names(path)) for path in MODULES) == {}


def test_names_in_tests_are_the_fields_words() -> None:
    assert faults_by_path((path, private_names(path)) for path in TESTS) == {}


def private_names(path: Path) -> list[str]:
    names = {path.parent.name if path.name == "__init__.py" else path.stem, *defined_names(parse_module(path))}
    return sorted(name for name in names if BANNED_WORDS & set(words(name)))


def defined_names(tree: ast.AST) -> Iterator[str]:
    """Names of classes, functions, parameters, fields and variables that a module defines."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def test_a_private_word_is_seen_wherever_it_is_defined() -> None:
    tree = ast.parse("class Desk:\n  def ask_nobody(self, doors): self.kept = told = 1")
    private = {name for name in defined_names(tree) if BANNED_WORDS & set(words(name))}
    assert private == {"Desk", "ask_nobody", "doors", "kept", "told"}


def test_variables_name_the_thing() -> None:
    uses = [
        f"{relative(path)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(parse_module(path))
        if isinstance(node, ast.Name) and node.id == "each"
    ]
    assert len(uses) < 100, uses


def test_private_functions_are_at_most_a_quarter() -> None:
    names = [node.name for _, tree in trees() for node in functions(tree)]
    private = [name for name in names if name.startswith("_") and not name.startswith("__")]
    assert len(private) <= 0.25 * len(names)


# Size and prose


def test_a_file_can_be_read_in_one_sitting() -> None:
    lines = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {path: count for path, count in lines.items() if count > LONGEST_FILE} == {}


def test_a_function_fits_a_screen() -> None:
    lines = {
        f"{relative(path)}: {node.name}": (node.end_lineno or 0) - node.body[0].lineno + 1
        for path, tree in trees()
        for node in functions(tree)
    }
    assert {name: count for name, count in lines.items() if count > LONGEST_FUNCTION} == {}


def test_every_module_has_a_docstring() -> None:
    assert [relative(path) for path, tree in trees() if not ast.get_docstring(tree)] == []


def test_docstrings_begin_with_what_is_done() -> None:
    texts = [text for _, tree in trees() for node in functions(tree) if (text := ast.get_docstring(node))]
    first = [found[1].lower() for text in texts if (found := re.match(r"\W*(\w+)", text))]
    assert sum(word in ARTICLES_AND_PRONOUNS for word in first) <= 0.2 * len(texts)


def test_nothing_is_left_for_later() -> None:
    marks = re.compile("#.*(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK")) + ")")
    assert faults_by_path((path, marks.findall(path.read_text(encoding="utf-8"))) for path in SOURCES) == {}


# Errors


def test_no_error_is_swallowed() -> None:
    handlers = [
        (path, node) for path, tree in trees() for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)
    ]
    assert len(handlers) > 50
    assert [f"{relative(path)}:{handler.lineno}" for path, handler in handlers if swallows(handler)] == []


def swallows(handler: ast.ExceptHandler) -> bool:
    """Tell whether a handler drops what it caught.

    It catches anything and neither raises nor passes the error on; or it catches something and does nothing, which
    contextlib.suppress would at least say aloud.
    """
    caught = {part.id for part in ast.walk(handler.type) if isinstance(part, ast.Name)} if handler.type else {""}
    inside = [node for statement in handler.body for node in ast.walk(statement)]
    passed_on = any(
        isinstance(node, ast.Raise) or (isinstance(node, ast.Name) and node.id == handler.name) for node in inside
    )
    return (bool(caught & {"", "Exception", "BaseException"}) and not passed_on) or isinstance(
        handler.body[0], ast.Pass
    )


@pytest.mark.parametrize(
    ("source", "is_swallowed"),
    [
        ("try: f()\nexcept: g()", True),
        ("try: f()\nexcept Exception: g()", True),
        ("try: f()\nexcept (OSError, BaseException) as error: g()", True),
        ("try: f()\nexcept OSError: pass", True),
        ("try: f()\nexcept OSError: g()", False),
        ("try: f()\nexcept Exception as error: g(error)", False),
        ("try: f()\nexcept BaseException:\n  g()\n  raise", False),
    ],
)
def test_what_counts_as_swallowed(source: str, is_swallowed: bool) -> None:
    handler = next(node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ExceptHandler))
    assert swallows(handler) is is_swallowed


# Settings, templates, versions


@pytest.fixture
def documented() -> dict[str, str]:
    """Settings in `.env.example` by name; a line that is commented out shows the default."""
    return dict(re.findall(rf"^#?({ENV_PREFIX}[A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))


def test_every_setting_is_documented_and_nothing_else(documented: dict[str, str]) -> None:
    shared = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields}
    assert sorted(documented) == sorted(shared | own_variables())


def own_variables() -> set[str]:
    """Variables of our own sources; packages of others may be installed beside them."""
    return {source_variable(source.name, name) for source in own_sources() for name in fields_of(source)}


def own_sources() -> list[type[Source]]:
    return [source for source in loaded_sources().values() if source.__module__.startswith("digest.")]


def fields_of(source: type[Source]) -> Iterable[str]:
    fields: Iterable[str] = getattr(source, "Settings", SourceSettings).model_fields
    return fields


def test_a_setting_is_documented_above_in_two_lines_at_most() -> None:
    above: list[str] = []
    for line in (ROOT / ".env.example").read_text().splitlines():
        if line.startswith("# "):
            above.append(line)
        elif re.match(f"#?{ENV_PREFIX}", line):
            assert 1 <= len(above) <= 2, line
            above = []
        else:
            above = []


def test_the_documented_values_are_the_defaults(
    documented: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in documented:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    usual = load_settings()
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in documented.items()))
    assert dotenv_values(".env") == documented
    documented_settings = load_settings()
    assert values_of(documented_settings) == values_of(usual)
    empty = {name for name, value in documented.items() if not value}
    assert empty == {name for name, value in values_of(usual).items() if not plain(value)}


def values_of(settings: Settings) -> dict[str, object]:
    """Values of all settings by the names of their variables, those of our own sources included."""
    values: dict[str, object] = {
        f"{ENV_PREFIX}{name.upper()}": getattr(settings, name) for name in Settings.model_fields
    }
    for source in own_sources():
        own = read_settings_of(source, settings)
        values |= {source_variable(source.name, name): getattr(own, name) for name in fields_of(source)}
    return values


def plain(value: object) -> str:
    return "" if value in ({}, ()) else str(getattr(value, "get_secret_value", lambda: value)())


@pytest.mark.parametrize("email", EMAILS)
def test_an_email_has_a_subject_a_text_and_a_page(email: str) -> None:
    folder = ROOT / "templates" / "mail"
    parts = [f"{email}-body.html", f"{email}-body.txt"]
    if email != "digest":  # its subject depends on counts, and stands in rendering/messages.py
        parts.append(f"{email}-subject.txt")
    assert [part for part in parts if not (folder / part).is_file()] == []


def test_the_changelog_has_this_version() -> None:
    assert re.search(rf"^## {re.escape(__version__)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_the_package_and_the_program_have_one_version() -> None:
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text()


def test_contributing_can_be_read_in_ten_minutes() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text().splitlines()) <= 200
