"""The wheel runs alone: from an empty folder, in an environment that has only what it requires."""

import os
import re
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

from tests.support.wheel import ROOT, build_wheel, create_environment, read_requirements

IMPORT_ALL = """
import importlib, pkgutil, digest
names = [module.name for module in pkgutil.walk_packages(digest.__path__, "digest.")]
for name in names:
    if ".migrations." not in name and name != "digest.__main__":
        importlib.import_module(name)
print(len(names))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def test_the_wheel_has_all_files_of_the_package_and_nothing_of_the_tests(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "digest", "templates", ".env.example"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    expected = {re.sub(r"^(templates/|[.]env)", r"digest/\1", name) for name in tracked if (ROOT / name).exists()}
    assert expected - names == set()
    assert {name for name in names - expected if ".dist-info/" not in name} == set()
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_wheel_has_a_name_of_its_own_and_requires_no_test_tools(wheel: Path) -> None:
    assert wheel.name.startswith("papers_digest-")
    test_tools = {"pytest", "hypothesis", "playwright", "mypy", "ruff", "hatchling", "editables"}
    assert test_tools & {Requirement(text).name for text in read_requirements(wheel)} == set()


def test_the_wheel_runs_alone_from_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    programs, folder = create_environment(wheel, tmp_path / "environment"), tmp_path / "empty"
    folder.mkdir()
    closed_port = dict.fromkeys(("HUGGINGFACE_URL", "ARXIV_FEED_URL", "ARXIV_API_URL"), "http://127.0.0.1:9")
    environment = {f"DIGEST_{name}": url for name, url in closed_port.items()}
    environment |= {"PATH": os.defpath, "HOME": str(folder), "LANG": "C.UTF-8", "NO_COLOR": "1"}

    def run(*command: str, status: int = 0) -> str:
        words = [str(programs / command[0]), *command[1:]]
        done = subprocess.run(words, check=False, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == status, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    assert int(run("python", "-c", IMPORT_ALL)) > 200
    shown = run("digest", "demo")
    assert "bundled sample papers" in shown
    texts = re.findall(r"^digest: .* (\S+\.txt)$", shown, re.MULTILINE)
    assert sum("ada@example.org" in (folder / text).read_text() for text in texts) == 1
    run("digest", "migrate")
    checks = run("digest", "doctor", status=1)
    assert "ok   settings: all DIGEST_* values are valid" in checks
    assert re.search(r"^ok   database: sqlite, schema \w+, writable$", checks, re.MULTILINE)
