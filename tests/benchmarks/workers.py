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
from tests.benchmarks.delivery import (
    CONNECTIONS,
    EMAILS,
    MANY_EMAILS,
    TURNS,
    SenderProcess,
    memory_result,
    print_line,
)
from tests.benchmarks.harness import Result, RowSkipped
from tests.benchmarks.memory import peak_bytes_of
from tests.benchmarks.queued_store import fill_queue
from tests.benchmarks.relays import cheap_sink
from tests.benchmarks.sender_process import SECRET_KEY, local_context, queue_again
from tests.support.command import Command
from tests.support.postgres import server

DEFAULT_CONNECTIONS: int = Settings.model_fields["smtp_connections"].default
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "256MB"}


def two_senders() -> Result:
    """Send with two processes on one durable PostgreSQL in turn with one, as they come, and with 16 connections each.

    They share the cores with the server and the relay; so that the relay is not the limit, it is a cheap one.
    """
    with server(**DURABLE) as postgres, cheap_sink() as port:
        url = postgres.database()
        fill_queue(url, MANY_EMAILS)
        ctx = local_context(url, port, CONNECTIONS)
        rates = {count: rates_by_senders(ctx, url, port, count) for count in (DEFAULT_CONNECTIONS, CONNECTIONS)}
        ctx.engine.dispose()
    for connections, by_senders in rates.items():
        figures = ", ".join(f"{senders}: {rate:.0f} emails/s" for senders, rate in by_senders.items())
        ratio = by_senders[2] / by_senders[1]
        print_line(f"{connections} connections each, {os.cpu_count()} cores: {figures}: {ratio:.2f}x")
    default = rates[DEFAULT_CONNECTIONS]
    return Result(measured=default[2], baseline=default[1], unit="emails/s", goal=1.5)


def rates_by_senders(ctx: AppContext, url: str, port: int, connections: int) -> dict[int, float]:
    """Return emails a second by one sender, by two, and by four."""
    with ExitStack() as stack:
        senders = [stack.enter_context(SenderProcess(url, port, connections)) for _ in range(4)]
        for sender in senders:  # one after the other: each fills its cache
            sender.send(limit=MANY_EMAILS // 2)
        turns = [(joint_rate(ctx, senders[:1]), joint_rate(ctx, senders[:2])) for _ in range(TURNS)]
        one, two = (median(rates) for rates in zip(*turns, strict=True))
        return {1: one, 2: two, 4: joint_rate(ctx, senders)}


def joint_rate(ctx: AppContext, senders: Sequence[SenderProcess]) -> float:
    """Return emails a second by senders that share the queue."""
    queue_again(ctx)
    started = time.perf_counter()
    with ThreadPoolExecutor() as pool:
        reports = list(pool.map(lambda sender: sender.join(), senders))
    seconds = time.perf_counter() - started
    assert sum(report["sent"] for report in reports) == MANY_EMAILS
    return MANY_EMAILS / seconds


def worker_memory() -> Result:
    """Peak of a real `digest worker` that sends, against the 150 MB that it may have."""
    if not Path("/proc/self/status").is_file():
        raise RowSkipped("the memory of another process is looked up in /proc, which is not here")
    with server(**DURABLE) as postgres, cheap_sink() as port:
        url = postgres.database()
        fill_queue(url, EMAILS)
        ctx = local_context(url, port, DEFAULT_CONNECTIONS)
        prepare_tables(ctx.engine)
        with TemporaryDirectory() as folder, running_worker(Path(folder), url, port) as worker:
            for _ in range(2):
                send_by_worker(ctx)
            peak = peak_bytes_of(worker.pid)
        ctx.engine.dispose()
    return memory_result(peak)


@contextmanager
def running_worker(folder: Path, url: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run `digest worker` and discard its log."""
    settings = {
        "DIGEST_DATABASE_URL": url,
        "DIGEST_SECRET_KEY": SECRET_KEY,
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


def send_by_worker(ctx: AppContext, timeout: float = 120) -> None:
    """Queue all emails again, enqueue the jobs, and wait until workers have sent them."""
    queue_again(ctx)
    defer_tasks(ctx, datetime.now(UTC), plan=False)
    deadline = time.monotonic() + timeout
    sent = select(func.count()).select_from(Delivery).where(col(Delivery.state) == DeliveryState.SENT)
    while time.monotonic() < deadline:
        with read_session(ctx.engine) as session:
            if session.scalar(sent) == EMAILS:
                return
        time.sleep(0.2)
    raise RuntimeError(f"the worker had not sent {EMAILS} emails after {timeout:.0f} s")
