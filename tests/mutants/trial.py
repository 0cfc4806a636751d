"""One trial: a process of its own in which one function has one fault, and the tests that call it."""

import contextlib
import gc
import io
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from tests.mutants.mutations import Mutant, apply_mutant

ROOT = Path(__file__).parents[2]
OPTIONS = ("-q", "-p", "no:cacheprovider", "-W", "ignore", "--hypothesis-seed=0")
LIMIT = 20.0  # seconds of processor time for a trial, beside ten times what its tests take
LONGEST_WAIT = 20  # times the limit, on a busy machine
NOT_STARTED = 70  # exit status of a fork whose work raised


class Outcome(StrEnum):
    """What the tests made of a fault."""

    KILLED = "killed"
    TIMEOUT = "ran into the time limit"
    SURVIVED = "survived"
    NOT_CALLED = "no test calls it"


def import_tests(tests: Sequence[str]) -> None:
    """Import what tests import, once and not in every fork: a trial then takes a third of the time."""
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main([*OPTIONS, "--collect-only", *tests])
    gc.freeze()  # forks share it


def fork(work: Callable[[], int], seconds: float) -> int | None:
    """Run `work` in a fork and return its exit status, or None when it took longer than `seconds` of processor time."""
    child = os.fork()
    if not child:
        status = NOT_STARTED
        try:
            os.setsid()
            silence = os.open(os.devnull, os.O_RDWR)
            for number in range(3):
                os.dup2(silence, number)
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 1))
            status = work()
        finally:
            os._exit(status)
    deadline = time.monotonic() + LONGEST_WAIT * seconds
    while time.monotonic() < deadline:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            _kill_group(child)  # servers that a test did not stop
            return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else None
        time.sleep(0.02)
    _kill_group(child)
    os.waitpid(child, 0)
    return None


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def try_mutant(mutant: Mutant, tests: Sequence[str], seconds: float) -> Outcome:
    """Plant a fault and run tests that take so many seconds, until the first one fails."""
    if not tests:
        return Outcome.NOT_CALLED

    def work() -> int:
        plant(mutant)
        return int(pytest.main([*OPTIONS, "-x", *tests]))

    status = fork(work, LIMIT + 10 * seconds)
    if status is None:
        return Outcome.TIMEOUT
    if status == NOT_STARTED:
        raise RuntimeError(f"it cannot be planted: {mutant}")
    return Outcome.SURVIVED if status == 0 else Outcome.KILLED


def plant(mutant: Mutant) -> None:
    """Give the function in this process the code with the fault, wherever it was imported to."""
    source = (ROOT / mutant.path).read_text(encoding="utf-8")
    code = compile(apply_mutant(source, mutant), str(ROOT / mutant.path), "exec")
    for name in mutant.function.split("."):
        code = next(
            constant for constant in code.co_consts if isinstance(constant, CodeType) and constant.co_name == name
        )
    module = mutant.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    function_of(sys.modules[module], mutant.function).__code__ = code


def function_of(module: Any, name: str) -> FunctionType:
    """Return the function under its decorators."""
    *classes, last = name.split(".")
    owner = module
    for part in classes:
        owner = getattr(owner, part)
    found: Any = vars(owner)[last]
    while not isinstance(found, FunctionType) or hasattr(found, "__wrapped__"):
        inner = (getattr(found, attribute, None) for attribute in ("__wrapped__", "__func__", "fget", "func"))
        found = next(code for code in inner if code is not None)
    return found
