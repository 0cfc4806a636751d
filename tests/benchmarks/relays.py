"""Relays for the rows of delivery: Postfix's smtp-sink, and one of ours that costs less or is far away."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from shutil import which

from tests.benchmarks.harness import RowSkipped
from tests.support.ports import free_port, listening

FOLDERS = ("/usr/sbin", "/usr/lib/postfix/sbin", "/usr/libexec/postfix")  # where distributions install them


def postfix_program(name: str) -> str:
    """Return the path of a program of Postfix."""
    path = which(name) or which(name, path=os.pathsep.join(FOLDERS))
    if not path:
        raise RowSkipped(f"{name} is not here; Debian has it in the package postfix")
    return path


@contextmanager
def postfix_sink() -> Iterator[int]:
    """Run smtp-sink, which accepts and discards every message; yield its port."""
    port = free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with subprocess.Popen([postfix_program("smtp-sink"), *user, f"127.0.0.1:{port}", "512"]) as process:
        try:
            listening(port)
            yield port
        finally:
            process.terminate()


def postfix_source_seconds(port: int, message_bytes: int, messages: int, connections: int) -> float:
    """Send messages with smtp-source; return how long it took."""
    options = ["-s", str(connections), "-m", str(messages), "-l", str(message_bytes)]
    started = time.perf_counter()
    subprocess.run([postfix_program("smtp-source"), "-d", *options, f"127.0.0.1:{port}"], check=True)
    return time.perf_counter() - started


@contextmanager
def cheap_sink(delay_seconds: float = 0) -> Iterator[int]:
    """Run the sink of smtp_sink.py, whose replies are delayed by so many seconds; yield its port."""
    command = [sys.executable, "-m", "tests.benchmarks.smtp_sink", str(delay_seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield int(process.stdout.readline())
        finally:
            process.terminate()
