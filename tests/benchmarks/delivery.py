"""Rows of delivery: from rows in the queue to rows that say sent, into Postfix's smtp-sink.

Digests have ten papers. What Postfix's own smtp-source does in the same run is what the machine can do: messages of the
same size over as many sessions into the same sink, with nothing to render, to record or to decide.
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
from digest.database.models import DeliveryState
from digest.delivery.claims import claim
from digest.delivery.group_commit import GroupCommitter
from digest.delivery.retry import DeliveryOutcome
from digest.rendering import RenderCache, digest_context
from tests.benchmarks.harness import Result
from tests.benchmarks.population import size
from tests.benchmarks.queued_store import fill_queue
from tests.benchmarks.relays import cheap_sink, postfix_sink, postfix_source_seconds
from tests.benchmarks.rendering import make_audience
from tests.benchmarks.sender_process import local_context, queue_again
from tests.benchmarks.stages import now
from tests.support.slow_rendering import render_slowly

SENT = DeliveryOutcome(DeliveryState.SENT, 250)
EMAILS, SCRIPT_EMAILS, TURNS = size("LETTERS", 4_000), 60, 3  # BENCH_LETTERS=1000 for a shorter run
SHORT_TURNS = 9  # of seconds each, as one second of a machine is not like the other
MANY_EMAILS = 5 * EMAILS // 2  # where a quarter second to begin and one to end would count
CONNECTIONS, DISTANT_CONNECTIONS, ROUND_TRIP = 16, 32, 0.05  # seconds
TRIPS = 1  # round trips a message where the relay offers PIPELINING: its end, with the next envelope
LONG_QUEUE, MEMORY_LIMIT = size("QUEUED", 1_000_000), 150  # rows, MB
_folders: list[tempfile.TemporaryDirectory[str]] = []


@cache
def queued_store(emails: int = EMAILS) -> str:
    """Return the URL of an SQLite store with so many queued emails; it stays until the program ends."""
    folder = tempfile.TemporaryDirectory()
    _folders.append(folder)
    url = f"sqlite:///{folder.name}/digest.db"
    fill_queue(url, emails)
    return url


class SenderProcess:
    """Sending process of its own."""

    def __init__(self, url: str, port: int, connections: int) -> None:
        self._command = [sys.executable, "-m", "tests.benchmarks.sender_process", url, str(port), str(connections)]

    def __enter__(self) -> Self:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(self._command, text=True, **pipes)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def send(self, limit: int | None = None) -> dict[str, float]:
        """Queue all again and send them, or the first ones."""
        return self._request(str(limit or ""))

    def join(self) -> dict[str, float]:
        """Send what is queued."""
        return self._request("join")

    def _request(self, line: str) -> dict[str, float]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the sending process died; run it by hand to see why: " + " ".join(self._command))
        report: dict[str, float] = json.loads(answer)
        return report


@cache
def stage_costs() -> dict[str, float]:
    """Return microseconds an email by stage, and its bytes."""
    with postfix_sink() as port:
        command = [sys.executable, "-m", "tests.benchmarks.stages", queued_store(), str(port), "2000"]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    costs: dict[str, float] = json.loads(output)
    return costs


def print_line(line: str) -> None:
    Console().print(line, soft_wrap=True)


def emails_to_a_sink() -> Result:
    """Claim, render, build, send and record on SQLite, one process, warm; against smtp-source."""
    costs = stage_costs()
    size = int(costs["bytes"])
    with postfix_sink() as port, SenderProcess(queued_store(), port, CONNECTIONS) as process:
        process.send()
        turns = [(process.send(), postfix_source_seconds(port, size, EMAILS, CONNECTIONS)) for _ in range(SHORT_TURNS)]
    ours, postfix = median(report["seconds"] for report, _ in turns), median(seconds for _, seconds in turns)
    cpu = median(report["cpu"] for report, _ in turns)
    print_line(f"emails of {size / 1000:.1f} KB, {1e6 * cpu / EMAILS:.0f} microseconds of processor; by stage:")
    print_line(", ".join(f"{stage} {cost:.0f}" for stage, cost in costs.items() if stage != "bytes"))
    return Result(measured=EMAILS / ours, baseline=EMAILS / postfix, unit="emails/s", goal=0.4)


def emails_by_script() -> Result:
    """Do the same, against templates rendered, a message object, a connection and a commit for each email."""
    with postfix_sink() as port, SenderProcess(queued_store(), port, CONNECTIONS) as process:
        process.send()
        ours = median(process.send()["seconds"] for _ in range(TURNS))
        started = time.perf_counter()
        asyncio.run(send_by_script(port))
        script = time.perf_counter() - started
    return Result(measured=EMAILS / ours, baseline=SCRIPT_EMAILS / script, unit="emails/s", goal=13)


async def send_by_script(port: int) -> None:
    ctx = local_context(queued_store(), port, 1)
    batch, deliveries = next(make_audience().batches(RenderCache()))
    for delivery in islice(deliveries, SCRIPT_EMAILS):
        context = digest_context(ctx, batch, delivery)
        subject, plain, html = render_slowly(context)
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = ctx.settings.mail_from, context.address, subject
        message.set_content(plain)
        message.add_alternative(html, subtype="html")
        await aiosmtplib.send(message, hostname="127.0.0.1", port=port, start_tls=False)
        with write_session(ctx.engine) as session:
            session.execute(text("UPDATE delivery SET state = 'sent' WHERE id = :id"), {"id": delivery.id})
    ctx.engine.dispose()


def emails_to_a_distant_relay() -> Result:
    """Send over 50 ms a round trip with 32 connections; against what waiting alone would allow."""
    url = queued_store(MANY_EMAILS)
    with cheap_sink(ROUND_TRIP) as port, SenderProcess(url, port, DISTANT_CONNECTIONS) as process:
        process.send(limit=EMAILS)
        seconds = process.send()["seconds"]
    ideal = DISTANT_CONNECTIONS / ROUND_TRIP / TRIPS
    return Result(measured=MANY_EMAILS / seconds, baseline=ideal, unit="emails/s", goal=0.8)


def deliveries_recorded() -> Result:
    """Claim, mark and settle 16 at a time, nothing sent; against a commit for each step of each delivery."""
    ctx = local_context(queued_store(), 1, 1)
    queue_again(ctx)
    started = time.perf_counter()
    recorded = asyncio.run(record_deliveries(ctx, EMAILS, 100, CONNECTIONS))
    ours = recorded / (time.perf_counter() - started)
    started = time.perf_counter()
    recorded = asyncio.run(record_deliveries(ctx, SCRIPT_EMAILS, 1, 1))
    one_by_one = recorded / (time.perf_counter() - started)
    ctx.engine.dispose()
    return Result(measured=ours, baseline=one_by_one, unit="rows/s", goal=4)


async def record_deliveries(ctx: AppContext, limit: int, batch: int, group_size: int) -> int:
    committer, recorded = GroupCommitter(ctx.engine, "bench"), 0
    queue_again(ctx)
    while recorded < limit:
        with write_session(ctx.engine) as session:
            claimed = claim(session, "bench", now(), batch)
        for start in range(0, len(claimed), group_size):
            group = claimed[start : start + group_size]
            await asyncio.gather(*(committer.submit(d.id, d.attempts, None, now()) for d in group))
            await asyncio.gather(*(committer.submit(d.id, d.attempts, SENT, now()) for d in group))
        recorded += len(claimed)
    await committer.close()
    return recorded


def sender_memory() -> Result:
    """Peak of a sending process, against the 150 MB that it may have."""
    with postfix_sink() as port, SenderProcess(queued_store(), port, CONNECTIONS) as process:
        process.send()
        return memory_result(process.send()["bytes"])


def long_queue_memory() -> Result:
    """Peak with a million emails queued, of which some are sent: counted, not loaded."""
    with postfix_sink() as port, SenderProcess(queued_store(LONG_QUEUE), port, CONNECTIONS) as process:
        report = process.send(limit=1_000)
    print_line(f"{report['sent'] / report['seconds']:.0f} emails/s, cold")
    return memory_result(report["bytes"])


def memory_result(peak_bytes: float) -> Result:
    return Result(measured=peak_bytes / 1e6, baseline=MEMORY_LIMIT, unit="MB", goal=1, less=True)
