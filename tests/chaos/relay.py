"""The misbehaving server as a process of its own."""

import subprocess
import sys
from pathlib import Path

from tests.chaos.environment import Environment


class RelayProcess:
    """Entered, it gives its port."""

    def __init__(self, log: Path, seed: int, rate: float, ground: Environment) -> None:
        secure = ["--certificate", str(ground.certificate)] if ground.certificate else []
        options = ["--seed", str(seed), "--rate", str(rate), "--host", ground.bind, *secure]
        command = [sys.executable, "-m", "tests.chaos.server", str(log), *options]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # the end of its input is the end of it

    def order(self, word: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
