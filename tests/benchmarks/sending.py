"""Rows of sending: from rows in the queue to rows that say so, into Postfix's smtp-sink.

Letters have ten papers. What Postfix's own smtp-source does in the same run is what the machine can do: letters of the
same size over as many sessions into the same sink, with nothing to write, to record or to decide.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from email.message import EmailMessage
from functools import cache
from itertools import islice
from statistics import median
from typing import Any, Self

import aiosmtplib
from rich.console import Console
from sqlalchemy import text

from digest.context import AppContext
from digest.database import write_session
from digest.delivery.claims import claim
from digest.delivery.group_commit import GroupCommitter
from digest.delivery.retry import SENT
from digest.rendering import MatchCache, digest_context
from tests.benchmarks.crowd import size
from tests.benchmarks.harness import Result
from tests.benchmarks.letters import crowd
from tests.benchmarks.queued import fill
from tests.benchmarks.relays import lean, sink, source
from tests.benchmarks.sender import make_sending_context, queue_again
from tests.benchmarks.stages import now
from tests.support.slow_rendering import slowly

LETTERS, NAIVE, ROUNDS = size("LETTERS", 4_000), 60, 3  # BENCH_LETTERS=1000 for a shorter look
OFTEN = 9  # rounds of seconds each, as one of a machine's seconds is not like the other
LASTING = 5 * LETTERS // 2  # where a quarter second to begin and one to end would count
CONNECTIONS, FAR_CONNECTIONS, FAR = 16, 32, 0.05  # seconds
TRIPS = 1  # round trips that a letter needs where the relay offers PIPELINING: its end, with the next envelope
QUEUED, MOST_MEMORY = size("QUEUED", 1_000_000), 150  # rows, MB


@cache
def queue(letters: int = LETTERS) -> str:
    """An SQLite store with so many letters; it stays until the program ends."""
    folder = tempfile.TemporaryDirectory()
    _kept.append(folder)
    url = f"sqlite:///{folder.name}/digest.db"
    fill(url, letters)
    return url


_kept: list[tempfile.TemporaryDirectory[str]] = []


class Process:
    """A sending process of its own."""

    def __init__(self, url: str, port: int, connections: int) -> None:
        self._command = [sys.executable, "-m", "tests.benchmarks.sender", url, str(port), str(connections)]

    def __enter__(self) -> Self:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._running = subprocess.Popen(self._command, text=True, **pipes)
        return self

    def __exit__(self, *_: object) -> None:
        self._running.communicate()

    def send(self, most: int | None = None) -> dict[str, float]:
        """Queue all anew and send them, or the first `most`."""
        return self._ask(str(most or ""))

    def join(self) -> dict[str, float]:
        """Send what is queued."""
        return self._ask("join")

    def _ask(self, said: str) -> dict[str, float]:
        assert self._running.stdin
        assert self._running.stdout
        self._running.stdin.write(f"{said}\n")
        self._running.stdin.flush()
        line = self._running.stdout.readline()
        if not line:
            raise RuntimeError("the sending process died; run it by hand to see why: " + " ".join(self._command))
        told: dict[str, float] = json.loads(line)
        return told


@cache
def stages() -> dict[str, float]:
    """Microseconds a letter by stage, and its bytes."""
    with sink() as port:
        command = [sys.executable, "-m", "tests.benchmarks.stages", queue(), str(port), "2000"]
        told: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return told


def tell(line: str) -> None:
    Console().print(line, soft_wrap=True)


def letters_to_a_sink() -> Result:
    """Claim, write, MIME, fence, send, record on SQLite, one process, warm; against smtp-source."""
    costs = stages()
    with sink() as port, Process(queue(), port, CONNECTIONS) as process:
        process.send()
        rounds = [(process.send(), source(port, int(costs["bytes"]), LETTERS, CONNECTIONS)) for _ in range(OFTEN)]
    ours, theirs = median(each["seconds"] for each, _ in rounds), median(seconds for _, seconds in rounds)
    cpu = median(each["cpu"] for each, _ in rounds)
    tell(f"letters of {costs['bytes'] / 1000:.1f} KB, {1e6 * cpu / LETTERS:.0f} microseconds of processor; by stage:")
    tell(", ".join(f"{stage} {cost:.0f}" for stage, cost in costs.items() if stage != "bytes"))
    return Result(measured=LETTERS / ours, baseline=LETTERS / theirs, unit="letters/s", goal=0.4)


def letters_by_script() -> Result:
    """The same, against templates rendered for each reader, a message object, a connection and a commit a mail."""
    with sink() as port, Process(queue(), port, CONNECTIONS) as process:
        process.send()
        ours = median(process.send()["seconds"] for _ in range(ROUNDS))
        begun = time.perf_counter()
        asyncio.run(by_script(port))
        naive = time.perf_counter() - begun
    return Result(measured=LETTERS / ours, baseline=NAIVE / naive, unit="letters/s", goal=13)


async def by_script(port: int) -> None:
    at, readers = make_sending_context(queue(), port, 1), crowd()
    desk, batch = next(readers.desks(MatchCache()))
    for each in islice(batch, NAIVE):
        said = digest_context(at, desk, each, readers.subscribers[each.subscriber_id])
        subject, plain, html = slowly(said)
        made = EmailMessage()
        made["From"], made["To"], made["Subject"] = at.settings.mail_from, said.address, subject
        made.set_content(plain)
        made.add_alternative(html, subtype="html")
        await aiosmtplib.send(made, hostname="127.0.0.1", port=port, start_tls=False)
        with write_session(at.engine) as session:
            session.execute(text("UPDATE delivery SET state = 'sent' WHERE id = :id"), {"id": each.id})
    at.engine.dispose()


def letters_to_a_far_relay() -> Result:
    """50 ms a round trip, 32 connections; against what waiting alone would allow."""
    with lean(FAR) as port, Process(queue(LASTING), port, FAR_CONNECTIONS) as process:
        process.send(most=LETTERS)
        ours = process.send()["seconds"]
    return Result(measured=LASTING / ours, baseline=FAR_CONNECTIONS / FAR / TRIPS, unit="letters/s", goal=0.8)


def letters_recorded() -> Result:
    """Claimed, fenced and settled, 16 at a time, nothing sent; against a commit for each step of each letter."""
    at = make_sending_context(queue(), 1, 1)
    queue_again(at)
    begun = time.perf_counter()
    done = asyncio.run(recorded(at, LETTERS, 100, CONNECTIONS))
    ours = done / (time.perf_counter() - begun)
    begun = time.perf_counter()
    done = asyncio.run(recorded(at, NAIVE, 1, 1))
    theirs = done / (time.perf_counter() - begun)
    at.engine.dispose()
    return Result(measured=ours, baseline=theirs, unit="rows/s", goal=4)


async def recorded(at: AppContext, most: int, batch: int, together: int) -> int:
    ledger, done = GroupCommitter(at.engine, "bench"), 0
    queue_again(at)
    while done < most:
        with write_session(at.engine) as session:
            claimed = claim(session, "bench", now(), batch)
        for start in range(0, len(claimed), together):
            group = claimed[start : start + together]
            await asyncio.gather(*(ledger.mark_on_wire(each.id, each.attempts, now()) for each in group))
            await asyncio.gather(*(ledger.settle(each.id, each.attempts, SENT, now()) for each in group))
        done += len(claimed)
    await ledger.close()
    return done


def memory_of_a_sender() -> Result:
    """The peak of a sending process, against the 150 MB that it may have."""
    with sink() as port, Process(queue(), port, CONNECTIONS) as process:
        process.send()
        return held(process.send()["bytes"])


def memory_of_a_long_queue() -> Result:
    """The same with a million letters waiting, of which some leave: counted, not loaded."""
    with sink() as port, Process(queue(QUEUED), port, CONNECTIONS) as process:
        told = process.send(most=1_000)
    tell(f"{told['sent'] / told['seconds']:.0f} letters/s, cold")
    return held(told["bytes"])


def held(most: float) -> Result:
    """So many bytes at the peak."""
    return Result(measured=most / 1e6, baseline=MOST_MEMORY, unit="MB", goal=1, less=True)
