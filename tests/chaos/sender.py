"""A sender as the operator starts one, but for its clock: that one is set by a file, so that it can jump.

Each runs in a process of its own, forked from one that has imported everything: a thousand of them die in a run.
"""

import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from pathlib import Path
from typing import Any

import structlog

from digest import daily, workers
from digest.cli.work import complete, until_told
from digest.errors import StoreError
from digest.house import build
from digest.settings import Settings
from tests.chaos import net


class End(IntEnum):
    """How a sender ended, as its exit status."""

    DONE = 0  # nothing is left that may go now
    TOLD = 10  # to stop
    CLOSED = 11  # the relay refuses us
    BUSY = 12  # another one sends
    STORE = 13  # the store cannot be used


def clock(file: Path) -> Callable[[], datetime]:
    """The machine's clock, ahead by the seconds that stand in a file; in step with `ahead`."""

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(file.read_text()))

    return now


def set_clock(file: Path, ahead: float) -> None:
    """In one step, so that nobody reads half a number."""
    beside = file.with_suffix(".new")
    beside.write_text(str(ahead))
    beside.rename(file)


def send(settings: Mapping[str, Any], clock_file: Path, errors: Path, place: str) -> None:
    """What `digest run` does after planning. Ends the process."""
    _begin(errors, place)
    try:
        house = build(Settings(_env_file=None, **settings))
        sent, told = complete(until_told(lambda stop: daily.deliver(house, clock(clock_file), stop=stop)))
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(End.STORE)
    sys.exit(End.TOLD if told else End.BUSY if sent.busy else End.CLOSED if sent.closed else End.DONE)


def work(settings: Mapping[str, Any], clock_file: Path, errors: Path, place: str) -> None:
    """What `digest worker` does. Ends the process."""
    _begin(errors, place)
    chosen = Settings(_env_file=None, **settings)
    complete(until_told(lambda stop: workers.work(lambda: build(chosen), clock(clock_file), stop)))
    sys.exit(End.TOLD)


def _begin(errors: Path, place: str) -> None:
    if place:
        net.enter(place)
    written = os.open(errors, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
    os.dup2(written, 1)
    os.dup2(written, 2)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))  # errors alone
