"""A package of a third party brings a source: installed by pip, listed, fetched and mailed, without a line of ours."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.config import source_entry_points, source_titles
from digest.sources.testing import RecordedAnswer, RecordedHost
from tests.support.command import Command
from tests.support.lab import PACKAGE, answer_lab
from tests.support.relay import relay

NOW = ("--now", "2026-01-07T12:00:00Z")
ADA = "ada@example.org"
BROKEN = "cannot be loaded from digest-lab 1.2.0 (RuntimeError: its library is missing)"
MEANT = "DIGEST_LAB_ROOMS"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder that pip has installed the package into, found by this process as long as the tests run."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(PACKAGE, folder / "lab", ignore=shutil.ignore_patterns("__pycache__"))
    options = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(folder / "site"), str(folder / "lab")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    sys.path.insert(0, str(folder / "site"))
    forget_packages()
    try:
        yield folder / "site"
    finally:
        sys.path.remove(str(folder / "site"))
        for name in [name for name in sys.modules if name.partition(".")[0] == "digest_lab"]:
            del sys.modules[name]
        forget_packages()


def forget_packages() -> None:
    """Let the installed packages be looked at again, as a new process would."""
    source_entry_points.cache_clear()
    source_titles.cache_clear()


@pytest.fixture
def command(site: Path, tmp_path: Path) -> Command:
    return Command(tmp_path, {"DIGEST_SOURCES": "lab"})


def test_a_source_of_a_package_is_listed_fetched_and_mailed(command: Command) -> None:
    paths: list[str] = []

    def route(path: str) -> RecordedAnswer:
        paths.append(path)
        return answer_lab(path) if "day=2026-01-06" in path else answer_lab(path, [])

    with RecordedHost(route) as host, relay() as smtp_relay:
        command.environment |= {
            "DIGEST_LAB_URL": host.url,
            "DIGEST_LAB_ROOMS": "physics, chemistry",
            "DIGEST_SMTP_HOST": "127.0.0.1",
            "DIGEST_SMTP_PORT": str(smtp_relay.port),
            "DIGEST_SMTP_TLS": "none",
            "DIGEST_SECRET_KEY": "a key for the tests that is long enough",
            "DIGEST_MAIL_FROM": "Paper Digest <digest@example.org>",
        }
        command.run("subscribers", "add", ADA, "--confirmed", "-k", "robot", "--hour", "8")
        report = command.json("run", *NOW)
    assert (report["sources"]["lab"]["new"], report["deliveries"]["sent"], report["papers_mailed"]) == (3, 1, 2)
    assert "rooms=physics+chemistry" in paths[0]
    ((recipient, message),) = smtp_relay.accepted
    assert recipient == ADA
    assert "On Laboratory Robots" in str(message)
    assert "Robots That Clean" in str(message)
    assert "Proteins at Rest" not in str(message)
    shown = command.json("sources", status=None)
    row = next(row for row in shown["sources"] if row["source"] == "lab")
    assert (row["title"], row["last_whole_day"], row["entries"]) == ("The Laboratory", "2026-01-06", 3)
    installed = {one["name"]: one for one in shown["installed"]}
    assert (installed["lab"]["package"], installed["lab"]["fault"]) == ("digest-lab 1.2.0", "")
    assert installed["arxiv"]["package"].startswith("papers-digest ")


def test_the_doctor_names_a_package_with_faults_which_harms_nothing_else(command: Command) -> None:
    with RecordedHost(answer_lab) as host:
        command.environment |= {
            "DIGEST_SOURCES": "lab-broken,lab",
            "DIGEST_LAB_URL": host.url,
            "DIGEST_LAB_ROMS": "physics",
        }
        done = command.run("collect", *NOW, status=1)
        assert "lab\t6\t3\t0" in done.stdout
        assert (
            "lab-broken: cannot be loaded from digest-lab 1.2.0 (RuntimeError: its library is missing)" in done.stderr
        )
        lines = command.run("doctor", status=1).stdout.splitlines()
        assert "lab-broken" in command.run("sources", status=1).stderr
    package = "digest-lab 1.2.0"
    for source, sentence in (
        ("lab-broken", f"{BROKEN}; update or remove that package"),
        ("lab-half", f"of {package} lacks hosts, from_settings, fetch, windows; update that package"),
        ("lab-old", f"of {package} was made for another release (its api is 7, and 1 is needed); update that package"),
        ("arxiv", f"of {package} is not used, because papers-digest 0.1.0 has the same name; remove one of them"),
        ("lab", "the laboratory gives free keys; set DIGEST_LAB_KEY"),
    ):
        assert lines.count(f"FIX  source {source}: {sentence}") == 1, "\n".join(lines)
    assert f"FIX  settings: DIGEST_LAB_ROMS in the environment is not a setting. Did you mean {MEANT}?" in lines


def test_a_bad_setting_of_a_package_stops_a_run_by_its_name(command: Command) -> None:
    command.environment["DIGEST_LAB_URL"] = "papers.lab.example"
    message = command.run("run", *NOW, status=2).stderr
    assert message.startswith("digest: DIGEST_LAB_URL: must be an address that starts with http:// or https://")
    assert message.endswith(" Example: DIGEST_LAB_URL=https://papers.lab.example\n")
