"""The row of several senders on one PostgreSQL, with smtp-sink as in sending.py."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from statistics import median

from digest.house import House
from tests.benchmarks.harness import Result
from tests.benchmarks.queued import fill
from tests.benchmarks.sender import house, queue_again
from tests.benchmarks.sending import CONNECTIONS, LETTERS, ROUNDS, Process, sink, tell
from tests.postgres import server

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "256MB"}


def two_senders() -> Result:
    """Two processes on one durable PostgreSQL, each with its own connections, in turn with one; then four are told."""
    with server(**DURABLE) as postgres, sink() as port, ExitStack() as stack:
        url = postgres.database()
        fill(url, LETTERS)
        at = house(url, port, CONNECTIONS)
        stack.callback(at.engine.dispose)
        senders = [stack.enter_context(Process(url, port, CONNECTIONS)) for _ in range(4)]
        for each in senders:  # one after the other: each learns what the letters need
            each.send(most=LETTERS // 2)
        rounds = [(together(at, senders[:1]), together(at, senders[:2])) for _ in range(ROUNDS)]
        one, two = (median(rates) for rates in zip(*rounds, strict=True))
        tell(f"1: {one:.0f} letters/s, 2: {two:.0f}, 4: {together(at, senders):.0f}, on {os.cpu_count()} cores")
    return Result(measured=two, baseline=one, unit="letters/s", goal=1.5)


def together(at: House, senders: Sequence[Process]) -> float:
    """Letters a second by workers that share the queue."""
    queue_again(at)
    begun = time.perf_counter()
    with ThreadPoolExecutor() as pool:
        told = list(pool.map(lambda each: each.join(), senders))
    seconds = time.perf_counter() - begun
    assert sum(each["sent"] for each in told) == LETTERS
    return LETTERS / seconds
