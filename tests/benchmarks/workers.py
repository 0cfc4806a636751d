"""The row of several senders on one PostgreSQL, with smtp-sink as in sending.py."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from statistics import median

from digest.house import House
from digest.settings import Settings
from tests.benchmarks.harness import Result
from tests.benchmarks.queued import fill
from tests.benchmarks.sender import house, queue_again
from tests.benchmarks.sending import CONNECTIONS, LASTING, ROUNDS, Process, sink, tell
from tests.postgres import server

USUAL: int = Settings.model_fields["smtp_connections"].default
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "256MB"}


def two_senders() -> Result:
    """Two processes on one durable PostgreSQL in turn with one, as they come; with 16 connections each it is told, too,
    because then one alone takes more than a core, and the relay and the server need the rest.
    """
    with server(**DURABLE) as postgres, sink() as port:
        url = postgres.database()
        fill(url, LASTING)
        at = house(url, port, CONNECTIONS)
        usual, many = (in_turn(at, url, port, connections) for connections in (USUAL, CONNECTIONS))
        at.engine.dispose()
    for connections, rates in ((USUAL, usual), (CONNECTIONS, many)):
        said = ", ".join(f"{senders}: {rate:.0f} letters/s" for senders, rate in rates.items())
        tell(f"{connections} connections each, {os.cpu_count()} cores: {said}: {rates[2] / rates[1]:.2f}x")
    return Result(measured=usual[2], baseline=usual[1], unit="letters/s", goal=1.5)


def in_turn(at: House, url: str, port: int, connections: int) -> dict[int, float]:
    """Letters a second by one sender, by two, and by four."""
    with ExitStack() as stack:
        senders = [stack.enter_context(Process(url, port, connections)) for _ in range(4)]
        for each in senders:  # one after the other: each learns what the letters need
            each.send(most=LASTING // 2)
        rounds = [(together(at, senders[:1]), together(at, senders[:2])) for _ in range(ROUNDS)]
        one, two = (median(rates) for rates in zip(*rounds, strict=True))
        return {1: one, 2: two, 4: together(at, senders)}


def together(at: House, senders: Sequence[Process]) -> float:
    """Letters a second by workers that share the queue."""
    queue_again(at)
    begun = time.perf_counter()
    with ThreadPoolExecutor() as pool:
        told = list(pool.map(lambda each: each.join(), senders))
    seconds = time.perf_counter() - begun
    assert sum(each["sent"] for each in told) == LASTING
    return LASTING / seconds
