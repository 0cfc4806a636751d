"""`python -m tests.checks.install`: install the wheel on an empty machine, as far as one can be had here, with a clock.

Builds the wheel, installs it with what it requires from the index into an empty environment, once by pip and once by
each of uvx and pipx that is here, and runs `digest demo`, `digest migrate` and `digest doctor` in an empty folder.
Prints the seconds of every step and the size of what was installed. Exit status: 0 all ran, 1 a step failed.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.wheel import build_wheel

UNREACHABLE = "http://127.0.0.1:9"  # so that the demo uses its samples, the same on every machine
SAMPLES = {f"DIGEST_{name}_URL": UNREACHABLE for name in ("HUGGINGFACE", "ARXIV_FEED", "ARXIV_API")}


def main() -> int:
    """Install in every way that is here, and return the exit status."""
    with tempfile.TemporaryDirectory(prefix="digest-install-") as name:
        folder = Path(name)
        wheel = build_wheel(folder)
        print_line(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB")
        try:
            install_with_pip(wheel, folder / "pip")
            if shutil.which("uvx"):
                install_with_uvx(wheel, folder / "uvx")
            if shutil.which("pipx"):
                install_with_pipx(wheel, folder / "pipx")
        except RuntimeError as error:
            print_line(str(error))
            return 1
    return 0


def install_with_pip(wheel: Path, folder: Path) -> None:
    """Install into an environment of its own, and tell what is large in it."""
    started = time.perf_counter()
    run_step("pip: create an environment", folder, sys.executable, "-m", "venv", "environment")
    programs = folder / "environment" / "bin"
    run_step("pip: install", folder, str(programs / "python"), "-m", "pip", "install", "--quiet", str(wheel))
    run_demo("pip", folder, str(programs / "digest"), started)
    run_step("pip: digest migrate", folder, str(programs / "digest"), "migrate")
    checks = run_step("pip: digest doctor", folder, str(programs / "digest"), "doctor", statuses=(0, 1))
    if "ok   settings" not in checks:
        raise RuntimeError(f"digest doctor says:\n{checks}")
    (packages,) = (folder / "environment").glob("lib/python*/site-packages")
    sizes = {entry.name: measure_size(entry) for entry in packages.iterdir()}
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:8]
    print_line(f"pip: {sum(sizes.values()) / 1e6:.0f} MB installed")
    print_line("".join(f"     {size / 1e6:5.0f} MB  {name}\n" for name, size in largest).rstrip())


def install_with_uvx(wheel: Path, folder: Path) -> None:
    """Run the demo by uvx with an empty cache."""
    started = time.perf_counter()
    run_demo("uvx", folder, "uvx", started, "--from", str(wheel), "digest")


def install_with_pipx(wheel: Path, folder: Path) -> None:
    """Install the command by pipx."""
    started = time.perf_counter()
    run_step("pipx: install", folder, "pipx", "install", "--quiet", str(wheel))
    run_demo("pipx", folder, str(folder / "bin" / "digest"), started)


def run_demo(way: str, folder: Path, program: str, started: float, *arguments: str) -> None:
    """Run the demo, and tell how long it took from nothing to the first e-mail."""
    shown = run_step(f"{way}: digest demo", folder, program, *arguments, "demo")
    emails = re.findall(r"^digest: \S+\.eml  \S+\.html  (\S+\.txt)$", shown, re.MULTILINE)
    if not emails or not (folder / emails[0]).is_file():
        raise RuntimeError(f"digest demo wrote no digest:\n{shown}")
    print_line(f"{way}: from nothing to the first e-mail in {time.perf_counter() - started:.0f} s")


def run_step(step: str, folder: Path, *command: str, statuses: tuple[int, ...] = (0,)) -> str:
    """Run one step in a folder that is its home, print its seconds, and return its output."""
    folder.mkdir(exist_ok=True)
    own = {name: value for name, value in os.environ.items() if not name.startswith(("DIGEST_", "PYTHON"))}
    own |= {"HOME": str(folder), "UV_CACHE_DIR": str(folder / "cache"), "PIPX_HOME": str(folder / "home")}
    environment = own | {"PIPX_BIN_DIR": str(folder / "bin"), "PIP_NO_CACHE_DIR": "1", "NO_COLOR": "1"} | SAMPLES
    started = time.perf_counter()
    done = subprocess.run(command, check=False, cwd=folder, env=environment, capture_output=True, text=True)
    print_line(f"{time.perf_counter() - started:6.1f} s  {step}")
    if done.returncode not in statuses:
        raise RuntimeError(f"{step} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def measure_size(entry: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    if entry.is_file():
        return entry.stat().st_size
    return sum(path.stat().st_size for path in entry.rglob("*") if path.is_file())


def print_line(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
