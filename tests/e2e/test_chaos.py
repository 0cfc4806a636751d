"""The short form of `make chaos`: senders die while a relay misbehaves, and no e-mail is lost or doubled."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_email_is_lost_or_doubled_while_senders_die(tmp_path: Path) -> None:
    size = ["--letters=100", "--kills=5", "--others=0.2", "--plain"]
    command = [sys.executable, "-m", "tests.chaos", *size, f"--keep={tmp_path}"]
    process = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=240)
    assert process.returncode == 0, process.stdout + process.stderr  # with its seed
    report = dict(line.split(maxsplit=1) for line in process.stdout.splitlines() if not line.startswith(" "))
    assert int(report["kills"]) > 2
