"""The rules of the house that no linter knows."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dotenv import dotenv_values

from digest import __version__
from digest.config import ENV_PREFIX, Settings, load_settings

ROOT = Path(__file__).parents[1]
LONGEST_FILE = 250  # lines that are not empty
LONGEST_FUNCTION = 50  # lines below the signature: a command's options are a list, not a text
LETTERS = ("digest", "confirm", "welcome", "already", "goodbye")

MODULES = sorted(path for path in (ROOT / "digest").rglob("*.py") if path.parent.name != "versions")
SOURCES = sorted([*MODULES, *(ROOT / "tests").rglob("*.py")])

# Importing must do nothing: no variable of ours is read, nobody is called, no file is opened but modules, no log is
# set up. An audit hook hears of sockets and files; the environment is replaced by one that listens.
QUIET_IMPORT = """
import importlib, logging, os, pkgutil, sys

sys.path.insert(0, os.getcwd())
ours = os.path.join(os.getcwd(), "digest")
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
names = [found.name for found in pkgutil.walk_packages(digest.__path__, "digest.")]
skipped = {"digest.migrations.env", "digest.migrations.__main__"}
for name in names:
    if name not in skipped and ".versions." not in name:
        importlib.import_module(name)
if logging.root.handlers != handlers:
    seen.append("sets up logging")
print(len(names))
sys.exit("\\n".join(seen) or 0)
"""


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_imports_go_one_way() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_importing_does_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", QUIET_IMPORT], check=False, capture_output=True, text=True, cwd=ROOT, env=os.environ
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 10


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if line.strip()]
    assert len(lines) <= LONGEST_FILE


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_function_fits_a_screen(path: Path) -> None:
    assert [f"{name}: {lines} lines" for name, lines in functions(path) if lines > LONGEST_FUNCTION] == []


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or 0) - node.body[0].lineno + 1


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_nothing_is_left_for_later(path: Path) -> None:
    marks = re.compile("#.*(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK")) + ")")
    assert marks.findall(path.read_text()) == []


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_no_error_is_swallowed(path: Path) -> None:
    handlers = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ExceptHandler)]
    assert [f"line {handler.lineno}" for handler in handlers if swallows(handler)] == []


def swallows(handler: ast.ExceptHandler) -> bool:
    """Catches anything and neither raises nor passes on what it caught; or catches something and does nothing, which
    contextlib.suppress would at least say aloud.
    """
    caught = {part.id for part in ast.walk(handler.type) if isinstance(part, ast.Name)} if handler.type else {""}
    inside = [node for statement in handler.body for node in ast.walk(statement)]
    kept = any(
        isinstance(node, ast.Raise) or (isinstance(node, ast.Name) and node.id == handler.name) for node in inside
    )
    return (bool(caught & {"", "Exception", "BaseException"}) and not kept) or isinstance(handler.body[0], ast.Pass)


@pytest.mark.parametrize(
    ("written", "is_swallowed"),
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
def test_what_counts_as_swallowed(written: str, is_swallowed: bool) -> None:
    handler = next(node for node in ast.walk(ast.parse(written)) if isinstance(node, ast.ExceptHandler))
    assert swallows(handler) is is_swallowed


@pytest.fixture
def documented() -> dict[str, str]:
    """What `.env.example` says, name by name: commented out means the default."""
    return dict(re.findall(rf"^#?({ENV_PREFIX}[A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))


def test_every_setting_is_documented_and_nothing_else(documented: dict[str, str]) -> None:
    assert sorted(documented) == sorted(f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields)


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
    assert load_settings() == usual
    empty = {name for name, value in documented.items() if not value}
    assert empty == {name for name in documented if not plain(getattr(usual, name.removeprefix(ENV_PREFIX).lower()))}


def plain(value: object) -> str:
    return str(getattr(value, "get_secret_value", lambda: value)())


@pytest.mark.parametrize("letter", LETTERS)
def test_a_letter_has_a_subject_a_text_and_a_page(letter: str) -> None:
    folder = ROOT / "templates" / "mail"
    if not folder.is_dir():
        pytest.skip("no letters yet")
    parts = [f"{letter}-{part}" for part in ("body.html", "body.txt", "subject.txt")]
    assert [part for part in parts if not (folder / part).is_file()] == []


def test_the_changelog_tells_of_this_version() -> None:
    assert re.search(rf"^## {re.escape(__version__)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_the_package_and_the_program_have_one_version() -> None:
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text()
