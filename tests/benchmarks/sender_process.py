"""Sending process, so that its memory is its own: python -m tests.benchmarks.sender_process URL PORT CONNECTIONS

Each line of its input makes it queue all emails again and send them: so many, if the line is a number; only those that
are queued, if it is "join". It answers with a line of JSON. Its cache stays from one line to the next, as in a worker.
"""

import json
import logging
import sys
import time

from sqlalchemy import update

from digest.cli.output import configure_logging
from digest.config import load_settings
from digest.context import AppContext, create_context
from digest.database import write_session
from digest.database.models import Delivery, DeliveryState
from digest.delivery import send_queued
from digest.rendering import RenderCache
from tests.benchmarks.memory import peak_bytes

SECRET_KEY = "x" * 32


def local_context(url: str, port: int, connections: int) -> AppContext:
    """Return a context with a relay on this machine."""
    return create_context(
        load_settings(
            database_url=url,
            secret_key=SECRET_KEY,
            mail_from="Paper Digest <digest@example.org>",
            base_url="https://digest.example.org",
            smtp_host="127.0.0.1",
            smtp_port=port,
            smtp_tls="none",
            smtp_connections=connections,
        )
    )


def queue_again(ctx: AppContext) -> None:
    with write_session(ctx.engine) as session:
        session.execute(
            update(Delivery)
            .where(Delivery.state != DeliveryState.QUEUED)  # type: ignore[arg-type]
            .values(state=DeliveryState.QUEUED, owner=None, attempts=0, settled_at=None, lease_expires_at=None)
        )


def send(ctx: AppContext, cache: RenderCache, limit: int | None) -> dict[str, float]:
    """Send once, as the scheduler does."""
    from digest.cli.output import utc_now
    from digest.cli.process import run_coroutine

    started, cpu_started = time.perf_counter(), time.process_time()
    report = run_coroutine(send_queued(ctx, utc_now, cache=cache, limit=limit))
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    if report.relay_error or report.failed or report.uncertain or report.deferred:
        raise RuntimeError(f"not all emails were sent: {report}")
    return {"sent": report.sent, "seconds": seconds, "cpu": cpu_seconds, "bytes": peak_bytes()}


def main(url: str, port: str, connections: str) -> None:
    configure_logging(logging.INFO, "json")
    ctx, cache = local_context(url, int(port), int(connections)), RenderCache()
    for line in sys.stdin:
        request = line.strip()
        if request != "join":
            queue_again(ctx)
        sys.stdout.write(json.dumps(send(ctx, cache, int(request) if request.isdigit() else None)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
