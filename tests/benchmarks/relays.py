"""Relays for the rows of sending: Postfix's smtp-sink, and one of ours that costs less or is far away."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from shutil import which

from tests.benchmarks.harness import Skipped
from tests.support.ports import free_port, listening

FOLDERS = ("/usr/sbin", "/usr/lib/postfix/sbin", "/usr/libexec/postfix")  # where systems put them


def program(name: str) -> str:
    """Where a program of Postfix lies."""
    found = which(name) or which(name, path=os.pathsep.join(FOLDERS))
    if not found:
        raise Skipped(f"{name} is not here; Debian has it in the package postfix")
    return found


@contextmanager
def sink() -> Iterator[int]:
    """The port of a running smtp-sink, which takes everything and keeps nothing."""
    port = free_port()
    who = ["-u", "nobody"] if os.geteuid() == 0 else []
    with subprocess.Popen([program("smtp-sink"), *who, f"127.0.0.1:{port}", "512"]) as running:
        try:
            listening(port)
            yield port
        finally:
            running.terminate()


def source(port: int, weight: int, letters: int, connections: int) -> float:
    """Seconds that smtp-source takes for so many letters of so many bytes."""
    many = ["-s", str(connections), "-m", str(letters), "-l", str(weight)]
    begun = time.perf_counter()
    subprocess.run([program("smtp-source"), "-d", *many, f"127.0.0.1:{port}"], check=True)
    return time.perf_counter() - begun


@contextmanager
def lean(seconds: float = 0) -> Iterator[int]:
    """The port of a relay that takes everything, too, and answers so many seconds later."""
    command = [sys.executable, "-m", "tests.benchmarks.lean", str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout
            yield int(running.stdout.readline())
        finally:
            running.terminate()
