"""`python -m tests.checks.audit [FILE ...]`: compare lock files with the OSV database of advisories, by pip-audit.

OSV has the advisories of PyPI and of GitHub. Exit status: 0 none is known, 1 a locked package has one, 2 the database
could not be asked, so nothing was checked. OSV_URL names another server that speaks its protocol.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK_FILES = tuple(ROOT / f"requirements{part}.lock" for part in ("", "-test", "-docs"))
OPTIONS = ("--require-hashes", "--disable-pip", "--strict", "--format=json", "--progress-spinner=off")


def audit(lock_file: Path) -> list[str]:
    """Return a line for each known vulnerability of a locked package. Raises RuntimeError when none could be asked."""
    service = ["--vulnerability-service=osv"]
    if url := os.environ.get("OSV_URL"):
        service.append(f"--osv-url={url}")
    command = [sys.executable, "-m", "pip_audit", f"--requirement={lock_file}", *OPTIONS, *service]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        dependencies = json.loads(done.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError) as error:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise RuntimeError(reason) from error
    if not dependencies:
        raise RuntimeError(f"pip-audit found no package in {lock_file}")
    return [
        f"{entry['name']} {entry['version']}: {flaw['id']}, fixed in {', '.join(flaw['fix_versions']) or 'none yet'}"
        for entry in dependencies
        for flaw in entry["vulns"]
    ]


def main(lock_files: Sequence[Path]) -> int:
    """Print what is known about the packages of these lock files, and return the exit status."""
    flaws = []
    for lock_file in lock_files:
        try:
            flaws += audit(lock_file)
        except RuntimeError as error:
            sys.stderr.write(
                f"NOTHING WAS CHECKED: no advisory database could be asked about {lock_file.name}: {error}\n"
            )
            return 2
    for flaw in sorted(set(flaws)):
        sys.stdout.write(f"{flaw}\n")
    names = " and ".join(lock_file.name for lock_file in lock_files)
    sys.stdout.write(f"{len(set(flaws))} known vulnerabilities in {names}\n")
    return 1 if flaws else 0


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]] or LOCK_FILES))
