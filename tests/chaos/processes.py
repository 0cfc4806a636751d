"""The senders of a run: processes that are killed, paused and started again."""

import itertools
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.chaos.sender import SenderEnvironment, SenderExit

AGAIN = 0.3  # seconds before one looks again that could do nothing, or leaves the work to others
DYING = 10.0

nursery = get_context("forkserver")


def prepare() -> None:
    """Have senders forked from a process that has imported all they need."""
    nursery.set_forkserver_preload(["tests.chaos.sender", "digest.planning.chunk", "digest.planning.new_papers"])


class SenderProcess:
    """One sender after another, under one name, by which the server knows it."""

    def __init__(
        self,
        name: str,
        target: Callable[..., None],
        settings: Mapping[str, Any],
        clock: Path,
        around: SenderEnvironment,
    ) -> None:
        self.name = name
        self.place = around.place
        self.made_of = (name, target, settings, clock, around)
        self.process: ForkServerProcess | None = None
        self.paused = False
        self.rests_until = 0.0

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.exitcode is None

    def start(self, **more: Any) -> None:
        name, target, settings, *others = self.made_of
        given = {**settings, **more, "mail_from": f"Chaos <digest@{name}>"}
        self.process = nursery.Process(target=target, args=(given, *others), daemon=True)
        self.process.start()

    def signal(self, number: int) -> bool:
        """Whether there was anybody to hear it."""
        if not self.process or not self.process.pid or not self.alive:
            return False
        os.kill(self.process.pid, number)
        self.paused = number == signal.SIGSTOP or (self.paused and number != signal.SIGCONT)
        if number == signal.SIGKILL:
            self.paused = False
            self.process.join(DYING)
        return True

    def resume(self) -> None:
        """Go on, after a pause."""
        if self.paused:
            self.signal(signal.SIGCONT)

    def ended(self) -> int | None:
        """The exit status of one that has just ended; None while it runs, and when that was told already."""
        if self.process is None or self.process.exitcode is None:
            return None
        status = self.process.exitcode
        self.process.close()
        self.process, self.paused = None, False
        return status


class SenderPool:
    """All members. `how`: settings of the next start, by dice."""

    def __init__(self, members: list[SenderProcess], how: Callable[[], Mapping[str, Any]]) -> None:
        self.members = members
        self._how = how
        self.ends: Counter[str] = Counter()
        self.starts = 0
        self._others: list[SenderProcess] = []

    def muster(self) -> bool:
        """Start whoever is not there; whether somebody has just ended because there was nothing to do."""
        idle = False
        for process in self._others:
            status = process.ended()
            if status is not None:
                self.ends[_exit_name(status)] += 1
        for member in self.members:
            status = member.ended()
            if status is not None:
                self.ends[_exit_name(status)] += 1
                idle = idle or status in {SenderExit.DONE, SenderExit.CLOSED}
                rests = status in {SenderExit.STORE, SenderExit.BUSY} or (len(self.members) > 1 and status >= 0)
                member.rests_until = time.monotonic() + (AGAIN if rests else 0)
            if member.process is None and time.monotonic() >= member.rests_until:
                member.start(**self._how())
                self.starts += 1
        return idle

    def second(self) -> None:
        """Somebody starts one more of the first; it is to find that there is one already."""
        other = SenderProcess(*self.members[0].made_of)
        other.start(**self._how())
        self._others.append(other)

    def named(self, name: str) -> SenderProcess | None:
        return next((process for process in self.members if process.name == name), None)

    def close(self) -> None:
        """Kill them all."""
        for process in (*self.members, *self._others):
            process.signal(signal.SIGKILL)
            process.ended()


def _exit_name(status: int) -> str:
    if status in {int(code) for code in SenderExit}:
        return SenderExit(status).name.lower()
    return signal.Signals(-status).name if status < 0 else f"exit {status}"


def sender_names(number: int) -> list[str]:
    return [f"sender{n}.test" for n in itertools.islice(itertools.count(1), number)]
