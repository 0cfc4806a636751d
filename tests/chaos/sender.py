"""A sender as the operator starts one, but for its clock: that one is set by a file, so that it can jump.

Each runs in a process of its own, forked from one that has imported everything: a thousand of them die in a run.
"""

import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from digest.cli.process import run_coroutine, run_until_stopped
from digest.config import Settings
from digest.context import create_context
from digest.errors import StoreError
from digest.jobs import run_worker
from digest.jobs.pipeline import deliver
from tests.chaos import net


class SenderExit(IntEnum):
    """How a sender ended, as its exit status."""

    DONE = 0  # nothing is left that may go now
    STOPPED = 10  # by a signal
    CLOSED = 11  # the relay refuses us
    BUSY = 12  # another one sends
    STORE = 13  # the store cannot be used


class SenderEnvironment(NamedTuple):
    """What a sender finds itself in: a file for its errors, a network of its own ("" for none), whom it trusts."""

    errors: Path
    place: str = ""
    trusted: Path | None = None


def shifted_clock(file: Path) -> Callable[[], datetime]:
    """The machine's clock, ahead by the seconds that stand in a file; in step with `ahead`."""

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(file.read_text()))

    return now


def set_clock(file: Path, ahead: float) -> None:
    """In one step, so that nobody reads half a number."""
    beside = file.with_suffix(".new")
    beside.write_text(str(ahead))
    beside.rename(file)


def run_sender(settings: Mapping[str, Any], clock_file: Path, environment: SenderEnvironment) -> None:
    """What `digest run` does after planning. Ends the process."""
    enter_environment(environment)
    try:
        ctx = create_context(Settings(_env_file=None, **settings))
        sent, stopped = run_coroutine(
            run_until_stopped(lambda stop: deliver(ctx, shifted_clock(clock_file), stop=stop))
        )
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(SenderExit.STORE)
    sys.exit(
        SenderExit.STOPPED
        if stopped
        else SenderExit.BUSY
        if sent.busy
        else SenderExit.CLOSED
        if sent.relay_error
        else SenderExit.DONE
    )


def run_worker_process(settings: Mapping[str, Any], clock_file: Path, environment: SenderEnvironment) -> None:
    """What `digest worker` does. Ends the process."""
    enter_environment(environment)
    chosen = Settings(_env_file=None, **settings)
    run_coroutine(
        run_until_stopped(lambda stop: run_worker(lambda: create_context(chosen), shifted_clock(clock_file), stop))
    )
    sys.exit(SenderExit.STOPPED)


def enter_environment(environment: SenderEnvironment) -> None:
    """Move into the network of a sender, trust whom it trusts, and write errors to its file."""
    if environment.place:
        net.enter_namespace(environment.place)
    if environment.trusted:  # not what was trusted when the process that we are forked from began
        os.environ["SSL_CERT_FILE"] = str(environment.trusted)
    written = os.open(environment.errors, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
    os.dup2(written, 1)
    os.dup2(written, 2)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))  # errors alone
