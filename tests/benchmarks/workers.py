"""Rows of several processes on one PostgreSQL."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from sqlalchemy import func
from sqlmodel import col, select

from digest.config import Settings
from digest.context import AppContext
from digest.database import read_session
from digest.database.models import Delivery, DeliveryState
from digest.jobs import prepare_tables
from digest.jobs.tasks import defer_tasks
from tests.benchmarks.harness import Result, Skipped
from tests.benchmarks.memory import peak_of
from tests.benchmarks.queued import fill
from tests.benchmarks.relays import lean
from tests.benchmarks.sender import KEY, make_sending_context, queue_again
from tests.benchmarks.sending import CONNECTIONS, LASTING, LETTERS, ROUNDS, Process, held, tell
from tests.support.command import Command
from tests.support.postgres import server

USUAL: int = Settings.model_fields["smtp_connections"].default
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "256MB"}


def two_senders() -> Result:
    """Two processes on one durable PostgreSQL in turn with one, as they come; with 16 connections each it is told, too.

    They share the cores with the server and the relay; so that the relay is not the limit, it is a lean one.
    """
    with server(**DURABLE) as postgres, lean() as port:
        url = postgres.database()
        fill(url, LASTING)
        at = make_sending_context(url, port, CONNECTIONS)
        usual, many = (in_turn(at, url, port, connections) for connections in (USUAL, CONNECTIONS))
        at.engine.dispose()
    for connections, rates in ((USUAL, usual), (CONNECTIONS, many)):
        said = ", ".join(f"{senders}: {rate:.0f} letters/s" for senders, rate in rates.items())
        tell(f"{connections} connections each, {os.cpu_count()} cores: {said}: {rates[2] / rates[1]:.2f}x")
    return Result(measured=usual[2], baseline=usual[1], unit="letters/s", goal=1.5)


def in_turn(at: AppContext, url: str, port: int, connections: int) -> dict[int, float]:
    """Letters a second by one sender, by two, and by four."""
    with ExitStack() as stack:
        senders = [stack.enter_context(Process(url, port, connections)) for _ in range(4)]
        for each in senders:  # one after the other: each learns what the letters need
            each.send(most=LASTING // 2)
        rounds = [(together(at, senders[:1]), together(at, senders[:2])) for _ in range(ROUNDS)]
        one, two = (median(rates) for rates in zip(*rounds, strict=True))
        return {1: one, 2: two, 4: together(at, senders)}


def together(at: AppContext, senders: Sequence[Process]) -> float:
    """Letters a second by workers that share the queue."""
    queue_again(at)
    begun = time.perf_counter()
    with ThreadPoolExecutor() as pool:
        told = list(pool.map(lambda each: each.join(), senders))
    seconds = time.perf_counter() - begun
    assert sum(each["sent"] for each in told) == LASTING
    return LASTING / seconds


def memory_of_a_worker() -> Result:
    """The peak of a real `digest worker` that sends, against the 150 MB that it may have."""
    if not Path("/proc/self/status").is_file():
        raise Skipped("the memory of another process is looked up in /proc, which is not here")
    with server(**DURABLE) as postgres, lean() as port:
        url = postgres.database()
        fill(url, LETTERS)
        at = make_sending_context(url, port, USUAL)
        prepare_tables(at.engine)
        with TemporaryDirectory() as folder, working(Path(folder), url, port) as worker:
            for _ in range(2):
                sent_by_workers(at)
            most = peak_of(worker.pid)
        at.engine.dispose()
    return held(most)


@contextmanager
def working(folder: Path, url: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A `digest worker`, whose log nobody reads."""
    settings = {
        "DIGEST_DATABASE_URL": url,
        "DIGEST_SECRET_KEY": KEY,
        "DIGEST_MAIL_FROM": "Paper Digest <digest@example.org>",
        "DIGEST_BASE_URL": "https://digest.example.org",
        "DIGEST_SMTP_HOST": "127.0.0.1",
        "DIGEST_SMTP_PORT": str(port),
        "DIGEST_SMTP_TLS": "none",
    }
    command, environment = [sys.executable, "-m", "digest", "worker"], Command(folder, settings).environment
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL) as worker:
        try:
            yield worker
        finally:
            worker.terminate()


def sent_by_workers(at: AppContext, seconds: float = 120) -> None:
    """Queue all letters again, hand them out, and wait until workers have sent them."""
    queue_again(at)
    defer_tasks(at, datetime.now(UTC), plan=False)
    ends = time.monotonic() + seconds
    sent = select(func.count()).select_from(Delivery).where(col(Delivery.state) == DeliveryState.SENT)
    while time.monotonic() < ends:
        with read_session(at.engine) as session:
            if session.scalar(sent) == LETTERS:
                return
        time.sleep(0.2)
    raise RuntimeError(f"the worker had not sent {LETTERS} letters after {seconds:.0f} s")
