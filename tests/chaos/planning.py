"""Planning under fire: planners are killed, paused and cut off in the midst of a transaction, and run at once."""

import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text
from sqlmodel import Session

from digest.config import Settings
from digest.context import create_context
from digest.database import is_postgresql
from digest.errors import StoreError
from digest.planning import PlanReport, plan
from tests.chaos.processes import nursery
from tests.chaos.sender import SenderEnvironment, SenderExit, enter_environment, shifted_clock

CHUNKS = 40  # of a planning that nothing disturbs
PATIENCE = 120.0  # seconds for a planner on a busy machine
CUT = "SELECT pg_terminate_backend(pg_backend_pid())"


def run_planner(
    settings: Mapping[str, Any], clock_file: Path, environment: SenderEnvironment, chunk_size: int, event: str, at: int
) -> None:
    """Plan in this process, and do `event` in the transaction of chunk number `at`, before its commit. Ends it."""
    enter_environment(environment)
    chunks = 0

    def disturb(session: Session, _report: PlanReport) -> None:
        nonlocal chunks
        chunks += 1
        if chunks != at:
            return
        if event == "cut":
            session.execute(text(CUT))
        elif event == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            paused_file(clock_file).touch()
            os.kill(os.getpid(), signal.SIGSTOP)

    try:
        ctx = create_context(Settings(_env_file=None, **settings))
        plan(ctx.engine, ctx.sender_domain, shifted_clock(clock_file)(), chunk_size=chunk_size, on_chunk=disturb)
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(SenderExit.STORE)
    sys.exit(SenderExit.DONE)


def paused_file(clock_file: Path) -> Path:
    """Return the file that a planner makes before it pauses itself."""
    return clock_file.with_name("paused")


class PlanningUnderFire:
    """Planners of one run. `made_of`: settings, file of the clock and environment of each."""

    def __init__(self, engine: Engine, made_of: tuple[Mapping[str, Any], Path, SenderEnvironment], emails: int) -> None:
        self._made_of = made_of
        self._chunk_size = max(1, emails // CHUNKS)
        self._kinds = ("kill", "pause", "cut") if is_postgresql(engine) else ("kill", "pause")
        self.events: Counter[str] = Counter()

    def go(self, dice: random.Random, times: int) -> list[str]:
        """Disturb planners `times`, then let one come to its end; return what went wrong."""
        faults = []
        for _ in range(times):
            kind = dice.choice(self._kinds)
            first = self._start(kind, dice.randint(1, 3))
            others = [self._start("", 0)] if dice.random() < 1 / times else []  # one that nobody disturbs, beside it
            if kind == "pause":
                self._resume(first, dice.uniform(0, 0.4))
            ends = [self._end(process) for process in (first, *others)]
            self.events[f"planning: {kind}"] += 1
            faults += self._unexpected(kind, ends)
        if (status := self._end(self._start("", 0))) != SenderExit.DONE:
            faults.append(f"a planner that nobody disturbed ended with {status}")
        return faults

    def _start(self, kind: str, at: int) -> Any:
        process = nursery.Process(target=run_planner, args=(*self._made_of, self._chunk_size, kind, at), daemon=True)
        process.start()
        return process

    def _resume(self, process: Any, seconds: float) -> None:
        """Have a planner go on, so many seconds after it has paused itself."""
        marker = paused_file(self._made_of[1])
        while process.exitcode is None and not marker.exists():
            time.sleep(0.01)
        if process.exitcode is None:
            time.sleep(seconds)
            os.kill(process.pid, signal.SIGCONT)
        marker.unlink(missing_ok=True)

    def _end(self, process: Any) -> int | None:
        process.join(PATIENCE)
        status: int | None = process.exitcode
        if status is None:
            process.kill()
        return status

    def _unexpected(self, kind: str, ends: Sequence[int | None]) -> list[str]:
        allowed = {SenderExit.DONE, SenderExit.STORE, -signal.SIGKILL}
        return [f"a planner ended with {end} at {kind}" for end in ends if end not in allowed]
