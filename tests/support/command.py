"""The command as its users start it: another process, an environment of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"


class Command:
    """`digest` in a folder of its own, with nothing set but what the test sets."""

    def __init__(self, folder: Path, settings: Mapping[str, str] = {}) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
        self.environment = {**kept, "NO_COLOR": "1", **settings}

    def pipe(self, raw: bytes, *arguments: str, **settings: str) -> subprocess.CompletedProcess[bytes]:
        """Run it with bytes on standard input, as a mail system does; any exit status will do."""
        command = [sys.executable, "-m", "digest", *arguments]
        environment = {**self.environment, **settings}
        return subprocess.run(
            command, cwd=self.folder, env=environment, input=raw, capture_output=True, check=False, timeout=120
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it and leave it running."""
        return subprocess.Popen(
            [sys.executable, "-m", "digest", *arguments],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments: str, status: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run it to its end; `status` is the exit status that is expected, None for any."""
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=120)
        if status is not None:
            assert process.returncode == status, f"{arguments} ended with {process.returncode}:\n{out}\n{err}"
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def json(self, *arguments: str, status: int | None = 0) -> Any:
        """What it prints with --json."""
        return json.loads(self.run(*arguments, "--json", status=status).stdout)
