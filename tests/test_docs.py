"""Documentation: links lead somewhere, commands are run, and sources, settings and keyword syntax are all described."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from digest.config import ENV_PREFIX, Settings, source_variable
from digest.database import write_session
from digest.database.models import DeliveryState
from digest.matching.language.syntax import SYNTAX_EXAMPLES
from digest.sources import loaded_sources, read_settings_of, source_variables
from tests.support.command import Command
from tests.support.contexts import StoreView, add_active_subscriber, make_context, store_papers
from tests.support.documents import NamedCommand, UsageError, make_targets, named_commands, parse_command
from tests.support.factories import delivery

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/*.md")])
SOURCES, KEYWORDS = ((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("sources.md", "keywords.md"))
COMMAND_PAGES = [page for page in PAGES if page.name != "CHANGELOG.md"]  # what was true once may stand there
NOW = datetime(2026, 7, 28, 12, tzinfo=UTC)
# Groups and commands that ask no network, serve nothing and end by themselves; of a group all commands but these.
RUN = {"subscribers", "deliveries", "runs", "sources", "match", "bounces", "quarantine", "actions", "tokens", "prune"}
RUN |= {"templates", "papers", "migrate"}
NOT_RUN = ("sources try", "bounces fetch", "bounces pipe", "runs show --watch", "migrate --from", "actions undo")
OURS = {name: source for name, source in loaded_sources().items() if source.__module__.startswith("digest.")}


def headings(page: Path) -> set[str]:
    """Return the names that GitHub gives to the headings of a page."""
    lines = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in lines}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_leads_to_a_file_and_each_heading_exists(page: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, heading = target.partition("#")
        if re.match(r"https?:|mailto:", target):
            continue
        linked = page.parent / path if path else page
        assert linked.exists(), target
        assert not heading or heading in headings(linked), target


def test_the_page_of_sources_has_each_source_and_each_of_its_settings() -> None:
    assert set(re.findall(r"^\| `([a-z]+)` \|", SOURCES, re.MULTILINE)) >= OURS.keys()
    named = set(re.findall(r"DIGEST_[A-Z_]*[A-Z](?![A-Z_<])", SOURCES))
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields} | source_variables()
    assert named - known == set()
    own = {
        source_variable(source.name, name)
        for source in OURS.values()
        for name in type(read_settings_of(source, Settings())).model_fields
    }
    assert {name for name in own if not name.endswith("_URL")} - named == set()


def test_the_page_of_keywords_has_each_example_of_the_help_page() -> None:
    assert [row.example for row in SYNTAX_EXAMPLES if f"`{row.example}`" not in KEYWORDS] == []


def test_the_index_names_each_page() -> None:
    for index in (ROOT / "docs" / "README.md", ROOT / "docs" / "design" / "README.md"):
        linked = set(re.findall(r"\]\(([^)#]+\.md)\)", index.read_text(encoding="utf-8")))
        assert {page.name for page in index.parent.glob("*.md")} - {"README.md"} - linked == set()


@pytest.mark.parametrize("page", COMMAND_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_command_is_one_that_the_program_takes(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    targets = make_targets(ROOT / "Makefile")
    for command in named_commands(page.read_text(encoding="utf-8")):
        if command.program == "make":
            target, *variables = command.arguments
            assert target in targets, target
            for variable in variables:
                assert f"$({variable.partition('=')[0]})" in targets[target], (target, variable)
        else:
            write_named_files(tmp_path, command)
            parse_command(command)


def test_commands_in_blocks_and_sentences_are_found_and_wrong_ones_are_seen() -> None:
    text = """Run `digest prune
--days 60` or `.venv/bin/digest doctor`, not `digest ...`; `make demo OPEN=1`.

```sh
docker exec --user digest digest digest runs show   # of the day
chown digest /etc/digest && digest subscribers forget ada@example.org \\
  --now
```

```
digest nothing
```
"""
    found = list(named_commands(text))
    assert [" ".join((command.program, *command.arguments)) for command in found] == [
        "digest runs show",
        "digest subscribers forget ada@example.org --now",
        "digest prune --days 60",
        "digest doctor",
        "make demo OPEN=1",
    ]
    for command in (found[0], *found[2:4]):
        parse_command(command)
    with pytest.raises(UsageError, match="no command forget"):
        parse_command(found[1])
    for wrong in ("prune --forget", "prune --days 1", "match --limit=3 x --forgetting", "deliveries resolve 1 perhaps"):
        with pytest.raises(UsageError):
            parse_command(NamedCommand("digest", tuple(wrong.split()), is_whole=False))
    named = ("deliveries", "resolve")
    assert not parse_command(NamedCommand("digest", named, is_whole=False))
    with pytest.raises(UsageError):
        parse_command(NamedCommand("digest", named, is_whole=True))


def write_named_files(folder: Path, command: NamedCommand) -> None:
    """Write the files that a command reads by names in its own folder, as lists of subscribers."""
    for word in command.arguments:
        if re.fullmatch(r"\w+\.(csv|txt)", word):
            (folder / word).write_text("email,TAGS\nada@example.org,robot\n", encoding="utf-8")


def commands_to_run(folder: Path) -> list[tuple[str, ...]]:
    """Return the commands in blocks that harm nothing, each once, and those in sentences that have all they need."""
    found: dict[tuple[str, ...], None] = {}
    for page in COMMAND_PAGES:
        for command in named_commands(page.read_text(encoding="utf-8")):
            text = " ".join(command.arguments)
            if command.program != "digest" or command.arguments[0] not in RUN or text.startswith(NOT_RUN):
                continue
            write_named_files(folder, command)
            if parse_command(command):
                found[command.arguments] = None  # each once, in this order
    return list(found)


def test_each_command_that_harms_nothing_runs(
    sqlite_store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ctx = make_context(sqlite_store)
    add_active_subscriber(ctx, "you@example.org", "fine tuning", now=NOW)
    store_papers(ctx, NOW, "Fine tuning of robots", "The keyword of a paper")
    you = StoreView(sqlite_store).subscriber("you@example.org")
    with write_session(sqlite_store) as session:
        for number in (41, 42):
            session.add(delivery(you, id=number, edition=f"e{number}", state=DeliveryState.UNCERTAIN, settled_at=NOW))
    (templates := tmp_path / "templates").mkdir()
    settings = {"DIGEST_DATABASE_URL": str(sqlite_store.url), "DIGEST_TEMPLATES": str(templates)}
    command = Command(tmp_path, settings)
    commands = commands_to_run(tmp_path)
    assert len(commands) > 20
    for words in commands:
        arguments = [word.replace("/etc/digest", str(tmp_path)) for word in words]
        command.run(*arguments)
