"""The command as its users start it: an environment and a folder of its own, in this process or in another one."""

import asyncio
import gc
import io
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import structlog
from sqlalchemy import Connection, Engine, event

from digest.__main__ import main

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
SECONDS = 300  # that a process may take on a busy machine


class Command:
    """`digest` in a folder of its own, with nothing set but what the test sets."""

    def __init__(self, folder: Path, settings: Mapping[str, str] = {}) -> None:
        self.folder = folder
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # else every process compiles all of it again
        self.environment = {**environment, "NO_COLOR": "1", **settings}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it in a process of its own and leave it running."""
        return subprocess.Popen(
            [sys.executable, "-m", "digest", *arguments],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments: str, status: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run it to its end in this process: importing all of it again takes a second or two.

        `status` is the exit status that is expected, None for any.
        """
        completed = self._invoke(arguments, b"", {})
        texts = (completed.stdout.decode(), completed.stderr.decode())
        return _checked(subprocess.CompletedProcess(arguments, completed.returncode, *texts), status)

    def pipe(self, raw: bytes, *arguments: str, **settings: str) -> subprocess.CompletedProcess[bytes]:
        """Run it in this process with bytes on standard input, as a mail system does; any exit status will do."""
        return self._invoke(arguments, raw, settings)

    def run_process(self, *arguments: str, status: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run it to its end as `run` does, in a process of its own."""
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=SECONDS)
        return _checked(subprocess.CompletedProcess(arguments, process.returncode, out, err), status)

    def json(self, *arguments: str, status: int | None = 0) -> Any:
        """What it prints with --json."""
        return json.loads(self.run(*arguments, "--json", status=status).stdout)

    def _invoke(
        self, arguments: tuple[str, ...], raw: bytes, settings: Mapping[str, str]
    ) -> subprocess.CompletedProcess[bytes]:
        out, err, stdin = (io.TextIOWrapper(io.BytesIO(data), encoding="utf-8") for data in (b"", b"", raw))
        with (
            _own_process_state(),
            patch.dict(os.environ, {**self.environment, **settings}, clear=True),
            patch.multiple(sys, argv=["digest", *arguments], stdin=stdin),
            _working_folder(self.folder),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = _exit_status()
            out.flush()
            err.flush()
        written = [stream.buffer.getvalue() for stream in (out, err)]
        return subprocess.CompletedProcess(arguments, code, *written)


def _exit_status() -> int:
    """Run the entry point and return what the interpreter would exit with."""
    try:
        main()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        sys.stderr.write(f"{ended.code}\n")
        return 1
    except Exception:  # noqa: BLE001  - as the interpreter does with what nobody caught
        traceback.print_exc()
        return 1
    return 0


def _checked(completed: subprocess.CompletedProcess[str], status: int | None) -> subprocess.CompletedProcess[str]:
    if status is not None:
        assert completed.returncode == status, (
            f"{completed.args} ended with {completed.returncode}:\n{completed.stdout}\n{completed.stderr}"
        )
    return completed


@contextmanager
def _own_process_state() -> Iterator[None]:
    """Give back what the end of a process gives back: connections, logging, event loop, garbage collector."""
    logging, thresholds, frozen = structlog.get_config(), gc.get_threshold(), gc.get_freeze_count()
    engines: set[Engine] = set()

    def remember(connection: Connection) -> None:
        engines.add(connection.engine)

    event.listen(Engine, "engine_connect", remember)
    try:
        yield
    finally:
        event.remove(Engine, "engine_connect", remember)
        for engine in engines:
            engine.dispose()
        structlog.configure(**logging)
        gc.set_threshold(*thresholds)
        if not frozen:
            gc.unfreeze()
        asyncio.set_event_loop_policy(None)


@contextmanager
def _working_folder(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
