"""The wheel as operators install it, and an environment that has nothing but what it asks for."""

import subprocess
import sys
import venv
from importlib.metadata import distribution
from pathlib import Path
from zipfile import ZipFile

from packaging.metadata import parse_email
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this checkout, without a network."""
    _run(*PIP, "wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    return wheel


def read_requirements(wheel: Path) -> list[str]:
    """Return what the wheel requires at run time."""
    with ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata, _ = parse_email(archive.read(name))
    return metadata.get("requires_dist", [])


def create_environment(wheel: Path, folder: Path) -> Path:
    """Install the wheel into an environment with its requirements alone, and return the folder of its programs.

    The requirements are links to the files of this environment, for copies of 300 MB would take a minute.
    """
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in sorted(_close_requirements(read_requirements(wheel))):
        for top in {
            file.parts[0] for file in distribution(name).files or [] if file.parts[0] not in {"..", "__pycache__"}
        }:
            source = Path(str(distribution(name).locate_file(top)))
            if source.exists() and not (packages / top).exists():
                (packages / top).symlink_to(source)
    _run(*PIP, "--python", str(folder), "install", "--no-index", "--no-deps", str(wheel))
    return folder / "bin"


def _close_requirements(requirements: list[str]) -> set[str]:
    """Return the names of all distributions that these need here, directly or through others."""
    names: set[str] = set()
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        for one in ("", *requirement.extras):
            if f"{name}[{one}]" not in names:
                names.add(f"{name}[{one}]")
                waiting += [(Requirement(text), one) for text in distribution(name).requires or []]
    return {name.partition("[")[0] for name in names}


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
